//! Everstep with the workload as a function on one of AWS's SDKs.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use tempfile::TempDir;

use super::{Subject, Workers, package};
use crate::scenarios::{open, temporary};
use crate::server::{Code, Function, Server, create_function};
use crate::{sdk, worker};

/// A server with one function.
pub struct Functions {
    server: Server,
    _folder: TempDir,
}

impl Functions {
    /// `sdk` is `rust`, `javascript` or `python`.
    pub async fn start(sdk: &str) -> Result<Self> {
        let folder = temporary(sdk)?;
        let server = open(folder.path()).await?;
        create_function(&server, folder.path(), function(sdk)?).await?;
        Ok(Self {
            server,
            _folder: folder,
        })
    }

    pub fn subject(&self) -> Subject {
        subject(&self.server, Workers::Children)
    }
}

/// The door of a server whose function is called `bench`.
pub fn subject(server: &Server, workers: Workers) -> Subject {
    Subject {
        address: server.address.clone(),
        run: "/2015-03-31/functions/bench/invocations?Qualifier=%24LATEST".to_owned(),
        headers: "content-type: application/json\r\n",
        complete: |id| {
            let id = id
                .replace('+', "%2B")
                .replace('/', "%2F")
                .replace('=', "%3D");
            format!("/2025-12-01/durable-execution-callbacks/{id}/succeed")
        },
        server: server.id,
        workers,
    }
}

fn function(sdk: &str) -> Result<Function> {
    // `cargo xtask bench durable` installs what these need and tells where.
    let workers = || {
        std::env::var("BENCH_WORKERS")
            .context("BENCH_WORKERS names the folder of steps.mjs and node_modules")
    };
    let at_once = || super::CLIENTS.to_string();
    Ok(match sdk {
        "rust" => Function {
            runtime: "provided.al2023",
            handler: sdk::HANDLER,
            code: Code::ThisBinary,
            variables: json!({ worker::CONCURRENCY: at_once() }),
        },
        "javascript" => {
            let workers = PathBuf::from(workers()?);
            let node = package(&workers, "node").join("bin/node");
            Function {
                runtime: "nodejs22.x",
                handler: "index.handler",
                code: Code::File(
                    "index.mjs",
                    format!(
                        "export {{ handler }} from \"file://{}\";\n",
                        workers.join("steps.mjs").display()
                    ),
                ),
                variables: json!({ worker::CONCURRENCY: at_once(), "EVERSTEP_NODE": node }),
            }
        }
        "python" => Function {
            runtime: "python3.11",
            handler: "steps.handler",
            code: Code::File(
                "steps.py",
                std::fs::read_to_string(PathBuf::from(workers()?).join("steps.py"))?,
            ),
            variables: json!({ "EVERSTEP_PYTHON": std::env::var("BENCH_PYTHON").context("BENCH_PYTHON names an interpreter with the SDK")? }),
        },
        other => bail!("no function is written on {other}"),
    })
}
