//! Redrive: a closed execution goes on from what failed. What succeeded keeps its result; the failures that ended the execution are undone.
//!
//! Undone is a failure that nothing came after: no operation was started in its scope once it had failed. One that the code has handled and
//! gone on from stays, for the operations that followed it would not fit to another outcome.

use std::collections::BTreeSet;

use everstep_core::{
    Failure, Generation, Operation, OperationStatus, Reply as KernelReply, Status, Timestamp, Turn,
};

use crate::event::Event;
use crate::machine::{Durable, EXECUTION};
use crate::model::{Details, OperationKind, OperationSnapshot};
use crate::operations::chained_invoke;
use crate::request::Reply;
use crate::state::State;
use crate::{arm, invocation};

/// Reopens the execution, undoes its failures and invokes the function.
pub(crate) fn redrive(turn: &mut Turn<'_, Durable>) -> KernelReply<Reply> {
    match turn.execution().status() {
        Status::Failed | Status::TimedOut | Status::Stopped => {}
        Status::Running | Status::Pausing | Status::Paused => {
            return KernelReply::Refused("it is running");
        }
        Status::Deleting => return KernelReply::Refused("it is being deleted"),
        Status::Succeeded => return KernelReply::Refused("it has succeeded"),
        Status::Cancelled => return KernelReply::Refused("it was cancelled"),
        Status::Quarantined => return KernelReply::Refused("it is quarantined"),
    }
    let operations = led_to_the_end(turn.state(), turn.execution().status());
    turn.reopen();
    turn.emit(Event::Redriven {
        operations: operations.clone(),
    });
    for operation in &operations {
        show_callback(turn, *operation);
    }
    chained_invoke::show_kept_back(turn);
    arm::timeout(turn);
    arm::waiting(turn);
    invocation::invoke(turn);
    KernelReply::Own(Reply::Redriven { operations })
}

/// A callback that is asked for again has another id, which the history has to show.
pub(crate) fn show_callback(turn: &mut Turn<'_, Durable>, operation: Operation) {
    let Some(snapshot) = turn.state().operation(operation) else {
        return;
    };
    if let Details::Callback {
        timeout_s,
        heartbeat_s,
        ..
    } = snapshot.details
    {
        let generation = snapshot.generation;
        turn.emit(Event::CallbackReopened {
            operation,
            generation,
            timeout_s,
            heartbeat_s,
        });
    }
}

/// The operations to undo, in the order of starts.
fn led_to_the_end(state: &State, status: Status) -> Vec<Operation> {
    let mut found = BTreeSet::new();
    let mut scopes = vec![None];
    while let Some(scope) = scopes.pop() {
        let below = below(state, scope);
        let newest = below.last().copied().unwrap_or_default();
        for operation in below {
            let Some(snapshot) = state.operation(operation) else {
                continue;
            };
            let went_on = !scope.is_some_and(|scope| is_fan_out(state, scope))
                && state
                    .closed_before
                    .get(&operation)
                    .is_some_and(|next| newest >= *next);
            if went_on || !failed(state, snapshot, status) {
                continue;
            }
            found.insert(operation);
            match snapshot.kind() {
                OperationKind::Context => scopes.push(Some(operation)),
                OperationKind::Callback => found.extend(submitters(state, snapshot)),
                _ => {}
            }
        }
    }
    found.into_iter().collect()
}

fn below(state: &State, scope: Option<Operation>) -> Vec<Operation> {
    match scope {
        Some(scope) => state.children.get(&scope).cloned().unwrap_or_default(),
        None => state
            .operations
            .iter()
            .skip(1)
            .filter(|snapshot| snapshot.identity.parent.is_none())
            .map(|snapshot| snapshot.operation)
            .collect(),
    }
}

