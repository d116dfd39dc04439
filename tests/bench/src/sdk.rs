//! Workloads A and B on AWS's Rust SDK: what the bench binary is when the function host starts it with the handler `sdk`.

use anyhow::Result;
use aws_durable_execution_sdk as durable;
use serde_json::Value;

use crate::http::Connection;

/// `_HANDLER` of this function.
pub const HANDLER: &str = "sdk";

pub async fn run() -> Result<()> {
    durable::run(handler)
        .await
        .map_err(|error| anyhow::anyhow!("{error}"))
}

async fn handler(
    event: Value,
    context: durable::DurableContext,
) -> Result<String, durable::BoxError> {
    if let Some(url) = event.get("url").and_then(Value::as_str) {
        let callback = context.create_callback::<String>().name("callback").await?;
        let (url, id) = (url.to_owned(), callback.id().to_owned());
        context
            .step(move |_| async move { tell(&url, &id).await })
            .name("tell")
            .await?;
        return Ok(callback.result().await?);
    }
    for number in 0..10 {
        context
            .step(|_| async { Ok("x".repeat(298)) })
            .name(format!("step-{number}"))
            .await?;
    }
    Ok("done".to_owned())
}

/// Posts the callback's id to `http://ADDRESS/PATH`.
async fn tell(url: &str, id: &str) -> Result<(), durable::BoxError> {
    let address = url.trim_start_matches("http://");
    let (address, path) = address.split_once('/').unwrap_or((address, ""));
    let mut connection = Connection::open(address).await?;
    connection
        .send("POST", &format!("/{path}"), "", id.as_bytes())
        .await?;
    Ok(())
}
