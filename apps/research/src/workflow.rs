//! The durable controller: the seed's flow, written once and replayed as often as needed.

use aws_durable_execution_sdk::{BoxError, DurableContext, OperationError};
use serde_json::{Value, json};

use crate::error::{
    AgentInvocationError, ArtifactStorageError, Kind, WorkflowError, WorkflowStateError,
};
use crate::message::{Start, completed, is_workflow_id, parse_start, workflow_id_for_key};
use crate::phase::{AgentTask, invoke_agent_with_callback};
use crate::record::{Phase, Record};
use crate::review::{Reviewed, reject, review};
use crate::services::Services;
use crate::step::step;
use crate::steps::{Finalized, finalize_workflow, init_workflow, mark_failed};

/// What every step of a run needs to know.
pub(crate) struct Run {
    pub id: String,
    pub topic: String,
    pub parameters: Value,
}

/// The durable handler: topic and parameters in, the COMPLETED or REJECTED result out (specification, §4).
///
/// # Errors
/// `Missing required field: 'topic'` before anything exists; `Workflow failed: …` after the record has been set FAILED.
pub async fn handler(
    event: Value,
    ctx: DurableContext,
    services: Services,
) -> Result<Value, BoxError> {
    let Start {
        topic,
        parameters,
        workflow_id,
    } = parse_start(&event).map_err(WorkflowError::boxed)?;
    let id = workflow_id.unwrap_or_else(|| name_of_execution(ctx.execution_arn()));
    if !ctx.is_replaying() {
        let keys: Vec<&String> = event
            .as_object()
            .map(|fields| fields.keys().collect())
            .unwrap_or_default();
        services.log.info(
            "durable_workflow_starting",
            &id,
            json!({ "event_keys": keys }),
        );
    }
    let services = services.counting();
    let run = Run {
        id,
        topic,
        parameters,
    };
    match flow(&ctx, &services, &run).await {
        Ok(result) => {
            services.log.info(
                "workflow_completed_successfully",
                &run.id,
                json!({ "status": result.get("status") }),
            );
            services.log.info(
                "durable_workflow_completed",
                &run.id,
                json!({ "steps_executed": services.steps_executed() }),
            );
            Ok(result)
        }
        Err(error) => Err(failed(&ctx, &services, &run.id, error).await),
    }
}

async fn flow(
    ctx: &DurableContext,
    services: &Services,
    run: &Run,
) -> Result<Value, WorkflowError> {
    let (own, id, topic, parameters) = (
        services.clone(),
        run.id.clone(),
        run.topic.clone(),
        run.parameters.clone(),
    );
    let arn = ctx.execution_arn().to_owned();
    let _: Record = step(
        ctx,
        services,
        &run.id,
        "init_workflow".to_owned(),
        move || async move { init_workflow(&own, &id, &topic, parameters, &arn).await },
    )
    .await?;

    let research = invoke_agent_with_callback(
        ctx,
        services,
        run.task(Phase::Research, Value::Null, String::new()),
    )
    .await?;
    let analysis = invoke_agent_with_callback(
        ctx,
        services,
        run.task(Phase::Analysis, research.clone(), String::new()),
    )
    .await?;
    let report = match review(ctx, services, run, research, analysis).await? {
        Reviewed::Report(report) => report,
        Reviewed::Rejected(decision) => return Ok(reject(ctx, services, run, decision).await?),
    };

    let (own, id) = (services.clone(), run.id.clone());
    let done: Finalized = step(
        ctx,
        services,
        &run.id,
        "finalize_workflow".to_owned(),
        move || async move { finalize_workflow(&own, &id, &report).await },
    )
    .await?;
    Ok(completed(
        &run.id,
        Some(&done.presigned_url),
        Some(&done.completed_at),
    ))
}

impl Run {
    pub(crate) fn task(&self, phase: Phase, input: Value, feedback: String) -> AgentTask {
        AgentTask {
            workflow_id: self.id.clone(),
            phase,
            topic: self.topic.clone(),
            parameters: self.parameters.clone(),
            input,
            feedback,
            draft: Value::Null,
            round: 1,
        }
    }
}

async fn failed(
    ctx: &DurableContext,
    services: &Services,
    id: &str,
    error: WorkflowError,
) -> BoxError {
    let (own, own_id, cause, arn) = (
        services.clone(),
        id.to_owned(),
        error.clone(),
        ctx.execution_arn().to_owned(),
    );
    let body = move || async move { mark_failed(&own, &own_id, &arn, &cause).await };
    let marked: Result<(), OperationError> =
        step(ctx, services, id, "mark_failed".to_owned(), body).await;
    if let Err(update) = marked {
        services.failed("failed_to_update_error_status", id, &update.into());
    }
    services.failed("durable_workflow_failed", id, &error);
    error.within("Workflow failed").boxed()
}

/// The name in `…/durable-execution/NAME/ID`: the workflow id when the input names none. Derived, so that replay agrees.
fn name_of_execution(arn: &str) -> String {
    let name = arn
        .split('/')
        .rev()
        .nth(1)
        .filter(|name| is_workflow_id(name));
    name.map_or_else(|| workflow_id_for_key(arn), str::to_owned)
}

/// Our own error behind what the SDK reports. Built from the recorded text alone: live and replayed failures read the same.
impl From<OperationError> for WorkflowError {
    fn from(error: OperationError) -> Self {
        let wire = error.wire();
        let error_type = wire.and_then(|wire| wire.error_type()).unwrap_or_default();
        let text = wire
            .and_then(|wire| wire.error_message())
            .map_or_else(|| format!("{error:#}"), str::to_owned);
        let message = readable(error_type, &text);
        let kind = Kind::Invalid;
        match error_type {
            "ArtifactStorageError" => ArtifactStorageError { kind, message }.into(),
            "WorkflowStateError" => WorkflowStateError { kind, message }.into(),
            "ValueError" => Self::Invalid(message),
            "WorkflowError" => Self::Failed { kind, message },
            _ => AgentInvocationError {
                kind,
                code: None,
                message,
            }
            .into(),
        }
    }
}

/// The SDK writes every frame of an error chain in front of the sentence that says what happened; people need the sentence.
fn readable(error_type: &str, text: &str) -> String {
    const FRAMES: [&str; 11] = [
        "operation error",
        "callback",
        "external failure",
        "child context",
        "child_context",
        "child failed",
        "combinator",
        "step",
        "execution failed",
        "retries exhausted",
        "AgentInvocationError",
    ];
    let mut rest = text;
    while let Some((frame, tail)) = rest.split_once(": ") {
        let known = frame == error_type || FRAMES.iter().any(|known| frame.starts_with(known));
        if !known {
            break;
        }
        rest = tail;
    }
    rest.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_execution_name_is_the_workflow_id_when_none_is_given() {
        let arn = "arn:aws:lambda:r:123456789012:function:W:$LATEST/durable-execution/my-id/abc";
        assert_eq!(name_of_execution(arn), "my-id");
        let odd = name_of_execution("not/an arn/x");
        assert!(is_workflow_id(&odd));
        assert_eq!(odd, name_of_execution("not/an arn/x"));
    }

    #[test]
    fn sentences_are_found_behind_the_frames_of_the_sdk() {
        assert_eq!(
            readable(
                "AgentInvocationError",
                "AgentInvocationError: Failed to invoke agent: x"
            ),
            "Failed to invoke agent: x"
        );
        assert_eq!(
            readable(
                "T",
                "operation error: callback: external failure: the model broke: badly"
            ),
            "the model broke: badly"
        );
        assert_eq!(readable("T", "no frames"), "no frames");
    }
}
