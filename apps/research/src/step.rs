//! Durable steps: how one is named, logged and tried again.

use std::time::Duration;

use aws_durable_execution_sdk::serdes::SerdesContext;
use aws_durable_execution_sdk::{
    BoxError, DurableContext, DurableFuture, RetryDecision, Serdes, StepError,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::{WorkflowError, is_transient};
use crate::services::Services;

const STEP_ATTEMPTS: u32 = 6;

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
