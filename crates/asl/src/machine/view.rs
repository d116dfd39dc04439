//! The states of an execution as operations.

use everstep_core::{
    Execution, Failure, Operation, OperationStatus, Status, Timestamp, View, ViewOperation,
};

use super::event::{FrameId, StateKind};
use super::state::{Frame, Phase, State, Visit};

pub(crate) fn view(execution: &Execution, state: &State) -> View {
    let mut operations = vec![of_execution(execution, state)];
    let left = state.visited.iter().map(|visited| ViewOperation {
        operation: Operation(visited.entered.0),
        parent: Some(Operation(visited.within.map_or(0, |within| within.0))),
        id: visited.entered.to_string(),
        kind: kind(visited.kind),
        sub_kind: None,
        name: Some(visited.name.to_string()),
        status: OperationStatus::Succeeded,
        started: visited.entered_at,
        ended: Some(visited.left_at),
        attempts: visited.attempts,
        due: None,
        failure: None,
    });
    operations.extend(left);
    for (id, frame) in &state.frames {
        if let Some(visit) = &frame.visit {
            operations.push(of_visit(execution, state, (*id, frame), visit));
        }
    }
    operations.sort_by_key(|operation| (operation.started, operation.operation));
    View { operations }
}

fn of_execution(execution: &Execution, state: &State) -> ViewOperation {
    ViewOperation {
        operation: Operation(0),
        parent: None,
        id: execution.id().to_string(),
        kind: "EXECUTION",
        sub_kind: None,
        name: Some(execution.name().to_owned()),
        status: status_of(execution.status()),
        started: execution.started(),
        ended: execution.closed(),
        attempts: state.redrives.saturating_add(1),
        due: None,
        failure: failure(state),
    }
}

fn failure(state: &State) -> Option<Failure> {
    let (error, cause) = (&state.failure.error, &state.failure.cause);
    (error.is_some() || cause.is_some()).then(|| Failure {
        kind: error.as_ref().map(ToString::to_string),
        message: cause.as_ref().map(ToString::to_string),
        ..Failure::default()
    })
}

fn of_visit(
    execution: &Execution,
    state: &State,
    (id, frame): (FrameId, &Frame),
    visit: &Visit,
) -> ViewOperation {
    let outer = frame.seat.and_then(|seat| state.visit(seat.frame));
    let (status, due) = standing(execution, frame);
    ViewOperation {
        operation: Operation(visit.entered.0),
        parent: Some(Operation(outer.map_or(0, |outer| outer.entered.0))),
        id: format!("{}.{}", visit.entered, id.0),
        kind: kind(visit.kind),
        sub_kind: None,
        name: Some(visit.name.to_string()),
        status,
        started: visit.entered_at,
        ended: status.is_closed().then(|| execution.now()),
        attempts: visit.retry_count(),
        due,
        failure: None,
    }
}

fn standing(execution: &Execution, frame: &Frame) -> (OperationStatus, Option<Timestamp>) {
    match &frame.phase {
        _ if execution.status().is_closed() => (status_of(execution.status()), None),
        Phase::Waiting { until } => (OperationStatus::Started, Some(*until)),
        Phase::Retrying { due } => (OperationStatus::Pending, Some(*due)),
        Phase::Queued => (OperationStatus::Ready, None),
        Phase::Failed | Phase::Failing { .. } => (OperationStatus::Failed, None),
        Phase::Aborted { .. } => (OperationStatus::Cancelled, None),
        Phase::Begin { .. }
        | Phase::Next { .. }
        | Phase::Work
        | Phase::Scheduled
        | Phase::Running
        | Phase::Done { .. }
        | Phase::Waited
        | Phase::Spread
        | Phase::Fanned
        | Phase::Joined
        | Phase::Ended { .. } => (OperationStatus::Started, None),
    }
}

const fn status_of(status: Status) -> OperationStatus {
    match status {
        Status::Succeeded => OperationStatus::Succeeded,
        Status::Failed | Status::Quarantined => OperationStatus::Failed,
        Status::TimedOut => OperationStatus::TimedOut,
        Status::Stopped => OperationStatus::Stopped,
        Status::Cancelled => OperationStatus::Cancelled,
        Status::Running | Status::Pausing | Status::Paused | Status::Deleting => {
            OperationStatus::Started
        }
    }
}

const fn kind(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Task => "TASK",
        StateKind::Pass => "PASS",
        StateKind::Choice => "CHOICE",
        StateKind::Wait => "WAIT",
        StateKind::Succeed => "SUCCEED",
        StateKind::Fail => "FAIL",
        StateKind::Parallel => "PARALLEL",
        StateKind::Map => "MAP",
    }
}
