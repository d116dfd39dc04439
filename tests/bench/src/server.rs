//! The server under test as a child process, and the bench function on it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::http::Connection;
use crate::process;

/// A child that printed its address when it was ready.
pub struct Server {
    child: Child,
    pub id: u32,
    pub address: String,
    pub ready: Duration,
}

impl Server {
    /// Starts a program and waits for its `everstep ready` line.
    pub async fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let begun = Instant::now();
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("no standard output")?;
        let line = BufReader::new(stdout)
            .lines()
            .next_line()
            .await?
            .context("the server ended before it was ready")?;
        let address = line
            .strip_prefix("everstep ready http://")
            .context("not the ready line")?
            .to_owned();
        Ok(Self {
            id: child.id().context("the server ended")?,
            child,
            address,
            ready: begun.elapsed(),
        })
    }

    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!(
            "/proc/{}/status",
            self.child.id().context("ended")?
        ))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// CPU time used so far.
    pub fn cpu(&self) -> Result<Duration> {
        process::cpu(self.id)
    }

    pub async fn connect(&self) -> Result<Connection> {
        Connection::open(&self.address).await
    }

    /// Synced writes since the server was started.
    pub async fn syncs(&self) -> Result<u64> {
        let (_, text) = self
            .connect()
            .await?
            .send("GET", "/metrics", "", b"")
            .await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("everstep_store_syncs_total "))
            .context("no such metric")?;
        Ok(line.trim().parse()?)
    }
}

/// The arguments of a server on a folder.
pub fn dev(data: &Path) -> Result<Vec<String>> {
    let data = data.to_str().context("the folder's name is not text")?;
    Ok([
        "dev",
        "--no-demo",
        "--listen",
        "127.0.0.1:0",
        "--data",
        data,
    ]
    .map(str::to_owned)
    .to_vec())
}

/// An invocation that the bench process is asked to decide.
pub struct Event {
    pub event: Value,
    answer: oneshot::Sender<Vec<u8>>,
}

impl Event {
    /// Ends the invocation with this answer.
    pub fn answer(self, answer: &Value) {
        // A worker that has gone away wants no answer.
        let _ = self.answer.send(answer.to_string().into_bytes());
    }

    pub fn arn(&self) -> Result<String> {
        Ok(self
            .event
            .get("DurableExecutionArn")
            .and_then(Value::as_str)
            .context("no ARN")?
            .to_owned())
    }

    pub fn token(&self) -> Result<String> {
        Ok(self
            .event
            .get("CheckpointToken")
            .and_then(Value::as_str)
            .context("no token")?
            .to_owned())
    }
}

/// Receives the events of the bench function.
pub struct Events {
    pub address: String,
    received: Mutex<mpsc::Receiver<Event>>,
}

impl Events {
    pub async fn listen() -> Result<Arc<Self>> {
        let (send, received) = mpsc::channel(4_096);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let app = axum::Router::new().route(
            "/event",
            axum::routing::post(move |body: axum::body::Bytes| {
                let send = send.clone();
                async move {
                    let event = serde_json::from_slice(&body).unwrap_or_default();
                    let (answer, answered) = oneshot::channel();
                    let _ = send.send(Event { event, answer }).await;
                    answered.await.unwrap_or_default()
                }
            }),
        );
        let app = app.layer(axum::extract::DefaultBodyLimit::max(64 * 1024 * 1024));
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Arc::new(Self {
            address,
            received: Mutex::new(received),
        }))
    }

    pub async fn next(&self) -> Result<Event> {
        let mut received = self.received.lock().await;
        let next = tokio::time::timeout(Duration::from_secs(60), received.recv()).await;
        next.context("no invocation within 60 s")?
            .context("the listener ended")
    }
}

/// A function under test.
pub struct Function {
    pub runtime: &'static str,
    pub handler: &'static str,
    pub code: Code,
    /// Its environment, an object of texts.
    pub variables: Value,
}

/// Where its code is.
pub enum Code {
    /// This very binary, as a `bootstrap`.
    ThisBinary,
    /// One file: its name and its text.
    File(&'static str, String),
}

/// Creates the function `bench`.
pub async fn create_function(server: &Server, folder: &Path, function: Function) -> Result<()> {
    let (file, text) = match function.code {
        Code::ThisBinary => (
            "bootstrap",
            format!("#!/bin/sh\nexec '{}'\n", std::env::current_exe()?.display()),
        ),
        Code::File(file, text) => (file, text),
    };
    let archive = zipped(folder, file, &text).await?;
    let body = json!({
        "FunctionName": "bench",
        "Runtime": function.runtime,
        "Role": "arn:aws:iam::000000000000:role/bench",
        "Handler": function.handler,
        "Timeout": 900,
        // The limit is enforced, and a process with 64 invocations needs more than the default.
        "MemorySize": 1_024,
        "Environment": { "Variables": function.variables },
        "Code": { "ZipFile": base64::engine::general_purpose::STANDARD.encode(archive) },
        "DurableConfig": { "ExecutionTimeout": 86_400, "RetentionPeriodInDays": 1 },
    });
    let (status, text) = server
        .connect()
        .await?
        .send(
            "POST",
            "/2015-03-31/functions",
            "content-type: application/json\r\n",
            body.to_string().as_bytes(),
        )
        .await?;
    ensure!(
        status == 201,
        "the function was not created: {status} {}",
        String::from_utf8_lossy(&text)
    );
    Ok(())
}

/// A zip with one executable file, made by Python's standard library: this crate needs no archive format of its own.
async fn zipped(folder: &Path, file: &str, text: &str) -> Result<Vec<u8>> {
    let path: PathBuf = folder.join(file);
    std::fs::write(&path, text)?;
    let code = "import os, sys, zipfile\nos.chmod(sys.argv[1], 0o755)\nzipfile.ZipFile(sys.argv[2], 'w').write(sys.argv[1], os.path.basename(sys.argv[1]))";
    let archive = folder.join("bench.zip");
    let status = Command::new("python3")
        .arg("-c")
        .arg(code)
        .arg(&path)
        .arg(&archive)
        .status()
        .await?;
    if !status.success() {
        bail!("the archive was not made");
    }
    Ok(std::fs::read(archive)?)
}
