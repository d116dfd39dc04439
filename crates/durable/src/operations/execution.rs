//! EXECUTION: closed by its handler, by time, or from outside.

use everstep_core::{Status, Turn};

use crate::event::Event;
use crate::machine::Durable;
use crate::model::{Action, Update};
use crate::operations::{FAIL_WITH_PAYLOAD, SUCCEED_WITH_ERROR, invalid_action, require};
use crate::request::Refusal;

pub(crate) fn check(update: &Update) -> Result<(), Refusal> {
    match update.action {
        Action::Succeed => require(update.error.is_none(), SUCCEED_WITH_ERROR),
        Action::Fail => require(update.payload.is_none(), FAIL_WITH_PAYLOAD),
        Action::Start | Action::Retry | Action::Cancel => invalid_action(),
    }
}

/// Ends the execution by a checkpoint. The invocation has nothing left to say, so that it counts as completed before the execution does.
pub(crate) fn take(turn: &mut Turn<'_, Durable>, update: Update) -> Status {
    crate::invocation::complete(turn, None);
    if update.action == Action::Succeed {
        turn.emit(Event::ExecutionSucceeded {
            result: update.payload,
        });
        Status::Succeeded
    } else {
        turn.emit(Event::ExecutionFailed {
            error: update.error.unwrap_or_default(),
        });
        Status::Failed
    }
}
