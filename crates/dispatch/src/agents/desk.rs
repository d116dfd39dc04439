//! What is kept of one agent while this server runs: how many tasks it has, how fast it gets them, and whether it is called at all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use everstep_core::Timestamp;
use everstep_engine::catalogue::AgentConfig;
use everstep_engine::{AgentState, Breaker, Handle};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How often those who wait for an agent look again, whoever forgot to tell them.
const LOOK: Duration = Duration::from_secs(5);

/// All desks, by the agents' names.
#[derive(Debug, Default)]
pub(super) struct Desks {
    all: Mutex<HashMap<String, Arc<Desk>>>,
}

impl Desks {
    pub(super) fn of(&self, agent: &str) -> Arc<Desk> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(agent.to_owned()).or_default())
    }

    pub(super) fn state(&self, agent: &str) -> AgentState {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(agent).map(|desk| desk.state()).unwrap_or_default()
    }
}

impl Desks {
    /// All of them, by name. An agent that nobody wants to call is not called down for ever: the next call would find out.
    pub(super) fn states(&self, now: Timestamp) -> Vec<(String, AgentState)> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut states: Vec<(String, AgentState)> = all
            .iter()
            .map(|(name, desk)| (name.clone(), desk.state()))
            .collect();
        drop(all);
        for (_, state) in &mut states {
            if matches!(state.breaker, Breaker::Open { until } if until <= now)
                && state.waiting == 0
                && state.out == 0
            {
                state.breaker = Breaker::HalfOpen;
            }
        }
        states.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        states
    }
}

#[derive(Debug, Default)]
pub(super) struct Desk {
    inside: Mutex<Inside>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inside {
    shown: AgentState,
    /// The probe of a half-open breaker is out.
    probing: bool,
    /// When the next task may be sent.
    next: Option<Instant>,
}

/// A task's place among those that an agent may have, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    desk: Arc<Desk>,
}

/// One call of the agent. When it is dropped without a word about its end, it was not made.
#[derive(Debug)]
pub(super) struct Call<'a> {
    desk: &'a Desk,
    is_probe: bool,
}

/// Somebody who waits for a place; counted while it lives.
struct Waiting<'a>(&'a Desk);

/// What the breaker says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admitted {
    Yes {
        is_probe: bool,
    },
    /// Not now; perhaps after so long.
    After(Duration),
}

impl Desk {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> AgentState {
        self.inside().shown.clone()
    }

    /// A place for a task that the agent has already: it is counted, whatever the limit says.
    pub(super) fn keep(self: &Arc<Self>) -> Place {
        self.inside().shown.out += 1;
        Place {
            desk: Arc::clone(self),
        }
    }

    /// Waits until the agent may have one more task.
    pub(super) async fn place(self: &Arc<Self>, config: &AgentConfig) -> Place {
        let _waiting = Waiting::new(self);
        loop {
            let freed = self.changed.notified();
            let limit = config.concurrency.unwrap_or(u32::MAX);
            {
                let mut inside = self.inside();
                if inside.shown.out < limit {
                    inside.shown.out += 1;
                    return Place {
                        desk: Arc::clone(self),
                    };
                }
            }
            let _ = tokio::time::timeout(LOOK, freed).await;
        }
    }

