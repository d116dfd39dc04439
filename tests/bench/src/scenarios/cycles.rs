//! Callbacks under load: whole cycles of start, wait, callback and end; acknowledged callbacks alone; and how soon a callback's execution goes on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::callbacks::{open_callback, pending};
use super::checkpoints::measure_bare;
use super::{Bench, Handler, approvals, done, suspended};
use crate::http::Connection;
use crate::report::{self, Latencies};
use crate::server::{Event, Server};

const CLIENTS: usize = 64;
const SECONDS: u64 = 10;
/// Callbacks that wait before the first of them is answered.
const WAITING: usize = 16_000;

/// Runs one scenario, or all of them.
pub async fn callbacks(only: Option<&str>) -> Result<()> {
    report::head();
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    ensure!(
        ["cycles", "acknowledged", "parked", "approvals"]
            .iter()
            .any(|name| wanted(name)),
        "the scenarios are cycles, acknowledged, parked and approvals"
    );
    if wanted("cycles") {
        cycles().await?;
    }
    if wanted("acknowledged") {
        acknowledged().await?;
    }
    if wanted("parked") {
        suspended::footprint().await?;
    }
    if wanted("approvals") {
        approvals::pending().await?;
    }
    Ok(())
}

/// When the callback of an execution was sent.
type Sent = Mutex<HashMap<String, Instant>>;

/// Decides the bench function's invocations: the first opens a callback and waits, and its callback is sent; the next one ends.
struct Driver {
    bench: Arc<Bench>,
    idle: Mutex<Vec<Connection>>,
    sent: Sent,
    resumed: Mutex<Latencies>,
    /// Where callbacks are collected that are not to be sent.
    kept: Option<Mutex<Vec<String>>>,
}

impl Driver {
    fn new(bench: Arc<Bench>, keeps: bool) -> Arc<Self> {
        Arc::new(Self {
            bench,
            idle: Mutex::default(),
            sent: Mutex::default(),
            resumed: Mutex::default(),
            kept: keeps.then(Mutex::default),
        })
    }

    fn run(self: &Arc<Self>) -> tokio::task::JoinHandle<()> {
        let driver = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok(event) = driver.bench.events.next().await {
                let driver = Arc::clone(&driver);
                // One that fails shows itself: its execution does not end.
                tokio::spawn(async move { driver.decide(event).await });
            }
        })
    }

    async fn connection(&self) -> Result<Connection> {
        match self.idle.lock().await.pop() {
            Some(connection) => Ok(connection),
            None => self.bench.server.connect().await,
        }
    }

    async fn decide(&self, event: Event) -> Result<()> {
        let arn = event.arn()?;
        let sent = self.sent.lock().await.remove(&arn);
        if sent.is_some() || has_callback(&event) {
            if let Some(sent) = sent {
                self.resumed.lock().await.add(sent.elapsed());
            }
            event.answer(&done());
            return Ok(());
        }
        let mut handler = Handler::new(self.connection().await?, &event)?;
        let callback = open_callback(&mut handler).await?;
        event.answer(&pending());
        match &self.kept {
            Some(kept) => kept.lock().await.push(callback),
            None => {
                self.sent.lock().await.insert(arn, Instant::now());
                succeed(&mut handler.connection, &callback).await?;
            }
        }
        self.idle.lock().await.push(handler.connection);
        Ok(())
    }
}

fn has_callback(event: &Event) -> bool {
    let operations = event.event.pointer("/InitialExecutionState/Operations");
    let operations = operations.and_then(Value::as_array).into_iter().flatten();
    operations
        .filter_map(|operation| operation.get("Type"))
        .any(|kind| kind == "CALLBACK")
}

async fn succeed(connection: &mut Connection, callback: &str) -> Result<()> {
    let callback = callback
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let path = format!("/2025-12-01/durable-execution-callbacks/{callback}/succeed");
    let (status, text) = connection.send("POST", &path, "", b"\"ok\"").await?;
    ensure!(
        status == 200,
        "not taken: {status} {}",
        String::from_utf8_lossy(&text)
    );
    Ok(())
}

