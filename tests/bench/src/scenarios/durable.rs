//! Workloads A (ten sequential durable steps) and B (a callback from outside) on AWS's SDKs, on a raw client, and on Restate in the same run.

mod everstep;
mod raw;
mod restate;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use axum::extract::{Path, State};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, oneshot};

use crate::http::Connection;
use crate::process;
use crate::report::{self, Latencies};

/// How long each figure is taken.
const SECONDS: u64 = 6;
const CLIENTS: usize = 64;
/// Between the callback's id and its completion at one client: long enough for every system to have come to rest.
const PAUSE: Duration = Duration::from_millis(50);
const SYSTEMS: [&str; 5] = ["raw", "rust", "javascript", "python", "restate"];

/// Runs one system, or all of them.
pub async fn durable(only: Option<&str>) -> Result<()> {
    if let Some(only) = only
        && !SYSTEMS.contains(&only)
    {
        bail!("the systems are {}", SYSTEMS.join(", "));
    }
    report::row(
        "workload, system, clients",
        "figure",
        "server CPU, workers' CPU and flushes per workflow",
    );
    report::row("---", "---", "---");
    for name in SYSTEMS {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        // One after another, each with a server of its own: no system pays for another.
        match name {
            "raw" => measure(name, &raw::Raw::start().await?.subject()).await?,
            "restate" => measure(name, &restate::Restate::start().await?.subject()).await?,
            sdk => measure(name, &everstep::Functions::start(sdk).await?.subject()).await?,
        }
    }
    Ok(())
}

/// A package of npm that is made per machine: `NAME-linux-x64` or `NAME-linux-arm64`.
fn package(workers: &std::path::Path, name: &str) -> PathBuf {
    let machine = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x64"
    };
    workers.join(format!("node_modules/{name}-linux-{machine}"))
}

/// A system under test, seen from its door.
pub struct Subject {
    /// Address of the door.
    address: String,
    /// Path and headers of the request that runs a workflow and waits for its end.
    run: String,
    headers: &'static str,
    /// Path that completes the callback with this id.
    complete: fn(&str) -> String,
    server: u32,
    workers: Workers,
}

/// Whose CPU time is the function's.
enum Workers {
    /// The children of the server.
    Children,
    Process(u32),
    /// The bench itself drives the workflow: its time is that of the load, too.
    Bench,
}

impl Subject {
    /// Workload A, or B when `input` holds the address to tell the callback's id.
    async fn run(&self, connection: &mut Connection, input: &str) -> Result<()> {
        let (status, answer) = connection
            .send("POST", &self.run, self.headers, input.as_bytes())
            .await?;
        let text = String::from_utf8_lossy(&answer);
        ensure!(status == 200, "not run: {status} {text}");
        // SDKs that hand a callback's bytes on as they are encode its JSON once more.
        let result = text.trim().replace(['"', '\\'], "");
        ensure!(
            matches!(result.as_str(), "done" | "completed"),
            "not the workflow's result: {text}"
        );
        Ok(())
    }

    async fn complete(&self, connection: &mut Connection, id: &str) -> Result<()> {
        let headers = "content-type: application/json\r\n";
        let (status, answer) = connection
            .send("POST", &(self.complete)(id), headers, b"\"completed\"")
            .await?;
        ensure!(
            (200..300).contains(&status),
            "not completed: {status} {}",
            String::from_utf8_lossy(&answer)
        );
        Ok(())
    }

    fn used(&self) -> Result<Used> {
        let workers = match self.workers {
            Workers::Children => Some(process::children_cpu(self.server)?),
            Workers::Process(id) => Some(process::cpu(id)?),
            Workers::Bench => None,
        };
        Ok(Used {
            server: process::cpu(self.server)?,
            workers,
            flushes: process::flushes(),
        })
    }
}

/// What was used up to a moment.
struct Used {
    server: Duration,
    workers: Option<Duration>,
    flushes: Option<u64>,
}

impl Used {
    /// What each of `workflows` cost since `before`.
    fn each(&self, before: &Self, workflows: usize) -> String {
        let count = workflows.max(1) as f64;
        let server = (self.server - before.server).as_secs_f64() * 1_000.0 / count;
        let workers = match (self.workers, before.workers) {
            (Some(after), Some(before)) => format!(
                "{:.2} ms",
                after.saturating_sub(before).as_secs_f64() * 1_000.0 / count
            ),
            _ => "–".to_owned(),
        };
        let flushes = match (self.flushes, before.flushes) {
            (Some(after), Some(before)) => {
                format!("{:.2}", after.saturating_sub(before) as f64 / count)
            }
            _ => "–".to_owned(),
        };
        format!("{server:.2} ms, {workers}, {flushes}")
    }
}

