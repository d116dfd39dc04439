//! CHAINED_INVOKE: another function, run on the execution's behalf. A durable one is an execution of its own, which is started by a task and
//! tells its end by a settle; of a plain one there is one call, whose value or error is the outcome.

use std::sync::Arc;

use everstep_core::{
    Definition, Execution, ExecutionId, Failure, Generation, Operation, OperationStatus, Outcome,
    Parent, Payload, Recovery, SHARDS, Shard, Start, Target, TargetKind, Task, TaskPayload, Turn,
};

use crate::event::Event;
use crate::machine::Durable;
use crate::model::{
    Action, ChainedCall, ChainedTarget, Details, InvokeTarget, Mode, OperationSnapshot, Update,
};
use crate::operations::require;
use crate::request::{Limits, Refusal};
use crate::state::State;

const DAY_MS: u64 = 24 * 3_600_000;
const TENANT_CHARACTERS_MAX: usize = 256;

pub(crate) fn check(
    current: Option<OperationStatus>,
    update: &Update,
    limits: &Limits,
) -> Result<(), Refusal> {
    require(
        update.action == Action::Start,
        "Invalid action for CHAINED_INVOKE operation.",
    )?;
    require(
        current.is_none(),
        "Cannot start a CHAINED_INVOKE operation that already exists.",
    )?;
    let invalid = |message: String| {
        Err(Refusal::InvalidUpdate {
            message: message.into(),
        })
    };
    let Some(options) = &update.options.chained_invoke else {
        return require(
            false,
            "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.",
        );
    };
    if let InvokeTarget::Invalid(message) = &options.target {
        return invalid(message.clone());
    }
    require(
        options.tenant_id.as_deref().is_none_or(is_tenant),
        "TenantId must be 1 to 256 characters matching [a-zA-Z0-9._:/=+-@ ].",
    )?;
    let max = limits.payload_bytes_max;
    if update.payload.as_ref().map_or(0, Payload::len) > max as usize {
        return invalid(format!(
            "CHAINED_INVOKE input payload size must be less than or equal to {max} bytes."
        ));
    }
    Ok(())
}

