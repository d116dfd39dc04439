//! What is measured of the engine.

mod approvals;
mod asl;
mod callbacks;
mod checkpoints;
mod cycles;
mod durable;
mod suspended;

pub use asl::asl;
pub use cycles::callbacks;
pub use durable::durable;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Connection;
use crate::report;
use crate::server::{Event, Events, Server, create_function, dev};
use crate::worker;

/// Runs one scenario, or all of them.
pub async fn engine(only: Option<&str>) -> Result<()> {
    report::head();
    let mut ran = 0;
    for name in ["checkpoints", "growth", "callbacks", "suspended"] {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        ran += 1;
        match name {
            "checkpoints" => checkpoints::throughput().await?,
            "growth" => checkpoints::growth().await?,
            "callbacks" => callbacks::latency().await?,
            _ => suspended::footprint().await?,
        }
    }
    if ran == 0 {
        bail!("the scenarios are checkpoints, growth, callbacks and suspended");
    }
    Ok(())
}

/// A server of its own with the bench function on it.
pub struct Bench {
    pub server: Server,
    pub events: Arc<Events>,
    pub folder: TempDir,
    started: AtomicU64,
}

impl Bench {
    pub async fn start(name: &str, concurrency: usize) -> Result<Self> {
        let folder = temporary(name)?;
        let server = open(folder.path()).await?;
        let events = Events::listen().await?;
        create_function(
            &server,
            folder.path(),
            worker::function(&events, concurrency),
        )
        .await?;
        Ok(Self {
            server,
            events,
            folder,
            started: AtomicU64::new(0),
        })
    }

    /// Starts an execution and returns without waiting for its invocation.
    pub async fn begin(&self, connection: &mut Connection) -> Result<()> {
        let name = format!("bench-{}", self.started.fetch_add(1, Ordering::Relaxed));
        let headers =
            format!("x-amz-invocation-type: Event\r\nx-amz-durable-execution-name: {name}\r\n");
        let path = "/2015-03-31/functions/bench/invocations?Qualifier=%24LATEST";
        let (status, text) = connection.send("POST", path, &headers, b"{}").await?;
        ensure!(
            status == 202,
            "not started: {status} {}",
            String::from_utf8_lossy(&text)
        );
        Ok(())
    }

    /// Starts an execution and returns when it has ended.
    pub async fn complete(&self, connection: &mut Connection) -> Result<()> {
        let path = "/2015-03-31/functions/bench/invocations?Qualifier=%24LATEST";
        let (status, text) = connection.send("POST", path, "", b"{}").await?;
        ensure!(
            status == 200,
            "not completed: {status} {}",
            String::from_utf8_lossy(&text)
        );
        Ok(())
    }

    /// Starts an execution and returns its invocation.
    pub async fn invocation(&self) -> Result<Event> {
        self.begin(&mut self.server.connect().await?).await?;
        self.events.next().await
    }

    /// Restarts the server after a kill -9 on the same folder.
    pub async fn kill_and_restart(&mut self) -> Result<()> {
        self.server.kill().await?;
        self.server = open(self.folder.path()).await?;
        Ok(())
    }
}

/// A folder that goes with the scenario.
pub fn temporary(name: &str) -> Result<TempDir> {
    Ok(tempfile::Builder::new()
        .prefix(&format!("everstep-bench-{name}-"))
        .tempdir()?)
}

/// The server under test on a folder.
pub async fn open(folder: &Path) -> Result<Server> {
    let binary =
        std::env::var_os("EVERSTEP_BIN").context("EVERSTEP_BIN names the binary under test")?;
    let arguments = dev(&folder.join("data"))?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Server::start(&PathBuf::from(binary), &arguments).await
}

/// A handler's side of the wire: one execution's checkpoints.
pub struct Handler {
    pub connection: Connection,
    path: String,
    token: String,
}

impl Handler {
    pub fn new(connection: Connection, event: &Event) -> Result<Self> {
        let arn = event
            .arn()?
            .replace(':', "%3A")
            .replace('/', "%2F")
            .replace('$', "%24");
        Ok(Self {
            connection,
            path: format!("/2025-12-01/durable-executions/{arn}/checkpoint"),
            token: event.token()?,
        })
    }

    /// One checkpoint; its answer.
    pub async fn checkpoint(&mut self, updates: &str) -> Result<Value> {
        let body = format!(
            r#"{{"CheckpointToken":"{}","Updates":[{updates}]}}"#,
            self.token
        );
        let (status, text) = self
            .connection
            .send(
                "POST",
                &self.path,
                "content-type: application/json\r\n",
                body.as_bytes(),
            )
            .await?;
        ensure!(
            status == 200,
            "not taken: {status} {}",
            String::from_utf8_lossy(&text)
        );
        let answer: Value = serde_json::from_slice(&text)?;
        self.token = answer
            .get("CheckpointToken")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        Ok(answer)
    }

    /// Records the result of a step, 300 bytes of it.
    pub async fn step(&mut self, number: usize) -> Result<()> {
        self.checkpoint(&step(number)).await.map(|_| ())
    }
}

/// The update of a step that has succeeded.
pub fn step(number: usize) -> String {
    let result = "x".repeat(298);
    format!(
        r#"{{"Id":"step-{number}","Type":"STEP","SubType":"Step","Name":"step","Action":"SUCCEED","Payload":"\"{result}\""}}"#
    )
}

/// The answer of a handler that is done.
pub fn done() -> Value {
    json!({ "Status": "SUCCEEDED", "Result": "null" })
}
