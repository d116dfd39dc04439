//! What goes on when nobody waits for a task any more: its agent is told to leave it, until it has heard that; and what it has come to all the
//! same is kept among the dead letters.

use bytes::Bytes;
use everstep_agent::{Address, Agent, Dialect, Found, Kind, Output, Said, State, Task, TaskRef};
use everstep_core::{Generation, Operation};
use everstep_engine::letter::topic;
use everstep_engine::{Handle, Letter, LetterState, NewLetter, SettleWith, Undelivered};
use serde::Deserialize;
use serde_json::json;

use super::note::{Note, Phase};
use super::{Agents, Seat, config};

/// So often a task is looked for of which only the intent is known: it may still be on its way.
pub(super) const LOOKS: u32 = 3;

/// The body of a letter that tells an agent to leave a task.
#[derive(Deserialize)]
struct Body {
    operation: u32,
    generation: u32,
    note: Note,
}

impl Agents {
    /// Posts the letter that tells an agent to leave a task.
    pub(super) async fn call_off(&self, handle: &Handle, seat: Seat, note: &Note) {
        let body = json!({
            "agent": note.agent,
            "operation": seat.operation.0,
            "generation": seat.generation.0,
            "note": note,
        });
        let letter = NewLetter {
            topic: topic::AGENT_CANCEL.to_owned(),
            execution: Some(seat.execution),
            operation: Some(seat.operation),
            body: body.to_string().into(),
            ..NewLetter::default()
        };
        if let Err(error) = handle.post(letter).await {
            tracing::warn!(execution = %seat.execution, agent = note.agent, %error, "an agent is not told that nobody waits for its task");
        }
    }

    /// Keeps a result that came too late.
    pub(super) async fn keep_late(
        &self,
        handle: &Handle,
        seat: &Seat,
        agent: &str,
        with: SettleWith,
    ) {
        let (payload, failure) = match with {
            SettleWith::Succeeded(value) => (value, None),
            SettleWith::Failed(failure)
            | SettleWith::TimedOut(failure)
            | SettleWith::Stopped(failure) => (None, Some(failure)),
        };
        let error =
            failure.map(|failure| json!({ "kind": failure.kind, "message": failure.message }));
        let body = json!({
            "agent": agent,
            "operation": seat.operation.0,
            "generation": seat.generation.0,
            "error": error,
        });
        let letter = NewLetter {
            topic: topic::CALLBACK_LATE.to_owned(),
            dead: Some("an agent's result that nobody waits for any more".to_owned()),
            execution: Some(seat.execution),
            operation: Some(seat.operation),
            source: None,
            body: body.to_string().into(),
            payload,
        };
        if let Err(error) = handle.post(letter).await {
            tracing::warn!(execution = %seat.execution, agent, %error, "an agent's late result is lost");
        }
    }

    /// Delivers a letter of [`topic::AGENT_CANCEL`].
    pub(crate) async fn leave(&self, handle: &Handle, letter: &Letter) -> Result<(), Undelivered> {
        let body: Result<Body, _> = serde_json::from_slice(&letter.body);
        let (Ok(body), Some(execution)) = (body, letter.execution) else {
            // A note that is none of an agent: there is nobody to be told.
            return Ok(());
        };
        let seat = Seat {
            execution,
            operation: Operation(body.operation),
            generation: Generation(body.generation),
        };
        if let Some(bell) = self.bell(&seat) {
            bell.gone.notify_one();
        }
        let found = config::find(handle, &body.note.agent, &body.note.version).await;
        let config = found.map_err(|error| again(&error))?;
        let Some(config) = config else {
            return Err(never("there is no such agent any more"));
        };
        let trace = crate::trace::context(handle, execution, None).await;
        let agent = config::agent(&body.note.agent, &config, &trace).map_err(|why| never(&why))?;
        let task = match &body.note.task {
            Some(task) => Some(task.clone()),
            None if body.note.phase == Phase::Sending => {
                self.sought(&agent, &seat, &body.note, letter).await?
            }
            None => None,
        };
        let Some(task) = task else { return Ok(()) };
        match self.client.cancel(&agent, &task).await {
            Ok(said) => self.left(handle, &agent, &seat, said).await,
            Err(error) => match error.kind() {
                Kind::NotFound | Kind::Conflict => Ok(()),
                Kind::Transient | Kind::Throttled | Kind::Corrupt => Err(again(&error)),
                Kind::Invalid => Err(never(&error.to_string())),
            },
        }
    }

