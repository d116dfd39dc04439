//! One task of an agent, from its dispatch to its end.
//!
//! What is about to be done is noted before, and what came of it after, so that a server that takes the task over does neither nothing nor the
//! same again: a task that was perhaps sent is looked for before it is sent once more.

use std::time::Duration;

use bytes::Bytes;
use everstep_agent::{Agent, Error, Found, Listener, Progress, Said, State, Task, Updates};
use everstep_core::{Backoff, Failure, Timestamp};
use everstep_engine::catalogue::{AgentConfig, OnLost, OnUnknown};
use everstep_engine::{Error as EngineError, Handle};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::desk::{Call, Desk, Place};
use super::letters::LOOKS;
use super::note::{Note, Phase};
use super::watch::REPORT;
use super::{Agents, Bell, Content, End, Errand, config, question};

/// Between two looks at the clock, which may be one that skips.
const LOOK: Duration = Duration::from_secs(30);
/// What an agent's own failure is called, as in the seeds.
const AGENT_ERROR: &str = "AgentExecutionError";
/// And that its call came to nothing.
const CALL_ERROR: &str = "AgentInvocationError";

/// A task under way.
pub(super) struct Drive<'a> {
    pub(super) agents: &'a Agents,
    pub(super) handle: &'a Handle,
    pub(super) errand: &'a Errand,
    pub(super) bell: &'a Bell,
    pub(super) desk: std::sync::Arc<Desk>,
    pub(super) config: AgentConfig,
    pub(super) note: Note,
    /// The note as it was last written down.
    pub(super) written: Option<Bytes>,
    place: Option<Place>,
    /// It may have been sent although the agent's answer is missing.
    pub(super) in_doubt: bool,
    /// Calls that came to nothing since the last that did, and results that could not be read.
    pub(super) tries: u32,
    unread: u32,
    /// The agent's last sign of life.
    pub(super) heard: Timestamp,
    pub(super) pause_ms: u64,
    pub(super) updates: Option<Updates>,
    /// The stream has ended since the last pause.
    pub(super) stream_ended: bool,
    /// How often a task that may be on its way was looked for in vain.
    looks: u32,
}

/// How it goes on.
pub(super) enum Step {
    On,
    End(End),
}

/// Hears of a task while the call that hands it over lasts.
struct Hearing(mpsc::UnboundedSender<Progress>);

impl Listener for Hearing {
    fn heard(&self, progress: Progress) {
        // Who does not listen any more has an end in hand.
        let _ = self.0.send(progress);
    }
}

impl<'a> Drive<'a> {
    pub(super) async fn begin(
        agents: &'a Agents,
        handle: &'a Handle,
        errand: &'a Errand,
        bell: &'a Bell,
    ) -> Result<Self, End> {
        let now = handle.clock().now();
        let noted = errand.note.as_deref().and_then(Note::read);
        let found = config::find(handle, &errand.agent, &errand.version).await;
        let config = match found {
            Ok(Some(config)) => config,
            // The description of a task that is out is gone with the agent.
            Ok(None) => return Err(failed("ResourceNotFoundException", gone(&errand.agent))),
            Err(EngineError::Ended) => return Err(End::NotYet),
            Err(error) => return Err(failed(CALL_ERROR, error.to_string())),
        };
        let desk = agents.desks.of(&errand.agent);
        let (agent, version) = (&errand.agent, &errand.version);
        let in_doubt = noted
            .as_ref()
            .is_some_and(|note| note.phase == Phase::Sending);
        let note = noted.unwrap_or_else(|| Note::new(agent, version, &errand.seat, now.0));
        Ok(Self {
            agents,
            handle,
            errand,
            bell,
            place: (note.phase == Phase::Out).then(|| desk.keep()),
            desk,
            pause_ms: u64::from(config.poll_first_ms),
            config,
            written: errand.note.clone(),
            note,
            in_doubt,
            tries: 0,
            unread: 0,
            heard: now,
            updates: None,
            stream_ended: false,
            looks: 0,
        })
    }

