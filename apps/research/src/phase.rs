//! One agent's phase: create the wait, dispatch, and take the result from whichever comes first, the push or a look at the task.

use std::time::Duration;

use aws_durable_execution_sdk::serdes::SerdesContext;
use aws_durable_execution_sdk::{
    BoxError, DurableContext, DurableFuture, OperationError, RetryDecision, Serdes, StepError,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::agent::{Dispatch, Dispatched, Progress};
use crate::artifact::{LARGE_PAYLOAD_BYTES, is_large_payload, reference_uri};
use crate::callback::{Wait, key_of};
use crate::error::{
    AGENT_EXECUTION_ERROR, AgentInvocationError, Kind, WorkflowError, is_transient,
};
use crate::log::{Level, token_hash};
use crate::message::{
    Work, context_id, has_result, in_round, message_id, phase_payload, with_callback,
};
use crate::record::{Change, Phase};
use crate::services::Services;
use crate::steps::enter_phase;
use crate::table::change_status;

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

const STEP_ATTEMPTS: u32 = 6;
const DISPATCH_GENERATIONS: u32 = 3;

/// Callback results are JSON; whoever sends plain text gets it taken as text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonOrText;

impl Serdes<Value> for JsonOrText {
    async fn serialize(&self, value: Value, _: SerdesContext) -> Result<String, BoxError> {
        Ok(value.to_string())
    }

    async fn deserialize(&self, wire: String, _: SerdesContext) -> Result<Value, BoxError> {
        Ok(serde_json::from_str(&wire).unwrap_or(Value::String(wire)))
    }
}

/// Transient failures are tried again after 1, 2, 4, 8, 16 s with jitter; everything else is final.
pub(crate) fn retry(error: &StepError, attempt: u32) -> RetryDecision {
    if attempt >= STEP_ATTEMPTS || !is_transient(error) {
        return RetryDecision::Stop;
    }
    let full = 1_000_u64 << attempt.saturating_sub(1).min(10);
    // Half of the delay is fixed, the other half random: the service stores the outcome, so replay does not roll again.
    let random =
        u64::try_from(uuid::Uuid::new_v4().as_u128() % u128::from(full / 2 + 1)).unwrap_or(0);
    RetryDecision::Retry {
        delay: Duration::from_millis(full / 2 + random),
    }
}

/// A durable step around an async body that fails with a [`WorkflowError`].
pub(crate) fn step<O, F, Fut>(
    ctx: &DurableContext,
    services: &Services,
    workflow_id: &str,
    name: String,
    body: F,
) -> DurableFuture<O>
where
    O: Serialize + DeserializeOwned + Send + 'static,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<O, WorkflowError>> + Send + 'static,
{
    services.count_step();
    let (log, id, step_name) = (services.log.clone(), workflow_id.to_owned(), name.clone());
    ctx.step(move |attempt| async move {
        log.info(
            "step_starting",
            &id,
            json!({ "step": step_name, "attempt": attempt.attempt() }),
        );
        match body().await {
            Ok(value) => {
                let result_type = short_type::<O>();
                log.info(
                    "step_completed",
                    &id,
                    json!({ "step": step_name, "result_type": result_type }),
                );
                Ok(value)
            }
            Err(error) => {
                log.error(
                    "step_failed",
                    &id,
                    json!({ "step": step_name, "error": error.to_string() }),
                );
                Err(error.boxed())
            }
        }
    })
    .name(name)
    .retry_strategy(retry)
    .future()
}

/// Says once that the workflow now waits; a replay has said it before.
pub(crate) fn suspended(ctx: &DurableContext, services: &Services, workflow_id: &str, wait: &str) {
    if !ctx.is_replaying() {
        services.log.info(
            "workflow_suspended_for_callback",
            workflow_id,
            json!({ "step": wait }),
        );
    }
}

fn short_type<T>() -> &'static str {
    std::any::type_name::<T>()
        .rsplit("::")
        .next()
        .unwrap_or("value")
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

/// Hands the task over. A re-run looks for the task of the run before; only a new generation may start a second one.
fn dispatch_step(
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

fn input_kind(phase: Phase) -> &'static str {
    match phase {
        Phase::Research => "topic",
        Phase::Analysis => "research_data",
        Phase::Writing => "analysis",
    }
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

/// Looks at the task now and then until it is finished: the backstop for pushes that never arrive.
async fn poll(
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
async fn finished(
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

/// Tells the agent that nobody waits any more. It may have ended long ago; nothing depends on its answer.
async fn stop_agent(
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
            cancel_agent(&own, &id, own.agent(phase), &task_id).await;
            Ok(())
        },
    )
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
