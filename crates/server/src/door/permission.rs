//! What a request needs. A route that is not named here needs the most.

use everstep_core::ExecutionId;
use hyper::Method;
use hyper::http::request::Parts;

use super::{Caller, Refusal};
use crate::approvals;
use crate::aws_json;
use crate::http::App;
use crate::states;
use crate::{function_urls, gateway};

/// What a caller must be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Look at executions, functions and logs.
    Read,
    /// Start, stop and answer executions.
    Operate,
    /// Pause, resume, delete, redrive and fork executions, whosever they are: for operators, not for workers.
    Supervise,
    /// Change functions, agents and settings.
    Administer,
    Artifacts {
        write: bool,
    },
    /// Checkpoint an execution, or read the state that its code sees.
    Extend(ExecutionId),
}

/// What everybody may send: signs of life, and answers that carry a token of their own.
pub(super) fn is_public(app: &App, head: &Parts) -> bool {
    let path = head.uri.path();
    path == "/health"
        || path == "/callbacks"
        || approvals::is_page(path)
        || (path.starts_with("/callbacks/") && !makes_tokens(head))
        || path.starts_with("/a2a/push/")
        || (path == "/metrics" && app.options.door.open_metrics)
}

/// Whether what is behind the door decides by itself whom it answers: functions with addresses of their own, signed links, and callbacks whose own
/// token is shown.
pub(super) fn asks_itself(head: &Parts) -> bool {
    head.uri.path().starts_with(function_urls::PREFIX) || is_link(head) || makes_tokens(head)
}

/// Whether a request asks for a token that is to answer a callback: keys of the door are good for it, and the callback's own token.
pub(super) fn makes_tokens(head: &Parts) -> bool {
    let path = head.uri.path();
    head.method == Method::POST && path.starts_with("/callbacks/") && path.ends_with("/tokens")
}

/// Whether a request reads one artifact by a signed link. It speaks for itself: `artifacts` looks at it.
fn is_link(head: &Parts) -> bool {
    let one = head
        .uri
        .path()
        .strip_prefix("/artifacts/")
        .is_some_and(|rest| rest.contains('/'));
    let signed = head
        .uri
        .query()
        .is_some_and(|query| query.contains("signature="));
    one && signed && reads(head)
}

fn reads(head: &Parts) -> bool {
    head.method == Method::GET || head.method == Method::HEAD
}

/// Whether a request intervenes in one execution: the same callers as in AWS's API may.
fn supervises(head: &Parts) -> bool {
    let path = head.uri.path();
    // What a letter holds is done, or thrown away.
    if path.starts_with("/dead-letters/") {
        return true;
    }
    let Some(rest) = path.strip_prefix("/executions/") else {
        return false;
    };
    match rest.split_once('/') {
        None => head.method == Method::DELETE,
        Some((_, verb)) => {
            head.method == Method::POST && ["pause", "resume", "redrive", "fork"].contains(&verb)
        }
    }
}

/// Our own API and the routes of functions, by the path as it is routed.
///
/// # Errors
/// [`Refusal::Missing`] or [`Refusal::Denied`].
pub(super) fn rest(app: &App, head: &Parts, caller: &Caller) -> Result<(), Refusal> {
    let path = head.uri.path();
    if asks_itself(head) {
        // Whether there has to be a signature is for the function's address to say; one that is there has to be good for calling functions.
        return match caller {
            Caller::Nobody => Ok(()),
            _ if is_link(head) => Ok(()),
            known => known.must(Need::Operate, &format!("{} {path}", head.method)),
        };
    }
    let need = if path == "/artifact-links" || path.starts_with("/artifact-links/") {
        Need::Artifacts { write: true }
    } else if path.starts_with("/artifacts/") {
        Need::Artifacts {
            write: !reads(head),
        }
    } else if path.starts_with("/executions/") && path.ends_with("/recording") {
        // It holds the variables of a function.
        Need::Administer
    } else if reads(head) {
        Need::Read
    } else if supervises(head) {
        Need::Supervise
    } else if head.method == Method::POST || gateway::answers(app, head) {
        Need::Operate
    } else {
        Need::Administer
    };
    caller.must(need, &format!("{} {path}", head.method))
}

/// AWS's JSON protocols: Step Functions, and CloudWatch Logs, of which what does not look by its name changes something.
///
/// # Errors
/// As [`rest`].
pub(super) fn json(head: &Parts, caller: &Caller) -> Result<(), Refusal> {
    const LOOKS: [&str; 7] = [
        "Describe",
        "Filter",
        "Get",
        "List",
        "StartQuery",
        "StopQuery",
        "TestMetricFilter",
    ];
    let target = aws_json::target(&head.headers);
    if let Some(operation) = target.strip_prefix(states::SERVICE) {
        return caller.must(states::need(operation), &format!("states:{operation}"));
    }
    let (_, operation) = target.rsplit_once('.').unwrap_or_default();
    let need = if LOOKS.iter().any(|word| operation.starts_with(word)) {
        Need::Read
    } else {
        Need::Administer
    };
    caller.must(need, &format!("logs:{operation}"))
}
