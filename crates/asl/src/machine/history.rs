//! The names that AWS's history has for events.

mod details;
mod work;

use serde_json::{Map, Value};

use super::event::{Event, Stage, StateKind, Worker};

impl Event {
    /// What the history tells of the event beside its type: the name of a member, and what it holds. Without data, inputs and outputs are left out.
    #[must_use]
    pub fn details(&self, includes_data: bool) -> Option<(&'static str, Map<String, Value>)> {
        details::of(self, includes_data)
    }

    /// The type that the history shows; `None` for an event that only we know.
    #[must_use]
    pub fn history_type(&self) -> Option<&'static str> {
        Some(match self {
            Self::ExecutionStarted { .. } => "ExecutionStarted",
            Self::ExecutionSucceeded { .. } => "ExecutionSucceeded",
            Self::ExecutionFailed { .. } => "ExecutionFailed",
            Self::ExecutionAborted { .. } => "ExecutionAborted",
            Self::ExecutionTimedOut => "ExecutionTimedOut",
            Self::ExecutionRedriven { .. } => "ExecutionRedriven",
            Self::StateEntered { kind, .. } => entered(*kind),
            Self::StateExited { kind, .. } => exited(*kind)?,
            Self::StateAborted { kind, .. } => aborted(*kind)?,
            Self::StateSucceeded { kind, .. } => {
                of_fan(*kind, "ParallelStateSucceeded", "MapStateSucceeded")?
            }
            Self::StateFailed { kind, .. } => {
                of_fan(*kind, "ParallelStateFailed", "MapStateFailed")?
            }
            Self::MapStateStarted { .. } => "MapStateStarted",
            Self::ParallelStateStarted { .. } => "ParallelStateStarted",
            Self::MapIterationStarted { .. } => "MapIterationStarted",
            Self::MapIterationSucceeded { .. } => "MapIterationSucceeded",
            Self::MapIterationFailed { .. } => "MapIterationFailed",
            Self::MapIterationAborted { .. } => "MapIterationAborted",
            Self::MapRunStarted { .. } => "MapRunStarted",
            Self::MapRunSucceeded { .. } => "MapRunSucceeded",
            Self::MapRunFailed { .. } => "MapRunFailed",
            Self::MapRunAborted { .. } => "MapRunAborted",
            Self::MapRunRedriven { .. } => "MapRunRedriven",
            Self::EvaluationFailed { .. } => "EvaluationFailed",
            Self::Scheduled { attempt, .. } => scheduled(&attempt.worker),
            Self::Started { worker, .. } => started(worker),
            Self::Submitted { .. } => "TaskSubmitted",
            Self::Succeeded { worker, .. } => succeeded(worker),
            Self::Failed { worker, stage, .. } => failed(worker, *stage),
            Self::TimedOut { worker, .. } => timed_out(worker),
            Self::WaitStarted { .. }
            | Self::RetryDecided { .. }
            | Self::Woken { .. }
            | Self::BranchFailed { .. }
            | Self::BranchAborted { .. }
            | Self::StopDecided { .. }
            | Self::Logged { .. } => return None,
        })
    }
}

const fn entered(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Task => "TaskStateEntered",
        StateKind::Pass => "PassStateEntered",
        StateKind::Choice => "ChoiceStateEntered",
        StateKind::Wait => "WaitStateEntered",
        StateKind::Succeed => "SucceedStateEntered",
        StateKind::Fail => "FailStateEntered",
        StateKind::Parallel => "ParallelStateEntered",
        StateKind::Map => "MapStateEntered",
    }
}

const fn exited(kind: StateKind) -> Option<&'static str> {
    Some(match kind {
        StateKind::Task => "TaskStateExited",
        StateKind::Pass => "PassStateExited",
        StateKind::Choice => "ChoiceStateExited",
        StateKind::Wait => "WaitStateExited",
        StateKind::Succeed => "SucceedStateExited",
        StateKind::Parallel => "ParallelStateExited",
        StateKind::Map => "MapStateExited",
        StateKind::Fail => return None,
    })
}

const fn aborted(kind: StateKind) -> Option<&'static str> {
    match kind {
        StateKind::Task => Some("TaskStateAborted"),
        StateKind::Wait => Some("WaitStateAborted"),
        StateKind::Parallel => Some("ParallelStateAborted"),
        StateKind::Map => Some("MapStateAborted"),
        StateKind::Pass | StateKind::Choice | StateKind::Succeed | StateKind::Fail => None,
    }
}

const fn of_fan(
    kind: StateKind,
    parallel: &'static str,
    map: &'static str,
) -> Option<&'static str> {
    match kind {
        StateKind::Parallel => Some(parallel),
        StateKind::Map => Some(map),
        _ => None,
    }
}

const fn scheduled(worker: &Worker) -> &'static str {
    match worker {
        Worker::Function => "LambdaFunctionScheduled",
        Worker::Activity => "ActivityScheduled",
        Worker::Service { .. } => "TaskScheduled",
    }
}

const fn started(worker: &Worker) -> &'static str {
    match worker {
        Worker::Function => "LambdaFunctionStarted",
        Worker::Activity => "ActivityStarted",
        Worker::Service { .. } => "TaskStarted",
    }
}

const fn succeeded(worker: &Worker) -> &'static str {
    match worker {
        Worker::Function => "LambdaFunctionSucceeded",
        Worker::Activity => "ActivitySucceeded",
        Worker::Service { .. } => "TaskSucceeded",
    }
}

const fn failed(worker: &Worker, stage: Stage) -> &'static str {
    match (worker, stage) {
        (Worker::Function, Stage::Schedule) => "LambdaFunctionScheduleFailed",
        (Worker::Function, Stage::Start) => "LambdaFunctionStartFailed",
        (Worker::Function, Stage::Submit | Stage::Run) => "LambdaFunctionFailed",
        (Worker::Activity, Stage::Schedule) => "ActivityScheduleFailed",
        (Worker::Activity, Stage::Start | Stage::Submit | Stage::Run) => "ActivityFailed",
        (Worker::Service { .. }, Stage::Schedule | Stage::Start) => "TaskStartFailed",
        (Worker::Service { .. }, Stage::Submit) => "TaskSubmitFailed",
        (Worker::Service { .. }, Stage::Run) => "TaskFailed",
    }
}

const fn timed_out(worker: &Worker) -> &'static str {
    match worker {
        Worker::Function => "LambdaFunctionTimedOut",
        Worker::Activity => "ActivityTimedOut",
        Worker::Service { .. } => "TaskTimedOut",
    }
}
