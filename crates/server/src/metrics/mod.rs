//! What a server counts, in the text format of Prometheus (OpenMetrics 1.0).
//!
//! - [`Metrics`]: counters that live as long as the server, filled where things happen.
//! - `requests`: every request, by protocol and status.
//! - `engine`: what the engine counts, asked for at each scrape.
//! - `waits`: how old the executions are that have not ended.
//! - `process`: the memory of this process.
//!
//! Labels are bounded: protocols, statuses and events are fixed lists, of definitions and targets only so many are told apart.

mod engine;
mod process;
mod requests;
mod waits;

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hyper::header::CONTENT_TYPE;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;

use crate::errors::Code;
use crate::http::App;
use crate::rest::Problem;

pub(crate) use requests::measure;

/// What OpenMetrics is called in a header.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// So long the walk through open executions is good for further scrapes.
const WAITS_KEPT: Duration = Duration::from_secs(2);

/// The log events of the callback service, by the names that the seeds gave them. Others are not counted.
const CALLBACK_EVENTS: [&str; 17] = [
    "callback_received",
    "parse_error",
    "validation_error",
    "callback_processing",
    "callback_heartbeat",
    "callback_progress",
    "callback_stored",
    "result_stored_s3",
    "storage_error",
    "workflow_not_found",
    "workflow_id_missing",
    "workflow_updated",
    "workflow_update_error",
    "workflow_update_warning",
    "callback_failed",
    "callback_completed",
    "callback_refused",
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfRequest {
    protocol: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfProtocol {
    protocol: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfEvent {
    event_type: &'static str,
}

type Latency = Family<OfProtocol, Histogram, fn() -> Histogram>;

/// The counters of a server. Cloned, they are the same counters: a server with two listeners has one set.
#[derive(Clone)]
pub struct Metrics {
    counters: Arc<Counters>,
}

struct Counters {
    registry: Registry,
    requests: Family<OfRequest, Counter>,
    latency: Latency,
    events: Family<OfEvent, Counter>,
    storage_failures: Counter,
    update_failures: Counter,
    waits: Mutex<Option<(Instant, waits::Waits)>>,
    callbacks: std::sync::Mutex<CallbackFigures>,
}

/// What became of callbacks since the server was started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallbackFigures {
    pub requests: u64,
    /// Refused for what they were, and failed for what we are.
    pub refused: u64,
    pub failed: u64,
    pub storage_failures: u64,
    pub update_failures: u64,
    /// Upper bounds in seconds, and how many took so long and no less.
    pub latency: Vec<(f64, u64)>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// From what a warm callback takes to what nobody should wait; 3 s, which an alarm asks for, is a bound of its own.
const BUCKETS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 60.0,
];
/// What stands for all that took longer than the last of them.
const LONGEST_S: f64 = 120.0;

fn buckets() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("everstep");
        let requests = Family::<OfRequest, Counter>::default();
        let latency = Latency::new_with_constructor(buckets);
        let events = Family::<OfEvent, Counter>::default();
        let (storage_failures, update_failures) = (Counter::default(), Counter::default());
        registry.register(
            "http_requests",
            "Requests that were answered, by protocol, method and status",
            requests.clone(),
        );
        registry.register(
            "http_request_seconds",
            "Time from a request's head to its answer's head",
            latency.clone(),
        );
        registry.register(
            "callback_events",
            "Log events of the callback service, by the names of the research workflow",
            events.clone(),
        );
        registry.register(
            "storage_failures",
            "Callbacks that could not be stored",
            storage_failures.clone(),
        );
        registry.register(
            "workflow_update_failures",
            "Callbacks that were stored while their workflow could not go on",
            update_failures.clone(),
        );
        // An alarm on a counter that is not there never rings: the lists that are known begin at nothing.
        for event_type in CALLBACK_EVENTS {
            drop(events.get_or_create(&OfEvent { event_type }));
        }
        for protocol in requests::PROTOCOLS {
            drop(latency.get_or_create(&OfProtocol { protocol }));
        }
        Self {
            counters: Arc::new(Counters {
                registry,
                requests,
                latency,
                events,
                storage_failures,
                update_failures,
                waits: Mutex::default(),
                callbacks: std::sync::Mutex::default(),
            }),
        }
    }
}

impl Metrics {
    /// Counts a line of the log by its event. What the callback service does not say is not counted.
    pub fn count_event(&self, name: &str) {
        let known = CALLBACK_EVENTS.into_iter().find(|known| *known == name);
        let Some(event_type) = known else { return };
        self.counters
            .events
            .get_or_create(&OfEvent { event_type })
            .inc();
        match event_type {
            "storage_error" => drop(self.counters.storage_failures.inc()),
            "workflow_update_error" => drop(self.counters.update_failures.inc()),
            _ => {}
        }
    }

    fn request(&self, protocol: &'static str, method: &'static str, status: u16, took: Duration) {
        let counted = OfRequest {
            protocol,
            method,
            status,
        };
        self.counters.requests.get_or_create(&counted).inc();
        let latency = self
            .counters
            .latency
            .get_or_create(&OfProtocol { protocol });
        latency.observe(took.as_secs_f64());
        if protocol == "callbacks" {
            self.callback(status, took);
        }
    }

