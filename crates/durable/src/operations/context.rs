//! CONTEXT: a scope for other operations.

use everstep_core::{Operation, OperationStatus, Turn};

use crate::event::Event;
use crate::machine::Durable;
use crate::model::{Action, Update};
use crate::operations::{FAIL_WITH_PAYLOAD, SUCCEED_WITH_ERROR, invalid_action, require};
use crate::request::Refusal;

pub(crate) fn check(current: Option<OperationStatus>, update: &Update) -> Result<(), Refusal> {
    match update.action {
        Action::Start => require(
            current.is_none(),
            "Cannot start a CONTEXT that already exist.",
        ),
        Action::Succeed | Action::Fail => {
            let open = matches!(current, None | Some(OperationStatus::Started));
            require(open, "Invalid current CONTEXT state to close.")?;
            require(
                update.action != Action::Fail || update.payload.is_none(),
                FAIL_WITH_PAYLOAD,
            )?;
            require(
                update.action != Action::Succeed || update.error.is_none(),
                SUCCEED_WITH_ERROR,
            )
        }
        Action::Retry | Action::Cancel => invalid_action(),
    }
}

pub(crate) fn take(turn: &mut Turn<'_, Durable>, operation: Operation, update: Update) {
    turn.emit(match update.action {
        Action::Succeed => Event::ContextSucceeded {
            operation,
            result: update.payload,
            replay_children: update.options.replay_children,
        },
        Action::Fail => Event::ContextFailed {
            operation,
            error: update.error.unwrap_or_default(),
        },
        Action::Start | Action::Retry | Action::Cancel => Event::ContextStarted { operation },
    });
}
