//! `everstep serve`: a server for others than the one who started it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use everstep_engine::{ClockMode, Storage};
use everstep_logs::Logs;
use everstep_server::{Code, Door, Limits, Options, Server, Tls, Traffic};

use crate::artifacts::ArtifactArguments;
use crate::bounds::Bounds;
use crate::client::URL_FILE;
use crate::composition::{self, Ground, KeyRing, Listening, Wanted, unbound, until_asked};
use crate::error::Failed;
use crate::host::{FunctionEnvironment, HostArguments};
use crate::keys::{self, Place};
use crate::log_options::LogOptions;
use crate::output;
use crate::services::ServiceArguments;
use crate::settings::{Settings, SettingsArgument};
use crate::telemetry::{Telemetry, TelemetryArguments};

#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// Where to listen; beyond loopback keys and TLS are asked for
    #[arg(long, default_value = "127.0.0.1:9070")]
    listen: SocketAddr,
    #[command(flatten)]
    place: Place,
    /// Key for everything as ACCESS_KEY_ID:SECRET, beside those of the file
    #[arg(long, env = "EVERSTEP_ADMIN_KEY", hide_env_values = true, hide = true)]
    admin_key: Option<String>,
    /// PEM file of the certificate, with those that lead to its root behind it
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file of the certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A proxy in front of this server ends TLS; --public-url says the address that it is reached by
    #[arg(long)]
    behind_proxy: bool,
    /// What links begin with, when it is not the address listened on: https://everstep.example.org
    #[arg(long, value_name = "URL", value_parser = crate::arguments::public_url)]
    public_url: Option<String>,
    /// Tell /metrics to callers without a key
    #[arg(long)]
    open_metrics: bool,
    #[command(flatten)]
    host: HostArguments,
    #[command(flatten)]
    environment: FunctionEnvironment,
    #[command(flatten)]
    services: ServiceArguments,
    #[command(flatten)]
    artifacts: ArtifactArguments,
    #[command(flatten)]
    logs: LogOptions,
    #[command(flatten)]
    settings: SettingsArgument,
    #[command(flatten)]
    telemetry: TelemetryArguments,
    /// Connections at one time; further ones wait
    #[arg(long, default_value_t = Limits::default().connections_max, value_name = "COUNT")]
    max_connections: usize,
    /// Seconds for a request's head to arrive, and for a connection to be idle
    #[arg(long, default_value_t = Limits::default().head_timeout.as_secs(), value_name = "SECONDS")]
    head_timeout: u64,
    /// Seconds for a request's body to arrive
    #[arg(long, default_value_t = Limits::default().body_timeout.as_secs(), value_name = "SECONDS")]
    body_timeout: u64,
    #[command(flatten)]
    bounds: Bounds,
}

impl Serve {
    pub fn run(self) -> Result<()> {
        let settings = self.settings.read()?;
        let telemetry = self.telemetry.begin(&settings)?;
        let outcome = composition::run(self.serve(telemetry.clone(), settings));
        telemetry.end();
        outcome
    }