fn is_tenant(text: &str) -> bool {
    (1..=TENANT_CHARACTERS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:/=+-@ ".contains(&b))
}

pub(crate) fn take(turn: &mut Turn<'_, Durable>, operation: Operation, update: Update) {
    let Some(options) = update.options.chained_invoke else {
        return;
    };
    let (target, missing) = match options.target {
        InvokeTarget::Function(settings) => {
            let (time, chance, shard) = (turn.now().0, turn.chance(), turn.chance());
            let mut settings = *settings;
            if let Some(own) = &turn.state().settings {
                // The parent takes no larger result than this.
                settings.limits.result_bytes_max = own.limits.payload_bytes_max;
                settings.trace_header = options.trace_id.or_else(|| own.trace_header.clone());
            }
            settings.tenant_id.clone_from(&options.tenant_id);
            let id = ExecutionId::new(time, chance, any_shard(shard));
            (Some(ChainedTarget { id, settings }), None)
        }
        InvokeTarget::Missing(failure) => (None, Some(failure)),
        InvokeTarget::Invalid(_) => return,
    };
    let call = Arc::new(ChainedCall {
        function_name: options.function_name,
        tenant_id: options.tenant_id,
        input: update.payload,
        target,
    });
    turn.emit(Event::ChainedInvokeStarted {
        operation,
        call: Arc::clone(&call),
    });
    if let Some(error) = missing {
        turn.emit(Event::ChainedInvokeFailed { operation, error });
    }
    if let Some(target) = &call.target {
        turn.open(operation, Generation(0));
        turn.start_task(task(operation, Generation(0), target));
    }
}

/// Invokes it for another time, as a child of its own: a former one has told its end to nobody, or to somebody else.
pub(crate) fn invoke_again(turn: &mut Turn<'_, Durable>, snapshot: &OperationSnapshot) {
    let Some((call, target)) = of_task(snapshot) else {
        return;
    };
    let (operation, generation) = (snapshot.operation, snapshot.generation);
    let (time, chance, shard) = (turn.now().0, turn.chance(), turn.chance());
    let target = ChainedTarget {
        id: ExecutionId::new(time, chance, any_shard(shard)),
        settings: target.settings.clone(),
    };
    let task = task(operation, generation, &target);
    let call = Arc::new(ChainedCall {
        target: Some(target),
        ..call.clone()
    });
    turn.emit(Event::ChainedInvokeStarted { operation, call });
    turn.open(operation, generation);
    turn.start_task(task);
}

fn any_shard(chance: u64) -> Shard {
    Shard(u16::try_from(chance % u64::from(SHARDS)).unwrap_or_default())
}

fn task(operation: Operation, generation: Generation, target: &ChainedTarget) -> Task {
    let settings = &target.settings;
    let (kind, timeout_ms, recovery) = match settings.mode {
        // The start names the child: one that is known there is not sent again.
        Mode::Durable => (TargetKind::Execution, None, Recovery::LookUp),
        // As AWS promises for functions: at least once. A caller that is not told would wait for ever.
        Mode::Plain => (
            settings.target(),
            Some(u64::from(settings.function_timeout_s) * 1_000),
            if settings.is_agent {
                Recovery::LookUp
            } else {
                Recovery::Repeat
            },
        ),
    };
    Task {
        operation,
        generation,
        target: Target {
            kind,
            address: settings.address(),
        },
        payload: TaskPayload::Late,
        timeout_ms,
        heartbeat_ms: None,
        recovery,
    }
}

/// It has ended. While the function runs this is kept back: its next checkpoint shows it, or its end does.
pub(crate) fn settled(turn: &mut Turn<'_, Durable>, operation: Operation, outcome: Outcome) {
    if turn.state().invocation.is_some() {
        turn.emit(Event::KeptBack { operation, outcome });
    } else {
        end(turn, operation, outcome);
    }
}

/// Shows what was kept back, in the order of the operations.
pub(crate) fn show_kept_back(turn: &mut Turn<'_, Durable>) {
    let kept: Vec<(Operation, Outcome)> = turn
        .state()
        .kept_back
        .iter()
        .map(|(operation, outcome)| (*operation, outcome.clone()))
        .collect();
    for (operation, outcome) in kept {
        end(turn, operation, outcome);
    }
}

fn end(turn: &mut Turn<'_, Durable>, operation: Operation, outcome: Outcome) {
    let max = turn
        .state()
        .settings
        .as_ref()
        .map_or(u32::MAX, |settings| settings.limits.payload_bytes_max);
    let event = match outcome {
        Outcome::Succeeded(Some(result)) if result.len() > max as usize => {
            let message = format!(
                "CHAINED_INVOKE output payload size must be less than or equal to {max} bytes."
            );
            let error = Failure {
                message: Some(message),
                ..Failure::default()
            };
            Event::ChainedInvokeFailed { operation, error }
        }
        Outcome::Succeeded(result) => Event::ChainedInvokeSucceeded { operation, result },
        Outcome::Failed(error) => Event::ChainedInvokeFailed { operation, error },
        Outcome::TimedOut(_) => Event::ChainedInvokeTimedOut {
            operation,
            error: timeout(turn, operation),
        },
        Outcome::Stopped(error) => Event::ChainedInvokeStopped { operation, error },
    };
    turn.emit(event);
}

fn timeout(turn: &Turn<'_, Durable>, operation: Operation) -> Failure {
    let target = match turn
        .state()
        .operation(operation)
        .map(|found| &found.details)
    {
        Some(Details::ChainedInvoke { call, .. }) => call.target.as_ref(),
        _ => None,
    };
    let seconds = target.map_or(0, |target| match target.settings.mode {
        Mode::Durable => target.settings.execution_timeout_s.unwrap_or_default(),
        Mode::Plain => target.settings.function_timeout_s,
    });
    Failure::new(
        "ChainedInvoke.Timeout",
        format!("CHAINED_INVOKE timed out after {seconds} seconds."),
    )
}

/// The call that a task of this operation stands for; `None` when the task is none of a chained invoke.
pub(crate) fn of_task(snapshot: &OperationSnapshot) -> Option<(&ChainedCall, &ChainedTarget)> {
    match &snapshot.details {
        Details::ChainedInvoke { call, .. } => Some((call, call.target.as_ref()?)),
        _ => None,
    }
}

/// The executions that it has started and waits for; when it was stopped, those that it waited for then.
pub fn children(state: &State) -> impl Iterator<Item = ExecutionId> {
    let open = state.operations.iter().filter(|snapshot| {
        snapshot.status == OperationStatus::Started
            && !state.kept_back.contains_key(&snapshot.operation)
    });
    let targets = open.filter_map(|snapshot| of_task(snapshot));
    targets
        .filter(|(_, target)| target.settings.mode == Mode::Durable)
        .map(|(_, target)| target.id)
}

/// How the child execution begins.
pub(crate) fn start(
    execution: &Execution,
    task: &Task,
    call: &ChainedCall,
    target: &ChainedTarget,
) -> Start {
    let settings = &target.settings;
    Start {
        definition: Definition {
            machine: execution.definition().machine,
            name: settings.function.name.clone(),
            version: settings.function.version.clone(),
        },
        name: target.id.to_string(),
        input: call.input.clone(),
        settings: settings.encode(),
        retention_ms: u64::from(settings.retention_days) * DAY_MS,
        parent: Some(Parent {
            execution: execution.id(),
            operation: task.operation,
            generation: task.generation,
        }),
        attributes: std::collections::BTreeMap::new(),
        fork: None,
    }
}
