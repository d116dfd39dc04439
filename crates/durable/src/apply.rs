//! How events change the state. Total: an event about an operation that is not there changes nothing.

use std::sync::Arc;

use everstep_core::{Failure, Operation, OperationStatus, Payload, Stamp, Timestamp};

use crate::event::{Event, StepRetry};
use crate::model::{ChainedCall, Details, OperationKind, OperationSnapshot};
use crate::pause::{Asked, Pause};
use crate::request::{ErrorClass, Position};
use crate::state::{ANSWER_KEPT_MS, ANSWERS_KEPT_MAX, Given, Running, State};
use crate::{fork, redrive};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: Stamp) {
    let at = stamp.at;
    state.count(size(event));
    match event {
        Event::ExecutionStarted { input, settings } => {
            state.settings = Some(settings.clone());
            let given = input.clone();
            if let Some(execution) = state.operations.first_mut() {
                execution.details = Details::Execution { input: given };
            }
        }
        Event::ExecutionSucceeded { result } => {
            state.result.clone_from(result);
            close(state, OperationStatus::Succeeded, at);
        }
        Event::ExecutionFailed { error } => {
            state.error = Some(error.clone());
            close(state, OperationStatus::Failed, at);
        }
        Event::ExecutionTimedOut => close(state, OperationStatus::TimedOut, at),
        Event::ExecutionStopped { error } => {
            state.error = Some(error.clone());
            close(state, OperationStatus::Stopped, at);
        }
        Event::Declared { kind, identity, .. } => state.declare(identity.clone(), blank(*kind), at),
        Event::InvocationStarted {
            request_id,
            position,
        } => {
            state.position = *position;
            state.invocation = Some(Running {
                generation: position.generation,
                request_id: request_id.clone(),
                started: at,
            });
            state.updated = std::mem::take(&mut state.unseen).into_iter().collect();
            (state.stirred, state.overlooked) = (false, false);
        }
        Event::InvocationCompleted { error, .. } => {
            state.invocation = None;
            state.updated.clear();
            if let Some(pause) = &mut state.pause {
                pause.interrupted |= error.is_some();
            }
            count_failure(state, error.as_ref().map(|error| error.class));
            state.failed_because = error.as_ref().map(|error| error.failure.clone());
        }
        Event::Answered {
            position,
            client_token,
            next,
        } => {
            let operations = tell(state);
            answered(
                state,
                Given {
                    at,
                    position: *position,
                    client_token: client_token.clone(),
                    next: *next,
                    operations,
                },
            );
        }
        Event::Redriven { operations } => redrive::apply(state, operations, at),
        Event::Forked { operations } => fork::apply(state, operations, at),
        _ => of_operation(state, event, at),
    }
}

fn of_pause(state: &mut State, event: &Event, at: Timestamp) {
    let mut asked = |resume, client_token: &Option<Arc<str>>| {
        state.asked = client_token.clone().map(|client_token| Asked {
            resume,
            client_token,
            at,
        });
    };
    match event {
        Event::PauseRequested {
            client_token,
            reason,
            timeout_paused,
        } => {
            asked(false, client_token);
            state.pause = Some(Pause {
                requested: at,
                reason: reason.clone(),
                timeout_paused: *timeout_paused,
                begun: false,
                timeout_left_ms: None,
                interrupted: false,
            });
        }
        Event::PauseCancelled { client_token } => {
            asked(true, client_token);
            state.pause = None;
        }
        Event::ExecutionPaused {
            timeout_left_ms,
            interrupted,
            ..
        } => {
            if let Some(pause) = &mut state.pause {
                pause.begun = true;
                pause.timeout_left_ms = *timeout_left_ms;
                pause.interrupted |= *interrupted;
            }
        }
        Event::ExecutionResumed { client_token, .. } => {
            asked(true, client_token);
            let pause = state.pause.take();
            state.stirred |= pause.is_some_and(|pause| pause.interrupted);
        }
        Event::Diverged { divergence, .. } => state.divergence = Some(Arc::clone(divergence)),
        _ => {}
    }
}

/// Takes what an answer tells the handler. A handler that only asks looks at the pauses that it asked for; one that checkpoints something of
/// its own may have laid the branch aside that waits for what it is told by the way, and end PENDING: that has to invoke it again.
fn tell(state: &mut State) -> Vec<OperationSnapshot> {
    let changed = std::mem::take(&mut state.unseen);
    let told: Vec<OperationSnapshot> = changed
        .into_iter()
        .filter_map(|operation| state.operation(operation).cloned())
        .collect();
    let asked_for = told.iter().all(|snapshot| {
        matches!(
            (&snapshot.details, snapshot.status),
            (Details::Wait { .. }, OperationStatus::Succeeded)
                | (Details::Step { .. }, OperationStatus::Ready)
        )
    });
    state.overlooked |= state.stirred && !asked_for;
    state.stirred = state.overlooked;
    told
}

