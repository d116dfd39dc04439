//! The trace that a request belongs to: taken from its `traceparent`, handed on to what the request starts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use everstep_core::ExecutionId;
use everstep_engine::Handle;
use everstep_engine::trace::{ATTRIBUTE, STATE_ATTRIBUTE, Span, Trace, is_on};
use hyper::HeaderMap;

/// W3C's headers.
const HEADER: &str = "traceparent";
const STATE_HEADER: &str = "tracestate";
/// What W3C wants to be handed on.
const STATE_BYTES_MAX: usize = 512;

tokio::task_local! {
    static CURRENT: At;
}

/// Where in which trace a request is.
#[derive(Clone, Debug, Default)]
struct At {
    trace: Option<Trace>,
    state: Option<String>,
    /// Places in other traces that it has to do with.
    links: Arc<Mutex<Vec<Trace>>>,
}

/// What a request begins: a span where somebody listens, and the place in a trace that its doings hang at.
pub(crate) struct Begun {
    span: Option<Span>,
    at: At,
}

impl Begun {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let told = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let told = told.and_then(Trace::parse);
        // Nobody may make spans here, and still the caller's trace goes on behind this server.
        let span = is_on().then(|| Span::begin(told.unwrap_or_else(Trace::begin)));
        let at = At {
            trace: span.as_ref().map(|span| span.trace).or(told),
            state: told.and_then(|_| state(headers)),
            links: Arc::default(),
        };
        Self { span, at }
    }

    /// The span, with what the request had to do with.
    pub(crate) fn span(self) -> Option<Span> {
        let mut span = self.span?;
        let links = self.at.links.lock();
        for link in links.unwrap_or_else(PoisonError::into_inner).drain(..) {
            span.link(link);
        }
        Some(span)
    }

    /// Runs what the request asks for as part of its trace.
    pub(crate) async fn run<T>(&self, doing: impl Future<Output = T>) -> T {
        CURRENT.scope(self.at.clone(), doing).await
    }
}

fn current() -> Option<Trace> {
    CURRENT.try_with(|current| current.trace).ok().flatten()
}

/// Vendors' words, where they are such as W3C allows.
fn state(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(STATE_HEADER)?.to_str().ok()?.trim();
    let fits = !text.is_empty()
        && text.len() <= STATE_BYTES_MAX
        && text.split(',').all(|member| member.contains('='));
    fits.then(|| text.to_owned())
}

/// What comes from outside for an execution may come from another trace: the request's span is linked to that of the execution.
pub(crate) async fn link(handle: &Handle, execution: ExecutionId) {
    let Some(ours) = current().filter(|_| is_on()) else {
        return;
    };
    let Ok(row) = handle.row(execution).await else {
        return;
    };
    let theirs = Trace::of(&row);
    if theirs.trace == ours.trace {
        return;
    }
    // Within a request there is one.
    let _ = CURRENT.try_with(|current| {
        let links = current.links.lock();
        let mut links = links.unwrap_or_else(PoisonError::into_inner);
        if !links.contains(&theirs) {
            links.push(theirs);
        }
    });
}

/// Makes what is started part of the request's trace, unless it says itself which it belongs to.
pub(crate) fn inherit(attributes: &mut BTreeMap<String, String>) {
    let Some(trace) = current().filter(|_| !attributes.contains_key(ATTRIBUTE)) else {
        return;
    };
    attributes.insert(ATTRIBUTE.to_owned(), trace.to_string());
    let state = CURRENT.try_with(|current| current.state.clone());
    if let Some(state) = state.ok().flatten() {
        attributes.insert(STATE_ATTRIBUTE.to_owned(), state);
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

    #[test]
    fn vendors_words_are_kept_as_they_are_or_not_at_all() {
        let kept = |text: &str| {
            let mut headers = HeaderMap::new();
            let value = hyper::header::HeaderValue::from_str(text).expect("a header");
            headers.insert(STATE_HEADER, value);
            state(&headers)
        };
        let good = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7";
        assert_eq!(kept(good).as_deref(), Some(good));
        for wrong in ["", "words", "a=1,words", &"a=1,".repeat(200)] {
            assert_eq!(kept(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn what_says_its_own_trace_keeps_it_and_outside_of_requests_there_is_none() {
        let mut attributes = BTreeMap::from([(ATTRIBUTE.to_owned(), "own".to_owned())]);
        let at = At {
            trace: Trace::parse(TOLD),
            ..At::default()
        };
        CURRENT.scope(at, async { inherit(&mut attributes) }).await;
        assert_eq!(attributes[ATTRIBUTE], "own");
        assert_eq!(x_ray(), None);
    }
}
