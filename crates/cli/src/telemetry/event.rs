//! Lines of the log that say by their `event_type` what happened.

use everstep_server::Metrics;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::Kept;

/// The member of a line that has the seeds' name of the event.
pub(super) const EVENT_TYPE: &str = "event_type";

/// Counts lines by their type.
pub(super) struct Counting(pub Metrics);

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Counted(&self.0));
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

/// Hands lines on to be kept, as objects.
pub(super) struct Keeping(pub Kept);

impl<S: Subscriber> Layer<S> for Keeping {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut members = Members(Map::new());
        event.record(&mut members);
        let level = event.metadata().level().as_str();
        members.0.insert("level".to_owned(), level.into());
        self.0.keep(members.0);
    }
}

struct Members(Map<String, Value>);

impl Members {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Members {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
