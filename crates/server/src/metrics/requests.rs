//! Every request, by the protocol that its address belongs to.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use everstep_engine::trace::SpanKind;
use hyper::Method;

use crate::http::App;
use crate::trace::Begun;
use crate::{aws_json, function_urls, lambda, states};

/// Each is a label of metrics.
pub(super) const PROTOCOLS: [&str; 9] = [
    "approvals",
    "artifacts",
    "callbacks",
    "function-urls",
    "lambda",
    "logs",
    "operations",
    "rest",
    "states",
];

/// The first part of a path and the protocol that it belongs to; what is not here is `rest` or a route of a function.
const BY_PATH: [(&str, &str); 8] = [
    ("a2a", "callbacks"),
    ("approvals", "approvals"),
    ("approve", "approvals"),
    ("artifact-links", "artifacts"),
    ("artifacts", "artifacts"),
    ("callbacks", "callbacks"),
    ("health", "operations"),
    ("metrics", "operations"),
];

fn protocol(request: &Request) -> &'static str {
    let path = request.uri().path();
    let first = path.split('/').nth(1).unwrap_or_default();
    if let Some((_, protocol)) = BY_PATH.iter().find(|(part, _)| *part == first) {
        protocol
    } else if states::speaks(request) {
        "states"
    } else if aws_json::speaks(request) {
        "logs"
    } else if lambda::speaks(request) {
        "lambda"
    } else if path.starts_with(function_urls::PREFIX) {
        "function-urls"
    } else {
        "rest"
    }
}

/// The methods that are told apart: a client may make up any number of others.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Counts a request when it is answered; one whose caller has gone is not.
pub(crate) async fn measure(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (protocol, method) = (protocol(&request), method(request.method()));
    let begun = Begun::of(request.headers());
    let answer = begun.run(next.run(request)).await;
    let status = answer.status();
    if let Some(span) = begun.span() {
        // No path: those of callbacks hold what nobody else should know.
        let attributes = [
            ("http.request.method", method),
            ("http.response.status_code", status.as_str()),
            ("everstep.protocol", protocol),
        ];
        let failed = status.is_server_error();
        span.end(
            &format!("{method} {protocol}"),
            SpanKind::Server,
            failed,
            &attributes,
        );
    }
    app.options
        .metrics
        .request(protocol, method, status.as_u16(), began.elapsed());
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> &'static str {
        let request = hyper::Request::builder()
            .uri(path)
            .body(axum::body::Body::empty());
        protocol(&request.expect("a request"))
    }

    #[test]
    fn every_address_belongs_to_a_protocol_that_is_listed() {
        for (path, expected) in [
            ("/callbacks", "callbacks"),
            ("/callbacks/x/succeed", "callbacks"),
            ("/callbacksx", "rest"),
            ("/a2a/push/7", "callbacks"),
            ("/artifacts/b/k", "artifacts"),
            ("/metrics", "operations"),
            ("/executions/7", "rest"),
            ("/workflows/7/approve", "rest"),
            ("/2015-03-31/functions", "lambda"),
            ("/", "rest"),
        ] {
            assert_eq!(of(path), expected, "{path}");
            assert!(PROTOCOLS.contains(&of(path)), "{path}");
        }
    }

    #[test]
    fn a_method_that_somebody_made_up_is_no_label() {
        let made_up = Method::from_bytes(b"BREW").expect("a method");
        assert_eq!(method(&made_up), "other");
        assert_eq!(method(&Method::GET), "GET");
    }
}
