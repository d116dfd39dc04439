//! CALLBACK: a pause until somebody outside answers, or does not in time.

use everstep_core::{
    Failure, Generation, Operation, OperationStatus, Outcome, Settlement, Timer, Turn,
};

use crate::event::Event;
use crate::machine::{CALLBACK_HEARTBEAT, CALLBACK_TIMEOUT, Durable};
use crate::model::{Action, Update};
use crate::operations::{invalid_action, require};
use crate::request::Refusal;

const SECONDS_MAX: u32 = 99_999_999;

pub(crate) fn check(current: Option<OperationStatus>, update: &Update) -> Result<(), Refusal> {
    if update.action != Action::Start {
        return invalid_action();
    }
    require(
        current.is_none(),
        "Cannot start a CALLBACK that already exist.",
    )?;
    let options = [
        update.options.callback_timeout_s,
        update.options.callback_heartbeat_s,
    ];
    let valid = options.into_iter().flatten().all(|s| s <= SECONDS_MAX);
    require(valid, "Invalid CallbackOptions for the given action.")
}

pub(crate) fn take(turn: &mut Turn<'_, Durable>, operation: Operation, update: &Update) {
    let timeout_s = update.options.callback_timeout_s.filter(|s| *s > 0);
    let heartbeat_s = update.options.callback_heartbeat_s.filter(|s| *s > 0);
    turn.emit(Event::CallbackStarted {
        operation,
        timeout_s,
        heartbeat_s,
    });
    open(turn, operation, Generation(0), (timeout_s, heartbeat_s));
}

/// Lets it be answered, for as long as it is said.
pub(crate) fn open(
    turn: &mut Turn<'_, Durable>,
    operation: Operation,
    generation: Generation,
    (timeout_s, heartbeat_s): (Option<u32>, Option<u32>),
) {
    turn.open(operation, generation);
    if let Some(seconds) = timeout_s {
        let due = turn.now().after_seconds(u64::from(seconds));
        turn.set_timer(Timer {
            operation,
            kind: CALLBACK_TIMEOUT,
            due,
            heartbeat_ms: None,
        });
    }
    if let Some(seconds) = heartbeat_s {
        let interval = u64::from(seconds) * 1_000;
        let due = turn.now().after_ms(interval);
        turn.set_timer(Timer {
            operation,
            kind: CALLBACK_HEARTBEAT,
            due,
            heartbeat_ms: Some(interval),
        });
    }
}

/// Somebody has answered.
pub(crate) fn settled(turn: &mut Turn<'_, Durable>, operation: Operation, outcome: Outcome) {
    clear_timers(turn, operation);
    turn.emit(match outcome {
        Outcome::Succeeded(result) => Event::CallbackSucceeded { operation, result },
        Outcome::Failed(error) | Outcome::TimedOut(error) | Outcome::Stopped(error) => {
            Event::CallbackFailed { operation, error }
        }
    });
}

/// Nobody has, or no sign of life came in time.
pub(crate) fn timed_out(turn: &mut Turn<'_, Durable>, operation: Operation, error: Failure) {
    clear_timers(turn, operation);
    turn.shut(operation, Settlement::TimedOut);
    turn.emit(Event::CallbackTimedOut { operation, error });
}

fn clear_timers(turn: &mut Turn<'_, Durable>, operation: Operation) {
    turn.clear_timer(operation, CALLBACK_TIMEOUT);
    turn.clear_timer(operation, CALLBACK_HEARTBEAT);
}
