//! What waits is armed again: after a redrive, and in a fork, the state says what is waited for, and nothing of the kernel does yet.

use everstep_core::{OperationStatus, Timer, TimerKind, Turn};

use crate::machine::{Durable, EXECUTION, EXECUTION_TIMEOUT, STEP_RETRY, WAIT};
use crate::model::{Details, Mode, OperationSnapshot};
use crate::operations::{callback, chained_invoke};

/// The execution's own time begins anew.
pub(crate) fn timeout(turn: &mut Turn<'_, Durable>) {
    let seconds = turn
        .state()
        .settings
        .as_ref()
        .filter(|settings| settings.mode == Mode::Durable)
        .and_then(|settings| settings.execution_timeout_s);
    if let Some(seconds) = seconds {
        let due = turn.now().after_seconds(u64::from(seconds));
        set(turn, EXECUTION, EXECUTION_TIMEOUT, due);
    }
}

/// Everything that waits for a time or an answer. A time that was set stays, also when it has passed; the time to answer begins anew,
/// for while the execution was closed nobody could.
pub(crate) fn waiting(turn: &mut Turn<'_, Durable>) {
    let waiting: Vec<OperationSnapshot> = turn
        .state()
        .operations
        .iter()
        .filter(|snapshot| snapshot.is_waiting())
        .cloned()
        .collect();
    for snapshot in waiting {
        let operation = snapshot.operation;
        match &snapshot.details {
            Details::Wait { scheduled_end, .. } => set(turn, operation, WAIT, *scheduled_end),
            Details::Step { next_attempt, .. } => {
                if let Some(due) = *next_attempt
                    && snapshot.status == OperationStatus::Pending
                {
                    set(turn, operation, STEP_RETRY, due);
                }
            }
            Details::Callback {
                timeout_s,
                heartbeat_s,
                ..
            } => callback::open(
                turn,
                operation,
                snapshot.generation,
                (*timeout_s, *heartbeat_s),
            ),
            Details::ChainedInvoke { .. } => chained_invoke::invoke_again(turn, &snapshot),
            Details::Execution { .. } | Details::Context { .. } => {}
        }
    }
}

fn set(
    turn: &mut Turn<'_, Durable>,
    operation: everstep_core::Operation,
    kind: TimerKind,
    due: everstep_core::Timestamp,
) {
    turn.set_timer(Timer {
        operation,
        kind,
        due,
        heartbeat_ms: None,
    });
}
