//! Links that anybody may read until they expire.
//!
//! A link is signed over bucket, key and expiry with a key of the engine's ring and carries the key's number: a key that leaves the ring
//! revokes its links. Nothing is stored.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::error::fault;
use super::guard;
use crate::door::Caller;
use crate::errors::Code;
use crate::http::App;
use crate::query::Query;
use crate::rest::{Problem, read_json};

/// A year: the longest that an execution waits.
const EXPIRES_SECONDS_MAX: u64 = 366 * 24 * 3_600;

/// What a path segment can't hold as it is; slashes of a key stay.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\');

fn message(bucket: &str, key: &str, expires: u64) -> Vec<u8> {
    // Lengths first: no bucket and key can be read as another pair.
    format!(
        "everstep artifact link\n{} {} {expires}\n{bucket}{key}",
        bucket.len(),
        key.len()
    )
    .into_bytes()
}

/// A link to an artifact that is good for this long by the engine's clock.
pub(crate) fn link(app: &App, bucket: &str, key: &str, seconds: u64) -> String {
    let expires = app.handle.clock().now().after_seconds(seconds).0 / 1000;
    let ring = app.handle.keyring();
    let number = ring.current();
    let tag = ring
        .tag(number, &message(bucket, key, expires))
        .unwrap_or_default();
    let key = utf8_percent_encode(key, SEGMENT);
    format!(
        "{}/artifacts/{bucket}/{key}?expires={expires}&signature={number}.{}",
        app.base,
        URL_SAFE_NO_PAD.encode(tag)
    )
}

/// Checks the query of a link; `Ok(false)` when it is none.
pub(super) fn check(
    app: &App,
    bucket: &str,
    key: &str,
    query: &Query<'_>,
) -> Result<bool, Problem> {
    let (expires, signature) = match (query.get("expires"), query.get("signature")) {
        (None, None) => return Ok(false),
        (expires, signature) => (expires.unwrap_or_default(), signature.unwrap_or_default()),
    };
    let invalid = || Problem::new(Code::InvalidLink, "The signature is not that of this link");
    let parsed = signature.split_once('.').and_then(|(number, tag)| {
        Some((
            number.parse::<u8>().ok()?,
            URL_SAFE_NO_PAD.decode(tag).ok()?,
        ))
    });
    let ((number, tag), seconds) = parsed
        .zip(expires.parse::<u64>().ok())
        .ok_or_else(invalid)?;
    if !app
        .handle
        .keyring()
        .verify_tag(number, &message(bucket, key, seconds), &tag)
    {
        return Err(invalid());
    }
    if app.handle.clock().now().0 / 1000 >= seconds {
        return Err(Problem::new(Code::InvalidLink, "The link has expired"));
    }
    Ok(true)
}

#[derive(Deserialize)]
struct LinkIn {
    bucket: String,
    key: String,
    expires_seconds: u64,
}

#[derive(Serialize)]
struct LinkOut {
    url: String,
    expires_at: String,
}

pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    let request: LinkIn = read_json(&app, body).await?;
    guard(&caller, &request.bucket)?;
    if !(1..=EXPIRES_SECONDS_MAX).contains(&request.expires_seconds) {
        let text = format!("expires_seconds must lie between 1 and {EXPIRES_SECONDS_MAX}");
        return Err(Problem::new(Code::InvalidParameter, text));
    }
    // A link to nothing helps nobody; this also checks the names.
    app.handle
        .blobs()
        .artifacts()
        .head(&request.bucket, &request.key)
        .await
        .map_err(fault)?;
    let url = link(&app, &request.bucket, &request.key, request.expires_seconds);
    let expires_at = crate::rest::time(
        app.handle
            .clock()
            .now()
            .after_seconds(request.expires_seconds),
    );
    Ok(Json(LinkOut { url, expires_at }).into_response())
}
