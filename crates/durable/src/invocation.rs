//! When the function is invoked, what it is given, and what follows from its end.

use everstep_core::{
    Execution, Failure, Generation, Operation, Outcome, Payload, Recovery, Reply as KernelReply,
    Status, Target, Task, TaskPayload, Timer, Timestamp, Turn,
};

use crate::answer;
use crate::destination::{self, Condition};
use crate::event::{Event, InvocationError};
use crate::machine::{Durable, EXECUTION, INVOCATION_RETRY};
use crate::model::{ChainedCall, ChainedTarget, Details, Mode};
use crate::operations::chained_invoke;
use crate::pause;
use crate::request::{ErrorClass, Invocation, Output, Position, Refusal, Reply, Settings};
use crate::state::State;

/// Invokes the function if something happened that it waits for. While an invocation runs, and while another timer of this moment is still
/// to fire, nothing is done: their own end asks again, so that one invocation sees all that is due.
pub(crate) fn wake(turn: &mut Turn<'_, Durable>) {
    let now = turn.now();
    let more_due = turn
        .execution()
        .timers()
        .take_while(|timer| timer.due <= now)
        .any(|timer| timer.heartbeat_ms.is_none());
    if turn.state().stirred && !more_due {
        invoke(turn);
    }
}

/// Invokes the function, unless it runs already or the execution has ended.
pub(crate) fn invoke(turn: &mut Turn<'_, Durable>) {
    // A pause that has only been asked for holds the next invocation back just as one that lasts.
    let held = turn.state().invocation.is_some() || turn.state().pause.is_some();
    if turn.execution().status().is_closed() || held {
        return;
    }
    let Some(settings) = turn.state().settings.clone() else {
        return;
    };
    turn.clear_timer(EXECUTION, INVOCATION_RETRY);
    let request_id = uuid(turn.chance(), turn.chance());
    let latest = turn.state().position;
    let generation = Generation(latest.generation.0.saturating_add(1));
    let position = Position {
        generation,
        sequence: latest.sequence.saturating_add(1),
    };
    turn.emit(Event::InvocationStarted {
        request_id,
        position,
    });
    if settings.is_agent {
        // What comes back may take hours, and is told by whoever asks the agent: it settles the call.
        turn.open(EXECUTION, generation);
    }
    turn.start_task(Task {
        operation: EXECUTION,
        generation,
        target: Target {
            kind: settings.target(),
            address: settings.address(),
        },
        payload: TaskPayload::Late,
        timeout_ms: Some(u64::from(settings.function_timeout_s) * 1_000),
        heartbeat_ms: None,
        recovery: recovery(&settings),
    });
}

/// A plain function that is never to be tried again is called at most once: after a crash nobody knows what it has done. An agent is asked.
fn recovery(settings: &Settings) -> Recovery {
    if settings.is_agent {
        return Recovery::LookUp;
    }
    let never_again = settings.retry.immediate_max == 0 && settings.retry.delayed_max == 0;
    if settings.mode == Mode::Plain && never_again {
        Recovery::Lost
    } else {
        Recovery::Repeat
    }
}

/// The server ended while the invocation was out, and it is not to be repeated.
pub(crate) fn lost(turn: &mut Turn<'_, Durable>, generation: Generation) {
    let running = turn.state().invocation.as_ref();
    if running.is_some_and(|running| running.generation == generation) {
        let message =
            "The server ended while the function ran; whether it did its work is not known.";
        let failure = Failure::new("Everstep.InvocationLost", message);
        failed(turn, failure, ErrorClass::Runtime);
    }
}

/// Takes the end of a call that was open to be settled.
pub(crate) fn answered(
    turn: &mut Turn<'_, Durable>,
    generation: Generation,
    outcome: Outcome,
) -> KernelReply<Reply> {
    let output = match outcome {
        Outcome::Succeeded(result) => Output::Succeeded { result },
        Outcome::Failed(failure) => Output::Error {
            failure,
            class: ErrorClass::Handler,
        },
        Outcome::TimedOut(failure) => Output::Error {
            failure,
            class: ErrorClass::Timeout,
        },
        Outcome::Stopped(failure) => Output::Failed {
            error: Some(failure),
        },
    };
    finish(turn, generation, output)
}

/// Takes an invocation's end.
pub(crate) fn finish(
    turn: &mut Turn<'_, Durable>,
    generation: Generation,
    output: Output,
) -> KernelReply<Reply> {
    let running = turn
        .state()
        .invocation
        .as_ref()
        .is_some_and(|running| running.generation == generation);
    if !running || turn.execution().status().is_closed() {
        return KernelReply::Own(Reply::Refused(Refusal::StaleInvocation));
    }
    turn.end_task(EXECUTION);
    match output {
        Output::Error { failure, class } => failed(turn, failure, class),
        Output::Succeeded { result } => {
            complete(turn, None);
            let max = turn
                .state()
                .settings
                .as_ref()
                .map_or(u32::MAX, |settings| settings.limits.result_bytes_max);
            if result
                .as_ref()
                .is_some_and(|result| result.len() > max as usize)
            {
                let message = format!(
                    "Execution output payload size must be less than or equal to {max} bytes."
                );
                fail(
                    turn,
                    Failure::new("InvalidParameterValueException", message),
                );
            } else {
                turn.emit(Event::ExecutionSucceeded { result });
                turn.close(Status::Succeeded);
                destination::tell(turn, Status::Succeeded, Condition::Success);
            }
        }
        Output::Failed { error } => {
            complete(turn, None);
            fail(turn, error.unwrap_or_default());
        }
        Output::Malformed { message } => {
            complete(turn, None);
            fail(
                turn,
                Failure::new("InvalidParameterValueException", message),
            );
        }
        Output::Pending => {
            complete(turn, None);
            suspend(turn);
        }
    }
    KernelReply::Own(Reply::Finished)
}

