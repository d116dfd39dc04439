//! What those who drive agents' tasks need of the handle.

use bytes::Bytes;
use everstep_core::token::Purpose;
use everstep_core::{Answer, ExecutionId, Generation, Operation, Settlement};

use super::Handle;
use crate::input::Input;
use crate::pressure::Urgency;
use crate::{AgentState, Error, Source};

impl Handle {
    /// How things stand with an agent.
    #[must_use]
    pub fn agent_state(&self, name: &str) -> AgentState {
        self.inner.dispatcher.agent_state(name)
    }

    /// How things stand with every agent that was called since the server was started, by name.
    #[must_use]
    pub fn agent_states(&self) -> Vec<(String, AgentState)> {
        self.inner.dispatcher.agent_states(self.clock().now())
    }

    /// Says that somebody outside works on a task, perhaps for hours: its place at the target goes to others.
    pub fn away(&self, id: ExecutionId, operation: Operation, generation: Generation) {
        self.send_unshed(Input::Park {
            execution: id,
            operation,
            generation,
            is_away: true,
        });
    }

    /// A sign of life of a task that is known by its place; [`Settlement::Applied`] when it is still waited for.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`] or the store's.
    pub async fn beat(
        &self,
        execution: ExecutionId,
        operation: Operation,
        generation: Generation,
    ) -> Result<Settlement, Error> {
        self.ask(Urgency::Never, |reply| Input::Beat {
            execution,
            operation,
            generation,
            reply,
        })
        .await
    }

    /// Leaves a note at a task that is known by its place: whoever has the task next gets it.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`] or the store's.
    pub async fn note_operation(
        &self,
        execution: ExecutionId,
        operation: Operation,
        generation: Generation,
        note: Bytes,
    ) -> Result<Settlement, Error> {
        let note = everstep_core::Input::Note {
            operation,
            generation,
            note,
        };
        match self.turn(Urgency::Never, execution, note).await? {
            Answer::Settled(settlement) => Ok(settlement),
            Answer::Done | Answer::AlreadyClosed | Answer::Refused(_) | Answer::Own(_) => {
                Ok(Settlement::Unknown)
            }
        }
    }

    /// An agent says that its task has moved. That is noted, and whoever drives the task asks the agent.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::UnknownExecution`] or the store's.
    pub async fn moved(&self, token: &str, source: Source) -> Result<Settlement, Error> {
        let settlement = self.heartbeat_from(Purpose::Push, token, source).await?;
        if settlement == Settlement::Applied {
            let task = self.verify(Purpose::Push, token)?;
            let (execution, operation) = (task.execution, task.operation);
            let dispatcher = &self.inner.dispatcher;
            dispatcher.moved(self, execution, operation, task.generation);
        }
        Ok(settlement)
    }
}
