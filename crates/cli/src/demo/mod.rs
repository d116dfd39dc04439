//! The shipped example: the research workflow with its three agents, in the same binary.

mod agents;
mod research;
mod screen;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use everstep_engine::{Code, FunctionConfig, Handle, Runtime};

use crate::dev::subfolder;

pub use agents::{AgentProcess, Agents};

/// Complete examples.
#[derive(Subcommand)]
pub enum Demo {
    /// Research a topic: three agents, an approval by you, and a report
    Research(research::Research),
}

impl Demo {
    pub fn run(self) -> Result<()> {
        match self {
            Self::Research(research) => research.run(),
        }
    }
}

/// Serves the functions of the research workflow: what the function host starts as `bootstrap`.
pub fn serve_functions() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime
        .block_on(everstep_research::bootstrap())
        .map_err(|error| anyhow::anyhow!("{error}"))
}

/// The REST routes of the research workflow.
pub fn with_routes(mut options: everstep_server::Options) -> everstep_server::Options {
    for route in everstep_research::routes() {
        options.routes.push(everstep_server::Route {
            method: route.method.to_owned(),
            path: route.path.to_owned(),
            function: route.function.to_owned(),
        });
    }
    options
}

/// Registers the functions of the research workflow. A function that is as it was keeps its revision.
pub async fn register(handle: &Handle, data: &Path) -> Result<()> {
    let code = write_bootstrap(data)?;
    for function in everstep_research::functions() {
        let mut environment: BTreeMap<String, String> = function.environment;
        if function.durable {
            for agent in everstep_agents::Kind::ALL {
                environment.insert(
                    format!("{}_AGENT_ARN", agent.name().to_uppercase()),
                    agent.name().to_owned(),
                );
            }
        }
        if handle.clock().skips() {
            environment.insert(
                "POLL_SECONDS".to_owned(),
                POLL_SECONDS_WHEN_SKIPPING.to_owned(),
            );
        }
        environment.extend(overrides());
        let config = FunctionConfig {
            runtime: Runtime::Provided,
            runtime_name: "provided.al2023".to_owned(),
            handler: function.handler.to_owned(),
            role: "arn:aws:iam::000000000000:role/research".to_owned(),
            description: "The research workflow".to_owned(),
            timeout_s: u32::try_from(function.timeout.as_secs())?,
            memory_mb: function.memory,
            environment,
            durable: function.durable.then(|| everstep_engine::DurableConfig {
                execution_timeout_s: function
                    .execution_timeout
                    .and_then(|timeout| u32::try_from(timeout.as_secs()).ok()),
                retention_days: function
                    .retention_days
                    .and_then(|days| u16::try_from(days).ok())
                    .unwrap_or(14),
            }),
            log_format: "JSON".to_owned(),
            architecture: std::env::consts::ARCH.replace("aarch64", "arm64"),
            layers: Vec::new(),
            dead_letter: None,
            stored: BTreeMap::new(),
            scaling: Default::default(),
        };
        crate::functions::upsert(handle, function.name, config, code.clone()).await?;
    }
    Ok(())
}

/// A skipping clock jumps over the pauses between two looks at an agent, but the agents work in real time: with short pauses an agent
/// has thousands of looks before the hours of its phase are over.
const POLL_SECONDS_WHEN_SKIPPING: &str = "5";

/// Variables of the workflow that whoever starts the server may set.
fn overrides() -> impl Iterator<Item = (String, String)> {
    ["APPROVAL_TIMEOUT_HOURS", "POLL_SECONDS", "EVENT_SINK_URL"]
        .into_iter()
        .filter_map(|name| {
            std::env::var(name)
                .ok()
                .map(|value| (name.to_owned(), value))
        })
}

/// The functions' code: a `bootstrap` that is this very binary.
fn write_bootstrap(data: &Path) -> Result<Code> {
    let folder = subfolder(&subfolder(data, "functions")?, "research")?;
    let binary = std::env::current_exe().context("this program's own path is not known")?;
    let quoted = binary.display().to_string().replace('\'', r"'\''");
    let script = folder.join("bootstrap");
    std::fs::write(&script, format!("#!/bin/sh\nexec '{quoted}' function\n"))?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    Ok(Code::Folder {
        path: folder.display().to_string(),
    })
}
