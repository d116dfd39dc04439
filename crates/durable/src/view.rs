//! The common operation tree.

use everstep_core::{Execution, Failure, View, ViewOperation};

use crate::machine::{EXECUTION, INVOCATION_RETRY};
use crate::model::{Details, OperationSnapshot};
use crate::state::State;

pub(crate) fn view(execution: &Execution, state: &State) -> View {
    View {
        operations: state
            .operations
            .iter()
            .map(|snapshot| show(execution, state, snapshot))
            .collect(),
    }
}

fn show(execution: &Execution, state: &State, snapshot: &OperationSnapshot) -> ViewOperation {
    let waiting = snapshot.is_waiting();
    let (attempts, due) = match &snapshot.details {
        Details::Step {
            attempt,
            next_attempt,
            ..
        } => (*attempt, *next_attempt),
        Details::Wait { scheduled_end, .. } => (0, Some(*scheduled_end)),
        Details::Callback { timeout_s, .. } => {
            let anew = state.asked_anew.get(&snapshot.operation);
            let since = anew.copied().unwrap_or(snapshot.started);
            let due = timeout_s.map(|seconds| since.after_seconds(u64::from(seconds)));
            (0, due)
        }
        // Invocations that have failed in a row, and when the next one is tried.
        Details::Execution { .. } => (
            state.failed_immediate.saturating_add(state.failed_delayed),
            execution
                .timer(EXECUTION, INVOCATION_RETRY)
                .map(|timer| timer.due),
        ),
        Details::Context { .. } | Details::ChainedInvoke { .. } => (0, None),
    };
    ViewOperation {
        operation: snapshot.operation,
        parent: snapshot
            .identity
            .parent
            .as_ref()
            .and_then(|id| state.by_id(id))
            .map(|parent| parent.operation),
        id: snapshot.identity.id.to_string(),
        kind: snapshot.kind().as_str(),
        sub_kind: snapshot.identity.sub_kind.as_deref().map(str::to_owned),
        name: snapshot.identity.name.as_deref().map(str::to_owned),
        status: snapshot.status,
        started: snapshot.started,
        ended: snapshot.ended,
        attempts,
        due: due.filter(|_| waiting || snapshot.operation == EXECUTION),
        failure: failure(state, snapshot),
    }
}

fn failure(state: &State, snapshot: &OperationSnapshot) -> Option<Failure> {
    match &snapshot.details {
        Details::Execution { .. } => state.error.clone().or_else(|| state.failed_because.clone()),
        Details::Context { error, .. }
        | Details::Step { error, .. }
        | Details::Callback { error, .. }
        | Details::ChainedInvoke { error, .. } => error.clone(),
        Details::Wait { .. } => None,
    }
}