    /// Works until the task has ended, its time is over, or nobody waits for it any more.
    pub(super) async fn run(&mut self) -> End {
        let bell = self.bell;
        let (timeout, handle) = (self.due(), self.handle);
        let end = tokio::select! {
            biased;
            () = bell.gone.notified() => return End::Gone,
            end = self.work() => end,
            () = until(handle, timeout) => self.late(),
        };
        if matches!(end, End::Succeeded(_)) || self.note.is_over {
            self.drop_push();
        }
        match &end {
            End::Succeeded(_) => {}
            End::Failed(_) | End::TimedOut(_) => {
                // Whoever works on for nobody is told.
                if (self.in_doubt || self.note.phase == Phase::Out) && !self.note.is_over {
                    self.agents
                        .call_off(self.handle, self.errand.seat, &self.note)
                        .await;
                }
            }
            End::Gone | End::NotYet => {}
        }
        end
    }

    /// When its time is over.
    pub(super) fn due(&self) -> Timestamp {
        let own = u64::from(self.config.timeout_s) * 1_000;
        let ms = self
            .errand
            .timeout_ms
            .map_or(own, |callers| callers.min(own));
        Timestamp(self.note.began_ms).after_ms(ms)
    }

    fn late(&self) -> End {
        let seconds = self
            .handle
            .clock()
            .now()
            .0
            .saturating_sub(self.note.began_ms)
            / 1_000;
        let text = format!(
            "The agent {} did not finish its task within {seconds} s.",
            self.errand.agent
        );
        End::TimedOut(Failure::new("Agent.Timeout", text))
    }

    async fn work(&mut self) -> End {
        loop {
            let agent = match config::agent(&self.errand.agent, &self.config, &self.errand.trace) {
                Ok(agent) => agent,
                Err(why) => return failed(CALL_ERROR, why),
            };
            let step = match self.note.phase {
                Phase::Out => self.watch(&agent).await,
                Phase::Sending if self.in_doubt => self.look(&agent).await,
                Phase::Sending => self.send(&agent).await,
            };
            if let Step::End(end) = step {
                return end;
            }
        }
    }

    /// What the agent is asked to do.
    async fn task(&self, agent: &Agent) -> Result<Task, Step> {
        let seat = &self.errand.seat;
        let payload = match &self.errand.content {
            Content::Here(bytes) => bytes.clone(),
            Content::Kept(payload) => {
                let payload = self.handle.payload(seat.execution, payload).await;
                payload.map_err(|error| Step::End(unkept(&error)))?
            }
        };
        Ok(Task {
            message_id: self.note.message_id(seat),
            context_id: self.note.context_id(seat),
            payload,
            push: self.push(agent).await,
            traceparent: self.errand.trace.parent.clone(),
            previous: None,
        })
    }

    /// Hands the task over.
    async fn send(&mut self, agent: &Agent) -> Step {
        if self.place.is_none() {
            self.place = Some(self.desk.place(&self.config).await);
        }
        if let Err(step) = self.write().await {
            return step;
        }
        let task = match self.task(agent).await {
            Ok(task) => task,
            Err(step) => return step,
        };
        let desk = std::sync::Arc::clone(&self.desk);
        let mut call = desk.turn(self.handle, &self.config).await;
        let (sender, mut hearing) = mpsc::unbounded_channel();
        let hears = Hearing(sender);
        self.in_doubt = true;
        let client = self.agents.client.clone();
        let mut sent = std::pin::pin!(client.send(agent, &task, &hears));
        let patience = Duration::from_secs(self.config.call_timeout_s.into());
        let mut patience = std::pin::pin!(tokio::time::sleep(patience));
        let mut told = None;
        let said = loop {
            tokio::select! {
                said = &mut sent => break said,
                // A call that lasts as long as its task proves by lasting that the agent is there.
                () = &mut patience, if call.is_probe() => call.lives(),
                Some(progress) = hearing.recv() => {
                    call.lives();
                    self.note.tell(progress);
                    let now = Instant::now();
                    let is_due = told.is_none_or(|told| now >= told + REPORT);
                    let noted = if is_due {
                        told = Some(now);
                        self.write().await
                    } else {
                        self.alive().await
                    };
                    if let Err(step) = noted {
                        return step;
                    }
                }
            }
        };
        match said {
            Ok(said) => {
                call.answered();
                self.in_doubt = false;
                self.heard(agent, said).await
            }
            Err(error) => {
                self.in_doubt = error.may_have_begun();
                self.fault(call, &error, false).await
            }
        }
    }

