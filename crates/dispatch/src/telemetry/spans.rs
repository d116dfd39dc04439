//! Spans, sent to a collector by OTLP over HTTP: in batches, by a thread of OpenTelemetry's own, which drops what a collector is too slow for.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _,
};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

const TIMEOUT: Duration = Duration::from_secs(10);
const PATH: &str = "v1/traces";

/// Where spans go.
#[derive(Clone, Debug)]
pub struct Collector {
    /// `http://collector:4318`; the signal's path is put behind it.
    pub endpoint: Url,
    /// Credentials, most often.
    pub headers: Vec<(String, SecretString)>,
    /// What this server is called.
    pub service: String,
}

/// Spans can't be sent.
#[derive(Debug, thiserror::Error)]
#[error("the collector can't be used: {why}")]
pub struct NoCollector {
    why: String,
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedSpan {
    pub name: String,
    pub kind: String,
    pub trace: u128,
    pub span: u64,
    /// 0: none.
    pub parent: u64,
    /// Nanoseconds since 1970.
    pub began: u64,
    pub ended: u64,
    pub failed: bool,
    pub attributes: Vec<(String, String)>,
    /// Places in other traces that it has to do with: trace and span.
    pub links: Vec<(u128, u64)>,
}

/// The way to a collector.
#[derive(Debug)]
pub struct Spans {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
}

impl Spans {
    /// Must not be called on a runtime's thread: the exporter's client has one of its own.
    ///
    /// # Errors
    /// [`NoCollector`].
    pub fn open(collector: &Collector) -> Result<Self, NoCollector> {
        let mut endpoint = collector.endpoint.clone();
        let path = format!("{}/{PATH}", endpoint.path().trim_end_matches('/'));
        endpoint.set_path(&path);
        let headers: HashMap<String, String> = collector
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(endpoint.to_string())
            .with_headers(headers)
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| NoCollector {
                why: error.to_string(),
            })?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        let resource = Resource::builder()
            .with_service_name(collector.service.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        processor.set_resource(&resource);
        Ok(Self {
            processor,
            scope: InstrumentationScope::builder("everstep").build(),
        })
    }

    /// Takes a span; it is sent within seconds, or dropped when too many wait.
    pub fn take(&self, span: FinishedSpan) {
        self.processor.on_end(data(span, self.scope.clone()));
    }

    /// Sends what waits; for the end of a process.
    pub fn flush(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(TIMEOUT) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

fn data(span: FinishedSpan, scope: InstrumentationScope) -> SpanData {
    let time = |nanoseconds| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds);
    let attributes = span.attributes.into_iter();
    let linked = span.links.iter().map(|(trace, span)| {
        let place = SpanContext::new(
            TraceId::from_bytes(trace.to_be_bytes()),
            SpanId::from_bytes(span.to_be_bytes()),
            TraceFlags::SAMPLED,
            true,
            TraceState::default(),
        );
        Link::with_context(place)
    });
    let mut links = SpanLinks::default();
    links.links.extend(linked);
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(span.trace.to_be_bytes()),
            SpanId::from_bytes(span.span.to_be_bytes()),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: SpanId::from_bytes(span.parent.to_be_bytes()),
        parent_span_is_remote: span.kind == "server" && span.parent != 0,
        span_kind: match span.kind.as_str() {
            "server" => SpanKind::Server,
            "client" => SpanKind::Client,
            _ => SpanKind::Internal,
        },
        name: span.name.into(),
        start_time: time(span.began),
        end_time: time(span.ended),
        attributes: attributes
            .map(|(name, value)| KeyValue::new(name, value))
            .collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links,
        status: if span.failed {
            Status::error("")
        } else {
            Status::Unset
        },
        instrumentation_scope: scope,
    }
}
