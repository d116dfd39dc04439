//! Reading requests: bodies with a limit and a deadline, and what all protocols hold.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use everstep_engine::Handle;
use http_body_util::BodyExt as _;
use hyper::header::HOST;

use crate::Options;
use crate::callbacks;
use crate::door::Refusal;
use crate::logs::Queries;
use crate::states::Redrives;

/// How much of a body that is too long is still read, so that its sender hears the answer instead of a closed connection.
pub(crate) const DRAIN_BYTES_MAX: usize = 32 << 20;

/// What every protocol works with.
#[derive(Clone)]
pub(crate) struct App {
    pub handle: Handle,
    pub options: Arc<Options>,
    /// What our own addresses begin with, without a slash at the end.
    pub base: Arc<str>,
    pub queries: Arc<Queries>,
    pub callbacks: Arc<callbacks::State>,
    pub redrives: Arc<Redrives>,
}

/// A body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("the body did not arrive in {seconds} s")]
    TooSlow { seconds: u64 },
    #[error("the body broke off")]
    BrokenOff,
}

/// Refuses a request that two readers could take for one to different servers (RFC 9112, 3.2). The parser sees to the other ways to make a
/// request ambiguous: where it has two lengths, or a length and chunks, it is refused or the last one of its connection.
pub(crate) fn unambiguous<T>(request: &hyper::Request<T>) -> Result<(), Refusal> {
    let mut hosts = request.headers().get_all(HOST).iter();
    if hosts.next().is_some() && hosts.next().is_some() {
        return Err(Refusal::Ambiguous("A request has one Host"));
    }
    Ok(())
}

/// Reads a whole body of at most `limit` bytes. One that is declared to be longer is refused before it comes; what is on its way is taken
/// beside the answer, so that its sender hears it.
pub(crate) async fn read(body: Body, limit: usize, deadline: Duration) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > limit as u64 {
        tokio::spawn(tokio::time::timeout(deadline, collect(body, 0)));
        return Err(BodyError::TooLong { limit });
    }
    match tokio::time::timeout(deadline, collect(body, limit)).await {
        Ok(read) => read,
        Err(_) => Err(BodyError::TooSlow {
            seconds: deadline.as_secs(),
        }),
    }
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut total = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::BrokenOff)?.into_data() else {
            continue;
        };
        total = total.saturating_add(data.len());
        if total > limit.saturating_add(DRAIN_BYTES_MAX) {
            break;
        }
        if total > limit {
            continue;
        }
        // Most bodies are one frame: those are not copied.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    if total > limit {
        return Err(BodyError::TooLong { limit });
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}
