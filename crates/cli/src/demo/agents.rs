//! The three agents as child processes.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};
use clap::Args;
use everstep_agents::{ArtifactKey, Kind, Options, model, serve_until};
use everstep_engine::{Agent, Handle};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::dev::subfolder;
use crate::{output, parent};

/// One agent, until its parent ends.
#[derive(Args)]
pub struct AgentProcess {
    /// researcher, analyst or writer
    kind: Kind,
    #[arg(long)]
    state: PathBuf,
    #[arg(long)]
    artifact_url: String,
    #[arg(long, env = "EVERSTEP_API_KEY", hide_env_values = true)]
    artifact_key: Option<String>,
    #[arg(long)]
    sources: Option<PathBuf>,
}

impl AgentProcess {
    pub fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let options = Options {
                sources: self.sources,
                artifact_url: Some(self.artifact_url),
                artifact_key: self.artifact_key.map(ArtifactKey),
                state: Some(self.state),
                model: model::Options::from_env(),
                ..Options::new(self.kind, ([127, 0, 0, 1], 0).into())
            };
            let announce = |address| {
                // The parent reads this line; when it is gone, so is the reason to go on.
                let _ = output::line(format!("http://{address}"));
            };
            serve_until(options, announce, parent::asked_to_end(true))
                .await
                .context("the agent ended")
        })
    }
}

/// The running agents. Dropped, they end: their standard input closes.
pub struct Agents {
    children: Vec<(Kind, Child)>,
}

impl Agents {
    /// Starts the agents. They need no server until they have something to tell it.
    pub fn spawn(data: &Path, url: &str, sources: Option<&Path>, key: &str) -> Result<Self> {
        let children = Kind::ALL.map(|kind| Ok((kind, spawn(kind, data, (url, key), sources)?)));
        Ok(Self {
            children: children.into_iter().collect::<Result<_>>()?,
        })
    }

    /// Gives the agents' names the addresses of those that run now.
    pub async fn register(&mut self, handle: &Handle) -> Result<()> {
        for (kind, child) in &mut self.children {
            let address = address(child).await.with_context(|| {
                format!(
                    "the {0} does not start: logs/agent-{0}.log in the data folder says why",
                    kind.name()
                )
            })?;
            let description = format!("The research workflow's {}", kind.name());
            handle
                .put_agent(&Agent {
                    name: kind.name().to_owned(),
                    url: address,
                    description,
                })
                .await?;
        }
        Ok(())
    }
}

fn spawn(
    kind: Kind,
    data: &Path,
    (url, key): (&str, &str),
    sources: Option<&Path>,
) -> Result<Child> {
    let state = subfolder(&subfolder(data, "agents")?, kind.name())?;
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(subfolder(data, "logs")?.join(format!("agent-{}.log", kind.name())))?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("agent")
        .arg(kind.name())
        .arg("--state")
        .arg(state);
    command
        .arg("--artifact-url")
        .arg(format!("{url}/artifacts/everstep-artifacts"));
    // Not an argument: everybody on the machine sees those.
    command.env("EVERSTEP_API_KEY", key);
    if let Some(sources) = sources {
        command.arg("--sources").arg(sources);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true);
    Ok(command.spawn()?)
}

async fn address(child: &mut Child) -> Result<String> {
    let stdout = child.stdout.take().context("it has no standard output")?;
    let mut lines = BufReader::new(stdout).lines();
    lines
        .next_line()
        .await?
        .context("it ended before it was ready")
}
