//! `everstep dev`: everything in one process and one folder, on loopback.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use everstep_dispatch::{FunctionDispatcher, FunctionHost, HostOptions, host};
use everstep_engine::{ClockMode, Engine, Handle, Options, Storage};
use everstep_server::{BindError, Code, Server};
use tokio::task::JoinSet;

use crate::client::URL_FILE;
use crate::error::Failed;
use crate::functions::Functions;
use crate::host::HostArguments;
use crate::{output, parent};

#[derive(Args, Clone, Debug)]
pub struct Dev {
    /// Where to listen; a loopback address, port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9070")]
    pub listen: SocketAddr,
    /// Folder of everything that is kept
    #[arg(long, default_value = ".everstep")]
    pub data: PathBuf,
    /// Keep executions in memory alone: they end with the server
    #[arg(long)]
    pub memory: bool,
    /// How time passes; `skip` goes at once to the next timer whenever nothing else is left to do
    #[arg(long, value_enum, default_value_t)]
    pub clock: ClockArgument,
    /// Leave out the research workflow and its agents
    #[arg(long)]
    pub no_demo: bool,
    /// Folder that the researcher reads; without it the shipped corpus
    #[arg(long, value_name = "DIR")]
    pub sources: Option<PathBuf>,
    /// Python interpreter for functions that name none of their own
    #[arg(long, default_value = "python3", env = "EVERSTEP_PYTHON")]
    pub python: PathBuf,
    /// Region in the ARNs
    #[arg(long, default_value = "us-east-1", env = "AWS_REGION")]
    pub region: String,
    #[command(flatten)]
    pub host: HostArguments,
    /// End when standard input closes
    #[arg(long, hide = true)]
    pub with_parent: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum ClockArgument {
    #[default]
    Real,
    Skip,
}

impl Dev {
    pub fn run(self) -> Result<()> {
        let filter = tracing_subscriber::EnvFilter::try_from_env("EVERSTEP_LOG")
            .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,everstep=info"));
        tracing_subscriber::fmt()
            .json()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.serve())
    }

    async fn serve(self) -> Result<()> {
        if !self.listen.ip().is_loopback() {
            return Err(Failed::Usage(format!(
                "{} is not a loopback address: `everstep dev` has no authentication and listens on this machine alone",
                self.listen
            ))
            .into());
        }
        std::fs::create_dir_all(&self.data)
            .with_context(|| format!("the data folder {} can't be made", self.data.display()))?;
        let data = self.data.canonicalize()?;
        let listener = Server::listen(self.listen).await.map_err(unbound)?;
        let url = format!("http://{}", listener.local_addr()?);
        let mut options = HostOptions::new(data.join("logs"), data.join("scratch"), url.clone());
        options.python.clone_from(&self.python);
        options.region.clone_from(&self.region);
        self.host.apply(&mut options);
        let host = FunctionHost::start(options).await.map_err(unhosted)?;
        // They get ready while the store is read.
        let mut demo = self.spawn_demo(&data, &url)?;
        let dispatcher = Arc::new(FunctionDispatcher::new(
            host.clone(),
            url.clone(),
            data.join("code"),
        ));
        let engine = self.open(&data, Arc::clone(&dispatcher))?;
        let handle = engine.handle().clone();
        let options = everstep_server::Options {
            region: self.region.clone(),
            logs: Some(data.join("logs")),
            ..Default::default()
        };
        let options = self.with_routes(options);
        let stop = options.shutdown.clone();
        // What was in flight at a crash runs already; it is answered only now, when the agents have their new addresses.
        self.register_demo(&handle, &data, &mut demo).await?;
        let functions = self
            .register_functions(&data, &handle, &dispatcher, &host)
            .await?;
        let serving = tokio::spawn(Server::serve(listener, options, handle.clone())?);
        std::fs::write(data.join(URL_FILE), &url)?;
        output::line(format!("everstep ready {url}"))?;
        output::note(format!(
            "REST     {url}/executions\nLambda   AWS_ENDPOINT_URL_LAMBDA={url}\nData     {}",
            data.display()
        ));
        let engine = Arc::new(engine);
        let failed = {
            let engine = Arc::clone(&engine);
            tokio::task::spawn_blocking(move || engine.wait())
        };
        let outcome = tokio::select! {
            () = parent::asked_to_end(self.with_parent) => Ok(()),
            ended = failed => ended?,
        };
        drop((demo, functions));
        stop.cancel();
        host.shutdown().await;
        let _ = serving.await;

        engine.finish();
        outcome.map_err(|error| ended(&error))
    }

