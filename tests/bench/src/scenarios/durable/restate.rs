//! Restate from its npm package with the workload on its TypeScript SDK.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::{Subject, Workers, package};
use crate::http::Connection;
use crate::scenarios::temporary;

/// The server and the process of its service.
pub struct Restate {
    server: Child,
    service: Child,
    ingress: String,
    _folder: TempDir,
}

impl Restate {
    pub async fn start() -> Result<Self> {
        let workers = std::env::var("BENCH_WORKERS")
            .context("BENCH_WORKERS names the folder of restate.mjs and node_modules")?;
        let workers = PathBuf::from(workers);
        let folder = temporary("restate")?;
        let [admin, ingress, node, port] = free_ports().await?;
        let server = Command::new(
            package(&workers, "@restatedev/restate-server").join("bin/restate-server"),
        )
        .args(["--node-name", "bench", "--no-logo", "--base-dir"])
        .arg(folder.path())
        .env("RESTATE_BIND_IP", "127.0.0.1")
        .env("RESTATE_LISTEN_MODE", "tcp")
        .env("RESTATE_ADMIN__BIND_PORT", admin.to_string())
        .env("RESTATE_INGRESS__BIND_PORT", ingress.to_string())
        .env("RESTATE_BIND_PORT", node.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting Restate")?;
        let service = service(&workers, port).await?;
        register(&format!("127.0.0.1:{admin}"), port).await?;
        Ok(Self {
            server,
            service,
            ingress: format!("127.0.0.1:{ingress}"),
            _folder: folder,
        })
    }

    pub fn subject(&self) -> Subject {
        Subject {
            address: self.ingress.clone(),
            run: "/bench/run".to_owned(),
            headers: "content-type: application/json\r\n",
            complete: |id| format!("/restate/awakeables/{id}/resolve"),
            server: self.server.id().unwrap_or_default(),
            workers: Workers::Process(self.service.id().unwrap_or_default()),
        }
    }
}

async fn service(workers: &std::path::Path, port: u16) -> Result<Child> {
    let mut service = Command::new(package(workers, "node").join("bin/node"))
        .arg(workers.join("restate.mjs"))
        .arg(port.to_string())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting Restate's service")?;
    let output = service.stdout.take().context("no standard output")?;
    let line = BufReader::new(output).lines().next_line().await?;
    anyhow::ensure!(
        line.as_deref() == Some("ready"),
        "the service ended before it was ready"
    );
    Ok(service)
}

/// Tells the server of the service, as soon as it listens.
async fn register(admin: &str, port: u16) -> Result<()> {
    let body = json!({ "uri": format!("http://127.0.0.1:{port}") }).to_string();
    let mut last = String::new();
    for _ in 0..120 {
        if let Ok(mut connection) = Connection::open(admin).await
            && let Ok((status, answer)) = connection
                .send(
                    "POST",
                    "/deployments",
                    "content-type: application/json\r\n",
                    body.as_bytes(),
                )
                .await
        {
            if status == 201 {
                return Ok(());
            }
            last = String::from_utf8_lossy(&answer).into_owned();
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    bail!("the service was not registered within 30 s: {last}")
}

/// Ports that were free a moment ago.
async fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}
