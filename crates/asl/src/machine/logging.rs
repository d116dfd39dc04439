//! Which events are logged.

use everstep_core::{
    EventId, Execution, Generation, Operation, Recovery, Target, TargetKind, Task, TaskPayload,
};

use super::event::Event;
use super::run::Run;
use super::settings::LogLevel;
use super::state::State;

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

/// Tasks that no log has taken: an end of the execution takes its tasks back, and these go out again as what they are, so that one that is being
/// written is not written twice.
pub(crate) fn untaken(execution: &Execution, state: &State) -> Vec<Task> {
    let logs = state.logs.keys();
    let untaken = logs.filter_map(|operation| execution.task(*operation).cloned());
    untaken.collect()
}

/// Hands the command's public events to the log, if the execution has one and its level selects any of them.
pub(crate) fn log(run: &mut Run<'_, '_>) {
    for task in std::mem::take(&mut run.untaken) {
        run.turn.start_task(task);
    }
    let state = run.turn.state();
    let settings = state.settings.as_ref().filter(|_| run.is_logged);
    let Some(logging) = settings.and_then(|settings| settings.logging.as_ref()) else {
        return;
    };
    let groups = logging.groups.clone();
    let first = run.first_event();
    let execution = run.turn.execution();
    let last = EventId(execution.next_event().0.saturating_sub(1));
    let is_gone = |operation: &&Operation| execution.task(**operation).is_none();
    let mut done: Vec<Operation> = state.logs.keys().filter(is_gone).copied().collect();
    for group in groups {
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
