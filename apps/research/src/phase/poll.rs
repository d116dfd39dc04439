//! Looking at an agent's task: the backstop for results that are pushed and never arrive.

use aws_durable_execution_sdk::{BoxError, DurableContext};
use serde_json::{Value, json};

use super::dispatch::dispatch_step;
use super::{AgentTask, agent_failed};
use crate::agent::{Dispatched, Progress};
use crate::artifact::{LARGE_PAYLOAD_BYTES, is_large_payload};
use crate::error::WorkflowError;
use crate::log::{Level, token_hash};
use crate::services::Services;
use crate::step::step;

/// How often a task may be begun for one wait: an agent that forgets it each time will not remember the next one either.
const DISPATCH_GENERATIONS: u32 = 3;

/// Looks at the task now and then until it is finished: the backstop for pushes that never arrive.
pub(super) async fn poll(
    ctx: &DurableContext,
    services: &Services,
    task: &AgentTask,
    token: &str,
    mut dispatched: Dispatched,
) -> Result<Value, BoxError> {
    let name = task.name();
    let mut generation = 1;
    let mut round = 0;
    loop {
        ctx.wait(services.settings.poll_wait(round))
            .name(format!("{name}_poll_wait"))
            .await?;
        round += 1;
        let (own, looked, bearer, current) = (
            services.clone(),
            task.clone(),
            token.to_owned(),
            dispatched.task_id.clone(),
        );
        let check = format!("{name}_poll_check");
        let progress: Progress = step(
            ctx,
            services,
            &task.workflow_id,
            check,
            move || async move { look(&own, &looked, current, &bearer).await },
        )
        .await?;
        match progress {
            Progress::Working => {}
            Progress::Done { result } => return Ok(result),
            Progress::Failed { error } => {
                return Err(WorkflowError::from(agent_failed(&error)).boxed());
            }
            Progress::Lost if generation < DISPATCH_GENERATIONS => {
                // The agent forgot the task: whatever it did is gone, so a new generation may start.
                generation += 1;
                dispatched = dispatch_step(ctx, services, task, token, generation).await?;
                if let Progress::Done { result } = dispatched.progress {
                    return Ok(result);
                }
            }
            Progress::Lost => {
                return Err(
                    WorkflowError::from(agent_failed("the agent keeps losing the task")).boxed(),
                );
            }
        }
    }
}

/// One look. An agent that is out of reach is simply not finished: the wait's own deadline ends it.
async fn look(
    services: &Services,
    task: &AgentTask,
    task_id: Option<String>,
    token: &str,
) -> Result<Progress, WorkflowError> {
    let Some(task_id) = task_id else {
        return Ok(Progress::Lost);
    };
    match services
        .agents
        .progress(services.agent(task.phase), &task_id)
        .await
    {
        Ok(progress) => finished(services, task, progress, token).await,
        Err(error) => {
            let fields = json!({ "step": task.phase.step(), "error": error.message });
            services.log.write(
                Level::Warning,
                "agent_poll_failed",
                &task.workflow_id,
                fields,
            );
            Ok(Progress::Working)
        }
    }
}

/// Makes a finished task's result fit for the journal, and closes the wait with it, so that a push that comes later is
/// recognised as late and nobody is shown an open wait. Closing is a courtesy: the result counts even if it fails.
pub(super) async fn finished(
    services: &Services,
    task: &AgentTask,
    progress: Progress,
    token: &str,
) -> Result<Progress, WorkflowError> {
    let Progress::Done { result } = progress else {
        return Ok(progress);
    };
    let result = if is_large_payload(&result, LARGE_PAYLOAD_BYTES) {
        let found = services.records.get(&task.workflow_id).await?;
        match found {
            Some(record) => {
                services
                    .by_reference(&record, &format!("{}_result", task.name()), result)
                    .await?
            }
            None => result,
        }
    } else {
        result
    };
    if let Err(error) = services.engine.succeed(token, &result).await {
        let fields = json!({ "step": task.phase.step(), "token": token_hash(token), "error": error.message });
        services
            .log
            .info("callback_already_settled", &task.workflow_id, fields);
    }
    Ok(Progress::Done { result })
}
