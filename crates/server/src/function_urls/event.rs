//! A request as the event of payload format 2.0.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, USER_AGENT};
use hyper::http::request::Parts;
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::App;
use crate::query::Query;
use crate::server::Peer;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'static str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<&'a str, String>,
    request_context: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

/// The event's JSON. `path` is what follows the address.
pub(super) fn write(
    app: &App,
    head: &Parts,
    body: &[u8],
    id: &str,
    path: &str,
    request_id: &str,
) -> Vec<u8> {
    let query = Query::parse(head.uri.query());
    let mut parameters: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in query.pairs() {
        add(&mut parameters, name, value);
    }
    let text = std::str::from_utf8(body)
        .ok()
        .filter(|_| is_text(&head.headers));
    let path = if path.is_empty() { "/" } else { path };
    let event = Event {
        version: "2.0",
        route_key: "$default",
        raw_path: path,
        raw_query_string: head.uri.query().unwrap_or_default(),
        cookies: cookies(&head.headers),
        headers: headers(&head.headers),
        query_string_parameters: parameters,
        request_context: context(app, head, id, path, request_id),
        body: match (body, text) {
            ([], _) => None,
            (_, Some(text)) => Some(text.to_owned()),
            (bytes, None) => Some(STANDARD.encode(bytes)),
        },
        is_base64_encoded: !body.is_empty() && text.is_none(),
    };
    // Its keys are all texts, so it can always be written.
    serde_json::to_vec(&event).unwrap_or_default()
}

/// Several values of one name stand behind one another.
fn add<'a>(to: &mut BTreeMap<&'a str, String>, name: &'a str, value: &str) {
    let joined = to.entry(name).or_default();
    if !joined.is_empty() {
        joined.push(',');
    }
    joined.push_str(value);
}

fn headers(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let mut all = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != COOKIE) {
        add(
            &mut all,
            name.as_str(),
            &String::from_utf8_lossy(value.as_bytes()),
        );
    }
    all
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(COOKIE).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split("; "))
        .map(str::to_owned)
        .collect()
}

/// Whether the body goes as it is; anything else goes as base64.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let Some(kind) = kind else { return true };
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || kind.ends_with("json")
        || kind.ends_with("xml")
        || kind.ends_with("javascript")
}

fn context(app: &App, head: &Parts, id: &str, path: &str, request_id: &str) -> Value {
    let now = app.handle.clock().now();
    let moment = i64::try_from(now.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or_default();
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let source = head.extensions.get::<Peer>();
    json!({
        "accountId": app.options.account,
        "apiId": id,
        "domainName": text(HOST),
        "domainPrefix": id,
        "http": {
            "method": head.method.as_str(),
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": source.map(|peer| peer.0.ip().to_string()),
            "userAgent": text(USER_AGENT),
        },
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": moment.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        "timeEpoch": now.0,
    })
}
