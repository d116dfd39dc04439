//! Handlers for the requirements of suite `step` (1-1 … 1-20).

use crate::serdes::Uppercase;
use crate::{Done, at, log, text};
use aws_durable_execution_sdk::builders::{JitterStrategy, RetryStrategyConfig};
use aws_durable_execution_sdk::{
    BoxError, DurableContext, RetryDecision, StepContext, StepError, StepSemantics, TypedError,
};
use serde_json::{Value, json};
use std::time::Duration;

crate::handlers![
    greeting,
    named,
    sequential,
    nested_result,
    null_result,
    uppercased,
    logging_step,
    then_wait,
    cached,
    cached_failure,
    second_attempt,
    exhausted,
    default_retries,
    growing_delays,
    retries_transient,
    does_not_retry_transient,
    at_most_once_crash,
    at_most_once_recovers,
    permanent_failure,
    handled_failure,
];

const TRANSIENT: &str = "TransientError";

pub(crate) async fn fails(_: StepContext) -> Result<Value, BoxError> {
    Err("this step always fails".into())
}

pub(crate) fn no_retry(_: &StepError, _: u32) -> RetryDecision {
    RetryDecision::Stop
}

/// Retries after one second each, `attempts` attempts in all.
pub(crate) fn every_second(attempts: u32) -> RetryStrategyConfig {
    growing(attempts, 1, 1.0)
}

fn growing(attempts: u32, first_seconds: u64, rate: f64) -> RetryStrategyConfig {
    RetryStrategyConfig::builder()
        .max_attempts(attempts)
        .initial_delay(Duration::from_secs(first_seconds))
        .backoff_rate(rate)
        .jitter(JitterStrategy::None)
        .build()
}

async fn greeting(event: Value, context: DurableContext) -> Done {
    let name = text(&event)?;
    let hello = context.step(async move |_| Ok(format!("Hello, {name}!")));
    Ok(json!(hello.await?))
}

async fn named(event: Value, context: DurableContext) -> Done {
    let name = text(&event)?;
    let hello = context.step(async move |_| Ok(format!("Hello, {name}!")));
    Ok(json!(hello.name("custom_step_name").await?))
}

async fn sequential(_: Value, context: DurableContext) -> Done {
    let first = context.step(async |_| Ok("first".to_owned())).await?;
    let second = context.step(async move |_| Ok(format!("{first}_second")));
    Ok(json!(second.await?))
}

async fn nested_result(event: Value, context: DurableContext) -> Done {
    let nested = context.step(async move |_| {
        let tags = at(&event, "tags");
        let count = tags.as_array().map_or(0, Vec::len);
        let user = json!({ "name": at(&event, "name"), "tags": tags });
        Ok(json!({ "user": user, "count": count }))
    });
    Ok(nested.await?)
}

async fn null_result(_: Value, context: DurableContext) -> Done {
    Ok(context.step(async |_| Ok(Value::Null)).await?)
}

async fn uppercased(event: Value, context: DurableContext) -> Done {
    let text = text(&event)?;
    let step = context.step(async move |_| Ok(text));
    Ok(json!(step.serdes(Uppercase).await?))
}

async fn logging_step(event: Value, context: DurableContext) -> Done {
    let name = text(&event)?;
    let execution = context.execution_arn().to_owned();
    let step = context.step(async move |_| {
        log(&execution, &format!("Greeting step started for: {name}"));
        let result = format!("Hello, {name}!");
        log(
            &execution,
            &format!("Greeting step completed with: {result}"),
        );
        Ok(result)
    });
    Ok(json!(step.await?))
}

async fn then_wait(_: Value, context: DurableContext) -> Done {
    let result = context.step(async |_| Ok(json!("computed"))).await?;
    context.wait(Duration::from_secs(2)).await?;
    Ok(result)
}

async fn cached(_: Value, context: DurableContext) -> Done {
    let execution = context.execution_arn().to_owned();
    let step = context.step(async move |_| {
        log(&execution, "step executed");
        Ok(json!("cached_value"))
    });
    let result = step.await?;
    context.wait(Duration::from_secs(1)).await?;
    Ok(result)
}

