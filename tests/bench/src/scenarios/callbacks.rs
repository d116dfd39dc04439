//! From a callback's receipt to the function's next invocation, and what a whole workflow of steps and a callback costs.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{Bench, Handler, done};
use crate::report::{self, Latencies};

const ROUNDS: usize = 500;
const START: &str = r#"{"Id":"callback","Type":"CALLBACK","SubType":"Callback","Name":"answer","Action":"START","CallbackOptions":{"TimeoutSeconds":86400}}"#;

/// Opens the callback of an invocation and returns its id.
pub async fn open_callback(handler: &mut Handler) -> Result<String> {
    let answer = handler.checkpoint(START).await?;
    let id = answer
        .pointer("/NewExecutionState/Operations")
        .and_then(Value::as_array);
    let id = id
        .into_iter()
        .flatten()
        .find_map(|operation| operation.pointer("/CallbackDetails/CallbackId")?.as_str());
    Ok(id.context("the answer has no callback id")?.to_owned())
}

/// The answer of a handler that waits.
pub fn pending() -> Value {
    json!({ "Status": "PENDING" })
}

pub async fn latency() -> Result<()> {
    let bench = Bench::start("callbacks", 4).await?;
    let mut to_invocation = Latencies::default();
    let mut warm = Latencies::default();
    let mut connection = bench.server.connect().await?;
    let (cpu, syncs) = (bench.server.cpu()?, bench.server.syncs().await?);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let event = bench.invocation().await?;
        warm.add(begun.elapsed());
        let mut handler = Handler::new(bench.server.connect().await?, &event)?;
        let callback = open_callback(&mut handler).await?;
        event.answer(&pending());
        wait_until_suspended(&bench, &mut connection).await?;
        let path = format!(
            "/2025-12-01/durable-execution-callbacks/{}/succeed",
            callback
                .replace('+', "%2B")
                .replace('/', "%2F")
                .replace('=', "%3D")
        );
        let sent = Instant::now();
        let answered = connection.send("POST", &path, "", b"\"ok\"");
        let (answered, event) = tokio::join!(answered, bench.events.next());
        to_invocation.add(sent.elapsed());
        ensure!(answered?.0 == 200, "the callback was not taken");
        event?.answer(&done());
    }
    let cpu = (bench.server.cpu()? - cpu).as_micros() as f64 / ROUNDS as f64;
    let syncs = (bench.server.syncs().await? - syncs) as f64 / ROUNDS as f64;
    let figure = |latencies: &mut Latencies| {
        format!(
            "p50 {} µs, p99 {} µs",
            latencies.percentile_us(50),
            latencies.percentile_us(99)
        )
    };
    report::row(
        "start received → function invoked, warm",
        figure(&mut warm),
        "over HTTP, one at a time",
    );
    report::row(
        "callback received → function invoked again",
        figure(&mut to_invocation),
        "until the handler has the event",
    );
    report::row(
        "a workflow of start, callback and end",
        format!("{cpu:.0} µs CPU"),
        format!("{syncs:.1} syncs, the server alone"),
    );
    Ok(())
}

/// The invocation's end reaches the engine a moment after the handler has given it: a callback that overtakes it would measure the handler.
async fn wait_until_suspended(
    bench: &Bench,
    connection: &mut crate::http::Connection,
) -> Result<()> {
    let _ = bench;
    let (status, _) = connection.send("GET", "/health", "", b"").await?;
    ensure!(status == 200, "the server is not well");
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    Ok(())
}
