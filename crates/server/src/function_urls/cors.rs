//! What pages of other origins may do, as a function's address was told.

use axum::response::Response;
use everstep_engine::catalogue::FunctionUrl;
use hyper::StatusCode;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap,
    HeaderName, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use serde_json::Value;

/// The answer to a browser that asks first; functions do not see it.
pub(super) fn preflight(url: &FunctionUrl, head: &Parts) -> Option<Response> {
    let cors = url.cors.as_ref().filter(|_| super::is_preflight(head))?;
    let mut response = super::empty(StatusCode::OK);
    let headers = response.headers_mut();
    if allow(url, head, headers) {
        list(
            headers,
            ACCESS_CONTROL_ALLOW_METHODS,
            cors.get("AllowMethods"),
        );
        list(
            headers,
            ACCESS_CONTROL_ALLOW_HEADERS,
            cors.get("AllowHeaders"),
        );
        if let Some(seconds) = cors.get("MaxAge").and_then(Value::as_u64) {
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
        }
    }
    Some(response)
}

/// Names the request's origin among the answer's headers, if it is allowed.
pub(super) fn allow(url: &FunctionUrl, head: &Parts, headers: &mut HeaderMap) -> bool {
    let (Some(cors), Some(origin)) = (&url.cors, head.headers.get(ORIGIN)) else {
        return false;
    };
    let is_allowed = |allowed: &Value| {
        allowed
            .as_str()
            .is_some_and(|text| text == "*" || origin.as_bytes() == text.as_bytes())
    };
    let origins = cors.get("AllowOrigins").and_then(Value::as_array);
    if !origins.is_some_and(|origins| origins.iter().any(is_allowed)) {
        return false;
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    list(
        headers,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        cors.get("ExposeHeaders"),
    );
    if cors.get("AllowCredentials") == Some(&Value::Bool(true)) {
        headers.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
    true
}

fn list(headers: &mut HeaderMap, name: HeaderName, values: Option<&Value>) {
    let values: Vec<&str> = values
        .and_then(Value::as_array)
        .map(|values| values.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    if !values.is_empty()
        && let Ok(value) = HeaderValue::from_str(&values.join(","))
    {
        headers.insert(name, value);
    }
}
