//! Checkpoints over HTTP, beside a bare handler with the same JSON; and what one more step costs in a long execution.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Bench, Handler, done, step};
use crate::http::Connection;
use crate::report::{self, Latencies};
use crate::server::Server;

const SECONDS: u64 = 5;

/// One connection, and 64.
pub async fn throughput() -> Result<()> {
    let mut bare = Server::start(&std::env::current_exe()?, &["bare"]).await?;
    for connections in [1, 64] {
        let yardstick = measure_bare(&bare, connections).await?;
        let bench = Bench::start(&format!("checkpoints-{connections}"), connections).await?;
        let (cpu, syncs) = (bench.server.cpu()?, bench.server.syncs().await?);
        let (rate, mut latencies) = measure(&bench, connections).await?;
        let calls = latencies.len().max(1) as f64;
        let cpu_us = (bench.server.cpu()? - cpu).as_micros() as f64 / calls;
        let syncs = (bench.server.syncs().await? - syncs) as f64 / calls;
        let what = format!("checkpoint calls, {connections} connections");
        let figure = format!(
            "{rate:.0}/s, p50 {} µs, p99 {} µs",
            latencies.percentile_us(50),
            latencies.percentile_us(99)
        );
        let remark = format!(
            "bare axum handler {yardstick:.0}/s: {:.2}×; server CPU {cpu_us:.0} µs and {syncs:.3} syncs each",
            yardstick / rate
        );
        report::row(&what, figure, remark);
    }
    bare.kill().await
}

async fn measure(bench: &Bench, connections: usize) -> Result<(f64, Latencies)> {
    let mut handlers = Vec::new();
    for _ in 0..connections {
        let event = bench.invocation().await?;
        handlers.push((Handler::new(bench.server.connect().await?, &event)?, event));
    }
    let begun = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for (mut handler, event) in handlers {
        running.spawn(async move {
            let mut latencies = Latencies::default();
            let mut number = 0;
            while begun.elapsed() < Duration::from_secs(SECONDS) {
                let sent = Instant::now();
                handler.step(number).await?;
                latencies.add(sent.elapsed());
                number += 1;
            }
            event.answer(&done());
            anyhow::Ok(latencies)
        });
    }
    let mut all = Latencies::default();
    while let Some(ended) = running.join_next().await {
        all.merge(ended??);
    }
    Ok((all.len() as f64 / begun.elapsed().as_secs_f64(), all))
}

pub async fn measure_bare(server: &Server, connections: usize) -> Result<f64> {
    let begun = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let mut connection = Connection::open(&server.address).await?;
        running.spawn(async move {
            let mut calls = 0_u64;
            let token = "t".repeat(92);
            while begun.elapsed() < Duration::from_secs(SECONDS) {
                let body = format!(r#"{{"CheckpointToken":"{token}","Updates":[{}]}}"#, step(0));
                let (_, text) = connection
                    .send(
                        "POST",
                        "/checkpoint",
                        "content-type: application/json\r\n",
                        body.as_bytes(),
                    )
                    .await?;
                // The handler's client reads its answer; so does this one.
                let _: serde_json::Value = serde_json::from_slice(&text)?;
                calls += 1;
            }
            anyhow::Ok(calls)
        });
    }
    let mut calls = 0;
    while let Some(ended) = running.join_next().await {
        calls += ended??;
    }
    Ok(calls as f64 / begun.elapsed().as_secs_f64())
}

/// The last hundred steps of executions of 10, 1,000 and 10,000 steps.
pub async fn growth() -> Result<()> {
    let bench = Bench::start("growth", 4).await?;
    let mut first = None;
    for steps in [10_usize, 1_000, 10_000] {
        let event = bench.invocation().await?;
        let mut handler = Handler::new(bench.server.connect().await?, &event)?;
        let mut latencies = Latencies::default();
        for number in 0..steps {
            let sent = Instant::now();
            handler.step(number).await?;
            if number + 100 >= steps {
                latencies.add(sent.elapsed());
            }
        }
        event.answer(&done());
        let p50 = latencies.percentile_us(50);
        let ratio = p50 as f64 / *first.get_or_insert(p50) as f64;
        report::row(
            &format!("one more step in an execution of {steps}"),
            format!("p50 {p50} µs"),
            format!("{ratio:.2}× that of 10"),
        );
    }
    Ok(())
}
