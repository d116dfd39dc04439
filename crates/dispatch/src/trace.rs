//! The trace that a call to the outside belongs to, in W3C's words: what is called goes on with it.
//!
//! It is that of the execution, unless the call has one of its own (X-Ray's header, which functions and state machines carry). Where spans are
//! made, the call hangs below that of its task, and what whoever is called says of its own trace is linked to that span.

use std::sync::{Mutex, PoisonError};

use everstep_core::{Digest, ExecutionId};
use everstep_engine::Handle;
use everstep_engine::trace::{STATE_ATTRIBUTE, Span, Trace};

/// Traces that one task is linked to: an agent may tell another one each time it is asked.
const LINKS_MAX: usize = 16;

tokio::task_local! {
    static UNDER: Under;
}

/// The span of the task that is under way.
struct Under {
    span: Trace,
    links: Mutex<Vec<Trace>>,
}

/// What is sent along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    pub parent: Option<String>,
    pub state: Option<String>,
}

/// Does something as part of a span, and gives that back with what it was linked to.
pub(crate) async fn within(span: Option<Span>, doing: impl Future<Output = ()>) -> Option<Span> {
    let Some(mut span) = span else {
        doing.await;
        return None;
    };
    let under = Under {
        span: span.trace,
        links: Mutex::default(),
    };
    let links = UNDER.scope(under, async {
        doing.await;
        UNDER.with(|under| std::mem::take(&mut *lock(&under.links)))
    });
    for link in links.await {
        span.link(link);
    }
    Some(span)
}

fn lock(links: &Mutex<Vec<Trace>>) -> std::sync::MutexGuard<'_, Vec<Trace>> {
    links.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes which trace whoever was called works in.
pub(crate) fn link(traceparent: &str) {
    let Some(theirs) = Trace::parse(traceparent) else {
        return;
    };
    // Outside of a span there is nothing to link to.
    let _ = UNDER.try_with(|under| {
        let mut links = lock(&under.links);
        let is_ours = theirs.trace == under.span.trace;
        if !is_ours && links.len() < LINKS_MAX && !links.contains(&theirs) {
            links.push(theirs);
        }
    });
}

/// What a call for an execution sends along. `header` is X-Ray's, where the call has its own.
pub(crate) async fn context(
    handle: &Handle,
    execution: ExecutionId,
    header: Option<&str>,
) -> Context {
    // An engine that has no time to say leaves the trace that is made of the id.
    let row = handle.row(execution).await.ok();
    let own = row.as_ref().map_or(Trace::of_id(execution), Trace::of);
    let under = UNDER.try_with(|under| under.span).ok();
    let parent = parent(header, own, under);
    let state = row.and_then(|mut row| row.attributes.remove(STATE_ATTRIBUTE));
    let is_own = Trace::parse(&parent).is_some_and(|parent| parent.trace == own.trace);
    Context {
        state: state.filter(|_| is_own),
        parent: Some(parent),
    }
}

fn parent(header: Option<&str>, own: Trace, under: Option<Trace>) -> String {
    let told = header.and_then(read);
    let told = told.and_then(|text| Some((Trace::parse(&text)?, text)));
    let trace = told.as_ref().map_or(own.trace, |(told, _)| told.trace);
    match (under, told) {
        (Some(span), _) if span.trace == trace => span.to_string(),
        (_, Some((_, text))) => text,
        (_, None) if own.span != 0 => own.to_string(),
        // No span of it is known: one that is always the same stands for all.
        (_, None) => Trace {
            span: span_of(own.trace),
            ..own
        }
        .to_string(),
    }
}

fn span_of(trace: u128) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = Digest::of(&trace.to_be_bytes()).0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1)
}

/// `Root=1-HHHHHHHH-24H;Parent=16H;Sampled=1`
fn read(header: &str) -> Option<String> {
    let part = |name: &str| {
        let mut parts = header
            .split(';')
            .filter_map(|part| part.trim().split_once('='));
        parts.find_map(|(key, value)| (key == name).then_some(value))
    };
    let root = part("Root")?.strip_prefix("1-")?;
    let (time, chance) = root.split_once('-')?;
    let trace = format!("{time}{chance}").to_ascii_lowercase();
    let span = part("Parent").map(str::to_ascii_lowercase);
    let span = span.unwrap_or_else(|| {
        let number = u128::from_str_radix(&trace, 16).unwrap_or_default();
        format!("{:016x}", span_of(number))
    });
    let is_hex =
        |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    let sampled = if part("Sampled") == Some("0") {
        "00"
    } else {
        "01"
    };
    (is_hex(&trace, 32) && is_hex(&span, 16)).then(|| format!("00-{trace}-{span}-{sampled}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    use everstep_core::Shard;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    fn own() -> Trace {
        Trace::of_id(ExecutionId::new(1, 2, Shard(3)))
    }

    #[test]
    fn the_callers_trace_goes_on_and_else_the_executions() {
        let whole = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=0");
        assert_eq!(
            parent(Some(&whole), own(), None),
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00"
        );
        let begun = parent(Some(ROOT), own(), None);
        assert!(begun.starts_with("00-5759e988bd862e3fe1be46a994272793-"));
        for other in [None, Some("nonsense"), Some("Root=1-x-y")] {
            let begun = parent(other, own(), None);
            assert_eq!(begun, parent(None, own(), None));
            assert_eq!(Trace::parse(&begun).map(|it| it.trace), Some(own().trace));
        }
        let started = Trace { span: 7, ..own() };
        assert_eq!(parent(None, started, None), started.to_string());
    }

    #[test]
    fn a_call_hangs_below_the_span_of_its_task_where_that_is_of_its_trace() {
        let under = own().child();
        assert_eq!(parent(None, own(), Some(under)), under.to_string());
        let header = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1");
        let other = parent(Some(&header), own(), Some(under));
        assert!(other.ends_with("-53995c3f42cd8ad8-01"), "{other}");
    }

    #[tokio::test]
    async fn a_span_is_linked_to_what_whoever_was_called_says_once() {
        let theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        link(theirs);
        let span = Span::begin(own());
        let inside = span.trace;
        let span = within(Some(span), async {
            for told in [theirs, theirs, "nonsense", &inside.to_string()] {
                link(told);
            }
        });
        let links = span.await.map(|span| span.links().to_vec());
        assert_eq!(links, Some(Trace::parse(theirs).into_iter().collect()));
    }
}