    /// Asks whether the agent has the task already.
    async fn look(&mut self, agent: &Agent) -> Step {
        let task = match self.task(agent).await {
            Ok(task) => task,
            Err(step) => return step,
        };
        let desk = std::sync::Arc::clone(&self.desk);
        let call = desk.call(self.handle).await;
        match self.agents.client.find(agent, &task).await {
            Ok(Found::Task(said)) => {
                call.answered();
                self.in_doubt = false;
                self.place.get_or_insert_with(|| self.desk.keep());
                self.heard(agent, *said).await
            }
            Ok(Found::Nothing) => {
                call.answered();
                self.looks += 1;
                if self.looks >= LOOKS {
                    self.looks = 0;
                    self.in_doubt = false;
                } else {
                    tokio::time::sleep(Duration::from_millis(self.backoff_ms(self.looks))).await;
                }
                Step::On
            }
            Ok(Found::Unable) => {
                drop(call);
                match self.config.on_unknown {
                    OnUnknown::Resend => {
                        self.in_doubt = false;
                        Step::On
                    }
                    OnUnknown::Fail => Step::End(failed(
                        "Agent.TaskUnknown",
                        format!(
                            "Nobody knows whether the agent {} has the task, and it can't be asked. With on_unknown = \"resend\" it would be sent again.",
                            self.errand.agent
                        ),
                    )),
                }
            }
            Err(error) => self.fault(call, &error, true).await,
        }
    }

    /// Takes what the agent says of the task.
    pub(super) async fn heard(&mut self, agent: &Agent, said: Said) -> Step {
        self.tries = 0;
        self.note.error = None;
        self.heard = self.handle.clock().now();
        if let Some(theirs) = &said.traceparent {
            crate::trace::link(theirs);
        }
        if let Some(task) = said.task {
            self.note.task = Some(task);
        }
        match said.state {
            State::Working(progress) => self.works(progress).await,
            State::Untold => self.works(Progress::default()).await,
            State::NeedsInput(question) => {
                self.note.phase = Phase::Out;
                Box::pin(self.question(agent, question, false)).await
            }
            State::NeedsAuth(question) => {
                self.note.phase = Phase::Out;
                Box::pin(self.question(agent, question, true)).await
            }
            State::Done(output) => {
                self.note.is_over = true;
                let seat = &self.errand.seat;
                match self.agents.value(self.handle, agent, seat, output).await {
                    Ok(value) => Step::End(End::Succeeded(value)),
                    Err(why) => self.unread(&why).await,
                }
            }
            State::Failed { message } => {
                self.note.is_over = true;
                Step::End(failed(AGENT_ERROR, message))
            }
            State::Canceled { message } => {
                self.note.is_over = true;
                let text = message.unwrap_or_else(|| "The agent's task was cancelled.".to_owned());
                Step::End(failed("Agent.Canceled", text))
            }
            State::Lost => self.lost().await,
        }
    }

    /// It is at work, and asks nothing.
    async fn works(&mut self, progress: Progress) -> Step {
        self.note.phase = Phase::Out;
        if let Err(step) = self.withdraw(question::WENT_ON).await {
            return step;
        }
        self.note.tell(progress);
        self.going_on().await
    }

    /// Writes down where it is, and goes on.
    pub(super) async fn going_on(&mut self) -> Step {
        match self.write().await {
            Ok(()) => Step::On,
            Err(step) => step,
        }
    }

    /// The agent does not know a task that it had taken.
    async fn lost(&mut self) -> Step {
        let again = self.config.on_lost == OnLost::Redispatch
            && self.note.dispatch < self.config.redispatches;
        if !again {
            self.note.is_over = true;
            let text = format!(
                "The agent {} has lost its task: it does not know it any more.",
                self.errand.agent
            );
            return Step::End(failed("Agent.TaskLost", text));
        }
        tracing::warn!(execution = %self.errand.seat.execution, agent = self.errand.agent, "an agent has lost its task, which is sent anew");
        if let Err(step) = self.withdraw(question::WENT_ON).await {
            return step;
        }
        self.note.dispatch += 1;
        self.note.phase = Phase::Sending;
        self.note.task = None;
        self.in_doubt = false;
        self.updates = None;
        self.pause_ms = u64::from(self.config.poll_first_ms);
        Step::On
    }

