//! What a server tells of itself while it runs: its log, and the counting of what the log says.

use clap::{Args, ValueEnum};
use everstep_server::Metrics;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The member of a line that says what happened, by the seeds' names.
const EVENT_TYPE: &str = "event_type";

#[derive(Args, Clone, Copy, Debug, Default)]
pub struct TelemetryArguments {
    /// How the server's own log is written on standard error; EVERSTEP_LOG says how much
    #[arg(long, value_enum, default_value_t)]
    pub log_format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Format {
    /// One JSON object a line
    #[default]
    Json,
    /// For people
    Text,
}

/// Begins to log and to count.
pub fn begin(arguments: TelemetryArguments, metrics: &Metrics) {
    let filter = EnvFilter::try_from_env("EVERSTEP_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,everstep=info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match arguments.log_format {
        Format::Json => lines.json().boxed(),
        Format::Text => lines.with_target(false).boxed(),
    };
    // What is counted does not depend on what is written.
    let counted =
        FilterFn::new(|meta| meta.is_event() && meta.fields().field(EVENT_TYPE).is_some());
    let counting = Counting {
        metrics: metrics.clone(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(counting.with_filter(counted))
        .init();
}

/// Counts lines by their `event_type`.
struct Counting {
    metrics: Metrics,
}

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Counted(&self.metrics));
    }
}

struct Counted<'a>(&'a Metrics);

impl Visit for Counted<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == EVENT_TYPE {
            self.0.count_event(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
