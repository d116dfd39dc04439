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

/// Events that a log is to hear of.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub first: EventId,
    pub last: EventId,
    /// The log group's ARN.
    pub group: String,
}

/// What has been handed to a log and not been taken: an end of the execution takes its tasks back, and these have to go out again.
pub(crate) fn untaken(execution: &Execution, state: &State) -> Vec<Entry> {
    let logs = state.logs.iter();
    let untaken = logs.filter_map(|(operation, (first, last))| {
        Some(Entry {
            first: *first,
            last: *last,
            group: execution.task(*operation)?.target.address.clone(),
        })
    });
    untaken.collect()
}

/// Hands the command's public events to the log, if the execution has one and its level selects any of them.
pub(crate) fn log(run: &mut Run<'_, '_>) {
    let mut entries = std::mem::take(&mut run.untaken);
    let state = run.turn.state();
    let settings = state.settings.as_ref().filter(|_| run.is_logged);
    if let Some(logging) = settings.and_then(|settings| settings.logging.as_ref()) {
        let next = run.turn.execution().next_event();
        entries.extend(logging.groups.iter().map(|group| Entry {
            first: run.first_event(),
            last: EventId(next.0.saturating_sub(1)),
            group: group.clone(),
        }));
    }
    if entries.is_empty() {
        return;
    }
    let execution = run.turn.execution();
    let is_gone = |operation: &&Operation| execution.task(**operation).is_none();
    let mut done: Vec<Operation> = state.logs.keys().filter(is_gone).copied().collect();
    for entry in entries {
        let operation = run.next_operation();
        run.turn.emit(Event::Logged {
            operation,
            first: entry.first,
            last: entry.last,
            done: std::mem::take(&mut done),
        });
        run.turn.start_task(Task {
            operation,
            generation: Generation(0),
            target: Target {
                kind: TargetKind::Log,
                address: entry.group,
            },
            payload: TaskPayload::Late,
            timeout_ms: None,
            heartbeat_ms: None,
            recovery: Recovery::Repeat,
        });
    }
}