    async fn serve(self, telemetry: Telemetry, settings: Settings) -> Result<()> {
        let wanted = Wanted::read(&settings, &self.artifacts, &telemetry)?;
        let artifacts = self.artifacts.options(&settings)?;
        let data = Ground::folder(&self.place.data)?;
        let fixed = self.admin_key.as_deref().map(keys::from_text).transpose()?;
        let alone = fixed.is_none();
        let (ring, keys) = KeyRing::open(self.place.file(), fixed.into_iter().collect())?;
        let open = alone && keys == 0;
        self.refuse_what_is_unsafe(open)?;
        let tls = self.tls()?;
        let listener = Server::listen(self.listen).await.map_err(unbound)?;
        // Functions have a way of their own: they run on this machine, need no TLS, and are let in while the server ends.
        let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let inner = Server::listen(loopback).await.map_err(unbound)?;
        let url = format!("http://{}", inner.local_addr()?);
        let public = self.public(listener.local_addr()?);
        let logs = self.logs.open(&data)?;
        telemetry.kept.begin(logs.clone());
        let ground = Ground {
            data: &data,
            logs: &logs,
            url: &url,
            environment: &self.environment,
            host: &self.host,
            services: &self.services,
            wanted: &wanted,
            artifacts: &artifacts,
        };
        let host = ground.host().await?;
        let dispatcher = ground.dispatcher(&host);
        let storage = Storage::Folder(data.clone());
        let engine = ground.engine(&dispatcher, &storage, ClockMode::Real, &self.bounds);
        let engine = Arc::new(engine.await?);
        let functions = ground
            .functions(engine.handle(), &dispatcher, &host)
            .await?;
        let door = Door {
            open_metrics: self.open_metrics,
            ..ring.door(&host, open)
        };
        let (outer, inner) = {
            let traffic = Traffic::default();
            let options = |door, tls| Options {
                callbacks: wanted.callbacks.clone(),
                traffic: traffic.clone(),
                metrics: telemetry.metrics.clone(),
                ..self.options(&logs, door, &public, tls)
            };
            let outer = options(door.clone(), tls.as_ref().map(|(tls, _)| tls.clone()));
            let within = options(door, None);
            let (stop, stop_within) = (outer.shutdown.clone(), within.shutdown.clone());
            let handle = engine.handle();
            let outer = Server::serve(listener, outer, handle.clone())?;
            let inner = Server::serve(inner, within, handle.clone())?;
            (
                Listening::begin(stop, outer),
                Listening::begin(stop_within, inner),
            )
        };
        let watching = tokio::spawn(ring.watch(tls));
        std::fs::write(data.join(URL_FILE), &public)?;
        if open {
            tracing::warn!("there are no keys: everybody on this machine is let in");
        }
        output::line(format!("everstep ready {public}"))?;
        let outcome = until_asked(&engine, false).await;
        drop(functions);
        composition::end(&engine, &host, outer, Some(inner)).await;
        watching.abort();
        outcome
    }

    fn public(&self, address: SocketAddr) -> String {
        let scheme = if self.tls_cert.is_some() {
            "https"
        } else {
            "http"
        };
        let public = self.public_url.clone();
        public.unwrap_or_else(|| format!("{scheme}://{address}"))
    }

    fn options(&self, logs: &Logs, door: Door, public: &str, tls: Option<Tls>) -> Options {
        let mut limits = Limits {
            connections_max: self.max_connections.max(1),
            head_timeout: Duration::from_secs(self.head_timeout.max(1)),
            body_timeout: Duration::from_secs(self.body_timeout.max(1)),
            ..Limits::default()
        };
        self.bounds.apply(&mut limits);
        Options {
            listen: self.listen,
            region: self.environment.region.clone(),
            logs: Some(logs.clone()),
            public_url: Some(public.to_owned()),
            tls,
            door,
            limits,
            ..Options::default()
        }
    }

    fn refuse_what_is_unsafe(&self, open: bool) -> Result<()> {
        let reachable = !self.listen.ip().is_loopback();
        let why = if open && reachable {
            format!(
                "{} is reached from other machines, and there are no keys: `everstep keys create NAME` makes one",
                self.listen
            )
        } else if open && self.behind_proxy {
            "behind a proxy everybody comes from this machine, and there are no keys: `everstep keys create NAME` makes one".to_owned()
        } else if self.behind_proxy && self.public_url.is_none() {
            // Links would lead to the address inside, and cookies would not be bound to TLS.
            "behind a proxy the address that people use is not the one listened on: say it with --public-url https://NAME".to_owned()
        } else if reachable && self.tls_cert.is_none() && !self.behind_proxy {
            format!(
                "{} is reached from other machines without TLS: give it --tls-cert and --tls-key, or say --behind-proxy when one ends TLS",
                self.listen
            )
        } else {
            return Ok(());
        };
        Err(Failed::Refused {
            status: 400,
            code: Some(Code::UnsafeListen.to_string()),
            message: why,
        }
        .into())
    }

    fn tls(&self) -> Result<Option<(Tls, [PathBuf; 2])>> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            return Ok(None);
        };
        let tls = Tls::read(certificate.clone(), key.clone()).map_err(|error| Failed::Refused {
            status: 500,
            code: Some(Code::UnusableKeys.to_string()),
            message: error.to_string(),
        })?;
        Ok(Some((tls, [certificate.clone(), key.clone()])))
    }
}
