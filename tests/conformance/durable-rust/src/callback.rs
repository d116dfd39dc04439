//! Handlers for the requirements of suite `callback` (4-1 … 4-19).

use crate::serdes::{Number, Plain, WithSeconds};
use crate::{Done, at, text};
use aws_durable_execution_sdk::{BoxError, DurableContext, DurableFuture};
use serde_json::{Value, json};
use std::time::Duration;

crate::handlers![
    basic,
    named,
    times_out,
    misses_heartbeat,
    heartbeats,
    step_between,
    step_between_times_out,
    wait_between,
    wait_outlasts_timeout,
    then_wait,
    failure_caught,
    timeout_caught,
    typed_result,
    number_result,
    one_after_the_other,
    both_first_to_last,
    both_last_to_first,
];

/// Seconds of the callback's timeout and heartbeat timeout, when it has them.
struct Limits {
    timeout: Option<u64>,
    heartbeat: Option<u64>,
}

const NONE: Limits = Limits {
    timeout: None,
    heartbeat: None,
};

fn within(seconds: u64) -> Limits {
    Limits {
        timeout: Some(seconds),
        heartbeat: None,
    }
}

fn beating(seconds: u64) -> Limits {
    Limits {
        timeout: None,
        heartbeat: Some(seconds),
    }
}

/// Creates a callback for text, and gives what will be its result.
async fn create(
    context: &DurableContext,
    name: &Value,
    limits: Limits,
) -> Result<DurableFuture<String>, BoxError> {
    let mut callback = context.create_callback().name(text(name)?).serdes(Plain);
    if let Some(seconds) = limits.timeout {
        callback = callback.timeout(Duration::from_secs(seconds));
    }
    if let Some(seconds) = limits.heartbeat {
        callback = callback.heartbeat(Duration::from_secs(seconds));
    }
    Ok(callback.await?.result())
}

async fn alone(name: &Value, context: DurableContext, limits: Limits) -> Done {
    let result = create(&context, name, limits).await?;
    Ok(json!(result.await?))
}

async fn basic(event: Value, context: DurableContext) -> Done {
    alone(&event, context, NONE).await
}

async fn named(_: Value, context: DurableContext) -> Done {
    alone(&json!("approval"), context, NONE).await
}

async fn times_out(event: Value, context: DurableContext) -> Done {
    alone(&event, context, within(5)).await
}

async fn misses_heartbeat(event: Value, context: DurableContext) -> Done {
    alone(&event, context, beating(5)).await
}

async fn heartbeats(event: Value, context: DurableContext) -> Done {
    alone(&event, context, beating(10)).await
}

async fn step_meanwhile(event: Value, context: DurableContext, limits: Limits) -> Done {
    let result = create(&context, &event, limits).await?;
    let step = context.step(async |_| Ok("done meanwhile".to_owned()));
    step.await?;
    Ok(json!(result.await?))
}

async fn step_between(event: Value, context: DurableContext) -> Done {
    step_meanwhile(event, context, NONE).await
}

async fn step_between_times_out(event: Value, context: DurableContext) -> Done {
    step_meanwhile(event, context, within(5)).await
}

async fn wait_meanwhile(
    event: Value,
    context: DurableContext,
    seconds: u64,
    limits: Limits,
) -> Done {
    let result = create(&context, &event, limits).await?;
    context.wait(Duration::from_secs(seconds)).await?;
    Ok(json!(result.await?))
}

async fn wait_between(event: Value, context: DurableContext) -> Done {
    wait_meanwhile(event, context, 5, NONE).await
}

async fn wait_outlasts_timeout(event: Value, context: DurableContext) -> Done {
    wait_meanwhile(event, context, 6, within(3)).await
}

async fn then_wait(event: Value, context: DurableContext) -> Done {
    let result = create(&context, &event, NONE).await?.await?;
    context.wait(Duration::from_secs(2)).await?;
    Ok(json!(result))
}

async fn caught_then_wait(event: Value, context: DurableContext, limits: Limits) -> Done {
    let message = match create(&context, &event, limits).await?.await {
        Ok(result) => result,
        Err(error) => format!("caught: {error}"),
    };
    context.wait(Duration::from_secs(2)).await?;
    Ok(json!(message))
}

async fn failure_caught(event: Value, context: DurableContext) -> Done {
    caught_then_wait(event, context, NONE).await
}

async fn timeout_caught(event: Value, context: DurableContext) -> Done {
    caught_then_wait(event, context, within(3)).await
}

async fn typed_result(event: Value, context: DurableContext) -> Done {
    let callback = context.create_callback().name(text(&event)?);
    let received = callback.serdes(WithSeconds).await?.result().await?;
    Ok(json!({ "received": received }))
}

async fn number_result(event: Value, context: DurableContext) -> Done {
    let callback = context.create_callback().name(text(&event)?);
    let count = callback.serdes(Number).await?.result().await?;
    Ok(json!({ "count": count, "doubled": count * 2 }))
}

async fn one_after_the_other(event: Value, context: DurableContext) -> Done {
    let first = create(&context, &at(&event, 0), NONE).await?.await?;
    let second = create(&context, &at(&event, 1), NONE).await?.await?;
    Ok(json!([first, second]))
}

async fn both_first_to_last(event: Value, context: DurableContext) -> Done {
    let first = create(&context, &at(&event, 0), NONE).await?;
    let second = create(&context, &at(&event, 1), NONE).await?;
    let first = first.await?;
    Ok(json!([first, second.await?]))
}

async fn both_last_to_first(event: Value, context: DurableContext) -> Done {
    let first = create(&context, &at(&event, 0), NONE).await?;
    let second = create(&context, &at(&event, 1), NONE).await?;
    let second = second.await?;
    Ok(json!([first.await?, second]))
}
