//! Objects: put, get, list, delete.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use everstep_engine::blobs::{Meta, PutCondition, PutOptions};
use futures_util::{StreamExt as _, TryStreamExt as _};
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, HeaderMap,
    HeaderValue, IF_MATCH, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use hyper::{Method, StatusCode};
use serde::Serialize;

use super::range::{self, Wanted};
use super::{error::fault, guard, link, still_there};
use crate::Limits;
use crate::door::{Caller, Need};
use crate::errors::Code;
use crate::http::App;
use crate::query::Query;
use crate::rest::{Problem, time};

const PAGE_MAX: usize = 1_000;
/// Ten years.
const LIFE_SECONDS_MAX: u64 = 10 * 366 * 24 * 3_600;

fn quoted(etag: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{etag}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The etags of a condition's header, without quotes; weak ones are compared as strong ones.
fn etags(headers: &HeaderMap, name: hyper::header::HeaderName) -> Option<Vec<String>> {
    // A condition that can't be read as text still is one: it holds for no etag.
    let value = String::from_utf8_lossy(headers.get(name)?.as_bytes());
    Some(
        value
            .split(',')
            .map(|etag| {
                etag.trim()
                    .trim_start_matches("W/")
                    .trim_matches('"')
                    .to_owned()
            })
            .collect(),
    )
}

fn condition(headers: &HeaderMap) -> Result<PutCondition, Problem> {
    let unsupported = |text: &'static str| Err(Problem::new(Code::InvalidParameter, text));
    match (
        etags(headers, IF_MATCH).as_deref(),
        etags(headers, IF_NONE_MATCH).as_deref(),
    ) {
        (None, None) => Ok(PutCondition::None),
        (None, Some([star])) if star == "*" => Ok(PutCondition::IfAbsent),
        (Some([etag]), None) => Ok(PutCondition::IfMatch(etag.clone())),
        (_, Some(_)) => unsupported("If-None-Match can only be *"),
        (Some(_), None) => unsupported("If-Match can only have one ETag"),
    }
}

/// What the request says of the artifact beside its content.
fn put_options(app: &App, headers: &HeaderMap, query: Option<&str>) -> Result<PutOptions, Problem> {
    let now = app.handle.clock().now();
    let query = Query::parse(query);
    let expires = match query.get("expires_in") {
        None => None,
        Some(seconds) => match seconds.parse::<u64>() {
            Ok(seconds @ 1..=LIFE_SECONDS_MAX) => Some(now.after_seconds(seconds)),
            _ => {
                let text =
                    format!("expires_in is a number of seconds from 1 to {LIFE_SECONDS_MAX}");
                return Err(Problem::new(Code::InvalidParameter, text));
            }
        },
    };
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    // What curl says of everything it is given says nothing.
    let content_type = content_type.filter(|kind| *kind != "application/x-www-form-urlencoded");
    Ok(PutOptions {
        condition: condition(headers)?,
        content_type: content_type.map(str::to_owned),
        expires,
        now,
    })
}

pub(super) async fn put(
    State(app): State<App>,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    guard(&caller, &bucket, &key)?;
    let limits = app.options.limits;
    let options = put_options(&app, &headers, query.as_deref())?;
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let too_long = || {
        Problem::new(
            Code::TooLarge,
            format!(
                "An artifact has at most {} bytes",
                limits.artifact_bytes_max
            ),
        )
    };
    if length.is_some_and(|length| length > limits.artifact_bytes_max as u64) {
        return Err(too_long());
    }
    let mut left = limits.artifact_bytes_max;
    let mut exceeded = false;
    let content = paced(body, limits).map(|piece| {
        let piece = piece?;
        match left.checked_sub(piece.len()) {
            Some(rest) => left = rest,
            None => {
                exceeded = true;
                return Err(std::io::Error::other("longer than allowed"));
            }
        }
        Ok(piece)
    });
    let artifacts = app.handle.blobs().artifacts();
    let stored = artifacts.put_with(&bucket, &key, content, options).await;
    if exceeded {
        return Err(too_long());
    }
    let meta = stored.map_err(fault)?;
    let mut response = StatusCode::CREATED.into_response();
    response.headers_mut().insert(ETAG, quoted(&meta.etag));
    Ok(response)
}

/// A body whose every piece has to arrive in time, and that must not come drop by drop; the whole may take long.
pub(crate) fn paced(
    body: Body,
    limits: Limits,
) -> impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Send {
    let began = tokio::time::Instant::now();
    let state = Some((body.into_data_stream(), 0_u64));
    futures_util::stream::unfold(state, move |state| async move {
        let (mut stream, received) = state?;
        let earned = Duration::from_secs(received / limits.artifact_bytes_per_second_min.max(1));
        let next = tokio::time::Instant::now() + limits.body_timeout;
        let deadline = next.min(began + limits.body_timeout + earned);
        match tokio::time::timeout_at(deadline, stream.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(piece))) => {
                let received = received.saturating_add(piece.len() as u64);
                Some((Ok(piece), Some((stream, received))))
            }
            Ok(Some(Err(error))) => Some((Err(std::io::Error::other(error)), None)),
            Err(_) => Some((Err(std::io::ErrorKind::TimedOut.into()), None)),
        }
    })
}

