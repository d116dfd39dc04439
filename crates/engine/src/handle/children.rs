//! What the exchange between executions needs of the handle.

use everstep_core::{ExecutionId, Generation, Operation, Start, StartKey};

use super::{Handle, start_digest};
use crate::Error;
use crate::input::Input;
use crate::pressure::Urgency;

impl Handle {
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        &self.inner.runtime
    }

    /// Whether an execution is kept, running or closed.
    pub(crate) async fn exists(&self, id: ExecutionId) -> Result<bool, Error> {
        match self.gated_row(Urgency::Never, id).await {
            Ok(_) => Ok(true),
            Err(Error::UnknownExecution { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether an execution has ended.
    pub(crate) async fn is_closed(&self, id: ExecutionId) -> Result<bool, Error> {
        let row = self.gated_row(Urgency::Never, id).await?;
        Ok(row.status.is_closed())
    }

    /// Starts an execution under an id that its parent chose; one that is there already is left alone. Its input is copied from the parent's.
    pub(crate) async fn start_child(
        &self,
        parent: ExecutionId,
        id: ExecutionId,
        mut start: Start,
    ) -> Result<(), Error> {
        // Asked here too, so that no blob is written for a start that is turned away.
        self.admit(Urgency::Start)?;
        let input = match &start.input {
            Some(input) => Some(self.payload(parent, input).await?),
            None => None,
        };
        let digest = start_digest(&start.definition, input.as_deref());
        let key = StartKey::new(&start.definition.name, &start.name);
        start.input = match input {
            Some(bytes) => {
                let machine = start.definition.machine;
                Some(self.own_payload(machine, id, bytes).await?)
            }
            None => None,
        };
        self.ask(Urgency::Start, |reply| Input::Start {
            id,
            key,
            digest,
            start,
            reply,
        })
        .await
        .map(|_| ())
    }

    /// Says that whoever has a task only waits for something of this server. The task stays; its place at the target goes to others, and a clock
    /// that skips does not wait for it.
    pub fn park(&self, id: ExecutionId, operation: Operation, generation: Generation) {
        self.send_unshed(Input::Park {
            execution: id,
            operation,
            generation,
            is_away: false,
        });
    }

    /// Ends a task whose receiver needs no repetition.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`] or the store's.
    pub async fn accepted(
        &self,
        id: ExecutionId,
        operation: Operation,
        generation: Generation,
    ) -> Result<(), Error> {
        let accepted = everstep_core::Input::Accepted {
            operation,
            generation,
        };
        self.turn(Urgency::Never, id, accepted).await.map(|_| ())
    }
}
