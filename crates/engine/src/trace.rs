//! Traces: which one an execution belongs to, and spans that have ended.
//!
//! The trace is durable: it is the context that whoever started the execution sent (W3C Trace Context, kept as an attribute), or else made of the
//! execution's id, so that it is the same after every restart. A span that has ended is an event of `tracing` under [`TARGET`]; where nobody
//! listens to that target, nothing is made up.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use everstep_core::ExecutionId;
use everstep_store::ExecutionRow;

/// The attribute of an execution that holds its starter's context.
pub const ATTRIBUTE: &str = "traceparent";

/// The attribute with what vendors put beside it (`tracestate`).
pub const STATE_ATTRIBUTE: &str = "tracestate";

/// The target of the events that are ended spans.
pub const TARGET: &str = "everstep::span";

/// A place in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    pub trace: u128,
    /// 0: no span of it is known.
    pub span: u64,
}

impl Trace {
    /// A new one.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            trace: fastrand::u128(1..),
            span: 0,
        }
    }

    /// Reads `00-TRACE-SPAN-FLAGS`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let lower = |part: &str, len: usize| {
            part.len() == len
                && part
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        // A later version may have more parts; the first has not.
        let is_known = lower(version, 2) && version != "ff";
        let has_more = parts.next().is_some();
        if !is_known || !lower(trace, 32) || !lower(span, 16) || !lower(flags, 2) {
            return None;
        }
        if version == "00" && has_more {
            return None;
        }
        let (trace, span) = (
            u128::from_str_radix(trace, 16).ok()?,
            u64::from_str_radix(span, 16).ok()?,
        );
        (trace != 0 && span != 0).then_some(Self { trace, span })
    }

    /// That of an execution.
    #[must_use]
    pub fn of(row: &ExecutionRow) -> Self {
        let told = row.attributes.get(ATTRIBUTE);
        told.and_then(|text| Self::parse(text))
            .unwrap_or(Self::of_id(row.id))
    }

    /// That of an execution whose starter had none.
    #[must_use]
    pub const fn of_id(id: ExecutionId) -> Self {
        Self {
            trace: u128::from_be_bytes(*id.as_bytes()),
            span: 0,
        }
    }

    /// A span within it.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span: fastrand::u64(1..),
            ..self
        }
    }

    /// As AWS's services have it: `Root=1-…;Parent=…;Sampled=1`.
    #[must_use]
    pub fn x_ray(self) -> String {
        let trace = format!("{:032x}", self.trace);
        let (time, rest) = trace.split_at(8);
        format!("Root=1-{time}-{rest};Parent={:016x};Sampled=1", self.span)
    }
}

/// As W3C's `traceparent` has it.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace, self.span)
    }
}

/// Whose doing a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Something within this server.
    Internal,
    /// Somebody asked this server.
    Server,
    /// This server asked somebody.
    Client,
}

impl SpanKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// Asking `tracing` instead would disturb the event that comes next: filters of single layers keep the answer for it.
static LISTENED_TO: AtomicBool = AtomicBool::new(false);

/// Somebody listens from now on, as long as the process lives.
pub fn listen() {
    LISTENED_TO.store(true, Ordering::Relaxed);
}

/// Whether anybody listens.
#[must_use]
pub fn is_on() -> bool {
    LISTENED_TO.load(Ordering::Relaxed)
}

/// A span that has begun. Dropped, it is no span.
#[derive(Debug)]
pub struct Span {
    pub trace: Trace,
    parent: u64,
    at: SystemTime,
    since: Instant,
    links: Vec<Trace>,
}

impl Span {
    /// A span below this place.
    #[must_use]
    pub fn begin(parent: Trace) -> Self {
        Self {
            trace: parent.child(),
            parent: parent.span,
            at: SystemTime::now(),
            since: Instant::now(),
            links: Vec::new(),
        }
    }

    /// Says that it has to do with a place in another trace.
    pub fn link(&mut self, to: Trace) {
        self.links.push(to);
    }

    #[must_use]
    pub fn links(&self) -> &[Trace] {
        &self.links
    }

    /// Tells it. `attributes` are of the names that OpenTelemetry has for such things, or of ours.
    pub fn end(self, name: &str, kind: SpanKind, failed: bool, attributes: &[(&str, &str)]) {
        let began = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ended = began + self.since.elapsed();
        let nanoseconds =
            |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let links: Vec<String> = self.links.iter().map(Trace::to_string).collect();
        let attributes: serde_json::Map<String, serde_json::Value> = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect();
        tracing::trace!(
            target: TARGET,
            name,
            kind = kind.as_str(),
            trace = format!("{:032x}", self.trace.trace),
            span = self.trace.span,
            parent = self.parent,
            began = nanoseconds(began),
            ended = nanoseconds(ended),
            failed,
            links = links.join(","),
            attributes = serde_json::Value::Object(attributes).to_string(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_context_survives_its_text_and_its_x_ray_form() {
        let trace = Trace::parse(TOLD).expect("a context");
        assert_eq!(trace.to_string(), TOLD);
        assert_eq!(
            trace.x_ray(),
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1"
        );
        let child = trace.child();
        assert_eq!(child.trace, trace.trace);
        assert_ne!(child.span, trace.span);
        assert_eq!(Trace::parse(&child.to_string()), Some(child));
    }

    #[test]
    fn what_is_no_context_is_none() {
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert!(Trace::parse(later).is_some());
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(Trace::parse(wrong), None, "{wrong}");
        }
    }
}
