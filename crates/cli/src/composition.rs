//! What `dev` and `serve` have in common: a function host, an engine and the door, over one folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use everstep_dispatch::{FunctionDispatcher, FunctionHost, HostOptions, host};
use everstep_engine::blobs::ArtifactOptions;
use everstep_engine::{ClaimOptions, ClockMode, Engine, Handle, Options, Storage};
use everstep_logs::Logs;
use everstep_server::{BindError, Callbacks, Code, Door, Key, Keys, Metrics, Tls, Worker, Workers};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::artifacts::{self, ArtifactArguments};
use crate::bounds::Bounds;
#[cfg(feature = "aws")]
use crate::cloudwatch::CloudWatchSettings;
use crate::error::Failed;
use crate::functions::Functions;
use crate::host::{FunctionEnvironment, HostArguments};
use crate::notifications::Notifications;
use crate::services::ServiceArguments;
use crate::settings::Settings;
use crate::telemetry::Telemetry;
use crate::{keys, output, parent};

/// How often files of keys and certificates are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Runs a server until it has ended.
pub fn run(server: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(server)
}

/// What the settings say.
pub struct Wanted {
    pub callbacks: Callbacks,
    claims: ClaimOptions,
    notifications: Notifications,
    #[cfg(feature = "aws")]
    cloudwatch: Option<CloudWatchSettings>,
    metrics: Metrics,
}

impl Wanted {
    /// # Errors
    /// E0190 with what is wrong and where.
    pub fn read(
        settings: &Settings,
        artifacts: &ArtifactArguments,
        telemetry: &Telemetry,
    ) -> Result<Self> {
        let metrics = telemetry.metrics.clone();
        let claims = artifacts.claims(settings)?;
        Self::with(settings, claims, Notifications::read(settings)?, metrics)
    }

    /// All but the sinks, which may be wrong one by one.
    ///
    /// # Errors
    /// E0190 with what is wrong and where.
    pub fn with(
        settings: &Settings,
        claims: ClaimOptions,
        notifications: Notifications,
        metrics: Metrics,
    ) -> Result<Self> {
        Ok(Self {
            callbacks: crate::callbacks::read(settings, &claims)?,
            claims,
            notifications,
            #[cfg(feature = "aws")]
            cloudwatch: CloudWatchSettings::read(settings)?,
            metrics,
        })
    }
}

/// Where a server keeps things and how its functions run.
pub struct Ground<'a> {
    /// Absolute.
    pub data: &'a Path,
    pub logs: &'a Logs,
    /// Where functions reach the server.
    pub url: &'a str,
    pub environment: &'a FunctionEnvironment,
    pub host: &'a HostArguments,
    pub services: &'a ServiceArguments,
    pub wanted: &'a Wanted,
    pub artifacts: &'a ArtifactOptions,
}

impl Ground<'_> {
    /// The data folder, made when it is not there.
    pub fn folder(data: &Path) -> Result<PathBuf> {
        std::fs::create_dir_all(data)
            .with_context(|| format!("the data folder {} can't be made", data.display()))?;
        Ok(data.canonicalize()?)
    }

    pub async fn host(&self) -> Result<FunctionHost> {
        let scratch = self.data.join("scratch");
        let mut options = HostOptions::new(self.logs.clone(), scratch, self.url.to_owned());
        self.environment.apply(&mut options);
        self.host.apply(&mut options);
        FunctionHost::start(options).await.map_err(unhosted)
    }

    pub fn dispatcher(&self, host: &FunctionHost) -> FunctionDispatcher {
        let code = self.data.join("code");
        let mut services = self.services.options(self.data, self.logs, self.url);
        services.sinks = self.wanted.notifications.sinks.clone();
        FunctionDispatcher::with_services(host.clone(), self.url.to_owned(), code, services)
    }

    /// Registers the functions of the folder, and again when something changes, and tells figures to whom the settings name, until what is returned
    /// is dropped.
    pub async fn functions(
        &self,
        handle: &Handle,
        dispatcher: &FunctionDispatcher,
        host: &FunctionHost,
    ) -> Result<JoinSet<()>> {
        handle.adopt_agents().await?;
        let mut watching = JoinSet::new();
        #[cfg(feature = "aws")]
        if let Some(cloudwatch) = self.wanted.cloudwatch.clone() {
            watching.spawn(cloudwatch.run(self.wanted.metrics.clone(), handle.clone()));
        }
        if let Some(folder) = &self.host.functions {
            let with = (handle, dispatcher, host);
            let mut functions = Functions::new(folder, self.data, &self.environment.region, with)?;
            functions.load(true).await;
            watching.spawn(async move {
                if let Err(error) = functions.watch().await {
                    output::note(format!("functions are not loaded again: {error:#}"));
                }
            });
        }
        Ok(watching)
    }

    /// Opens the store and recovers what it holds; asks the place of artifacts whether it answers.
    pub async fn engine(
        &self,
        dispatcher: &FunctionDispatcher,
        storage: &Storage,
        clock: ClockMode,
        bounds: &Bounds,
    ) -> Result<Engine> {
        let options = Options {
            clock,
            state_machines: bounds.of_state_machines(),
            subscriptions: self.wanted.notifications.subscribed.clone(),
            artifacts: self.artifacts.clone(),
            claims: self.wanted.claims.clone(),
            ..Options::default()
        };
        let engine = Engine::open(storage, Arc::new(dispatcher.clone()), options)
            .map_err(|error| unopened(&error, self.data))?;
        artifacts::probe(engine.handle(), self.artifacts).await?;
        Ok(engine)
    }
}