fn of_operation(state: &mut State, event: &Event, at: Timestamp) {
    match event {
        Event::ContextStarted { operation } => state.change(*operation, |_| {}),
        Event::ContextSucceeded {
            operation,
            result: given,
            replay_children: replay,
        } => {
            state.end(*operation, OperationStatus::Succeeded, at, |details| {
                if let Details::Context {
                    replay_children,
                    result,
                    ..
                } = details
                {
                    *replay_children = *replay;
                    result.clone_from(given);
                }
            });
            state.prune_below(*operation);
        }
        Event::ContextFailed { operation, error } => {
            state.end(*operation, OperationStatus::Failed, at, |details| {
                set_error(details, error)
            });
            state.prune_below(*operation);
        }
        Event::WaitStarted {
            operation,
            duration_s,
            scheduled_end,
        } => {
            let details = Details::Wait {
                duration_s: *duration_s,
                scheduled_end: *scheduled_end,
            };
            state.change(*operation, |snapshot| snapshot.details = details);
        }
        Event::WaitSucceeded { operation, .. } => {
            state.end(*operation, OperationStatus::Succeeded, at, |_| {});
            state.stirred = true;
        }
        Event::WaitCancelled { operation } => {
            state.end(*operation, OperationStatus::Cancelled, at, |_| {})
        }
        _ => of_callback(state, event, at),
    }
}

fn of_callback(state: &mut State, event: &Event, at: Timestamp) {
    match event {
        Event::CallbackStarted {
            operation,
            timeout_s,
            heartbeat_s,
        } => {
            let details = Details::Callback {
                timeout_s: *timeout_s,
                heartbeat_s: *heartbeat_s,
                result: None,
                error: None,
            };
            state.change(*operation, |snapshot| snapshot.details = details);
        }
        Event::CallbackSucceeded { operation, result } => {
            state.end(*operation, OperationStatus::Succeeded, at, |details| {
                set_result(details, result.as_ref())
            });
            state.stirred = true;
        }
        Event::CallbackFailed { operation, error } => {
            state.end(*operation, OperationStatus::Failed, at, |details| {
                set_error(details, error)
            });
            // AWS does not invoke for a failure without any content.
            state.stirred |= !error.is_empty();
        }
        Event::CallbackTimedOut { operation, error } => {
            state.end(*operation, OperationStatus::TimedOut, at, |details| {
                set_error(details, error)
            });
            state.stirred = true;
        }
        _ => of_chained_invoke(state, event, at),
    }
}

fn of_chained_invoke(state: &mut State, event: &Event, at: Timestamp) {
    let mut end = |operation: Operation, status, change: &dyn Fn(&mut Details)| {
        state.kept_back.remove(&operation);
        state.end(operation, status, at, change);
        state.stirred = true;
    };
    match event {
        Event::KeptBack { operation, outcome } => {
            state.kept_back.insert(*operation, outcome.clone());
        }
        Event::ChainedInvokeStarted { operation, call } => {
            let details = Details::ChainedInvoke {
                call: Arc::clone(call),
                result: None,
                error: None,
            };
            state.change(*operation, |snapshot| snapshot.details = details);
        }
        Event::ChainedInvokeSucceeded { operation, result } => {
            end(*operation, OperationStatus::Succeeded, &|details| {
                set_result(details, result.as_ref())
            });
        }
        Event::ChainedInvokeFailed { operation, error } => {
            end(*operation, OperationStatus::Failed, &|details| {
                set_error(details, error)
            });
        }
        Event::ChainedInvokeTimedOut { operation, error } => {
            end(*operation, OperationStatus::TimedOut, &|details| {
                set_error(details, error)
            });
        }
        Event::ChainedInvokeStopped { operation, error } => {
            end(*operation, OperationStatus::Stopped, &|details| {
                set_error(details, error)
            });
        }
        _ => of_step(state, event, at),
    }
}

