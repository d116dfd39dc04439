//! The function under test: hands every event to the bench process and returns what that decides. One process polls many times over, so
//! that the process is not what is measured.

use anyhow::{Context as _, Result};

use serde_json::json;

use crate::http::Connection;
use crate::server::{Code, Events, Function};

/// Environment variables of the function: the bench process's address, and how many invocations may run at once.
pub const BENCH: &str = "BENCH_ADDRESS";
pub const CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";

/// The function whose invocations `events` decides.
pub fn function(events: &Events, concurrency: usize) -> Function {
    Function {
        runtime: "provided.al2023",
        handler: "bootstrap",
        code: Code::ThisBinary,
        variables: json!({ BENCH: events.address, CONCURRENCY: concurrency.to_string() }),
    }
}

pub async fn run() -> Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API")?;
    let bench = std::env::var(BENCH)?;
    let concurrency: usize = std::env::var(CONCURRENCY)
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1);
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..concurrency {
        let (api, bench) = (api.clone(), bench.clone());
        loops.spawn(async move { serve(&api, &bench).await });
    }
    while let Some(ended) = loops.join_next().await {
        ended??;
    }
    Ok(())
}

async fn serve(api: &str, bench: &str) -> Result<()> {
    let mut next = Connection::open(api).await?;
    let mut parent = Connection::open(bench).await?;
    loop {
        let (event, id) = next.next_invocation().await?;
        let (_, answer) = parent.send("POST", "/event", "", &event).await?;
        let path = format!("/2018-06-01/runtime/invocation/{id}/response");
        next.send("POST", &path, "", &answer)
            .await
            .context("the answer was not taken")?;
    }
}
