//! Who hears of the end of an asynchronous call: a task for each, whose receiver repeats it until it has arrived.

use everstep_core::{
    Generation, Operation, Payload, Recovery, Status, Target, TargetKind, Task, TaskPayload, Turn,
};

use crate::machine::{Durable, EXECUTION};

/// The dead letter goes beside the destination.
const DEAD_LETTER: Operation = Operation(1);
/// From dispatch to the next try.
const TIMEOUT_MS: u64 = 60_000;

/// Why a call is not made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
}

impl Condition {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
        }
    }
}

/// Hands out the tasks of an execution that was closed in this turn. Each says the condition and how often the function was invoked.
pub(crate) fn tell(turn: &mut Turn<'_, Durable>, status: Status, condition: Condition) {
    let settings = turn.state().settings.as_ref();
    let Some(end) = settings.and_then(|settings| settings.end.clone()) else {
        return;
    };
    let invoked = turn.state().position.generation.0;
    let said = format!("{} {invoked}", condition.as_str());
    let destination = match status {
        Status::Succeeded => end.on_success,
        _ => end.on_failure,
    };
    let dead_letter = end.dead_letter.filter(|_| status != Status::Succeeded);
    for (operation, address) in [(EXECUTION, destination), (DEAD_LETTER, dead_letter)] {
        let Some(address) = address else { continue };
        turn.start_task(Task {
            operation,
            generation: Generation(invoked.saturating_add(1)),
            target: Target {
                kind: TargetKind::Destination,
                address,
            },
            payload: TaskPayload::Stored(Payload::from(said.clone())),
            timeout_ms: Some(TIMEOUT_MS),
            heartbeat_ms: None,
            recovery: Recovery::Repeat,
        });
    }
}