    /// Waits until the agent may be sent a task: its rate, and its breaker.
    pub(super) async fn turn(&self, handle: &Handle, config: &AgentConfig) -> Call<'_> {
        let _waiting = Waiting::new(self);
        let call = self.call(handle).await;
        if let Some(rate) = config.rate_per_s {
            let at = self.slot(Duration::from_secs(1) / rate.max(1));
            tokio::time::sleep_until(at).await;
        }
        call
    }

    /// Waits until the breaker lets a call through.
    pub(super) async fn call(&self, handle: &Handle) -> Call<'_> {
        loop {
            let changed = self.changed.notified();
            match self.admit(handle.clock().now()) {
                Admitted::Yes { is_probe } => {
                    return Call {
                        desk: self,
                        is_probe,
                    };
                }
                Admitted::After(pause) => {
                    let _ = tokio::time::timeout(pause, changed).await;
                }
            }
        }
    }

    fn admit(&self, now: Timestamp) -> Admitted {
        let mut inside = self.inside();
        match inside.shown.breaker {
            Breaker::Closed => Admitted::Yes { is_probe: false },
            Breaker::Open { until } if now < until => {
                let left = Duration::from_millis(until.0.saturating_sub(now.0));
                Admitted::After(left.min(LOOK))
            }
            Breaker::HalfOpen if inside.probing => Admitted::After(LOOK),
            Breaker::Open { .. } | Breaker::HalfOpen => {
                inside.shown.breaker = Breaker::HalfOpen;
                inside.probing = true;
                Admitted::Yes { is_probe: true }
            }
        }
    }

    fn slot(&self, apart: Duration) -> Instant {
        let mut inside = self.inside();
        let now = Instant::now();
        let at = inside.next.map_or(now, |next| next.max(now));
        inside.next = Some(at + apart);
        at
    }

    fn answered(&self) {
        let mut inside = self.inside();
        let was_closed = inside.shown.breaker == Breaker::Closed;
        inside.shown.breaker = Breaker::Closed;
        inside.shown.failures = 0;
        inside.shown.last_error = None;
        drop(inside);
        if !was_closed {
            self.changed.notify_waiters();
        }
    }

    fn failed(&self, now: Timestamp, config: &AgentConfig, error: &str) {
        let mut inside = self.inside();
        let shown = &mut inside.shown;
        shown.failures = shown.failures.saturating_add(1);
        shown.last_error = Some(error.to_owned());
        let most = config.breaker_failures;
        if shown.breaker == Breaker::HalfOpen || (most > 0 && shown.failures >= most) {
            shown.breaker = Breaker::Open {
                until: now.after_ms(config.breaker_open_ms.into()),
            };
        }
    }
}

impl Call<'_> {
    /// The agent has answered.
    pub(super) fn answered(self) {
        self.desk.answered();
    }

    /// Whether others wait for what it comes to.
    pub(super) const fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// The agent is there, whatever the call comes to: nobody waits for that any longer.
    pub(super) fn lives(&mut self) {
        if self.is_probe {
            self.is_probe = false;
            self.desk.inside().probing = false;
            self.desk.answered();
        }
    }

    /// It came to nothing, or to a failure of the agent itself.
    pub(super) fn failed(self, now: Timestamp, config: &AgentConfig, error: &str) {
        self.desk.failed(now, config, error);
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.desk.inside().probing = false;
            self.desk.changed.notify_waiters();
        }
    }
}