async fn measure(name: &str, subject: &Subject) -> Result<()> {
    let calls = Calls::listen().await?;
    for clients in [1, CLIENTS] {
        // Workers are started by the first calls, which are not measured.
        for counts in [false, true] {
            let seconds = if counts { SECONDS } else { 2 };
            let (before, begun) = (subject.used()?, Instant::now());
            let mut all = steps(subject, clients, Duration::from_secs(seconds)).await?;
            if counts {
                let costs = subject.used()?.each(&before, all.len());
                row(
                    &format!("A, {name}, {clients}"),
                    &mut all,
                    begun.elapsed(),
                    &costs,
                );
            }
        }
        let (before, begun) = (subject.used()?, Instant::now());
        let mut all = callbacks(subject, &calls, clients, Duration::from_secs(SECONDS)).await?;
        let costs = subject.used()?.each(&before, all.len());
        row(
            &format!("B, {name}, {clients}"),
            &mut all,
            begun.elapsed(),
            &costs,
        );
    }
    Ok(())
}

/// Prints what `workflows` took, and what each cost.
fn row(what: &str, workflows: &mut Latencies, took: Duration, costs: &str) {
    let rate = workflows.len() as f64 / took.as_secs_f64();
    let p50 = workflows.percentile_us(50) as f64 / 1_000.0;
    let p99 = workflows.percentile_us(99) as f64 / 1_000.0;
    report::row(
        what,
        format!("{rate:.0}/s, p50 {p50:.1} ms, p99 {p99:.1} ms"),
        costs,
    );
}

/// Workload A, over and over: how long each workflow took.
async fn steps(subject: &Subject, clients: usize, time: Duration) -> Result<Latencies> {
    let begun = Instant::now();
    let clients = (0..clients).map(|_| async {
        let mut connection = Connection::open(&subject.address).await?;
        let mut latencies = Latencies::default();
        while begun.elapsed() < time {
            let sent = Instant::now();
            subject.run(&mut connection, "{}").await?;
            latencies.add(sent.elapsed());
        }
        anyhow::Ok(latencies)
    });
    gather(clients).await
}

/// Workload B, over and over: from the completion of the callback to the end of the workflow.
async fn callbacks(
    subject: &Subject,
    calls: &Arc<Calls>,
    clients: usize,
    time: Duration,
) -> Result<Latencies> {
    let begun = Instant::now();
    let pause = if clients == 1 { PAUSE } else { Duration::ZERO };
    let clients = (0..clients).map(|_| async move {
        let mut running = Connection::open(&subject.address).await?;
        let mut answering = Connection::open(&subject.address).await?;
        let mut latencies = Latencies::default();
        while begun.elapsed() < time {
            let (url, id) = calls.expect().await;
            let input = format!(r#"{{"url":"{url}"}}"#);
            let answer = async {
                let id = id.await.context("no callback id")?;
                tokio::time::sleep(pause).await;
                let sent = Instant::now();
                subject.complete(&mut answering, &id).await?;
                anyhow::Ok(sent)
            };
            let (ended, sent) = tokio::join!(subject.run(&mut running, &input), answer);
            ended?;
            latencies.add(sent?.elapsed());
        }
        anyhow::Ok(latencies)
    });
    gather(clients).await
}

async fn gather(
    clients: impl Iterator<Item = impl Future<Output = Result<Latencies>>>,
) -> Result<Latencies> {
    let mut all = Latencies::default();
    for client in futures_util::future::try_join_all(clients).await? {
        all.merge(client);
    }
    Ok(all)
}

/// Where workflows tell the ids of their callbacks.
pub struct Calls {
    address: String,
    count: AtomicU64,
    expected: Mutex<BTreeMap<u64, oneshot::Sender<String>>>,
}

impl Calls {
    async fn listen() -> Result<Arc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let calls = Arc::new(Self {
            address: listener.local_addr()?.to_string(),
            count: AtomicU64::new(0),
            expected: Mutex::default(),
        });
        let app = axum::Router::new()
            .route("/{number}", axum::routing::post(told))
            .with_state(Arc::clone(&calls));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(calls)
    }

    /// An address to tell one id, and the id once it was told.
    async fn expect(&self) -> (String, oneshot::Receiver<String>) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let (send, receive) = oneshot::channel();
        self.expected.lock().await.insert(number, send);
        (format!("http://{}/{number}", self.address), receive)
    }
}

async fn told(State(calls): State<Arc<Calls>>, Path(number): Path<u64>, id: String) {
    if let Some(waiting) = calls.expected.lock().await.remove(&number) {
        // A step may run twice; the id is the same.
        let _ = waiting.send(id);
    }
}
