//! Links that anybody may read until they expire.
//!
//! A link is signed over bucket, key and expiry with a key of the engine's ring and carries the key's number: a key that leaves the ring
//! revokes its links. Nothing is stored for a link; what is stored is since when links to an artifact count, where some were revoked.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::StatusCode;
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

/// What is signed. Links of the first form do not say when they were made.
fn message(bucket: &str, key: &str, issued: Option<u64>, expires: u64) -> Vec<u8> {
    let issued = issued.map_or_else(String::new, |issued| format!(" {issued}"));
    // Lengths first: no bucket and key can be read as another pair.
    format!(
        "everstep artifact link\n{} {} {expires}{issued}\n{bucket}{key}",
        bucket.len(),
        key.len()
    )
    .into_bytes()
}

/// A link to an artifact that is good for this long by the engine's clock.
pub(crate) fn link(app: &App, bucket: &str, key: &str, seconds: u64) -> String {
    let issued = app.handle.clock().now();
    let expires = issued.after_seconds(seconds).0 / 1000;
    let ring = app.handle.keyring();
    let number = ring.current();
    let tag = ring
        .tag(number, &message(bucket, key, Some(issued.0), expires))
        .unwrap_or_default();
    let key = utf8_percent_encode(key, SEGMENT);
    format!(
        "{}/artifacts/{bucket}/{key}?issued={}&expires={expires}&signature={number}.{}",
        app.base,
        issued.0,
        URL_SAFE_NO_PAD.encode(tag)
    )
}

/// Checks the query of a link; `Ok(false)` when it is none.
pub(super) async fn check(
    app: &App,
    bucket: &str,
    key: &str,
    query: &Query<'_>,
) -> Result<bool, Problem> {
    let (expires, signature) = match (query.get("expires"), query.get("signature")) {
        (None, None) => return Ok(false),
        (expires, signature) => (expires.unwrap_or_default(), signature.unwrap_or_default()),
    };
    let refuse = |text| Problem::new(Code::InvalidLink, text);
    let invalid = || refuse("The signature is not that of this link");
    let parsed = signature.split_once('.').and_then(|(number, tag)| {
        Some((
            number.parse::<u8>().ok()?,
            URL_SAFE_NO_PAD.decode(tag).ok()?,
        ))
    });
    let ((number, tag), seconds) = parsed
        .zip(expires.parse::<u64>().ok())
        .ok_or_else(invalid)?;
    let issued = query.get("issued").map(str::parse::<u64>).transpose();
    let issued = issued.map_err(|_| invalid())?;
    let message = message(bucket, key, issued, seconds);
    if !app.handle.keyring().verify_tag(number, &message, &tag) {
        return Err(invalid());
    }
    if app.handle.clock().now().0 / 1000 >= seconds {
        return Err(refuse("The link has expired"));
    }
    let artifacts = app.handle.blobs().artifacts();
    let since = artifacts.links_since(bucket, key).await.map_err(fault)?;
    if since.is_some_and(|since| issued.unwrap_or_default() <= since.0) {
        return Err(refuse("The link has been revoked"));
    }
    Ok(true)
}

/// Revokes all links to an artifact that were made until now.
pub(super) async fn revoke(
    State(app): State<App>,
    Path((bucket, key)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    guard(&caller, &bucket, &key)?;
    let now = app.handle.clock().now();
    let artifacts = app.handle.blobs().artifacts();
    // Also where there is nothing any more: a link would be good again for what is written there next.
    artifacts
        .revoke_links(&bucket, &key, now)
        .await
        .map_err(fault)?;
    Ok(StatusCode::NO_CONTENT.into_response())
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
    guard(&caller, &request.bucket, &request.key)?;
    if !(1..=EXPIRES_SECONDS_MAX).contains(&request.expires_seconds) {
        let text = format!("expires_seconds must lie between 1 and {EXPIRES_SECONDS_MAX}");
        return Err(Problem::new(Code::InvalidParameter, text));
    }
    // A link to nothing helps nobody; this also checks the names.
    let meta = app
        .handle
        .blobs()
        .artifacts()
        .head(&request.bucket, &request.key)
        .await
        .map_err(fault)?;
    super::still_there(&app, &request.bucket, &request.key, &meta)?;
    let url = link(&app, &request.bucket, &request.key, request.expires_seconds);
    let expires_at = crate::rest::time(
        app.handle
            .clock()
            .now()
            .after_seconds(request.expires_seconds),
    );
    Ok(Json(LinkOut { url, expires_at }).into_response())
}
