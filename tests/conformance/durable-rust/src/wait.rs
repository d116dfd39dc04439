//! Handlers for the requirements of suite `wait` (2-1 … 2-5).

use crate::Done;
use aws_durable_execution_sdk::DurableContext;
use serde_json::{Value, json};
use std::time::Duration;

crate::handlers![basic, named, sequential, one_minute, one_hour];

async fn waited(context: DurableContext, seconds: u64) -> Done {
    context.wait(Duration::from_secs(seconds)).await?;
    Ok(json!("waited"))
}

async fn basic(_: Value, context: DurableContext) -> Done {
    waited(context, 2).await
}

async fn one_minute(_: Value, context: DurableContext) -> Done {
    waited(context, 60).await
}

async fn one_hour(_: Value, context: DurableContext) -> Done {
    waited(context, 3_600).await
}

async fn named(_: Value, context: DurableContext) -> Done {
    let two_seconds = Duration::from_secs(2);
    context.wait(two_seconds).name("custom_wait_name").await?;
    Ok(json!("waited"))
}

async fn sequential(_: Value, context: DurableContext) -> Done {
    let names = ["wait-1", "wait-2"];
    for name in names {
        context.wait(Duration::from_secs(2)).name(name).await?;
    }
    Ok(json!({ "completedWaits": names.len() }))
}