    /// The task that an agent may have got. It is looked for more than once: it may still be on its way.
    async fn sought(
        &self,
        agent: &Agent,
        seat: &Seat,
        note: &Note,
        letter: &Letter,
    ) -> Result<Option<TaskRef>, Undelivered> {
        let task = Task {
            message_id: note.message_id(seat),
            context_id: note.context_id(seat),
            payload: Bytes::new(),
            push: None,
            traceparent: None,
            previous: None,
        };
        let tries = match letter.state {
            LetterState::Waiting { tries, .. } | LetterState::Dead { tries, .. } => tries,
        };
        match self.client.find(agent, &task).await {
            Ok(Found::Task(said)) => Ok(said.task),
            Ok(Found::Nothing) if tries + 1 < LOOKS => {
                Err(again(&"the agent does not know the task, perhaps not yet"))
            }
            Ok(Found::Nothing) => Ok(None),
            Ok(Found::Unable) => self.by_intent(agent, task).await,
            Err(error) if matches!(error.kind(), Kind::Invalid) => Err(never(&error.to_string())),
            Err(error) => Err(again(&error)),
        }
    }

    /// A task that can't be looked for, where what was intended is enough to call it off: by its session, or by the id that it was sent with.
    async fn by_intent(&self, agent: &Agent, task: Task) -> Result<Option<TaskRef>, Undelivered> {
        let profile = self.client.profile(agent).await;
        let dialect = profile.map_err(|error| again(&error))?.dialect;
        let is_known = match dialect {
            Dialect::AgentCore | Dialect::Webhook => true,
            Dialect::Legacy => matches!(agent.address, Address::Arn(_)),
            Dialect::A2a | Dialect::A2aRest | Dialect::A2a03 | Dialect::Process => false,
        };
        Ok(is_known.then_some(TaskRef {
            dialect,
            id: task.message_id,
            context_id: Some(task.context_id),
        }))
    }

    /// What an agent says when it is told to leave a task: one that has ended meanwhile has a result that is not thrown away.
    async fn left(
        &self,
        handle: &Handle,
        agent: &Agent,
        seat: &Seat,
        said: Said,
    ) -> Result<(), Undelivered> {
        let output = match said.state {
            State::Done(output) => output,
            State::Working(_) | State::NeedsInput(_) | State::NeedsAuth(_) => {
                return Err(again(&"the agent goes on with the task"));
            }
            State::Failed { .. } | State::Canceled { .. } | State::Lost | State::Untold => {
                return Ok(());
            }
        };
        self.keep_output(handle, agent, seat, output).await
    }

    async fn keep_output(
        &self,
        handle: &Handle,
        agent: &Agent,
        seat: &Seat,
        output: Output,
    ) -> Result<(), Undelivered> {
        let value = self.value(handle, agent, seat, output).await;
        let value = value.map_err(|error| again(&error))?;
        let with = SettleWith::Succeeded(Some(value));
        self.keep_late(handle, seat, &agent.name, with).await;
        Ok(())
    }
}

fn again(why: &dyn std::fmt::Display) -> Undelivered {
    Undelivered {
        again: true,
        reason: why.to_string(),
    }
}

fn never(why: &str) -> Undelivered {
    Undelivered {
        again: false,
        reason: why.to_owned(),
    }
}