    /// Registers the functions of the folder, and again when something changes, until what is returned is dropped.
    async fn register_functions(
        &self,
        data: &Path,
        handle: &Handle,
        dispatcher: &FunctionDispatcher,
        host: &FunctionHost,
    ) -> Result<JoinSet<()>> {
        let mut watching = JoinSet::new();
        if let Some(folder) = &self.host.functions {
            let mut functions =
                Functions::new(folder, data, &self.region, handle, dispatcher, host)?;
            functions.load(true).await;
            watching.spawn(async move {
                if let Err(error) = functions.watch().await {
                    output::note(format!("functions are not loaded again: {error:#}"));
                }
            });
        }
        Ok(watching)
    }

    /// Opens the store and recovers what it holds.
    fn open(&self, data: &Path, dispatcher: Arc<FunctionDispatcher>) -> Result<Engine> {
        let storage = if self.memory {
            Storage::Memory {
                blobs: data.join("blobs"),
            }
        } else {
            Storage::Folder(data.to_owned())
        };
        let clock = match self.clock {
            ClockArgument::Real => ClockMode::Real,
            ClockArgument::Skip => ClockMode::Skip,
        };
        Engine::open(
            &storage,
            dispatcher,
            Options {
                clock,
                ..Options::default()
            },
        )
        .map_err(|error| unopened(&error, data))
    }
}

/// A folder below the data folder, made when it is not there.
pub fn subfolder(data: &Path, name: &str) -> Result<PathBuf> {
    let folder = data.join(name);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} can't be made", folder.display()))?;
    Ok(folder)
}

/// An address that can't be taken, with its code.
fn unbound(error: BindError) -> anyhow::Error {
    match error {
        BindError::PortInUse { address } => Failed::Refused {
            status: 409,
            code: Some(Code::PortInUse.to_string()),
            message: format!(
                "{address} is in use by another process: end that process, or take another address with --listen"
            ),
        }
        .into(),
        error @ BindError::Unavailable { .. } => error.into(),
    }
}

/// A function host that can't be started, with its code: its lock is the first that a second server of a folder meets.
fn unhosted(error: host::Error) -> anyhow::Error {
    let (status, code) = match error.kind() {
        host::Kind::Conflict => (409, Code::FolderInUse),
        host::Kind::Transient => (503, Code::StoreUnavailable),
        host::Kind::Invalid => return error.into(),
    };
    Failed::Refused {
        status,
        code: Some(code.to_string()),
        message: error.to_string(),
    }
    .into()
}

/// A store that can't be opened, with its code.
fn unopened(error: &everstep_engine::Error, data: &Path) -> anyhow::Error {
    let code = Code::of_opening(error);
    Failed::Refused {
        status: if code == Code::FolderInUse { 409 } else { 500 },
        code: Some(code.to_string()),
        message: format!("{} can't be opened: {error}", data.display()),
    }
    .into()
}

/// Why an engine ended by itself: its store failed, and only a new start can say what is on disk.
fn ended(error: &everstep_engine::Error) -> anyhow::Error {
    Failed::Refused {
        status: 503,
        code: Some(Code::of(error).to_string()),
        message: format!(
            "the server ended, because {error}. All that was acknowledged is kept; the next start takes it up"
        ),
    }
    .into()
}

#[cfg(not(feature = "demo"))]
impl Dev {
    fn with_routes(&self, options: everstep_server::Options) -> everstep_server::Options {
        options
    }

    fn spawn_demo(&self, _: &Path, _: &str) -> Result<()> {
        Ok(())
    }

    async fn register_demo(&self, _: &Handle, _: &Path, (): &mut ()) -> Result<()> {
        Ok(())
    }
}

#[cfg(feature = "demo")]
impl Dev {
    fn with_routes(&self, options: everstep_server::Options) -> everstep_server::Options {
        if self.no_demo {
            options
        } else {
            crate::demo::with_routes(options)
        }
    }

    fn spawn_demo(&self, data: &Path, url: &str) -> Result<Option<crate::demo::Agents>> {
        if self.no_demo {
            return Ok(None);
        }
        crate::demo::Agents::spawn(data, url, self.sources.as_deref()).map(Some)
    }

    async fn register_demo(
        &self,
        handle: &Handle,
        data: &Path,
        agents: &mut Option<crate::demo::Agents>,
    ) -> Result<()> {
        let Some(agents) = agents else { return Ok(()) };
        crate::demo::register(handle, data).await?;
        agents.register(handle).await
    }
}
