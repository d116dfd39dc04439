//! `api_handler`: the routes of the specification, §11, in the shape of an API Gateway proxy, payload format 1 or 2.

use base64::Engine as _;
use serde::Serialize;
use serde_json::{Value, json};

use crate::artifact::REPORT_LINK;
use crate::controller::{approve, cancel, start};
use crate::error::{Kind, WorkflowError};
use crate::message::{is_workflow_id, parse_start, workflow_id_for_key};
use crate::record::Record;
use crate::services::Services;
use crate::settings::Backend;
use crate::table::get_workflow_state;

/// A route that the server hands to a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path with `{id}` where an id stands.
    pub path: &'static str,
    /// Name of the function that answers.
    pub function: &'static str,
}

/// The name under which [`api_handler`] is deployed.
pub const API_FUNCTION: &str = "ResearchApi";

/// The routes of [`api_handler`].
#[must_use]
pub fn routes() -> Vec<Route> {
    let route = |method, path| Route {
        method,
        path,
        function: API_FUNCTION,
    };
    vec![
        route("POST", "/workflows"),
        route("GET", "/workflows"),
        route("GET", "/workflows/{id}"),
        route("POST", "/approve/{id}"),
        route("POST", "/workflows/{id}/approve"),
        route("POST", "/workflows/{id}/cancel"),
        route("DELETE", "/workflows/{id}"),
    ]
}

/// What is used of a proxy event.
#[derive(Debug, PartialEq)]
struct Request {
    method: String,
    path: Vec<String>,
    body: Result<Value, ()>,
    idempotency_key: Option<String>,
    status: Option<String>,
    cursor: Option<String>,
    caller: Option<String>,
}

/// Answers a proxy event `{httpMethod, path, headers, body, …}` with `{statusCode, headers, body}`.
pub async fn api_handler(services: &Services, event: &Value) -> Value {
    let Some(request) = read(event) else {
        return reply(400, &json!({ "error": "Not an API request" }));
    };
    match route(services, &request).await {
        Ok((status, body)) => reply(status, &body),
        Err(error) => failure(services, &error),
    }
}

async fn route(services: &Services, request: &Request) -> Result<(u16, Value), WorkflowError> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("POST", ["workflows"]) => {
            let mut wanted = parse_start(json_body(request)?)?;
            if let Some(key) = &request.idempotency_key {
                wanted
                    .workflow_id
                    .get_or_insert_with(|| workflow_id_for_key(key));
            }
            let result = start(services, wanted).await?;
            let failed = result.get("status").and_then(Value::as_str) == Some("FAILED");
            Ok((if failed { 500 } else { 200 }, result))
        }
        ("GET", ["workflows"]) => {
            let page = services
                .records
                .list(request.status.as_deref(), request.cursor.as_deref())
                .await?;
            Ok((200, json!({ "workflows": page.records, "next": page.next })))
        }
        ("GET", ["workflows", id]) if is_workflow_id(id) => {
            match get_workflow_state(&*services.records, id, &services.log).await? {
                Some(record) => Ok((200, json!(with_fresh_link(services, record).await))),
                None => Ok((404, json!({ "error": "Workflow not found" }))),
            }
        }
        ("GET", ["workflows", id, "callbacks"]) if is_workflow_id(id) => {
            let page = services.callbacks.list(id, request.cursor.as_deref());
            Ok((200, json!(page.await?)))
        }
        ("POST", ["approve", id] | ["workflows", id, "approve"]) => Ok((
            200,
            approve(services, id, json_body(request)?, request.caller.as_deref()).await?,
        )),
        ("POST", ["workflows", id, "cancel"]) | ("DELETE", ["workflows", id]) => {
            Ok((200, cancel(services, id, json_body(request)?).await?))
        }
        ("GET", ["workflows", _]) => Ok((404, json!({ "error": "Workflow not found" }))),
        _ => Ok((404, json!({ "error": "Not found" }))),
    }
}

/// A link that S3 signed ends with the credentials of whoever signed it, so that a reader gets a new one.
async fn with_fresh_link(services: &Services, mut record: Record) -> Record {
    if services.settings.backend == Backend::Aws
        && let Some(key) = record.text("report_s3_key")
        && let Ok(link) = services.link(&record.workflow_id, key, REPORT_LINK).await
    {
        record.extra.insert("report_url".to_owned(), link.into());
    }
    record
}

fn json_body(request: &Request) -> Result<&Value, WorkflowError> {
    request
        .body
        .as_ref()
        .map_err(|()| WorkflowError::Invalid("Invalid JSON in request body".to_owned()))
}

/// Client errors keep their sentence; whatever else went wrong is logged here and named nowhere else.
fn failure(services: &Services, error: &WorkflowError) -> Value {
    let status = match error.kind() {
        Kind::Invalid => 400,
        Kind::NotFound => 404,
        Kind::Conflict => 409,
        Kind::Throttled => 429,
        Kind::Transient => 503,
        Kind::Corrupt => 500,
    };
    if status < 429 {
        return reply(status, &json!({ "error": error.to_string() }));
    }
    services.failed("api_handler_error", "", error);
    let text = if status == 500 {
        "Internal error"
    } else {
        "Temporarily unavailable, try again"
    };
    reply(status, &json!({ "error": text }))
}

