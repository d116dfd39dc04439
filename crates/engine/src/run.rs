//! The loop: takes what is queued, steps, hands the group over, and goes on gathering while it is committed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use crate::figures::Latencies;
use crate::group::Group;
use crate::input::Input;
use crate::owner::Owner;
use crate::pressure::Pressure;
use crate::{Clock, Error};

/// Inputs taken in a row before timers and the group have their turn.
const INPUTS: usize = 4_096;
/// A sleeping loop looks at the clock this often: its sleep does not count the sleep of the machine, the clock does.
const LOOK_EVERY_MS: u64 = 5_000;
/// A wall clock that differs by more was set, and somebody should know that the server does not follow.
const SET_MS: u64 = 60_000;
/// A skipping clock waits this long for somebody outside to act before it jumps.
const SKIP_AFTER: Duration = Duration::from_millis(20);

pub(crate) struct Loop {
    pub owner: Owner,
    pub clock: Clock,
    pub inputs: Receiver<Input>,
    pub pressure: Arc<Pressure>,
    pub groups: SyncSender<Group>,
    pub ended: Sender<Result<(), Error>>,
    /// A clock that skips has nowhere to go.
    pub nothing_ahead: bool,
    /// The log says already that the system's clock was set.
    pub clock_told: bool,
    /// How long groups took to be durable.
    pub commits: Latencies,
}

impl Loop {
    /// Runs until everybody who could wake it has gone, it is told to end, or the store fails.
    pub(crate) fn run(mut self) {
        // Panics inside turns never come here; this is one of the engine's own.
        let outcome = catch_unwind(AssertUnwindSafe(|| self.run_until_done()));
        let outcome = outcome.unwrap_or_else(|panic| {
            Err(Error::Store {
                detail: crate::panics::describe(panic.as_ref()),
                kind: everstep_core::Kind::Bug,
            })
        });
        if let Err(error) = &outcome {
            tracing::error!(%error, "the engine ends: recovery will read the truth from the store");
        }
        let _ = self.ended.send(outcome);
    }

    fn run_until_done(&mut self) -> Result<(), Error> {
        // How many wait for the group that is being committed.
        let mut committing: Option<(usize, Instant)> = None;
        let mut ending = false;
        loop {
            if !ending {
                self.owner.wake_due(self.clock.now())?;
            }
            if committing.is_none() && self.owner.has_group() {
                committing = Some((self.owner.gathered(), Instant::now()));
                if self.groups.send(self.owner.take_group()).is_err() {
                    return Err(Error::Ended);
                }
            }
            if ending && committing.is_none() {
                return Ok(());
            }
            let mut next = self.next()?;
            let mut taken = 0;
            while let Some(input) = next {
                match input {
                    Input::Shutdown => ending = true,
                    Input::Committed {
                        outcome: Err(error),
                        ..
                    } => return Err(error),
                    Input::Figures { reply } => {
                        let _ = reply.send(self.owner.figures(self.commits.clone()));
                    }
                    input if ending && !matches!(input, Input::Committed { .. }) => {
                        // It came too late: its caller hears that the engine has ended.
                        drop(input);
                    }
                    input => {
                        if matches!(input, Input::Committed { .. })
                            && let Some((_, since)) = committing.take()
                        {
                            self.commits.note(since.elapsed());
                        }
                        self.owner.step(self.clock.now(), input);
                    }
                }
                let gathered = self.owner.gathered() + committing.map_or(0, |(waiting, _)| waiting);
                self.pressure.gathered(gathered);
                taken += 1;
                next = if taken < INPUTS { self.queued() } else { None };
            }
        }
    }

    fn queued(&self) -> Option<Input> {
        self.inputs.try_recv().ok().inspect(|_| self.took())
    }

    fn took(&self) {
        self.pressure.take();
    }

    /// The next input; `None` when it is time to look at the timers instead.
    fn next(&mut self) -> Result<Option<Input>, Error> {
        let patience = if self.may_skip() {
            SKIP_AFTER
        } else {
            Duration::from_millis(
                self.owner
                    .next_wake()
                    .since_ms(self.clock.now())
                    .min(LOOK_EVERY_MS),
            )
        };
        match self.inputs.recv_timeout(patience) {
            Ok(input) => {
                self.nothing_ahead = false;
                self.took();
                Ok(Some(input))
            }
            Err(RecvTimeoutError::Disconnected) => Err(Error::Ended),
            Err(RecvTimeoutError::Timeout) => {
                self.notice_set_clock();
                self.skip()?;
                Ok(None)
            }
        }
    }

    fn notice_set_clock(&mut self) {
        let set_ms = self.clock.set_ms();
        if set_ms > SET_MS && !self.clock_told {
            self.clock_told = true;
            tracing::warn!(
                set_ms,
                "the system's clock was set: the server keeps its time until it starts again"
            );
        }
    }

    fn may_skip(&self) -> bool {
        self.clock.skips() && !self.nothing_ahead && self.owner.is_waiting()
    }

    fn skip(&mut self) -> Result<(), Error> {
        if !self.may_skip() {
            return Ok(());
        }
        match self.owner.next_timer_anywhere()? {
            Some(due) => self.clock.advance_ms(due.since_ms(self.clock.now())),
            // Only an input can bring a timer: until then there is no need to ask the store again.
            None => self.nothing_ahead = true,
        }
        Ok(())
    }
}
