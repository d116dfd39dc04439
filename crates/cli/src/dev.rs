//! `everstep dev`: everything in one process and one folder, on loopback.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use everstep_engine::{ClockMode, Handle, Storage};
use everstep_server::{Key, Role, Server};

use crate::artifacts::ArtifactArguments;
use crate::bounds::Bounds;
use crate::client::{KEY_FILE, URL_FILE};
use crate::composition::{self, Ground, KeyRing, Listening, Wanted, unbound, until_asked};
use crate::error::Failed;
use crate::host::{FunctionEnvironment, HostArguments};
use crate::keys::{self, KEYS_FILE};
use crate::log_options::LogOptions;
use crate::output;
use crate::services::ServiceArguments;
use crate::settings::{Settings, SettingsArgument};
use crate::telemetry::{Telemetry, TelemetryArguments};

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
    #[command(flatten)]
    pub environment: FunctionEnvironment,
    #[command(flatten)]
    pub bounds: Bounds,
    #[command(flatten)]
    pub host: HostArguments,
    #[command(flatten)]
    pub services: ServiceArguments,
    #[command(flatten)]
    pub artifacts: ArtifactArguments,
    #[command(flatten)]
    pub logs: LogOptions,
    #[command(flatten)]
    pub settings: SettingsArgument,
    #[command(flatten)]
    pub telemetry: TelemetryArguments,
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

impl ClockArgument {
    const fn mode(self) -> ClockMode {
        match self {
            Self::Real => ClockMode::Real,
            Self::Skip => ClockMode::Skip,
        }
    }
}

impl Dev {
    pub fn run(self) -> Result<()> {
        let settings = self.settings.read()?;
        let telemetry = self.telemetry.begin(&settings)?;
        let outcome = composition::run(self.serve(telemetry.clone(), settings));
        telemetry.end();
        outcome
    }

    fn refuse_other_machines(&self) -> Result<()> {
        if self.listen.ip().is_loopback() {
            return Ok(());
        }
        Err(Failed::Usage(format!(
            "{} is not a loopback address: `everstep dev` listens on this machine alone; `everstep serve` is for others",
            self.listen
        ))
        .into())
    }

    async fn serve(self, telemetry: Telemetry, settings: Settings) -> Result<()> {
        self.refuse_other_machines()?;
        let wanted = Wanted::read(&settings, &self.artifacts, &telemetry)?;
        let artifacts = self.artifacts.options(&settings)?;
        let data = Ground::folder(&self.data)?;
        let listener = Server::listen(self.listen).await.map_err(unbound)?;
        let url = format!("http://{}", listener.local_addr()?);
        let logs = self.logs.open(&data)?;
        telemetry.kept.begin(logs.clone());
        let ground = Ground {
            data: &data,
            logs: &logs,
            url: &url,
            environment: &self.environment,
            host: &self.host,
            // What listens on this machine is reached by functions, too.
            services: &self.services.clone().with_loopback(),
            wanted: &wanted,
            artifacts: &artifacts,
        };
        let host = ground.host().await?;
        let dispatcher = ground.dispatcher(&host);
        let (local, local_key) = local_key(&data)?;
        let (agents, agents_key) = keys::passing("agents", Role::Agent)?;
        // They get ready while the store is read.
        let mut demo = self.spawn_demo(&data, &url, &agents)?;
        let (storage, clock) = (self.storage(&data), self.clock.mode());
        let engine = ground
            .engine(&dispatcher, &storage, clock, &self.bounds)
            .await?;
        let handle = engine.handle().clone();
        let (ring, keys) = KeyRing::open(data.join(KEYS_FILE), vec![local_key, agents_key])?;
        let mut options = everstep_server::Options {
            region: self.environment.region.clone(),
            logs: Some(logs.clone()),
            metrics: telemetry.metrics,
            door: ring.door(&host, keys == 0),
            callbacks: wanted.callbacks.clone(),
            ..Default::default()
        };
        self.bounds.apply(&mut options.limits);
        let options = self.with_routes(options);
        let stop = options.shutdown.clone();
        // What was in flight at a crash runs already; it is answered only now, when the agents have their new addresses.
        self.register_demo(&handle, &data, &mut demo).await?;
        let functions = ground.functions(&handle, &dispatcher, &host).await?;
        let serving = Server::serve(listener, options, handle)?;
        let watching = tokio::spawn(ring.watch(None));
        keys::write_secret(&data.join(KEY_FILE), &local)?;
        std::fs::write(data.join(URL_FILE), &url)?;
        output::line(format!("everstep ready {url}"))?;
        output::note(format!(
            "REST     {url}/executions\nLambda   AWS_ENDPOINT_URL_LAMBDA={url}\nData     {}\nKeys     {}",
            data.display(),
            if keys == 0 {
                "none: everybody on this machine is let in; artifacts ask for the key in the data folder"
            } else {
                "asked for"
            }
        ));
        let listening = Listening::begin(stop, serving);
        let engine = Arc::new(engine);
        let outcome = until_asked(&engine, self.with_parent).await;
        drop((demo, functions));
        composition::end(&engine, &host, listening, None).await;
        watching.abort();
        outcome
    }

    fn storage(&self, data: &Path) -> Storage {
        if self.memory {
            Storage::Memory {
                blobs: data.join("blobs"),
            }
        } else {
            Storage::Folder(data.to_owned())
        }
    }
}

/// The key of whoever may read the data folder. It stays the same from start to start.
fn local_key(data: &Path) -> Result<(String, Key)> {
    let kept = std::fs::read_to_string(data.join(KEY_FILE)).ok();
    match kept
        .map(|text| text.trim().to_owned())
        .filter(|text| text.starts_with("evk_") && text.len() >= 64)
    {
        Some(text) => {
            let key = keys::known("local", Role::Admin, &text);
            Ok((text, key))
        }
        None => keys::passing("local", Role::Admin),
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

    fn spawn_demo(&self, _: &Path, _: &str, _: &str) -> Result<()> {
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

    fn spawn_demo(&self, data: &Path, url: &str, key: &str) -> Result<Option<crate::demo::Agents>> {
        if self.no_demo {
            return Ok(None);
        }
        crate::demo::Agents::spawn(data, url, self.sources.as_deref(), key).map(Some)
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