fn reply(status: u16, body: &Value) -> Value {
    json!({ "statusCode": status, "headers": { "Content-Type": "application/json" }, "body": body.to_string() })
}

fn read(event: &Value) -> Option<Request> {
    let text = |pointer: &str| {
        event
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let method = text("/httpMethod").or_else(|| text("/requestContext/http/method"))?;
    let path = text("/path").or_else(|| raw_path(event))?;
    let query = |name: &str| {
        text(&format!("/queryStringParameters/{name}")).filter(|value| !value.is_empty())
    };
    Some(Request {
        path: path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect(),
        method,
        body: body(event),
        idempotency_key: header(event, "idempotency-key"),
        status: query("status"),
        cursor: query("cursor"),
        caller: caller(event),
    })
}

/// Format 2 begins the path with the name of the stage, unless that is the default one.
fn raw_path(event: &Value) -> Option<String> {
    let path = event.get("rawPath").and_then(Value::as_str)?;
    let stage = event
        .pointer("/requestContext/stage")
        .and_then(Value::as_str);
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with('/'));
    Some(rest.unwrap_or(path).to_owned())
}

/// The body as JSON: text, base64 text, or an object that somebody parsed already. No body reads as null.
fn body(event: &Value) -> Result<Value, ()> {
    match event.get("body") {
        None | Some(Value::Null) => Ok(Value::Null),
        Some(Value::String(text))
            if event.get("isBase64Encoded").and_then(Value::as_bool) == Some(true) =>
        {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(text)
                .map_err(|_| ())?;
            serde_json::from_slice(&bytes).map_err(|_| ())
        }
        Some(Value::String(text)) if text.trim().is_empty() => Ok(Value::Null),
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| ()),
        Some(parsed) => Ok(parsed.clone()),
    }
}

fn header(event: &Value, name: &str) -> Option<String> {
    let headers = event.get("headers")?.as_object()?;
    let (_, value) = headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// Who the front door has authenticated: an authoriser's principal, a token's subject, or an IAM identity.
fn caller(event: &Value) -> Option<String> {
    let places = [
        "/requestContext/authorizer/principalId",
        "/requestContext/authorizer/claims/sub",
        "/requestContext/authorizer/jwt/claims/sub",
        "/requestContext/authorizer/iam/userArn",
        "/requestContext/identity/userArn",
    ];
    places
        .iter()
        .find_map(|place| event.pointer(place).and_then(Value::as_str))
        .filter(|who| !who.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_payload_formats_read_the_same() {
        let v1 = json!({ "httpMethod": "POST", "path": "/workflows", "headers": { "Idempotency-Key": "k" }, "body": "{\"topic\":\"t\"}" });
        let v2 = json!({ "requestContext": { "http": { "method": "POST" } }, "rawPath": "/workflows",
                         "headers": { "idempotency-key": "k" }, "body": "eyJ0b3BpYyI6InQifQ==", "isBase64Encoded": true });
        let first = read(&v1).expect("format 1");
        assert_eq!(first, read(&v2).expect("format 2"));
        assert_eq!(first.body, Ok(json!({ "topic": "t" })));
        assert_eq!(first.idempotency_key.as_deref(), Some("k"));
        assert!(read(&json!({ "topic": "t" })).is_none());
    }

    #[test]
    fn the_stage_is_no_part_of_the_path() {
        let at = |path: &str| {
            let event = json!({ "requestContext": { "http": { "method": "GET" }, "stage": "v1" }, "rawPath": path });
            read(&event).expect("a request").path.join("/")
        };
        assert_eq!(at("/v1/workflows/v1"), "workflows/v1");
        assert_eq!(at("/v10/workflows"), "v10/workflows");
        assert_eq!(at("/workflows"), "workflows");
    }

    #[test]
    fn bodies_that_are_no_json_are_told_from_missing_ones() {
        let with = |body: Value| {
            read(&json!({ "httpMethod": "POST", "path": "/workflows", "body": body }))
                .expect("request")
                .body
        };
        assert_eq!(with(Value::Null), Ok(Value::Null));
        assert_eq!(with(json!("")), Ok(Value::Null));
        assert_eq!(with(json!("{")), Err(()));
        assert_eq!(with(json!({ "a": 1 })), Ok(json!({ "a": 1 })));
    }

    #[test]
    fn the_authenticated_caller_is_found() {
        let event = json!({ "requestContext": { "authorizer": { "jwt": { "claims": { "sub": "ann" } } } } });
        assert_eq!(caller(&event).as_deref(), Some("ann"));
        assert_eq!(caller(&json!({})), None);
    }
}