/// Records the end of the invocation in flight.
pub(crate) fn complete(turn: &mut Turn<'_, Durable>, error: Option<InvocationError>) {
    let Some(running) = turn.state().invocation.clone() else {
        return;
    };
    turn.emit(Event::InvocationCompleted {
        generation: running.generation,
        request_id: running.request_id,
        started: running.started,
        error,
    });
}

fn fail(turn: &mut Turn<'_, Durable>, error: Failure) {
    fail_because(turn, error, Condition::RetriesExhausted);
}

fn fail_because(turn: &mut Turn<'_, Durable>, error: Failure, condition: Condition) {
    turn.emit(Event::ExecutionFailed { error });
    turn.close(Status::Failed);
    destination::tell(turn, Status::Failed, condition);
}

/// Whether the event of an asynchronous call is too old to be handed over at this time.
fn is_too_old(state: &State, due: Timestamp) -> bool {
    let settings = state.settings.as_ref();
    let age_max_s = settings.and_then(|settings| settings.end.as_ref()?.age_max_s);
    let begun = state
        .operation(EXECUTION)
        .map(|execution| execution.started);
    age_max_s
        .zip(begun)
        .is_some_and(|(seconds, begun)| due > begun.after_seconds(u64::from(seconds)))
}

fn suspend(turn: &mut Turn<'_, Durable>) {
    chained_invoke::show_kept_back(turn);
    pause::begin(turn);
    let state = turn.state();
    let interrupted = state.pause.as_ref().is_some_and(|pause| pause.interrupted);
    if state.stirred || interrupted {
        invoke(turn);
    } else if state.waiting == 0 && state.unseen.is_empty() {
        let message = "Cannot return PENDING status with no pending operations.";
        fail(
            turn,
            Failure::new("InvalidParameterValueException", message),
        );
    }
}

/// Nothing of the execution is lost by a failed invocation: it is tried again, at once or after a delay, until the tries are used up.
fn failed(turn: &mut Turn<'_, Durable>, failure: Failure, class: ErrorClass) {
    let Some(retry) = turn
        .state()
        .settings
        .as_ref()
        .map(|settings| settings.retry)
    else {
        return;
    };
    let at_once =
        class == ErrorClass::Runtime && turn.state().failed_immediate < retry.immediate_max;
    let delayed = turn.state().failed_delayed;
    complete(
        turn,
        Some(InvocationError {
            failure: failure.clone(),
            class,
        }),
    );
    if at_once || delayed < retry.delayed_max {
        chained_invoke::show_kept_back(turn);
        pause::begin(turn);
    }
    if at_once || (turn.state().pause.is_some() && delayed < retry.delayed_max) {
        invoke(turn);
    } else if delayed < retry.delayed_max {
        let delay = retry
            .backoff
            .delay_ms(delayed.saturating_add(1), turn.chance());
        let due = turn.now().after_ms(delay);
        if is_too_old(turn.state(), due) {
            return fail_because(turn, failure, Condition::EventAgeExceeded);
        }
        turn.set_timer(Timer {
            operation: EXECUTION,
            kind: INVOCATION_RETRY,
            due,
            heartbeat_ms: None,
        });
    } else {
        fail(turn, failure);
    }
}

/// What the function gets when it is invoked now.
pub(crate) fn late(execution: &Execution, state: &State, task: &Task) -> Option<Invocation> {
    let settings = state.settings.as_ref()?;
    let running = state
        .invocation
        .as_ref()
        .filter(|running| running.generation == task.generation)?;
    let input = match state
        .operation(Operation(0))
        .map(|snapshot| &snapshot.details)
    {
        Some(Details::Execution { input }) => input.clone(),
        _ => None,
    };
    let (page, payload) = match settings.mode {
        Mode::Durable => (
            answer::first_page(state, settings.limits.page_bytes_max),
            None,
        ),
        Mode::Plain => (answer::Page::default(), input),
    };
    let updated = state
        .updated
        .iter()
        .filter_map(|operation| state.operation(*operation));
    Some(Invocation {
        mode: settings.mode,
        generation: running.generation,
        request_id: running.request_id.clone(),
        execution_arn: settings
            .function
            .execution(execution.name(), execution.id()),
        function: settings.function.clone(),
        position: state.position,
        operations: page.operations,
        next_marker: page.next_marker,
        updated_operation_ids: updated
            .map(|snapshot| snapshot.identity.id.clone())
            .collect(),
        payload,
        trace_header: settings.trace_header.clone(),
        tenant_id: settings.tenant_id.clone(),
        timeout_ms: u64::from(settings.function_timeout_s) * 1_000,
    })
}

/// What a plain function gets that the execution invokes.
pub(crate) fn of_plain(task: &Task, call: &ChainedCall, target: &ChainedTarget) -> Invocation {
    let settings = &target.settings;
    Invocation {
        mode: Mode::Plain,
        generation: task.generation,
        request_id: target.id.to_string(),
        execution_arn: String::new(),
        function: settings.function.clone(),
        position: Position::default(),
        operations: Vec::new(),
        next_marker: None,
        updated_operation_ids: Vec::new(),
        // No payload is an empty object, as AWS hands it to functions.
        payload: Some(call.input.clone().unwrap_or_else(|| Payload::from("{}"))),
        trace_header: settings.trace_header.clone(),
        tenant_id: settings.tenant_id.clone(),
        timeout_ms: u64::from(settings.function_timeout_s) * 1_000,
    }
}

/// A version 4 UUID from 122 of these bits.
fn uuid(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0xffff);
    format!(
        "{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}",
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
