//! The trace that a request belongs to: taken from its `traceparent`, handed on to what the request starts.

use std::collections::BTreeMap;

use everstep_engine::trace::{ATTRIBUTE, Span, Trace, is_on};
use hyper::HeaderMap;

/// W3C's header.
const HEADER: &str = "traceparent";

tokio::task_local! {
    static CURRENT: Option<Trace>;
}

/// What a request begins: a span where somebody listens, and the place in a trace that its doings hang at.
pub(crate) struct Begun {
    pub span: Option<Span>,
    at: Option<Trace>,
}

impl Begun {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let told = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let told = told.and_then(Trace::parse);
        if !is_on() {
            // Nobody here makes spans, and still the caller's trace goes on behind this server.
            return Self {
                span: None,
                at: told,
            };
        }
        let span = Span::begin(told.unwrap_or_else(Trace::begin));
        Self {
            at: Some(span.trace),
            span: Some(span),
        }
    }

    /// Runs what the request asks for as part of its trace.
    pub(crate) async fn run<T>(&self, doing: impl Future<Output = T>) -> T {
        CURRENT.scope(self.at, doing).await
    }
}

fn current() -> Option<Trace> {
    CURRENT.try_with(|current| *current).ok().flatten()
}

/// Makes what is started part of the request's trace, unless it says itself which it belongs to.
pub(crate) fn inherit(attributes: &mut BTreeMap<String, String>) {
    if let Some(trace) = current() {
        attributes
            .entry(ATTRIBUTE.to_owned())
            .or_insert_with(|| trace.to_string());
    }
}

/// The same in X-Ray's words, for what knows those alone.
pub(crate) fn x_ray() -> Option<String> {
    current().map(Trace::x_ray)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    async fn started(told: Option<&'static str>) -> BTreeMap<String, String> {
        let mut headers = HeaderMap::new();
        headers.extend(told.map(|told| {
            let value = hyper::header::HeaderValue::from_static(told);
            (hyper::header::HeaderName::from_static(HEADER), value)
        }));
        let begun = Begun::of(&headers);
        begun
            .run(async {
                let mut attributes = BTreeMap::new();
                inherit(&mut attributes);
                attributes
            })
            .await
    }

    #[tokio::test]
    async fn what_a_request_starts_belongs_to_its_trace() {
        assert_eq!(started(Some(TOLD)).await[ATTRIBUTE], TOLD);
        assert!(started(Some("no context")).await.is_empty());
        assert!(started(None).await.is_empty());
    }

    #[tokio::test]
    async fn what_says_its_own_trace_keeps_it_and_outside_of_requests_there_is_none() {
        let mut attributes = BTreeMap::from([(ATTRIBUTE.to_owned(), "own".to_owned())]);
        CURRENT
            .scope(Trace::parse(TOLD), async { inherit(&mut attributes) })
            .await;
        assert_eq!(attributes[ATTRIBUTE], "own");
        assert_eq!(x_ray(), None);
    }
}
