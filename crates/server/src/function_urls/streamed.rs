//! Answers of functions that stream: what they say first, and the body as it comes.

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use super::answer::{self, Prelude};
use crate::errors::Code;
use crate::rest::Problem;
use crate::stream::Parts;

/// The type of an answer that begins with status and headers.
const INTEGRATED: &str = "application/vnd.awslambda.http-integration-response";
/// What stands between them and the body.
const DELIMITER: &[u8] = &[0; 8];
const PRELUDE_BYTES_MAX: usize = 64 << 10;

/// The response, as soon as its status is known.
pub(super) async fn respond(mut parts: Parts) -> Result<Response, Problem> {
    let content_type = parts.content_type.take();
    if content_type.as_deref() == Some(INTEGRATED) {
        let (prelude, first) = read_prelude(&mut parts).await?;
        return prelude.respond(Body::from_stream(body(first, parts)));
    }
    let mut response = Prelude::default().respond(Body::from_stream(body(Bytes::new(), parts)))?;
    let content_type = content_type
        .as_deref()
        .unwrap_or("application/octet-stream");
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    Ok(response)
}

/// What stands before the delimiter, and the bytes of the body that came with it.
async fn read_prelude(parts: &mut Parts) -> Result<(Prelude, Bytes), Problem> {
    let mut read = BytesMut::new();
    loop {
        let end = read
            .windows(DELIMITER.len())
            .position(|window| window == DELIMITER);
        if let Some(end) = end {
            let said = read.split_to(end);
            let body = read.split_off(DELIMITER.len()).freeze();
            let prelude = serde_json::from_slice(&said);
            return Ok((
                prelude.map_err(|error| answer::malformed(&error.to_string()))?,
                body,
            ));
        }
        let more = parts.next().await;
        match more.filter(|_| read.len() <= PRELUDE_BYTES_MAX) {
            Some(more) => read.extend_from_slice(&more),
            None => return Err(answer::malformed("status and headers have no end")),
        }
    }
}

/// A function that fails half-way breaks its answer off: a client must not take the half for the whole.
fn body(first: Bytes, parts: Parts) -> impl Stream<Item = Result<Bytes, Problem>> {
    let begun = (Some(first).filter(|first| !first.is_empty()), Some(parts));
    futures_util::stream::unfold(begun, |(first, parts)| async move {
        let mut parts = parts?;
        if let Some(first) = first {
            return Some((Ok(first), (None, Some(parts))));
        }
        if let Some(bytes) = parts.next().await {
            return Some((Ok(bytes), (None, Some(parts))));
        }
        match parts.end().await {
            Ok(called) if called.result.is_ok() => None,
            _ => {
                tracing::error!("a function failed while it streamed its answer");
                let broken = Problem::new(Code::FunctionFailed, "the function failed half-way");
                Some((Err(broken), (None, None)))
            }
        }
    })
}