/// Failed, or a map or parallel that succeeded with failures inside, which its caller may have raised.
fn failed(state: &State, snapshot: &OperationSnapshot, status: Status) -> bool {
    // What there was to invoke is looked up before the machine is asked: a name that meant nothing means nothing now.
    if snapshot.kind() == OperationKind::ChainedInvoke
        && chained_invoke::of_task(snapshot).is_none()
    {
        return false;
    }
    match snapshot.status {
        OperationStatus::Failed | OperationStatus::TimedOut | OperationStatus::Stopped => true,
        OperationStatus::Succeeded
            if status == Status::Failed && is_fan_out(state, snapshot.operation) =>
        {
            below(state, Some(snapshot.operation))
                .into_iter()
                .filter_map(|branch| state.operation(branch))
                .any(|branch| branch.status == OperationStatus::Failed)
        }
        _ => false,
    }
}

/// Whether what lies below runs side by side.
pub(crate) fn is_fan_out(state: &State, operation: Operation) -> bool {
    let kind = state
        .operation(operation)
        .and_then(|snapshot| snapshot.identity.sub_kind.as_deref());
    matches!(kind, Some("Map" | "Parallel"))
}

/// The steps that hand a callback's id out: a new id has to be handed out again.
pub(crate) fn submitters(state: &State, callback: &OperationSnapshot) -> Vec<Operation> {
    let parent = callback
        .identity
        .parent
        .as_deref()
        .and_then(|id| state.by_id(id));
    let Some(parent) =
        parent.filter(|parent| parent.identity.sub_kind.as_deref() == Some("WaitForCallback"))
    else {
        return Vec::new();
    };
    below(state, Some(parent.operation))
        .into_iter()
        .filter_map(|operation| state.operation(operation))
        .filter(|sibling| sibling.kind() == OperationKind::Step)
        .map(|sibling| sibling.operation)
        .collect()
}

/// Applies [`Event::Redriven`].
pub(crate) fn apply(state: &mut State, operations: &[Operation], at: Timestamp) {
    (state.result, state.error) = (None, None);
    (state.failed_immediate, state.failed_delayed) = (0, 0);
    state.failed_because = None;
    (state.invocation, state.stirred, state.overlooked) = (None, false, false);
    state.change(EXECUTION, |snapshot| {
        (snapshot.status, snapshot.ended) = (OperationStatus::Started, None);
    });
    state.unseen.remove(&EXECUTION);
    for operation in operations {
        begin_again(state, *operation, at);
    }
    callbacks_anew(state, at);
    for operation in operations {
        state.show_below(*operation);
    }
}

/// Undoes an operation: it has a new generation and no outcome.
pub(crate) fn begin_again(state: &mut State, operation: Operation, at: Timestamp) {
    state.change(operation, |snapshot| {
        snapshot.generation = Generation(snapshot.generation.0.saturating_add(1));
        snapshot.ended = None;
        snapshot.status = match &mut snapshot.details {
            Details::Step {
                attempt,
                next_attempt,
                result,
                error,
            } => {
                *attempt = 0;
                (*next_attempt, *result, *error) = (None, None, None);
                OperationStatus::Ready
            }
            details => {
                // What is asked of somebody else is asked for anew; a context goes on.
                if !matches!(details, Details::Context { .. }) {
                    snapshot.started = at;
                }
                clear(details);
                OperationStatus::Started
            }
        };
    });
    state.closed_before.remove(&operation);
}

/// Nobody could answer before: the time to answer of every callback that waits begins now.
pub(crate) fn callbacks_anew(state: &mut State, at: Timestamp) {
    let waiting = state
        .operations
        .iter()
        .filter(|snapshot| snapshot.kind() == OperationKind::Callback && snapshot.is_waiting())
        .map(|snapshot| (snapshot.operation, at));
    state.asked_anew.extend(waiting);
}

fn clear(details: &mut Details) {
    let (result, error): (&mut Option<_>, &mut Option<Failure>) = match details {
        Details::Context {
            replay_children,
            result,
            error,
        } => {
            *replay_children = false;
            (result, error)
        }
        Details::Callback { result, error, .. } | Details::ChainedInvoke { result, error, .. } => {
            (result, error)
        }
        Details::Execution { .. } | Details::Step { .. } | Details::Wait { .. } => return,
    };
    (*result, *error) = (None, None);
}
