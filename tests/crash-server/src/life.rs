//! One life of the server: from opening the folder to the crash.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use everstep_dispatch::host::Kind;
use everstep_dispatch::{FunctionDispatcher, FunctionHost, HostOptions};
use everstep_engine::{ClockMode, Engine};
use everstep_logs::Logs;
use everstep_server::Server;
use everstep_store::Fjall;
use tokio::runtime::Runtime;

use crate::plan::Plan;
use crate::store::Crashing;
use crate::{End, Options};

/// What is left of a life must be gone by then.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Life {
    runtime: Runtime,
    engine: Engine,
    store: Weak<()>,
    address: SocketAddr,
}

impl Life {
    /// As `everstep dev` begins. Must not be called on a runtime: each life has its own.
    pub fn begin(options: &Options, plan: &Arc<Plan>, ends: &Sender<End>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let (engine, store, address) = runtime.block_on(compose(options, plan, ends))?;
        Ok(Self {
            runtime,
            engine,
            store,
            address,
        })
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything goes at once: connections and workers first, so that nobody hears anything, then the engine, whose commit is let go of by
    /// `gone`, and the store.
    pub fn crash(self, gone: Sender<()>) -> Result<()> {
        self.runtime.shutdown_timeout(PATIENCE);
        drop(gone);
        drop(self.engine);
        let patience = Instant::now() + PATIENCE;
        while self.store.strong_count() > 0 {
            ensure!(Instant::now() < patience, "somebody keeps the store");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The end of a test: nothing has to be orderly.
    pub fn finish(self) {
        self.runtime.shutdown_timeout(PATIENCE);
    }
}

/// What the life before this one held of the folder may be let go of a moment after its store.
async fn start(options: HostOptions) -> Result<FunctionHost> {
    let patience = Instant::now() + PATIENCE;
    loop {
        match FunctionHost::start(options.clone()).await {
            Err(error) if error.kind() == Kind::Conflict && Instant::now() < patience => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            started => return Ok(started?),
        }
    }
}

async fn compose(
    options: &Options,
    plan: &Arc<Plan>,
    ends: &Sender<End>,
) -> Result<(Engine, Weak<()>, SocketAddr)> {
    let data = &options.data;
    let listener = Server::listen(options.listen).await?;
    let address = listener.local_addr()?;
    let url = format!("http://{address}");
    let logs = Logs::open(data.join("logs"), everstep_logs::Limits::default())?;
    let mut host = HostOptions::new(logs.clone(), data.join("scratch"), url.clone());
    host.python.clone_from(&options.python);
    host.region.clone_from(&options.region);
    let host = start(host).await?;
    let dispatcher = FunctionDispatcher::new(host, url, data.join("code"));
    let store = Fjall::open(data.join("store"))?;
    let (store, open) = Crashing::new(store, Arc::clone(plan), ends.clone());
    let clock = if options.skip {
        ClockMode::Skip
    } else {
        ClockMode::Real
    };
    let engine_options = everstep_engine::Options {
        clock,
        ..Default::default()
    };
    let blobs = data.join("blobs");
    let engine = Engine::open_on(
        Arc::new(store),
        &blobs,
        Arc::new(dispatcher),
        engine_options,
    )?;
    let server_options = everstep_server::Options {
        region: options.region.clone(),
        logs: Some(logs),
        ..Default::default()
    };
    tokio::spawn(Server::serve(
        listener,
        server_options,
        engine.handle().clone(),
    )?);
    Ok((engine, open, address))
}
