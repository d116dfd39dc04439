//! The three agents as child processes.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use everstep_agents::{ArtifactKey, Kind, Options, model, serve_until};
use everstep_engine::{Agent, Handle};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

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

/// After its end an agent is started again: after this pause first, after twice as long each further time.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// An agent that ran for so long has started well, and the next pause is a short one again.
const STEADY: Duration = Duration::from_secs(60);

/// The running agents. Dropped, they end: their standard input closes.
pub struct Agents {
    start: Start,
    /// Until they are registered.
    children: Vec<(Kind, Child)>,
    kept: JoinSet<()>,
}

/// What an agent is started with.
#[derive(Clone)]
struct Start {
    data: PathBuf,
    url: String,
    sources: Option<PathBuf>,
    key: String,
}

impl Agents {
    /// Starts the agents. They need no server until they have something to tell it.
    pub fn spawn(data: &Path, url: &str, sources: Option<&Path>, key: &str) -> Result<Self> {
        let start = Start {
            data: data.to_owned(),
            url: url.to_owned(),
            sources: sources.map(Path::to_owned),
            key: key.to_owned(),
        };
        let children = Kind::ALL.map(|kind| Ok((kind, start.agent(kind)?)));
        Ok(Self {
            children: children.into_iter().collect::<Result<_>>()?,
            start,
            kept: JoinSet::new(),
        })
    }

    /// Gives the agents' names the addresses of those that run now, and starts again what ends from here on.
    pub async fn register(&mut self, handle: &Handle) -> Result<()> {
        for (kind, mut child) in self.children.drain(..) {
            publish(kind, &mut child, handle).await.with_context(|| {
                format!(
                    "the {0} does not start: logs/agent-{0}.log in the data folder says why",
                    kind.name()
                )
            })?;
            self.kept
                .spawn(keep(self.start.clone(), kind, child, handle.clone()));
        }
        Ok(())
    }
}

impl Start {
    fn agent(&self, kind: Kind) -> Result<Child> {
        let server = (&*self.url, &*self.key);
        spawn(kind, &self.data, server, self.sources.as_deref())
    }
}

async fn publish(kind: Kind, child: &mut Child, handle: &Handle) -> Result<()> {
    let url = address(child).await?;
    let description = format!("The research workflow's {}", kind.name());
    let name = kind.name().to_owned();
    let agent = Agent::at(name, url, description);
    handle.put_agent(&agent).await?;
    Ok(())
}

/// Starts an agent again whenever it has ended. Its tasks are in its state folder, so it goes on with them.
async fn keep(start: Start, kind: Kind, mut child: Child, handle: Handle) {
    let mut pause = PAUSE;
    // Waiting for a child closes its standard input, which would tell it that this process has ended.
    let mut input = child.stdin.take();
    loop {
        let begun = Instant::now();
        let status = child.wait().await;
        drop(input.take());
        if begun.elapsed() >= STEADY {
            pause = PAUSE;
        }
        tracing::warn!(
            agent = kind.name(),
            ?status,
            "an agent ended and is started again"
        );
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
        let started = match start.agent(kind) {
            Ok(mut next) => {
                let published = publish(kind, &mut next, &handle).await;
                published.map(|()| next)
            }
            Err(error) => Err(error),
        };
        match started {
            Ok(next) => {
                child = next;
                input = child.stdin.take();
            }
            Err(error) => {
                tracing::error!(agent = kind.name(), %error, "an agent does not start");
            }
        }
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
