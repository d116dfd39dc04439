//! Spans that have ended, from the log's events to a collector.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use everstep_dispatch::telemetry::{Collector, FinishedSpan, Spans};
use everstep_engine::trace::Trace;
use serde::Deserialize;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::notifications::Guarded;
use crate::settings::Settings;

const SECTION: &str = "telemetry";

/// `[telemetry]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    /// A collector's address for OTLP over HTTP, without the signal's path; without it there are no spans.
    endpoint: Option<String>,
    /// Sent with every batch; `{ env = "NAME" }` where it is a secret.
    headers: BTreeMap<String, Guarded>,
    /// What this server is called.
    service: Option<String>,
}

/// The way to the collector that the settings name.
///
/// # Errors
/// E0190.
pub fn open(settings: &Settings) -> Result<Option<Arc<Spans>>> {
    let section: Section = settings.section(SECTION)?;
    let Some(endpoint) = section.endpoint else {
        return Ok(None);
    };
    let wrong = |why: &dyn std::fmt::Display| settings.wrong(SECTION, why);
    let endpoint = everstep_dispatch::notify::http_url(&endpoint)
        .map_err(|_| wrong(&"endpoint is no http or https URL"))?;
    let mut headers = Vec::new();
    for (name, value) in section.headers {
        headers.push((name, value.read().map_err(|why| wrong(&why))?));
    }
    let collector = Collector {
        endpoint,
        headers,
        service: section.service.unwrap_or_else(|| "everstep".to_owned()),
    };
    let spans = Spans::open(&collector).map_err(|error| wrong(&error))?;
    Ok(Some(Arc::new(spans)))
}

/// Hands spans on.
pub(super) struct Sending(pub Arc<Spans>);

impl<S: Subscriber> Layer<S> for Sending {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut read = Read(FinishedSpan {
            name: String::new(),
            kind: String::new(),
            trace: 0,
            span: 0,
            parent: 0,
            began: 0,
            ended: 0,
            failed: false,
            attributes: Vec::new(),
            links: Vec::new(),
        });
        event.record(&mut read);
        self.0.take(read.0);
    }
}

struct Read(FinishedSpan);

impl Visit for Read {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "name" => value.clone_into(&mut self.0.name),
            "kind" => value.clone_into(&mut self.0.kind),
            "trace" => self.0.trace = u128::from_str_radix(value, 16).unwrap_or_default(),
            "links" => {
                let links = value.split(',').filter_map(Trace::parse);
                self.0.links = links.map(|link| (link.trace, link.span)).collect();
            }
            "attributes" => {
                let all: BTreeMap<String, Value> = serde_json::from_str(value).unwrap_or_default();
                let text = |(name, value): (String, Value)| {
                    Some((name, value.as_str().map(str::to_owned)?))
                };
                self.0.attributes = all.into_iter().filter_map(text).collect();
            }
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "span" => self.0.span = value,
            "parent" => self.0.parent = value,
            "began" => self.0.began = value,
            "ended" => self.0.ended = value,
            _ => {}
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "failed" {
            self.0.failed = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
