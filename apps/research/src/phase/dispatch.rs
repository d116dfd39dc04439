//! How an agent gets its task, and is told that nobody waits for it any more.

use aws_durable_execution_sdk::{DurableContext, DurableFuture, OperationError};
use serde_json::json;

use super::poll::finished;
use super::{AgentTask, agent_failed};
use crate::agent::{Dispatch, Dispatched, Progress};
use crate::callback::{Wait, key_of};
use crate::error::{AgentInvocationError, Kind, WorkflowError};
use crate::message::{Work, context_id, has_result, message_id, phase_payload, with_callback};
use crate::record::{Change, Phase};
use crate::services::Services;
use crate::step::step;
use crate::steps::enter_phase;
use crate::table::change_status;

/// Hands the task over. A re-run looks for the task of the run before; only a new generation may start a second one.
pub(super) fn dispatch_step(
    ctx: &DurableContext,
    services: &Services,
    task: &AgentTask,
    token: &str,
    generation: u32,
) -> DurableFuture<Dispatched> {
    let suffix = if generation == 1 {
        "dispatch"
    } else {
        "redispatch"
    };
    let name = format!("{}_{suffix}", task.name());
    let (own, task, token, execution) = (
        services.clone(),
        task.clone(),
        token.to_owned(),
        ctx.execution_arn().to_owned(),
    );
    let id = task.workflow_id.clone();
    step(ctx, services, &id, name, move || async move {
        let record =
            enter_phase(&own, &task.workflow_id, task.phase, has_result(&task.input)).await?;
        let input = own
            .by_reference(&record, input_kind(task.phase), task.input.clone())
            .await?;
        let wait = Wait {
            workflow_id: task.workflow_id.clone(),
            step: format!("{}_await", task.name()),
        };
        own.callbacks.expect(&key_of(&token), &wait).await?;
        let callback_url = own.settings.callback_url(&task.workflow_id);
        let draft_kind = format!("{}_draft_{}", task.phase.step(), task.round);
        let draft = own
            .by_reference(&record, &draft_kind, task.draft.clone())
            .await?;
        let payload = phase_payload(
            task.phase,
            &Work {
                topic: &task.topic,
                parameters: &task.parameters,
                input: &input,
                feedback: &task.feedback,
                draft: &draft,
            },
        );
        let dispatch = Dispatch {
            agent: own.agent(task.phase).to_owned(),
            message_id: message_id(&execution, &task.name(), generation),
            context_id: context_id(&task.workflow_id, &task.name(), generation),
            payload: with_callback(payload, &task.workflow_id, &callback_url, &token),
            callback_url,
            callback_token: token.clone(),
        };
        let mut dispatched = dispatch_agent_task(&own, &task.workflow_id, &dispatch).await?;
        tell_record(&own, &task, &dispatched).await?;
        dispatched.progress = finished(&own, &task, dispatched.progress, &token).await?;
        if let Progress::Failed { error } = &dispatched.progress {
            return Err(agent_failed(error).into());
        }
        Ok(dispatched)
    })
}

fn input_kind(phase: Phase) -> &'static str {
    match phase {
        Phase::Research => "topic",
        Phase::Analysis => "research_data",
        Phase::Writing => "analysis",
    }
}

/// Keeps the agent's task in the record, where whoever cancels the workflow finds it. When it was cancelled meanwhile, the task that has
/// just begun is ended here.
async fn tell_record(
    services: &Services,
    task: &AgentTask,
    dispatched: &Dispatched,
) -> Result<(), WorkflowError> {
    let Some(task_id) = dispatched.task_id.clone() else {
        return Ok(());
    };
    let address = services.agent(task.phase);
    let change = Change::Dispatched {
        phase: task.phase,
        address: address.to_owned(),
        task_id: task_id.clone(),
    };
    let told = change_status(
        &*services.records,
        &task.workflow_id,
        &change,
        &services.log,
    )
    .await;
    match told {
        Ok(_) => Ok(()),
        Err(error) => {
            if !error.kind.is_transient() {
                cancel_agent(services, &task.workflow_id, address, &task_id).await;
            }
            Err(error.into())
        }
    }
}

/// Asks an agent to stop; says whether it took that.
pub(crate) async fn cancel_agent(
    services: &Services,
    workflow_id: &str,
    agent: &str,
    task_id: &str,
) -> bool {
    let cancelled = services.agents.cancel(agent, task_id).await;
    if let Err(error) = &cancelled {
        services.log.info(
            "agent_cancel_refused",
            workflow_id,
            json!({ "agent": agent, "error": error.message }),
        );
    }
    cancelled.is_ok()
}

/// The seed's `dispatch_agent_task`, in the agent's dialect.
///
/// # Errors
/// `Failed to invoke agent: …` or `Agent dispatch error: …`.
pub async fn dispatch_agent_task(
    services: &Services,
    workflow_id: &str,
    dispatch: &Dispatch,
) -> Result<Dispatched, AgentInvocationError> {
    let log = &services.log;
    log.info(
        "dispatching_agent_task",
        workflow_id,
        json!({ "task": dispatch.payload.get("task"), "agent": dispatch.agent }),
    );
    let sent = services.agents.dispatch(dispatch).await;
    match &sent {
        Ok(accepted) => {
            let fields = json!({ "request_id": dispatch.message_id, "task_id": accepted.task_id });
            log.info("agent_task_dispatched", workflow_id, fields);
        }
        Err(error) => {
            let event = if error.kind == Kind::Corrupt {
                "agent_dispatch_error"
            } else {
                "agent_invocation_failed"
            };
            log.error(
                event,
                workflow_id,
                json!({ "error": error.message, "code": error.code }),
            );
        }
    }
    sent
}

/// Tells the agent that nobody waits any more. It may have ended long ago; nothing depends on its answer.
pub(super) async fn stop_agent(
    ctx: &DurableContext,
    services: &Services,
    task: &AgentTask,
    dispatched: &Dispatched,
) -> Result<(), OperationError> {
    let Some(task_id) = dispatched.task_id.clone() else {
        return Ok(());
    };
    let (own, phase, id) = (services.clone(), task.phase, task.workflow_id.clone());
    step(
        ctx,
        services,
        &task.workflow_id,
        format!("{}_cancel", task.name()),
        move || async move {
            // Of an agent that lost the task, the record knows the one that it got instead.
            let record = own.records.get(&id).await?;
            let latest = record.as_ref().and_then(crate::record::Record::agent_task);
            let latest = latest.filter(|(agent, ..)| *agent == phase.agent());
            let task_id = latest.map_or(&*task_id, |(.., latest)| latest);
            cancel_agent(&own, &id, own.agent(phase), task_id).await;
            Ok(())
        },
    )
    .await
}
