//! What a server tells of itself while it runs: its log on standard error, the counting of what the log says, and the lines of the callback
//! service as a log group that queries reach.

mod event;
mod kept;

use clap::{Args, ValueEnum};
use everstep_server::Metrics;
use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

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
}

impl TelemetryArguments {
    /// Begins to log and to count: once in a process.
    pub fn begin(self) -> Telemetry {
        let telemetry = Telemetry {
            metrics: Metrics::default(),
            kept: Kept::default(),
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
        tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .with(counting.with_filter(has_type()))
            .with(keeping.with_filter(has_type()))
            .init();
        telemetry
    }
}
