//! WAIT: a pause until a time.

use everstep_core::{Operation, OperationStatus, Timer, Turn};

use crate::event::Event;
use crate::machine::{Durable, WAIT};
use crate::model::{Action, Details, Update};
use crate::operations::{DELAY_S_MAX, invalid_action, require};
use crate::request::Refusal;

pub(crate) fn check(current: Option<OperationStatus>, update: &Update) -> Result<(), Refusal> {
    match update.action {
        Action::Start => {
            require(current.is_none(), "Cannot start a WAIT that already exist.")?;
            let valid = update
                .options
                .wait_s
                .is_some_and(|s| (1..=DELAY_S_MAX).contains(&s));
            require(valid, "Invalid WaitOptions for the given action.")
        }
        Action::Cancel => {
            let waiting = current == Some(OperationStatus::Started);
            require(
                waiting,
                "Cannot cancel a WAIT that does not exist or has already completed.",
            )
        }
        Action::Succeed | Action::Fail | Action::Retry => invalid_action(),
    }
}

pub(crate) fn take(turn: &mut Turn<'_, Durable>, operation: Operation, update: &Update) {
    if update.action == Action::Cancel {
        turn.clear_timer(operation, WAIT);
        turn.emit(Event::WaitCancelled { operation });
        return;
    }
    let duration_s = update.options.wait_s.unwrap_or(1);
    let scheduled_end = turn.now().after_seconds(u64::from(duration_s));
    turn.emit(Event::WaitStarted {
        operation,
        duration_s,
        scheduled_end,
    });
    turn.set_timer(Timer {
        operation,
        kind: WAIT,
        due: scheduled_end,
        heartbeat_ms: None,
    });
}

/// Its time has come.
pub(crate) fn due(turn: &mut Turn<'_, Durable>, operation: Operation) {
    let duration_s = match turn
        .state()
        .operation(operation)
        .map(|snapshot| &snapshot.details)
    {
        Some(Details::Wait { duration_s, .. }) => *duration_s,
        _ => 0,
    };
    turn.emit(Event::WaitSucceeded {
        operation,
        duration_s,
    });
}