fn of_step(state: &mut State, event: &Event, at: Timestamp) {
    match event {
        Event::StepStarted { operation } => state.change(*operation, |snapshot| {
            snapshot.status = OperationStatus::Started;
            if let Details::Step { next_attempt, .. } = &mut snapshot.details {
                *next_attempt = None;
            }
        }),
        Event::StepReady { operation } => {
            state.change(*operation, |snapshot| {
                snapshot.status = OperationStatus::Ready
            });
            state.stirred = true;
        }
        Event::StepSucceeded {
            operation,
            result: given,
            attempt,
            retry,
        } => {
            state.change(*operation, |snapshot| {
                (snapshot.status, snapshot.ended) =
                    after_attempt(retry.as_ref(), OperationStatus::Succeeded, at);
                if let Details::Step {
                    attempt: count,
                    next_attempt,
                    result,
                    error,
                } = &mut snapshot.details
                {
                    *count = *attempt;
                    *next_attempt = retry.map(|retry| retry.due);
                    result.clone_from(given);
                    *error = None;
                }
            });
        }
        Event::StepFailed {
            operation,
            error: given,
            attempt,
            retry,
        } => {
            state.change(*operation, |snapshot| {
                (snapshot.status, snapshot.ended) =
                    after_attempt(retry.as_ref(), OperationStatus::Failed, at);
                if let Details::Step {
                    attempt: count,
                    next_attempt,
                    error,
                    ..
                } = &mut snapshot.details
                {
                    *count = *attempt;
                    *next_attempt = retry.map(|retry| retry.due);
                    *error = Some(given.clone());
                }
            });
        }
        _ => of_pause(state, event, at),
    }
}

const fn after_attempt(
    retry: Option<&StepRetry>,
    closed: OperationStatus,
    at: Timestamp,
) -> (OperationStatus, Option<Timestamp>) {
    match retry {
        Some(_) => (OperationStatus::Pending, None),
        None => (closed, Some(at)),
    }
}

fn set_result(details: &mut Details, given: Option<&Payload>) {
    if let Details::Context { result, .. }
    | Details::Callback { result, .. }
    | Details::ChainedInvoke { result, .. } = details
    {
        *result = given.cloned();
    }
}

fn set_error(details: &mut Details, given: &Failure) {
    if let Details::Context { error, .. }
    | Details::Callback { error, .. }
    | Details::ChainedInvoke { error, .. } = details
    {
        *error = Some(given.clone());
    }
}

fn close(state: &mut State, status: OperationStatus, at: Timestamp) {
    state.end(Operation(0), status, at, |_| {});
    state.invocation = None;
    state.pause = None;
}

fn count_failure(state: &mut State, class: Option<ErrorClass>) {
    let immediate_max = state
        .settings
        .as_ref()
        .map_or(0, |settings| settings.retry.immediate_max);
    match class {
        None => (state.failed_immediate, state.failed_delayed) = (0, 0),
        Some(ErrorClass::Runtime) if state.failed_immediate < immediate_max => {
            state.failed_immediate += 1
        }
        Some(_) => state.failed_delayed = state.failed_delayed.saturating_add(1),
    }
}

fn answered(state: &mut State, given: Given) {
    // The sequence moves on also when there is no next token, so that no position is ever used twice.
    state.position = given.next.unwrap_or(Position {
        sequence: given.position.sequence.saturating_add(1),
        ..given.position
    });
    let at = given.at;
    state.answers.push_back(given);
    while state.answers.len() > ANSWERS_KEPT_MAX
        || state
            .answers
            .front()
            .is_some_and(|old| at.since_ms(old.at) > ANSWER_KEPT_MS)
    {
        state.answers.pop_front();
    }
}

fn blank(kind: OperationKind) -> Details {
    match kind {
        OperationKind::Execution => Details::Execution { input: None },
        OperationKind::Context => Details::Context {
            replay_children: false,
            result: None,
            error: None,
        },
        OperationKind::Step => Details::Step {
            attempt: 0,
            next_attempt: None,
            result: None,
            error: None,
        },
        OperationKind::Wait => Details::Wait {
            duration_s: 0,
            scheduled_end: Timestamp::NEVER,
        },
        OperationKind::Callback => Details::Callback {
            timeout_s: None,
            heartbeat_s: None,
            result: None,
            error: None,
        },
        OperationKind::ChainedInvoke => Details::ChainedInvoke {
            call: Arc::new(ChainedCall {
                function_name: String::new(),
                tenant_id: None,
                input: None,
                target: None,
            }),
            result: None,
            error: None,
        },
    }
}

fn size(event: &Event) -> usize {
    match event {
        Event::ContextFailed { error, .. }
        | Event::StepFailed { error, .. }
        | Event::CallbackFailed { error, .. }
        | Event::ChainedInvokeFailed { error, .. }
        | Event::ChainedInvokeStopped { error, .. } => error.len(),
        // It is counted when it is shown.
        Event::KeptBack { .. } => 0,
        _ => event.payload().map_or(0, Payload::len),
    }
}
