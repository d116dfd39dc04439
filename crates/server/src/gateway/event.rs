//! A request as API Gateway's proxy event, version 1.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderMap, USER_AGENT};
use hyper::http::request::Parts;
use serde::Serialize;
use serde_json::{Value, json};

use super::pattern::Found;
use crate::door::Caller;
use crate::http::App;
use crate::query::Query;
use crate::server::Peer;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    resource: &'a str,
    path: &'a str,
    http_method: &'a str,
    headers: BTreeMap<&'a str, String>,
    multi_value_headers: BTreeMap<&'a str, Vec<String>>,
    query_string_parameters: Option<BTreeMap<&'a str, &'a str>>,
    multi_value_query_string_parameters: Option<BTreeMap<&'a str, Vec<&'a str>>>,
    path_parameters: Option<&'a BTreeMap<&'a str, String>>,
    stage_variables: Option<Value>,
    request_context: Value,
    body: Option<String>,
    is_base64_encoded: bool,
}

/// The event's JSON. A body that is not text goes as base64.
pub(super) fn write(
    app: &App,
    head: &Parts,
    body: &[u8],
    found: &Found<'_>,
    request_id: &str,
) -> Vec<u8> {
    let query = Query::parse(head.uri.query());
    let mut many: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in query.pairs() {
        many.entry(name).or_default().push(value);
    }
    let last = many
        .iter()
        .filter_map(|(name, values)| Some((*name, *values.last()?)))
        .collect();
    let text = std::str::from_utf8(body).ok();
    let event = Event {
        resource: &found.route.path,
        path: head.uri.path(),
        http_method: head.method.as_str(),
        headers: last_headers(&head.headers),
        multi_value_headers: all_headers(&head.headers),
        query_string_parameters: (!many.is_empty()).then_some(last),
        multi_value_query_string_parameters: (!many.is_empty()).then(|| many.clone()),
        path_parameters: (!found.parameters.is_empty()).then_some(&found.parameters),
        stage_variables: None,
        request_context: context(app, head, found, request_id),
        body: match (body, text) {
            ([], _) => None,
            (_, Some(text)) => Some(text.to_owned()),
            (bytes, None) => Some(STANDARD.encode(bytes)),
        },
        is_base64_encoded: text.is_none(),
    };
    // Its keys are all texts, so it can always be written.
    serde_json::to_vec(&event).unwrap_or_default()
}

fn context(app: &App, head: &Parts, found: &Found<'_>, request_id: &str) -> Value {
    let now = app.handle.clock().now();
    let source = head
        .extensions
        .get::<Peer>()
        .map(|peer| peer.0.ip().to_string());
    let mut context = json!({
        "accountId": app.options.account,
        "apiId": "everstep",
        "stage": "everstep",
        "protocol": "HTTP/1.1",
        "httpMethod": head.method.as_str(),
        "path": head.uri.path(),
        "resourcePath": found.route.path,
        "resourceId": found.route.path,
        "requestId": request_id,
        "requestTime": crate::rest::time(now),
        "requestTimeEpoch": now.0,
        "identity": {
            "sourceIp": source,
            "userAgent": head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()),
        },
    });
    if let (Some(context), Some(name)) = (context.as_object_mut(), proven(app, head)) {
        context.insert("authorizer".to_owned(), json!({ "principalId": name }));
    }
    context
}

/// Whose key the request came with. An open door proves nobody's name.
fn proven<'a>(app: &App, head: &'a Parts) -> Option<&'a str> {
    match head.extensions.get::<Caller>()? {
        Caller::Key { name, .. } if !app.options.door.open => Some(name),
        Caller::Key { .. } | Caller::Worker { .. } | Caller::Anyone | Caller::Nobody => None,
    }
}

fn all_headers(headers: &HeaderMap) -> BTreeMap<&str, Vec<String>> {
    let mut all: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        all.entry(name.as_str())
            .or_default()
            .push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    all
}

fn last_headers(headers: &HeaderMap) -> BTreeMap<&str, String> {
    all_headers(headers)
        .into_iter()
        .filter_map(|(name, mut values)| Some((name, values.pop()?)))
        .collect()
}
