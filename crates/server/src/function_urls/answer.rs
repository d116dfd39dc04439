//! A function's answer as a response: what it describes, or the answer itself as JSON.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, TRANSFER_ENCODING,
};
use serde::Deserialize;
use serde_json::Value;

use crate::errors::Code;
use crate::rest::Problem;

/// Status, headers and cookies: all that an answer says before its body.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Prelude {
    status_code: Option<u16>,
    headers: BTreeMap<String, Value>,
    cookies: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Content {
    body: Option<Value>,
    is_base64_encoded: bool,
}

pub(super) fn malformed(what: &str) -> Problem {
    Problem::new(
        Code::FunctionFailed,
        format!("The function's answer is no response: {what}"),
    )
}

impl Prelude {
    /// The response with this body. The body's length is ours to say.
    pub(super) fn respond(self, body: Body) -> Result<Response, Problem> {
        let status = StatusCode::from_u16(self.status_code.unwrap_or(200))
            .map_err(|_| malformed("there is no such status"))?;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let to = response.headers_mut();
        to.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            insert(to, &name, &text)?;
        }
        for cookie in self.cookies {
            let value = HeaderValue::from_str(&cookie);
            to.append(
                SET_COOKIE,
                value.map_err(|_| malformed("a cookie is not valid"))?,
            );
        }
        Ok(response)
    }
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Problem> {
    let name: HeaderName = name
        .parse()
        .map_err(|_| malformed("a header's name is not valid"))?;
    if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
        return Ok(());
    }
    let value =
        HeaderValue::from_str(value).map_err(|_| malformed("a header's value is not valid"))?;
    headers.insert(name, value);
    Ok(())
}

/// An object with a `statusCode` describes the response; anything else is the body.
pub(super) fn read(result: &Bytes) -> Result<Response, Problem> {
    let prelude = serde_json::from_slice::<Prelude>(result)
        .ok()
        // A list would be read as a structure's members in their order.
        .filter(|prelude| {
            prelude.status_code.is_some() && result.trim_ascii_start().starts_with(b"{")
        });
    let Some(prelude) = prelude else {
        return Prelude::default().respond(Body::from(result.clone()));
    };
    let content: Content =
        serde_json::from_slice(result).map_err(|error| malformed(&error.to_string()))?;
    let text = match content.body {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    };
    let body = if content.is_base64_encoded {
        let bytes = STANDARD.decode(text);
        Body::from(bytes.map_err(|_| malformed("the body is not base64"))?)
    } else {
        Body::from(text)
    };
    prelude.respond(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_status_is_the_body_itself() {
        for answer in ["null", "7", r#"{"body":"x"}"#, r#""text""#, "[1]"] {
            let response = read(&Bytes::from_static(answer.as_bytes())).expect(answer);
            assert_eq!(response.status(), StatusCode::OK);
            let kind = response.headers().get(CONTENT_TYPE).expect("a type");
            assert_eq!(kind, "application/json");
        }
    }

    #[test]
    fn nonsense_is_the_functions_fault() {
        for answer in [
            r#"{"statusCode":7}"#,
            r#"{"statusCode":200,"body":"?","isBase64Encoded":true}"#,
            r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
        ] {
            let problem = read(&Bytes::from_static(answer.as_bytes())).expect_err(answer);
            assert_eq!(problem.code.as_str(), "E0120");
        }
    }
}