async fn cached_failure(_: Value, context: DurableContext) -> Done {
    let execution = context.execution_arn().to_owned();
    let step = context.step(async move |_| {
        log(&execution, "step executed");
        Err::<Value, BoxError>("fails for good".into())
    });
    let caught = step.retry_strategy(no_retry).await.err();
    context.wait(Duration::from_secs(1)).await?;
    Ok(json!(caught.map(|error| error.to_string())))
}

async fn second_attempt(_: Value, context: DurableContext) -> Done {
    let step = context.step(async |step: StepContext| {
        if step.attempt() < 2 {
            return Err("not yet".into());
        }
        Ok(json!("Operation succeeded"))
    });
    Ok(step.retry_strategy_config(every_second(3)).await?)
}

async fn exhausted(_: Value, context: DurableContext) -> Done {
    let step = context.step(fails).retry_strategy_config(every_second(4));
    Ok(step.await?)
}

async fn third_time(step: StepContext) -> Result<Value, BoxError> {
    if step.attempt() < 3 {
        return Err(format!("attempt {} fails", step.attempt()).into());
    }
    Ok(json!("third time lucky"))
}

async fn default_retries(_: Value, context: DurableContext) -> Done {
    Ok(context.step(third_time).await?)
}

async fn growing_delays(_: Value, context: DurableContext) -> Done {
    let step = context.step(third_time);
    Ok(step.retry_strategy_config(growing(5, 2, 3.0)).await?)
}

async fn transient(step: StepContext) -> Result<Value, BoxError> {
    if step.attempt() == 1 {
        return Err(TypedError::with_type(TRANSIENT, "try again").into());
    }
    Ok(json!("recovered"))
}

/// Whether the step failed with the error that the strategies of 1-15 and 1-16 tell from others.
fn is_transient(error: &StepError) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(typed) = error.downcast_ref::<TypedError>() {
            return typed.error_type() == TRANSIENT;
        }
        cause = error.source();
    }
    false
}

fn once_more(retry: bool, attempt: u32) -> RetryDecision {
    let delay = Duration::from_secs(1);
    if retry && attempt < 3 {
        RetryDecision::Retry { delay }
    } else {
        RetryDecision::Stop
    }
}

async fn retries_transient(_: Value, context: DurableContext) -> Done {
    let step = context.step(transient);
    let strategy = |error: &StepError, attempt| once_more(is_transient(error), attempt);
    Ok(step.retry_strategy(strategy).await?)
}

async fn does_not_retry_transient(_: Value, context: DurableContext) -> Done {
    let step = context.step(transient);
    let strategy = |error: &StepError, attempt| once_more(!is_transient(error), attempt);
    Ok(step.retry_strategy(strategy).await?)
}

async fn at_most_once_crash(event: Value, context: DurableContext) -> Done {
    let input = text(&event)?;
    let execution = context.execution_arn().to_owned();
    let step = context.step(async move |_| -> Result<Value, BoxError> {
        log(&execution, &format!("about to crash: {input}"));
        std::process::exit(1)
    });
    let step = step.name("at_most_once_flaky_step");
    let step = step.semantics(StepSemantics::AtMostOncePerRetry);
    Ok(step.retry_strategy(no_retry).await?)
}

async fn at_most_once_recovers(event: Value, context: DurableContext) -> Done {
    let input = text(&event)?;
    let execution = context.execution_arn().to_owned();
    let step = context.step(async move |step: StepContext| {
        log(&execution, &format!("attempt {}: {input}", step.attempt()));
        if step.attempt() == 1 {
            std::process::exit(1);
        }
        Ok(json!("succeeded on second attempt"))
    });
    let step = step.semantics(StepSemantics::AtMostOncePerRetry);
    Ok(step.retry_strategy_config(every_second(2)).await?)
}

async fn permanent_failure(_: Value, context: DurableContext) -> Done {
    Ok(context.step(fails).retry_strategy(no_retry).await?)
}

async fn handled_failure(_: Value, context: DurableContext) -> Done {
    let failed = context.step(fails).retry_strategy(no_retry).await.is_err();
    let name = if failed { "fallback" } else { "unexpected" };
    let step = context.step(async move |_| Ok(format!("{name}_result")));
    Ok(json!(step.await?))
}
