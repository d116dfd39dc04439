//! Which events are logged.

use everstep_core::{
    EventId, Generation, Operation, Recovery, Target, TargetKind, Task, TaskPayload,
};

use super::event::Event;
use super::run::Run;
use super::settings::LogLevel;

impl LogLevel {
    /// Whether events of this type are logged.
    #[must_use]
    pub fn selects(self, history_type: &str) -> bool {
        let is_end = matches!(
            history_type,
            "ExecutionAborted" | "ExecutionFailed" | "ExecutionTimedOut"
        );
        match self {
            Self::All => true,
            Self::Fatal => is_end,
            Self::Error => {
                is_end
                    || history_type == "FailStateEntered"
                    || ["Failed", "TimedOut", "Aborted"]
                        .iter()
                        .any(|end| history_type.ends_with(end))
            }
        }
    }
}

/// Hands the command's public events to the log, if the execution has one and its level selects any of them.
pub(crate) fn log(run: &mut Run<'_, '_>) {
    let first = run.first_event();
    let last = EventId(run.turn.execution().next_event().0.saturating_sub(1));
    let state = run.turn.state();
    let logging = state
        .settings
        .as_ref()
        .and_then(|settings| settings.logging.clone());
    let Some(logging) = logging.filter(|_| run.is_logged) else {
        return;
    };
    let execution = run.turn.execution();
    let is_gone = |operation: &&Operation| execution.task(**operation).is_none();
    let mut done: Vec<Operation> = state.logs.keys().filter(is_gone).copied().collect();
    for group in logging.groups {
        let operation = run.next_operation();
        run.turn.emit(Event::Logged {
            operation,
            first,
            last,
            done: std::mem::take(&mut done),
        });
        run.turn.start_task(Task {
            operation,
            generation: Generation(0),
            target: Target {
                kind: TargetKind::Log,
                address: group,
            },
            payload: TaskPayload::Late,
            timeout_ms: None,
            heartbeat_ms: None,
            recovery: Recovery::Repeat,
        });
    }
}
