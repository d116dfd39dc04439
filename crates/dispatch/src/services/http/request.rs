//! What an HTTP task sends: its arguments, with what its connection adds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RANGE, USER_AGENT,
};
use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::connection::{Authorization, Connection};
use super::form::{self, ArrayFormat};
use crate::services::Fault;
use crate::trace::Context;

/// What a task may not set itself: each is either the connection's affair or that of the call.
const RESERVED: &[&str] = &[
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
];
const RESERVED_PREFIXES: &[&str] = &["x-forwarded-", "x-amz-", "x-amzn-"];
const JSON: &str = "application/json; charset=UTF-8";
const FORM: &str = "application/x-www-form-urlencoded";
/// The largest result of a task, as AWS asks servers for it.
const RANGE_MAX: &str = "bytes=0-262144";
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Arguments {
    pub api_endpoint: String,
    pub method: String,
    #[serde(default)]
    pub headers: Map<String, Value>,
    pub query_parameters: Option<Value>,
    pub request_body: Option<Value>,
    #[serde(default)]
    pub transform: Transform,
    pub authentication: Option<ConnectionArn>,
    pub invocation_config: Option<ConnectionArn>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Transform {
    request_body_encoding: Option<Encoding>,
    #[serde(default)]
    request_encoding_options: EncodingOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Encoding {
    None,
    UrlEncoded,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EncodingOptions {
    #[serde(default)]
    array_format: ArrayFormat,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ConnectionArn {
    pub connection_arn: String,
}

impl Arguments {
    /// The connection that the task names, in the new way or the old.
    pub(super) fn connection(&self) -> Option<&str> {
        let named = self
            .invocation_config
            .as_ref()
            .or(self.authentication.as_ref());
        named.map(|named| &*named.connection_arn)
    }
}

/// A call that is ready to be made.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Bytes>,
}

impl Outgoing {
    /// Says which trace the call belongs to, unless the task does.
    pub(super) fn trace(&mut self, context: &Context) {
        if self.headers.contains_key(TRACEPARENT) {
            return;
        }
        let header = |text: &Option<String>| HeaderValue::from_str(text.as_deref()?).ok();
        if let Some(parent) = header(&context.parent) {
            self.headers.insert(TRACEPARENT, parent);
            if let Some(state) = header(&context.state) {
                self.headers.insert(TRACESTATE, state);
            }
        }
    }
}

/// Puts the call together. `key` tells it from every other call but its own repetition.
pub(super) fn build(
    arguments: &Arguments,
    connection: &Connection,
    region: &str,
    key: &str,
) -> Result<Outgoing, Fault> {
    let method = method(&arguments.method)?;
    let url = url(arguments, connection)?;
    let mut headers = headers(arguments, connection)?;
    let agent = format!("Everstep|StepFunctions|HttpInvoke|{region}");
    insert(&mut headers, USER_AGENT, &agent)?;
    headers.insert(RANGE, HeaderValue::from_static(RANGE_MAX));
    if !method.is_safe() && !headers.contains_key(&IDEMPOTENCY_KEY) {
        insert(&mut headers, IDEMPOTENCY_KEY, key)?;
    }
    let body = body(arguments, connection, &mut headers)?;
    Ok(Outgoing {
        method,
        url,
        headers,
        body,
    })
}

fn method(text: &str) -> Result<Method, Fault> {
    match text {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "DELETE" => Ok(Method::DELETE),
        "PATCH" => Ok(Method::PATCH),
        "OPTIONS" => Ok(Method::OPTIONS),
        "HEAD" => Ok(Method::HEAD),
        other => Err(Fault::runtime(format!(
            "The value '{other}' of 'Method' is none of GET, POST, PUT, DELETE, PATCH, OPTIONS and HEAD"
        ))),
    }
}

fn url(arguments: &Arguments, connection: &Connection) -> Result<Url, Fault> {
    let endpoint = &arguments.api_endpoint;
    let mut url = Url::parse(endpoint)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| {
            Fault::runtime(format!(
                "The value '{endpoint}' of 'ApiEndpoint' is no HTTP URL"
            ))
        })?;
    let own = |name: &str| connection.query.iter().any(|(known, _)| known == name);
    let mut pairs = Vec::new();
    match &arguments.query_parameters {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => pairs.push(text.clone()),
        Some(Value::Object(members)) => {
            let members = members.iter().filter(|(name, _)| !own(name));
            let members = members.map(|(name, value)| (name.clone(), value.clone()));
            let members: Map<String, Value> = members.collect();
            pairs.push(form::encode(&members, ArrayFormat::Repeat));
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
            return Err(Fault::runtime("The field 'QueryParameters' is no object"));
        }
    }
    for (name, value) in &connection.query {
        let value = form::quoted(value.expose_secret());
        pairs.push(format!("{}={value}", form::quoted(name)));
    }
    pairs.retain(|pair| !pair.is_empty());
    if !pairs.is_empty() {
        let mut query: Vec<String> = url.query().map(str::to_owned).into_iter().collect();
        query.append(&mut pairs);
        url.set_query(Some(&query.join("&")));
    }
    Ok(url)
}

fn headers(arguments: &Arguments, connection: &Connection) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for (name, value) in &arguments.headers {
        let lower = name.to_ascii_lowercase();
        let mut prefixes = RESERVED_PREFIXES.iter();
        if RESERVED.contains(&&*lower) || prefixes.any(|prefix| lower.starts_with(prefix)) {
            return Err(Fault::runtime(format!(
                "The 'Headers' field contains unsupported values: [{lower}]"
            )));
        }
        let values = match value {
            Value::Array(values) => values.as_slice(),
            single => std::slice::from_ref(single),
        };
        let name = header_name(name)?;
        for value in values {
            headers.append(name.clone(), header_value(&name, &form::plain(value))?);
        }
    }
    match &connection.authorization {
        Authorization::None => {}
        Authorization::Basic { username, password } => {
            let pair = STANDARD.encode(format!("{username}:{}", password.expose_secret()));
            insert(&mut headers, AUTHORIZATION, &format!("Basic {pair}"))?;
        }
        Authorization::ApiKey { name, value } => {
            insert(&mut headers, header_name(name)?, value.expose_secret())?;
        }
    }
    for (name, value) in &connection.headers {
        insert(&mut headers, header_name(name)?, value.expose_secret())?;
    }
    Ok(headers)
}

fn header_name(name: &str) -> Result<HeaderName, Fault> {
    HeaderName::try_from(name)
        .map_err(|_| Fault::runtime(format!("'{name}' can't be the name of a header")))
}

/// The value itself is not shown: it may be a connection's secret.
fn header_value(name: &HeaderName, value: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(value)
        .map_err(|_| Fault::runtime(format!("The value of the header '{name}' can't be sent")))
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), Fault> {
    let value = header_value(&name, value)?;
    headers.insert(name, value);
    Ok(())
}

fn body(
    arguments: &Arguments,
    connection: &Connection,
    headers: &mut HeaderMap,
) -> Result<Option<Bytes>, Fault> {
    let added = &connection.body.0;
    let merged = match &arguments.request_body {
        given if added.is_empty() => given.clone(),
        None | Some(Value::Null) => Some(Value::Object(added.clone())),
        Some(Value::Object(members)) => {
            let mut members = members.clone();
            members.extend(added.clone());
            Some(Value::Object(members))
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            return Err(Fault::runtime(
                "The connection adds members to the request's body, and the field 'RequestBody' is no object",
            ));
        }
    };
    let Some(body) = merged else { return Ok(None) };
    let transform = &arguments.transform;
    let (text, kind) = match (transform.request_body_encoding, body) {
        (Some(Encoding::UrlEncoded), Value::Object(members)) => {
            let arrays = transform.request_encoding_options.array_format;
            (form::encode(&members, arrays), FORM)
        }
        (Some(Encoding::UrlEncoded), _) => {
            return Err(Fault::runtime(
                "The field 'RequestBody' is no object and can't be URL-encoded",
            ));
        }
        (None | Some(Encoding::None), Value::String(text)) => (text, JSON),
        (None | Some(Encoding::None), value) => (value.to_string(), JSON),
    };
    headers
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static(kind));
    Ok(Some(text.into()))
}

#[cfg(test)]
#[path = "request/tests.rs"]
mod tests;
