//! AWS's JSON protocols, whatever the service: an operation is named in a header, and bodies are JSON objects.

use axum::body::Body;
use axum::response::Response;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

const TARGET: &str = "x-amz-target";

/// Whether a request names an operation as AWS's JSON protocols do.
pub(crate) fn speaks(request: &Request<Body>) -> bool {
    request.uri().path() == "/" && request.headers().contains_key(TARGET)
}

/// `SERVICE.OPERATION`; empty where it is missing or no text.
pub(crate) fn target(headers: &HeaderMap) -> &str {
    let target = headers.get(TARGET);
    target
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default()
}

/// What an operation is given; no body is an empty object.
///
/// # Errors
/// What is wrong with the body.
pub(crate) fn input<Input: DeserializeOwned>(body: &[u8]) -> Result<Input, String> {
    let body = if body.is_empty() { b"{}" } else { body };
    // The members of an array would be taken in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err("the body is not a JSON object".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// An answer in the protocol's media type, with a request id of its own.
pub(crate) fn respond(
    media_type: &'static str,
    status: StatusCode,
    body: &impl Serialize,
) -> Response {
    // Only a map with keys that are no texts can't be written, and there is none.
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
