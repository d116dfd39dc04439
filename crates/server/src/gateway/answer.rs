//! A function's answer as a response.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

use crate::errors::Code;
use crate::rest::Problem;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The response that `{statusCode, headers, body, isBase64Encoded}` describes.
pub(super) fn read(result: &[u8]) -> Result<Response, Problem> {
    let malformed = |what: &str| {
        Problem::new(
            Code::FunctionFailed,
            format!("The function's answer is no proxy response: {what}"),
        )
    };
    let answer: Answer =
        serde_json::from_slice(result).map_err(|error| malformed(&error.to_string()))?;
    let status = StatusCode::from_u16(answer.status_code)
        .map_err(|_| malformed("there is no such status"))?;
    let text = answer.body.unwrap_or_default();
    let body = if answer.is_base64_encoded {
        Body::from(
            STANDARD
                .decode(text)
                .map_err(|_| malformed("the body is not base64"))?,
        )
    } else {
        Body::from(text)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let one = answer
        .headers
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name, vec![value]));
    for (name, values) in one.chain(answer.multi_value_headers.unwrap_or_default()) {
        let name: HeaderName = name
            .parse()
            .map_err(|_| malformed("a header's name is not valid"))?;
        // The body's length is ours to say.
        if name == hyper::header::CONTENT_LENGTH || name == hyper::header::TRANSFER_ENCODING {
            continue;
        }
        response.headers_mut().remove(&name);
        for value in values {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let value = HeaderValue::from_str(&text)
                .map_err(|_| malformed("a header's value is not valid"))?;
            response.headers_mut().append(&name, value);
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_headers_and_body_are_taken_over() {
        let answer = r#"{"statusCode":201,"headers":{"X-Number":7,"Content-Length":"1"},"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]},"body":"hi"}"#;
        let response = read(answer.as_bytes()).expect("an answer");
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers().get("x-number").expect("the header"), "7");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert!(response.headers().get("content-length").is_none());
    }

    #[test]
    fn nonsense_is_the_functions_fault() {
        let nonsense = [
            "null",
            "7",
            r#"{"body":"x"}"#,
            r#"{"statusCode":7}"#,
            r#"{"statusCode":200,"body":"?","isBase64Encoded":true}"#,
        ];
        for answer in nonsense {
            let problem = read(answer.as_bytes()).expect_err(answer);
            assert_eq!(problem.code.as_str(), "E0120");
        }
    }
}
