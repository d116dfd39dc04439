//! `everstep dev`: everything in one process and one folder, on loopback.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use everstep_dispatch::{FunctionDispatcher, FunctionHost, HostOptions};
use everstep_engine::{ClockMode, Engine, Handle, Options, Storage};
use everstep_server::Server;

use crate::client::URL_FILE;
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
            bail!(
                "{} is not a loopback address: `everstep dev` has no authentication and listens on this machine alone",
                self.listen
            );
        }
        std::fs::create_dir_all(&self.data)
            .with_context(|| format!("the data folder {} can't be made", self.data.display()))?;
        let data = self.data.canonicalize()?;
        let listener = Server::listen(self.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let mut host = HostOptions::new(data.join("logs"), data.join("scratch"), url.clone());
        host.python.clone_from(&self.python);
        host.region.clone_from(&self.region);
        let host = FunctionHost::start(host).await?;
        let dispatcher = Arc::new(FunctionDispatcher::new(
            host.clone(),
            url.clone(),
            data.join("code"),
        ));
        let storage = if self.memory {
            Storage::Memory {
                blobs: data.join("blobs"),
            }
        } else {
            Storage::Folder(data.clone())
        };
        let clock = match self.clock {
            ClockArgument::Real => ClockMode::Real,
            ClockArgument::Skip => ClockMode::Skip,
        };
        let engine = Engine::open(
            &storage,
            dispatcher,
            Options {
                clock,
                ..Options::default()
            },
        )?;
        let handle = engine.handle().clone();
        let options = everstep_server::Options {
            region: self.region.clone(),
            logs: Some(data.join("logs")),
            ..Default::default()
        };
        let options = self.with_routes(options);
        let stop = options.shutdown.clone();
        let serving = tokio::spawn(Server::serve(listener, options, handle.clone())?);
        let demo = self.start_demo(&handle, &data, &url);
        std::fs::write(data.join(URL_FILE), &url)?;
        output::line(format!("everstep ready {url}"))?;
        output::note(format!(
            "REST     {url}/executions\nLambda   AWS_ENDPOINT_URL_LAMBDA={url}\nData     {}",
            data.display()
        ));
        let demo = demo.await?;
        let engine = Arc::new(engine);
        let failed = {
            let engine = Arc::clone(&engine);
            tokio::task::spawn_blocking(move || engine.wait())
        };
        let outcome = tokio::select! {
            () = parent::asked_to_end(self.with_parent) => Ok(()),
            ended = failed => ended?,
        };
        drop(demo);
        stop.cancel();
        host.shutdown().await;
        let _ = serving.await;

        engine.finish();
        outcome.context("the engine ended")
    }
}

/// A folder below the data folder, made when it is not there.
pub fn subfolder(data: &Path, name: &str) -> Result<PathBuf> {
    let folder = data.join(name);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} can't be made", folder.display()))?;
    Ok(folder)
}

#[cfg(not(feature = "demo"))]
impl Dev {
    fn with_routes(&self, options: everstep_server::Options) -> everstep_server::Options {
        options
    }

    async fn start_demo(&self, _: &Handle, _: &Path, _: &str) -> Result<()> {
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

    async fn start_demo(
        &self,
        handle: &Handle,
        data: &Path,
        url: &str,
    ) -> Result<Option<crate::demo::Agents>> {
        if self.no_demo {
            return Ok(None);
        }
        crate::demo::register(handle, data).await?;
        crate::demo::Agents::start(handle, data, url, self.sources.as_deref())
            .await
            .map(Some)
    }
}
