//! One agent's phase: create the wait, dispatch, and take the result from whichever comes first, the push or a look at the task.

mod dispatch;
mod poll;

use std::time::Duration;

use aws_durable_execution_sdk::{DurableContext, OperationError};
use serde_json::{Value, json};

use crate::agent::Progress;
use crate::artifact::{LARGE_PAYLOAD_BYTES, is_large_payload, reference_uri};
use crate::error::{AGENT_EXECUTION_ERROR, AgentInvocationError, Kind, WorkflowError};
use crate::log::token_hash;
use crate::message::in_round;
use crate::record::Phase;
use crate::services::Services;
use crate::step::{JsonOrText, step, suspended};

pub(crate) use dispatch::cancel_agent;
pub use dispatch::dispatch_agent_task;
use dispatch::{dispatch_step, stop_agent};
use poll::poll;

/// What an agent is to do in a phase.
#[derive(Debug, Clone)]
pub struct AgentTask {
    /// The workflow.
    pub workflow_id: String,
    /// Names the steps, the agent and the time it has.
    pub phase: Phase,
    /// What the workflow is about.
    pub topic: String,
    /// The caller's parameters.
    pub parameters: Value,
    /// The result of the phase before; null in the first.
    pub input: Value,
    /// The reviewer's words.
    pub feedback: String,
    /// What the reviewer wants changed; null when there is nothing yet.
    pub draft: Value,
    /// How often this phase has been asked for, from 1.
    pub round: u32,
}

impl AgentTask {
    /// Names the steps: the seed's names, with a number from the second round on.
    fn name(&self) -> String {
        in_round(self.phase.step(), self.round)
    }
}

/// The seed's pattern: hands the task to the agent and suspends until its result is there; an `s3_reference` is fetched.
///
/// # Errors
/// The dispatch failed for good, the agent failed, or it did not answer within the phase's time.
pub async fn invoke_agent_with_callback(
    ctx: &DurableContext,
    services: &Services,
    task: AgentTask,
) -> Result<Value, WorkflowError> {
    let name = task.name();
    let hours = task.phase.timeout_hours();
    // The wait exists before the agent hears of it, so that even a push that overtakes the dispatch's reply has an address.
    let callback = ctx
        .create_callback::<Value>()
        .name(format!("{name}_await"))
        .timeout(Duration::from_secs(hours * 3600))
        .serdes(JsonOrText)
        .await?;
    let token = callback.id().to_owned();
    if !ctx.is_replaying() {
        let fields = json!({ "callback_name": format!("{name}_await"), "token": token_hash(&token), "timeout_hours": hours });
        services
            .log
            .info("callback_registered", &task.workflow_id, fields);
    }
    let dispatched = dispatch_step(ctx, services, &task, &token, 1).await?;
    let result = match dispatched.progress.clone() {
        Progress::Done { result } => result,
        _ => {
            suspended(ctx, services, &task.workflow_id, &format!("{name}_await"));
            let (poll_services, poll_task) = (services.clone(), task.clone());
            let first = dispatched.clone();
            // An agent that names no task can only call back: there is nothing to look at.
            let waited = if dispatched.untold || dispatched.task_id.is_none() {
                callback.result().await
            } else {
                let polled = ctx
                    .run_in_child_context(move |child| async move {
                        poll(&child, &poll_services, &poll_task, &token, first).await
                    })
                    .name(format!("{name}_poll"))
                    .future();
                ctx.race([callback.result(), polled])
                    .name(format!("{name}_result"))
                    .await
            };
            match waited {
                Ok(result) => result,
                Err(error) => {
                    stop_agent(ctx, services, &task, &dispatched).await?;
                    return Err(in_time(error.into(), task.phase));
                }
            }
        }
    };
    if !ctx.is_replaying() {
        services.log.info(
            "callback_received",
            &task.workflow_id,
            json!({ "callback_name": format!("{name}_await") }),
        );
    }
    Ok(fetched(ctx, services, &task, result).await?)
}

/// Fetches a result that came by reference. What is too large for the journal stays a reference and is read where it is used.
async fn fetched(
    ctx: &DurableContext,
    services: &Services,
    task: &AgentTask,
    result: Value,
) -> Result<Value, OperationError> {
    if reference_uri(&result).is_none() {
        return Ok(result);
    }
    let (own, id) = (services.clone(), task.workflow_id.clone());
    let name = format!("{}_fetch_artifact", task.name());
    step(ctx, services, &task.workflow_id, name, move || async move {
        let content = own.resolve(&id, &result).await?;
        Ok(if is_large_payload(&content, LARGE_PAYLOAD_BYTES) {
            result
        } else {
            content
        })
    })
    .await
}

/// Says whose time is over; the SDK only says that a callback's is.
fn in_time(error: WorkflowError, phase: Phase) -> WorkflowError {
    if error.to_string() != "callback timed out" {
        return error;
    }
    let (task, hours) = (phase.task(), phase.timeout_hours());
    let unit = if hours == 1 { "hour" } else { "hours" };
    agent_failed(&format!(
        "the agent for {task} did not answer within {hours} {unit}"
    ))
    .into()
}

fn agent_failed(error: &str) -> AgentInvocationError {
    AgentInvocationError {
        kind: Kind::Invalid,
        code: Some(AGENT_EXECUTION_ERROR),
        message: error.to_owned(),
    }
}