/// What answers requests until it is told to stop.
pub struct Listening {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Listening {
    pub fn begin(
        stop: CancellationToken,
        serving: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self {
            stop,
            task: tokio::spawn(serving),
        }
    }

    async fn end(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

/// Waits until the process is asked to end, or the engine fails, which is the error then.
pub async fn until_asked(engine: &Arc<Engine>, with_parent: bool) -> Result<()> {
    let failed = {
        let engine = Arc::clone(engine);
        tokio::task::spawn_blocking(move || engine.wait())
    };
    let outcome = tokio::select! {
        () = parent::asked_to_end(with_parent) => Ok(()),
        ended = failed => ended?,
    };
    outcome.map_err(|error| ended(&error))
}

/// Ends a server in order: no new request and replies to the open ones; functions, which may need the way that is for them until they have ended;
/// the engine. What is cut short goes on after the next start.
pub async fn end(engine: &Engine, host: &FunctionHost, outer: Listening, inner: Option<Listening>) {
    match inner {
        Some(inner) => {
            outer.end().await;
            host.shutdown().await;
            inner.end().await;
        }
        // Functions come by the same way: they end while it does.
        None => drop(tokio::join!(outer.end(), host.shutdown())),
    }
    engine.finish();
}

/// Workers as the function host knows them.
pub struct HostWorkers(pub FunctionHost);

/// What the host's access keys begin with.
const WORKER_KEY: &str = "EVWK";

impl Workers for HostWorkers {
    fn is_worker_key(&self, access_key_id: &str) -> bool {
        access_key_id.starts_with(WORKER_KEY)
    }

    fn by_access_key(&self, access_key_id: &str) -> Option<Worker> {
        self.0.credentials(access_key_id).map(worker)
    }

    fn by_token(&self, token: &str) -> Option<Worker> {
        self.0.bearer(token).map(worker)
    }
}

fn worker(credentials: host::WorkerCredentials) -> Worker {
    Worker {
        secret_access_key: credentials.secret_access_key.into(),
        function_arn: credentials.function_arn,
        executions: credentials.executions,
    }
}

/// The keys of a server: those of its process, and those of a file that may change.
pub struct KeyRing {
    keys: Keys,
    fixed: Vec<Key>,
    file: PathBuf,
}

impl KeyRing {
    /// Reads the file.
    ///
    /// # Errors
    /// As [`keys::load`].
    pub fn open(file: PathBuf, fixed: Vec<Key>) -> Result<(Self, usize)> {
        let ring = Self {
            keys: Keys::default(),
            fixed,
            file,
        };
        let count = ring.reload()?;
        Ok((ring, count))
    }

    /// Reads the file again; gives how many keys it has.
    fn reload(&self) -> Result<usize> {
        let mut all = keys::load(&self.file)?;
        let count = all.len();
        all.extend(self.fixed.iter().cloned());
        self.keys.replace(all);
        Ok(count)
    }

    /// A door with these keys and the host's workers.
    pub fn door(&self, host: &FunctionHost, open: bool) -> Door {
        Door {
            keys: self.keys.clone(),
            workers: Some(Arc::new(HostWorkers(host.clone()))),
            open,
            ..Door::default()
        }
    }

    /// Reads keys and certificates again on SIGHUP and when their files change. What can't be read leaves what was.
    pub async fn watch(self, tls: Option<(Tls, [PathBuf; 2])>) {
        use tokio::signal::unix::{SignalKind, signal};
        let mut files = vec![self.file.clone()];
        files.extend(tls.iter().flat_map(|(_, files)| files.clone()));
        let mut known = states(&files);
        let mut hangup = signal(SignalKind::hangup()).ok();
        loop {
            let asked = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            let forced = tokio::select! {
                _ = asked => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            let now = states(&files);
            if forced || now != known {
                known = now;
                self.read_again(tls.as_ref().map(|(tls, _)| tls));
            }
        }
    }

    fn read_again(&self, tls: Option<&Tls>) {
        match self.reload() {
            Ok(keys) => tracing::info!(keys, "the keys were read"),
            Err(error) => tracing::error!(%error, "the keys stay as they were"),
        }
        match tls.map(Tls::reload) {
            Some(Ok(())) => tracing::info!("the certificate was read"),
            Some(Err(error)) => tracing::error!(%error, "the certificate stays as it was"),
            None => {}
        }
    }
}

/// What tells a file from the one that was there before.
fn states(files: &[PathBuf]) -> Vec<Option<(u64, std::time::SystemTime)>> {
    let state = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.len(), meta.modified().ok()?))
    };
    files.iter().map(state).collect()
}

/// An address that can't be taken, with its code.
pub fn unbound(error: BindError) -> anyhow::Error {
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
