//! The end of an execution that reaches those which it has started.

use everstep_core::{Answer, ExecutionId, Status, Timestamp};

use super::Owner;
use crate::cancel::Body;
use crate::input::Cancelling;
use crate::letter::topic;
use crate::{Error, Reply};

impl Owner {
    /// Stops an execution, and in the same commit writes a letter to each that it waits for. One that was stopped before does the latter alone.
    pub(super) fn cancel(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        asked: Cancelling,
    ) -> Result<Answer<Reply>, Error> {
        let failure = Some(asked.failure);
        let answer = self.turn(now, id, everstep_core::Input::Stop { failure })?;
        let Some(slot) = self.cells.get(&id).filter(|_| asked.cascades) else {
            return Ok(answer);
        };
        if slot.row.status != Status::Stopped {
            return Ok(answer);
        }
        let parent = if slot.row.name == id.to_string() {
            id.to_string()
        } else {
            format!("{} ({id})", slot.row.name)
        };
        for child in slot.cell.children() {
            let body = Body {
                child,
                parent: parent.clone(),
                reason: asked.reason.clone(),
            };
            let body = serde_json::to_vec(&body).unwrap_or_default();
            let letter = self.letter(now, id, topic::EXECUTION_CANCEL, body.into());
            self.post(&letter);
        }
        Ok(answer)
    }
}