    /// A call that came to nothing: it is made again after a while, or it is given up. Who asks for a task that the agent has, or may have, is
    /// patient while its time lasts: the agent may come back with it.
    pub(super) async fn fault(&mut self, call: Call<'_>, error: &Error, is_patient: bool) -> Step {
        let text = error.to_string();
        tracing::info!(execution = %self.errand.seat.execution, agent = self.errand.agent, error = text, "a call of an agent came to nothing");
        match error.kind() {
            everstep_agent::Kind::Transient | everstep_agent::Kind::Corrupt => {
                call.failed(self.handle.clock().now(), &self.config, &text);
            }
            _ => call.answered(),
        }
        self.tries = self.tries.saturating_add(1);
        let is_transient = error.kind().is_transient();
        let passes = is_transient || self.in_doubt || is_patient;
        let is_tolerated = is_patient && is_transient;
        if !passes || (self.tries >= self.config.attempts && !is_tolerated) {
            return Step::End(failed(CALL_ERROR, text));
        }
        self.note.error = Some(text);
        if let Err(step) = self.write().await {
            return step;
        }
        let pause = Duration::from_millis(self.backoff_ms(self.tries));
        let pause = error.retry_after().map_or(pause, |asked| asked.max(pause));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.bell.moved.notified() => {}
        }
        self.refresh().await;
        if self.is_silent() {
            return Step::End(self.silent());
        }
        Step::On
    }

    /// A result that could not be fetched is asked for again; one that can't be kept is a failure.
    async fn unread(&mut self, why: &super::output::NoOutput) -> Step {
        self.unread = self.unread.saturating_add(1);
        if !why.passes() || self.unread >= self.config.attempts || self.note.task.is_none() {
            return Step::End(failed(CALL_ERROR, why.to_string()));
        }
        self.note.phase = Phase::Out;
        self.note.error = Some(why.to_string());
        tokio::time::sleep(Duration::from_millis(self.backoff_ms(self.unread))).await;
        self.pause_ms = 0;
        Step::On
    }

    fn backoff_ms(&self, tries: u32) -> u64 {
        let backoff = Backoff {
            first_ms: self.config.retry_first_ms.into(),
            factor_percent: 200,
            max_ms: self.config.retry_max_ms.into(),
            jitter_percent: 50,
        };
        backoff.delay_ms(tries, fastrand::u64(..))
    }

    /// The agent as it is now: it may have moved.
    async fn refresh(&mut self) {
        let found = config::find(self.handle, &self.errand.agent, &self.errand.version).await;
        if let Ok(Some(config)) = found {
            self.config = config;
        }
    }

    /// Whether the agent has been silent for too long.
    pub(super) fn is_silent(&self) -> bool {
        let most = self.config.heartbeat_s;
        most.is_some_and(|s| self.heard.after_seconds(s.into()) <= self.handle.clock().now())
    }

    pub(super) fn silent(&self) -> End {
        let text = format!(
            "Nothing was heard of the agent {} for {} s.",
            self.errand.agent,
            self.config.heartbeat_s.unwrap_or_default()
        );
        End::TimedOut(Failure::new("Agent.HeartbeatTimeout", text))
    }
}

/// Until the engine's clock says so.
async fn until(handle: &Handle, due: Timestamp) {
    loop {
        let left = due.0.saturating_sub(handle.clock().now().0);
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(left).min(LOOK)).await;
    }
}

pub(super) fn failed(kind: &str, message: impl Into<String>) -> End {
    End::Failed(Failure::new(kind, message.into()))
}

fn gone(agent: &str) -> String {
    format!("There is no agent {agent}.")
}

fn unkept(error: &EngineError) -> End {
    match error {
        EngineError::Ended => End::NotYet,
        error => failed(CALL_ERROR, error.to_string()),
    }
}