pub(super) async fn get(
    State(app): State<App>,
    Path((bucket, key)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    Extension(caller): Extension<Caller>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !link::check(&app, &bucket, &key, &Query::parse(query.as_deref())).await? {
        caller.must(Need::Artifacts { write: false }, "read artifacts")?;
        guard(&caller, &bucket, &key)?;
    }
    show(&app, (&bucket, &key), method == Method::GET, &headers).await
}

/// An artifact, or the part of it that the headers ask for; the caller has been looked at.
pub(super) async fn show(
    app: &App,
    (bucket, key): (&str, &str),
    with_content: bool,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let artifacts = app.handle.blobs().artifacts();
    let part = |meta: &Meta| wanted(headers, meta).of(meta.size).unwrap_or(0..0);
    let (meta, content) = if with_content {
        let read = artifacts.get_range(bucket, key, part).await;
        let (meta, _, content) = read.map_err(fault)?;
        (meta, Some(content))
    } else {
        (artifacts.head(bucket, key).await.map_err(fault)?, None)
    };
    still_there(app, bucket, key, &meta)?;
    if etags(headers, IF_MATCH)
        .is_some_and(|wanted| !wanted.iter().any(|etag| etag == "*" || *etag == meta.etag))
    {
        return Err(Problem::new(
            Code::PreconditionFailed,
            "The artifact has another ETag",
        ));
    }
    if etags(headers, IF_NONE_MATCH)
        .is_some_and(|known| known.iter().any(|etag| etag == "*" || *etag == meta.etag))
    {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        describe(response.headers_mut(), key, &meta);
        return Ok(response);
    }
    let body = content.map_or_else(Body::empty, |content| {
        Body::from_stream(content.map_err(std::io::Error::other))
    });
    let mut response = Response::new(body);
    match wanted(headers, &meta) {
        Wanted::All => {
            let length = meta.size.into();
            response.headers_mut().insert(CONTENT_LENGTH, length);
        }
        part => partial(&mut response, part, &meta)?,
    }
    describe(response.headers_mut(), key, &meta);
    Ok(response)
}

/// What of the artifact is asked for: all, when it is not the one that the caller has a part of.
fn wanted(headers: &HeaderMap, meta: &Meta) -> Wanted {
    let fits = etags(headers, IF_RANGE).is_none_or(|known| *known == [meta.etag.as_str()]);
    let range = headers.get(RANGE).filter(|_| fits);
    range::parse(range.and_then(|range| range.to_str().ok()))
}

fn partial(response: &mut Response, part: Wanted, meta: &Meta) -> Result<(), Problem> {
    let Some(range) = part.of(meta.size) else {
        return Err(Problem::new(
            Code::UnsatisfiableRange,
            format!("The artifact has {} bytes, and none of these", meta.size),
        ));
    };
    let text = format!("bytes {}-{}/{}", range.start, range.end - 1, meta.size);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(CONTENT_RANGE, value);
    }
    Ok(())
}

/// A time as HTTP writes it.
fn http_date(at: everstep_core::Timestamp) -> Option<HeaderValue> {
    let at = i64::try_from(at.0).ok()?;
    let at = jiff::Timestamp::from_millisecond(at).ok()?;
    HeaderValue::from_str(&at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}

fn describe(headers: &mut HeaderMap, key: &str, meta: &Meta) {
    headers.insert(ETAG, quoted(&meta.etag));
    let kept = meta.content_type.as_deref();
    let kept = kept.and_then(|kept| HeaderValue::from_str(kept).ok());
    let content_type = kept.unwrap_or(HeaderValue::from_static(content_type(key)));
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // What users stored must not run as a page of ours.
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        "content-security-policy",
        HeaderValue::from_static("sandbox"),
    );
    if let Some(modified) = http_date(meta.modified) {
        headers.insert(LAST_MODIFIED, modified);
    }
    if let Some(expires) = meta.expires.and_then(http_date) {
        headers.insert(EXPIRES, expires);
    }
}

/// By the key's ending, for what was stored without a type.
fn content_type(key: &str) -> &'static str {
    match key.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "json" => "application/json",
        "md" => "text/markdown; charset=utf-8",
        "txt" | "log" => "text/plain; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

#[derive(Serialize)]
struct Listed {
    objects: Vec<ListedObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct ListedObject {
    key: String,
    size: u64,
    etag: String,
    modified_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    Path(bucket): Path<String>,
    RawQuery(query): RawQuery,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    // A link is to one artifact.
    caller.must(Need::Artifacts { write: false }, "list artifacts")?;
    let query = Query::parse(query.as_deref());
    guard(&caller, &bucket, query.get("prefix").unwrap_or_default())?;
    let limit = match query.get("limit").map(str::parse::<usize>) {
        None => PAGE_MAX,
        Some(Ok(limit)) if (1..=PAGE_MAX).contains(&limit) => limit,
        Some(_) => {
            return Err(Problem::new(
                Code::InvalidParameter,
                format!("limit must lie between 1 and {PAGE_MAX}"),
            ));
        }
    };
    let prefix = query.get("prefix").unwrap_or_default();
    let artifacts = app.handle.blobs().artifacts();
    let mut found = artifacts
        .list(&bucket, prefix, query.get("cursor"), limit + 1)
        .await
        .map_err(fault)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(key, _)| key.clone());
    let now = app.handle.clock().now();
    found.retain(|(_, meta)| !meta.has_expired(now));
    let objects = found.into_iter().map(|(key, meta)| ListedObject {
        key,
        size: meta.size,
        etag: meta.etag,
        modified_at: time(meta.modified),
        content_type: meta.content_type,
        expires_at: meta.expires.map(time),
    });
    Ok(Json(Listed {
        objects: objects.collect(),
        next,
    })
    .into_response())
}

pub(super) async fn delete(
    State(app): State<App>,
    Path((bucket, key)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    guard(&caller, &bucket, &key)?;
    if app
        .handle
        .blobs()
        .artifacts()
        .delete(&bucket, &key)
        .await
        .map_err(fault)?
    {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(Problem::new(
        Code::UnknownArtifact,
        format!("There is no artifact {bucket}/{key}"),
    ))
}
