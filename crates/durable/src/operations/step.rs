//! STEP: code that the handler runs, and conditions that it polls.

use everstep_core::{Operation, OperationStatus, Timer, Turn};

use crate::event::{Event, StepRetry};
use crate::machine::{Durable, STEP_RETRY};
use crate::model::{Action, Details, Update};
use crate::operations::{
    DELAY_S_MAX, FAIL_WITH_PAYLOAD, SUCCEED_WITH_ERROR, invalid_action, require,
};
use crate::request::Refusal;

pub(crate) fn check(current: Option<OperationStatus>, update: &Update) -> Result<(), Refusal> {
    let open = matches!(
        current,
        None | Some(OperationStatus::Started | OperationStatus::Ready)
    );
    match update.action {
        Action::Start => {
            let startable = matches!(current, None | Some(OperationStatus::Ready));
            require(startable, "Invalid current STEP state to start.")
        }
        Action::Succeed | Action::Fail => {
            require(open, "Invalid current STEP state to close.")?;
            require(
                update.action != Action::Fail || update.payload.is_none(),
                FAIL_WITH_PAYLOAD,
            )?;
            require(
                update.action != Action::Succeed || update.error.is_none(),
                SUCCEED_WITH_ERROR,
            )
        }
        Action::Retry => {
            require(open, "Invalid current STEP state to re-attempt.")?;
            let delay = update.options.next_attempt_delay_s;
            require(
                delay.is_some_and(|s| (1..=DELAY_S_MAX).contains(&s)),
                "Invalid StepOptions for the given action.",
            )?;
            let both = update.error.is_some() && update.payload.is_some();
            require(
                !both,
                "Cannot provide both error and payload to RETRY a STEP.",
            )
        }
        Action::Cancel => invalid_action(),
    }
}

pub(crate) fn take(turn: &mut Turn<'_, Durable>, operation: Operation, update: Update) {
    let attempt = match turn
        .state()
        .operation(operation)
        .map(|snapshot| &snapshot.details)
    {
        Some(Details::Step { attempt, .. }) => attempt.saturating_add(1),
        _ => 1,
    };
    let retry = match update.action {
        Action::Retry => update
            .options
            .next_attempt_delay_s
            .map(|delay_s| StepRetry {
                delay_s,
                due: turn.now().after_seconds(u64::from(delay_s)),
            }),
        _ => None,
    };
    turn.emit(match (update.action, update.error) {
        (Action::Start | Action::Cancel, _) => Event::StepStarted { operation },
        (Action::Fail, error) => Event::StepFailed {
            operation,
            error: error.unwrap_or_default(),
            attempt,
            retry,
        },
        (Action::Retry, Some(error)) => Event::StepFailed {
            operation,
            error,
            attempt,
            retry,
        },
        (Action::Succeed | Action::Retry, _) => Event::StepSucceeded {
            operation,
            result: update.payload,
            attempt,
            retry,
        },
    });
    if let Some(retry) = retry {
        turn.set_timer(Timer {
            operation,
            kind: STEP_RETRY,
            due: retry.due,
            heartbeat_ms: None,
        });
    }
}

/// Its time has come: the handler may start it again.
pub(crate) fn due(turn: &mut Turn<'_, Durable>, operation: Operation) {
    turn.emit(Event::StepReady { operation });
}