/// Each client starts an execution and waits for its end, which a callback in between leads to.
async fn cycles() -> Result<()> {
    let bench = Arc::new(Bench::start("cycles", CLIENTS).await?);
    let driver = Driver::new(Arc::clone(&bench), false);
    let running = driver.run();
    let (cpu, syncs) = (bench.server.cpu()?, bench.server.syncs().await?);
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let bench = Arc::clone(&bench);
        clients.spawn(async move {
            let mut latencies = Latencies::default();
            let mut connection = bench.server.connect().await?;
            while begun.elapsed() < Duration::from_secs(SECONDS) {
                let sent = Instant::now();
                bench.complete(&mut connection).await?;
                latencies.add(sent.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut all = Latencies::default();
    while let Some(ended) = clients.join_next().await {
        all.merge(ended??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    running.abort();
    let count = all.len().max(1) as f64;
    let cpu = (bench.server.cpu()? - cpu).as_micros() as f64 / count / 1_000.0;
    let syncs = (bench.server.syncs().await? - syncs) as f64 / count;
    report::row(
        &format!("start → wait → callback → completed, {CLIENTS} clients"),
        format!(
            "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
            count / seconds,
            all.percentile_us(50) as f64 / 1_000.0,
            all.percentile_us(99) as f64 / 1_000.0
        ),
        format!(
            "{:.2}× Restate's 605/s (the specification's figure); server CPU {cpu:.2} ms and {syncs:.2} syncs each",
            count / seconds / 605.0
        ),
    );
    let mut resumed = driver.resumed.lock().await;
    report::row(
        "callback sent → function invoked again, under that load",
        format!(
            "p50 {:.1} ms, p99 {:.1} ms",
            resumed.percentile_us(50) as f64 / 1_000.0,
            resumed.percentile_us(99) as f64 / 1_000.0
        ),
        format!("{} callbacks", resumed.len()),
    );
    Ok(())
}

/// Callbacks that wait already, answered as fast as the server takes them, beside a bare handler in the same run.
async fn acknowledged() -> Result<()> {
    let mut bare = Server::start(&std::env::current_exe()?, &["bare"]).await?;
    let yardstick = measure_bare(&bare, CLIENTS).await?;
    bare.kill().await?;
    let bench = Arc::new(Bench::start("acknowledged", CLIENTS).await?);
    let driver = Driver::new(Arc::clone(&bench), true);
    let running = driver.run();
    let mut connection = bench.server.connect().await?;
    for _ in 0..WAITING {
        bench.begin(&mut connection).await?;
    }
    let kept = driver.kept.as_ref().context("this driver keeps them")?;
    while kept.lock().await.len() < WAITING {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let callbacks = std::mem::take(&mut *kept.lock().await);
    let (cpu, syncs) = (bench.server.cpu()?, bench.server.syncs().await?);
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for part in callbacks.chunks(WAITING.div_ceil(CLIENTS)) {
        let (part, bench) = (part.to_vec(), Arc::clone(&bench));
        clients.spawn(async move {
            let mut latencies = Latencies::default();
            let mut connection = bench.server.connect().await?;
            for callback in part {
                let sent = Instant::now();
                succeed(&mut connection, &callback).await?;
                latencies.add(sent.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut all = Latencies::default();
    while let Some(ended) = clients.join_next().await {
        all.merge(ended??);
    }
    let rate = all.len() as f64 / begun.elapsed().as_secs_f64();
    let count = all.len().max(1) as f64;
    let cpu = (bench.server.cpu()? - cpu).as_micros() as f64 / count;
    let syncs = (bench.server.syncs().await? - syncs) as f64 / count;
    running.abort();
    report::row(
        &format!("acknowledged callbacks, {CLIENTS} clients"),
        format!(
            "{rate:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
            all.percentile_us(50) as f64 / 1_000.0,
            all.percentile_us(99) as f64 / 1_000.0
        ),
        format!(
            "bare axum handler {yardstick:.0}/s: {:.1}×; server CPU {cpu:.0} µs and {syncs:.3} syncs each, the functions' next invocations among them",
            yardstick / rate
        ),
    );
    Ok(())
}
