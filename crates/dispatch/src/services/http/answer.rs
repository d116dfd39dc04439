//! What comes back of an HTTP task.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use futures_util::stream::try_unfold;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::socket;
use crate::services::{Errand, Fault};

/// The result of a state is no larger, and the body is the most of it.
const BYTES_MAX: usize = 262_144;
const BINARY: [&str; 4] = ["application/octet-stream", "image/", "video/", "audio/"];

/// An answer that has arrived as a whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The body lies among the artifacts: this one is a reference to it.
    pub is_reference: bool,
}

/// Reads an answer. One whose body is too large for a state becomes an artifact of `errand`, where that may be.
pub(super) async fn read(
    mut response: Response,
    errand: Option<&Errand<'_>>,
) -> Result<Answer, Fault> {
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let whole = |body: Bytes, is_reference| Answer {
        status,
        headers: headers.clone(),
        body,
        is_reference,
    };
    let errand = errand.filter(|errand| errand.may_claim() && status.is_success());
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| socket(&error))? {
        if body.len() + chunk.len() <= BYTES_MAX {
            body.extend_from_slice(&chunk);
            continue;
        }
        let Some(errand) = errand else {
            return Err(Fault::too_large("http"));
        };
        let kind = headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let held = [body.freeze(), chunk].into_iter();
        let content = try_unfold((held, response), async |(mut held, mut response)| {
            let next = match held.next() {
                Some(piece) => Some(piece),
                None => response.chunk().await.map_err(std::io::Error::other)?,
            };
            Ok::<_, std::io::Error>(next.map(|piece| (piece, (held, response))))
        });
        let kept = errand.keep(content, kind.unwrap_or_default()).await?;
        return Ok(whole(kept, true));
    }
    Ok(whole(body.freeze(), false))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    headers: BTreeMap<&'a str, Vec<String>>,
    response_body: Box<RawValue>,
    status_code: u16,
    status_text: &'a str,
}

/// The task's result; a fault for any status but success, of which AWS keeps the name alone, and for what is no text.
pub(super) fn output(answer: &Answer) -> Result<Bytes, Fault> {
    let status_text = answer.status.canonical_reason().unwrap_or_default();
    if !answer.status.is_success() {
        let error = format!("States.Http.StatusCode.{}", answer.status.as_u16());
        return Err(Fault::new(error, status_text));
    }
    let kind = answer
        .headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    if BINARY.iter().any(|binary| kind.starts_with(binary)) {
        return Err(Fault::runtime(format!(
            "The response has the content type {kind}, which can't be the result of a state"
        )));
    }
    let Ok(text) = std::str::from_utf8(&answer.body) else {
        return Err(Fault::runtime("The response can't be read as a string"));
    };
    let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in &answer.headers {
        headers.entry(name.as_str()).or_default().push(shown(value));
    }
    let output = Output {
        headers,
        response_body: match answer.is_reference {
            true => json("application/json", text)?,
            false => json(&kind, text)?,
        },
        status_code: answer.status.as_u16(),
        status_text,
    };
    let output = serde_json::to_vec(&output).map_err(|error| Fault::runtime(error.to_string()))?;
    Ok(output.into())
}

/// JSON stays as it was written; everything else is a string.
fn json(kind: &str, text: &str) -> Result<Box<RawValue>, Fault> {
    let media = kind.split(';').next().unwrap_or_default().trim();
    if (media == "application/json" || media.ends_with("+json"))
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    to_raw_value(text).map_err(|error| Fault::runtime(error.to_string()))
}

fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