impl<'a> Waiting<'a> {
    fn new(desk: &'a Desk) -> Self {
        desk.inside().shown.waiting += 1;
        Self(desk)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut inside = self.0.inside();
        inside.shown.waiting = inside.shown.waiting.saturating_sub(1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.desk.inside();
        inside.shown.out = inside.shown.out.saturating_sub(1);
        drop(inside);
        self.desk.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> AgentConfig {
        AgentConfig {
            breaker_failures: 2,
            breaker_open_ms: 1_000,
            concurrency: Some(1),
            ..AgentConfig::default()
        }
    }

    #[test]
    fn after_failures_in_a_row_one_probe_finds_out() {
        let (desk, config) = (Desk::default(), config());
        let at = |ms: u64| Timestamp(ms);
        desk.failed(at(0), &config, "down");
        assert_eq!(desk.admit(at(0)), Admitted::Yes { is_probe: false });
        desk.failed(at(0), &config, "down");
        assert!(matches!(desk.admit(at(999)), Admitted::After(_)));
        let probe = |ms| match desk.admit(at(ms)) {
            Admitted::Yes { is_probe: true } => Call {
                desk: &desk,
                is_probe: true,
            },
            other => panic!("{other:?}"),
        };
        let first = probe(1_000);
        assert_eq!(desk.state().breaker, Breaker::HalfOpen);
        assert!(matches!(desk.admit(at(1_000)), Admitted::After(_)));
        // One that was not made after all leaves its place to the next.
        drop(first);
        probe(1_000).failed(at(1_000), &config, "still down");
        let until = at(2_000);
        assert_eq!(desk.state().breaker, Breaker::Open { until });
        probe(2_000).answered();
        assert_eq!(desk.state(), AgentState::default());
        assert_eq!(desk.admit(until), Admitted::Yes { is_probe: false });
    }

    /// A call may last as long as its task; nobody else has to wait for its end.
    #[test]
    fn a_probe_that_lasts_lets_others_through() {
        let (desk, config) = (Desk::default(), config());
        desk.failed(Timestamp(0), &config, "down");
        desk.failed(Timestamp(0), &config, "down");
        let later = Timestamp(1_000);
        assert_eq!(desk.admit(later), Admitted::Yes { is_probe: true });
        let mut probe = Call {
            desk: &desk,
            is_probe: true,
        };
        assert!(matches!(desk.admit(later), Admitted::After(_)));
        probe.lives();
        assert_eq!(desk.admit(later), Admitted::Yes { is_probe: false });
        probe.failed(later, &config, "broken after all");
        assert_eq!(
            (desk.state().breaker, desk.state().failures),
            (Breaker::Closed, 1)
        );
    }

    #[test]
    fn an_agent_that_nobody_calls_is_not_down_for_ever() {
        let (desks, config) = (Desks::default(), config());
        for name in ["b", "a"] {
            let desk = desks.of(name);
            desk.failed(Timestamp(0), &config, "down");
            desk.failed(Timestamp(0), &config, "down");
        }
        let until = Timestamp(1_000);
        let shown = |at| -> Vec<(String, Breaker)> {
            let states = desks.states(at).into_iter();
            states.map(|(name, state)| (name, state.breaker)).collect()
        };
        let both = |breaker| vec![("a".to_owned(), breaker), ("b".to_owned(), breaker)];
        assert_eq!(shown(Timestamp(999)), both(Breaker::Open { until }));
        assert_eq!(shown(until), both(Breaker::HalfOpen));
        let kept = desks.of("a").keep();
        assert_eq!(shown(until)[0].1, Breaker::Open { until });
        drop(kept);
    }

    #[test]
    fn an_answer_between_failures_ends_the_row() {
        let (desk, config) = (Desk::default(), config());
        for _ in 0..5 {
            desk.failed(Timestamp(0), &config, "down");
            desk.answered();
        }
        assert_eq!(desk.state().breaker, Breaker::Closed);
        let never = AgentConfig {
            breaker_failures: 0,
            ..config
        };
        for _ in 0..50 {
            desk.failed(Timestamp(0), &never, "down");
        }
        assert_eq!(desk.state().breaker, Breaker::Closed);
    }

    #[tokio::test]
    async fn a_place_is_free_when_its_task_is_over() {
        let (desk, config) = (Arc::new(Desk::default()), config());
        let first = desk.place(&config).await;
        // One that the agent has already needs no leave.
        let kept = desk.keep();
        let (other, wanted) = (Arc::clone(&desk), config.clone());
        let second = tokio::spawn(async move { other.place(&wanted).await });
        while desk.state().waiting == 0 {
            tokio::task::yield_now().await;
        }
        drop(kept);
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        let _second = second.await.expect("a place");
        assert_eq!((desk.state().out, desk.state().waiting), (1, 0));
    }

    #[test]
    fn tasks_go_out_at_a_rate() {
        let desk = Desk::default();
        let apart = Duration::from_millis(40);
        let first = desk.slot(apart);
        assert_eq!(desk.slot(apart), first + apart);
        assert_eq!(desk.slot(apart), first + 2 * apart);
    }
}
