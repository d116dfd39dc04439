//! What a server tells of itself while it runs: its log on standard error, the counting of what the log says, and the lines of the callback
//! service as a log group that queries reach.

mod event;
mod kept;
#[cfg(feature = "otlp")]
mod spans;

#[cfg(feature = "otlp")]
use std::sync::Arc;

use anyhow::Result;
use clap::{Args, ValueEnum};
#[cfg(feature = "otlp")]
use everstep_dispatch::telemetry::Spans;
#[cfg(feature = "otlp")]
use everstep_engine::trace::TARGET;
use everstep_server::Metrics;
use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::Settings;
use event::{Counting, EVENT_TYPE, Keeping};
pub use kept::Kept;

#[derive(Args, Clone, Copy, Debug, Default)]
pub struct TelemetryArguments {
    /// How the server's own log is written on standard error; EVERSTEP_LOG says how much
    #[arg(long, value_enum, default_value_t)]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// One JSON object a line
    #[default]
    Json,
    /// For people
    Text,
}

/// Where what is told goes.
#[derive(Clone, Debug)]
pub struct Telemetry {
    pub metrics: Metrics,
    /// The lines of the callback service, once the server has a folder for logs.
    pub kept: Kept,
    #[cfg(feature = "otlp")]
    spans: Option<Arc<Spans>>,
}

impl Telemetry {
    /// Sends what waits to be sent: for the end of a server. Blocks.
    pub fn end(&self) {
        #[cfg(feature = "otlp")]
        if let Some(spans) = &self.spans {
            spans.flush();
        }
    }
}

impl TelemetryArguments {
    /// Begins to log, to count and, where the settings name a collector, to send spans: once in a process, and not on a runtime's thread.
    ///
    /// # Errors
    /// E0190.
    pub fn begin(self, settings: &Settings) -> Result<Telemetry> {
        let telemetry = Telemetry {
            metrics: Metrics::default(),
            kept: Kept::default(),
            #[cfg(feature = "otlp")]
            spans: spans::open(settings)?,
        };
        let filter = EnvFilter::try_from_env("EVERSTEP_LOG")
            .unwrap_or_else(|_| EnvFilter::new("warn,everstep=info"));
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let lines = match self.log_format {
            // The members of an event stand beside its time: `{"timestamp", "level", "event_type", …}`.
            Format::Json => lines.json().flatten_event(true).boxed(),
            Format::Text => lines.with_target(false).boxed(),
        };
        // What is counted and kept does not depend on what is written.
        let has_type =
            || FilterFn::new(|meta| meta.is_event() && meta.fields().field(EVENT_TYPE).is_some());
        let counting = Counting(telemetry.metrics.clone());
        let keeping = Keeping(telemetry.kept.clone());
        #[cfg(feature = "otlp")]
        let sending = telemetry.spans.clone().map(|to| {
            everstep_engine::trace::listen();
            let ended = FilterFn::new(|meta| meta.target() == TARGET);
            spans::Sending(to).with_filter(ended)
        });
        #[cfg(not(feature = "otlp"))]
        let sending = without_spans(settings)?;
        tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .with(counting.with_filter(has_type()))
            .with(keeping.with_filter(has_type()))
            .with(sending)
            .init();
        Ok(telemetry)
    }
}

/// A collector that nothing is sent to would be missed.
#[cfg(not(feature = "otlp"))]
fn without_spans(settings: &Settings) -> Result<Option<tracing_subscriber::layer::Identity>> {
    let section: toml::Table = settings.section("telemetry")?;
    if section.contains_key("endpoint") {
        let why = "this binary was built without the feature otlp";
        return Err(settings.wrong("telemetry", &why));
    }
    Ok(None)
}