    fn callback(&self, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let place = BUCKETS.partition_point(|bound| *bound < seconds);
        let bound = BUCKETS.get(place).copied().unwrap_or(LONGEST_S);
        let callbacks = self.counters.callbacks.lock();
        let mut callbacks = callbacks.unwrap_or_else(PoisonError::into_inner);
        callbacks.requests += 1;
        match status {
            400..500 => callbacks.refused += 1,
            500.. => callbacks.failed += 1,
            _ => {}
        }
        let latency = &mut callbacks.latency;
        match latency
            .iter_mut()
            .find(|(known, _)| known.total_cmp(&bound).is_eq())
        {
            Some((_, count)) => *count += 1,
            None => latency.push((bound, 1)),
        }
    }

    /// What became of callbacks, for those who are told instead of asking.
    #[must_use]
    pub fn callbacks(&self) -> CallbackFigures {
        let callbacks = self.counters.callbacks.lock();
        CallbackFigures {
            storage_failures: self.counters.storage_failures.get(),
            update_failures: self.counters.update_failures.get(),
            ..callbacks.unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    /// All that is counted, as text.
    ///
    /// # Errors
    /// The engine's, once it has ended.
    pub async fn text(
        &self,
        handle: &everstep_engine::Handle,
    ) -> Result<String, everstep_engine::Error> {
        let figures = handle.figures().await?;
        let waits = self.waits(handle).await;
        let mut scraped = Registry::with_prefix("everstep");
        engine::register(&mut scraped, handle, &figures);
        waits.register(&mut scraped);
        process::register(&mut scraped);
        let mut all = String::new();
        // A String takes everything.
        let _ = text::encode_registry(&mut all, &self.counters.registry)
            .and_then(|()| text::encode_registry(&mut all, &scraped))
            .and_then(|()| text::encode_eof(&mut all));
        Ok(all)
    }

    /// Who scrapes at the same time waits for one walk.
    async fn waits(&self, handle: &everstep_engine::Handle) -> waits::Waits {
        let mut kept = self.counters.waits.lock().await;
        match &*kept {
            Some((at, waits)) if at.elapsed() < WAITS_KEPT => waits.clone(),
            _ => {
                let waits = waits::Waits::walk(handle).await;
                *kept = Some((Instant::now(), waits.clone()));
                waits
            }
        }
    }
}

/// `GET /metrics`.
pub(crate) async fn get(State(app): State<App>) -> Response {
    match app.options.metrics.text(&app.handle).await {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => Problem::new(Code::of(&error), error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(metrics: &Metrics) -> String {
        let mut text = String::new();
        text::encode(&mut text, &metrics.counters.registry).expect("encoded");
        text
    }

    #[test]
    fn events_that_are_known_are_counted_and_no_others() {
        let metrics = Metrics::default();
        for event in [
            "storage_error",
            "storage_error",
            "workflow_update_error",
            "a user's own",
        ] {
            metrics.count_event(event);
        }
        let text = encoded(&metrics);
        for line in [
            "everstep_callback_events_total{event_type=\"storage_error\"} 2",
            "everstep_callback_events_total{event_type=\"callback_failed\"} 0",
            "everstep_storage_failures_total 2",
            "everstep_workflow_update_failures_total 1",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("own"), "{text}");
    }

    #[test]
    fn callbacks_are_counted_by_what_became_of_them() {
        let metrics = Metrics::default();
        for (status, seconds) in [
            (200, 0.02),
            (200, 0.02),
            (409, 0.3),
            (500, 4.0),
            (200, 99.0),
        ] {
            metrics.request(
                "callbacks",
                "POST",
                status,
                Duration::from_secs_f64(seconds),
            );
        }
        metrics.request("rest", "GET", 500, Duration::from_secs(1));
        metrics.count_event("storage_error");
        let callbacks = metrics.callbacks();
        assert_eq!(
            (callbacks.requests, callbacks.refused, callbacks.failed),
            (5, 1, 1)
        );
        assert_eq!(callbacks.storage_failures, 1);
        assert_eq!(
            callbacks.latency,
            [(0.025, 2), (0.5, 1), (5.0, 1), (LONGEST_S, 1)]
        );
    }

    #[test]
    fn a_request_is_counted_with_its_time() {
        let metrics = Metrics::default();
        metrics.request("callbacks", "POST", 200, Duration::from_millis(20));
        let text = encoded(&metrics);
        for line in [
            "everstep_http_requests_total{protocol=\"callbacks\",method=\"POST\",status=\"200\"} 1",
            "everstep_http_request_seconds_bucket{le=\"0.01\",protocol=\"callbacks\"} 0",
            "everstep_http_request_seconds_bucket{le=\"0.025\",protocol=\"callbacks\"} 1",
            "everstep_http_request_seconds_bucket{le=\"3.0\",protocol=\"callbacks\"} 1",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
