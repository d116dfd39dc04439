//! Bodies as they arrive: what is small is held, what is large goes on as a stream, checked on its way.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use everstep_engine::blobs;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use hyper::header::{CONTENT_ENCODING, HeaderMap};

use super::json::{self, Scanner};
use crate::artifacts::paced;
use crate::errors::Code;
use crate::http::{App, BodyError, DRAIN_BYTES_MAX};
use crate::rest::Problem;

/// When to come again where there was no room.
pub(crate) const FULL_RETRY_SECONDS: u32 = 10;

/// Why a body is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Json(#[from] json::Fault),
    #[error("the body is longer than {limit} bytes")]
    TooLong { limit: u64 },
    #[error("the body has a Content-Encoding; it is taken as it is")]
    Encoded,
    #[error("too much is on its way; come again later")]
    Full,
    #[error(transparent)]
    Store(#[from] blobs::Error),
}

/// The pieces of a body, each in time.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A few kilobytes must not become gigabytes here: what is encoded is not decoded.
///
/// # Errors
/// [`Refused::Encoded`].
pub(crate) fn plain(headers: &HeaderMap) -> Result<(), Refused> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if encodings.all(|encoding| encoding == "identity") {
        Ok(())
    } else {
        Err(Refused::Encoded)
    }
}

/// Begins to read a body. One that is declared too long is refused before it comes.
///
/// # Errors
/// [`Refused::TooLong`].
pub(crate) fn pieces(app: &App, body: Body) -> Result<Pieces, Refused> {
    let limit = app.options.callbacks.result_bytes_max;
    let declared = body.size_hint().lower();
    let pieces: Pieces = Box::pin(paced(body, app.options.limits));
    if declared > limit {
        drain(app, pieces);
        return Err(Refused::TooLong { limit });
    }
    Ok(pieces)
}

/// Takes what is on its way beside the answer, so that its sender hears it.
pub(crate) fn drain(app: &App, mut pieces: Pieces) {
    let patience = app.options.limits.body_timeout;
    tokio::spawn(tokio::time::timeout(patience, async move {
        let mut taken = 0;
        while let Some(Ok(piece)) = pieces.next().await {
            taken += piece.len();
            if taken > DRAIN_BYTES_MAX {
                break;
            }
        }
    }));
}

/// What a body begins with.
pub(crate) enum Begun {
    Whole(Bytes),
    /// More than that: what has come, and what comes.
    Large(Bytes, Pieces),
}

/// Reads until the body ends or is larger than what is to be held in memory.
///
/// # Errors
/// [`Refused::Body`].
pub(crate) async fn begin(
    app: &App,
    mut pieces: Pieces,
    held_max: usize,
) -> Result<Begun, Refused> {
    let mut held = BytesMut::new();
    while let Some(piece) = pieces
        .try_next()
        .await
        .map_err(|error| broken(app, &error))?
    {
        held.extend_from_slice(&piece);
        if held.len() > held_max {
            return Ok(Begun::Large(held.freeze(), pieces));
        }
    }
    Ok(Begun::Whole(held.freeze()))
}

pub(crate) fn broken(app: &App, error: &io::Error) -> BodyError {
    if error.kind() == io::ErrorKind::TimedOut {
        let seconds = app.options.limits.body_timeout.as_secs();
        return BodyError::TooSlow { seconds };
    }
    BodyError::BrokenOff
}

/// Checks JSON that is in memory.
///
/// # Errors
/// [`Refused::Json`].
pub(crate) fn check(app: &App, body: &[u8]) -> Result<(), Refused> {
    Ok(json::check(body, app.options.callbacks.json_depth_max)?)
}

/// A stream that breaks off where it is no JSON, too deep or too long, and says so afterwards.
pub(crate) struct Checked {
    content: Pieces,
    fault: Arc<Mutex<Option<Refused>>>,
}

/// What was stored, as a stream like any other.
pub(crate) fn stored(body: blobs::Body) -> Pieces {
    Box::pin(body.map_err(io::Error::other))
}

/// Checks a stream of JSON as it passes.
pub(crate) fn checked(app: &App, content: Pieces) -> Checked {
    let fault = Arc::new(Mutex::new(None));
    let limit = app.options.callbacks.result_bytes_max;
    let scanner = Scanner::new(app.options.callbacks.json_depth_max);
    let (found, app) = (Arc::clone(&fault), app.clone());
    let state = Some((content, scanner, 0_u64));
    let stream = futures_util::stream::unfold(state, move |state| {
        let (found, app) = (Arc::clone(&found), app.clone());
        async move {
            let (mut content, mut scanner, mut size) = state?;
            let fail = |content: Option<Pieces>, refused: Refused| {
                *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
                content.into_iter().for_each(|content| drain(&app, content));
                Some((Err(io::Error::other("not taken")), None))
            };
            match content.next().await {
                None => match scanner.finish() {
                    Ok(()) => None,
                    Err(fault) => fail(None, fault.into()),
                },
                Some(Err(error)) => fail(None, broken(&app, &error).into()),
                Some(Ok(piece)) => {
                    size += piece.len() as u64;
                    if size > limit {
                        return fail(Some(content), Refused::TooLong { limit });
                    }
                    match scanner.feed(&piece, |_| ()) {
                        Ok(()) => Some((Ok(piece), Some((content, scanner, size)))),
                        Err(fault) => fail(Some(content), fault.into()),
                    }
                }
            }
        }
    });
    Checked {
        content: Box::pin(stream),
        fault,
    }
}

impl Checked {
    /// A stream that was checked before.
    pub(crate) fn trusted(content: Pieces) -> Self {
        Self {
            content,
            fault: Arc::default(),
        }
    }

    /// Takes the stream, and what says afterwards why it broke off.
    pub(crate) fn into_parts(self) -> (Pieces, Verdict) {
        (self.content, Verdict(self.fault))
    }
}

/// What was wrong with a stream that has passed by.
pub(crate) struct Verdict(Arc<Mutex<Option<Refused>>>);

impl Verdict {
    /// # Errors
    /// Why the stream broke off, where it did by itself.
    pub(crate) fn ask(&self) -> Result<(), Refused> {
        let mut fault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fault.take().map_or(Ok(()), Err)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::Body(error) => error.into(),
            Refused::Json(json::Fault::NotJson) => Self::new(Code::MalformedJson, text),
            Refused::Json(json::Fault::TooDeep { .. }) => Self::new(Code::TooDeep, text),
            Refused::TooLong { .. } => Self::new(Code::TooLarge, text),
            Refused::Encoded => Self::new(Code::UnusableEncoding, text),
            Refused::Full => Self {
                retry_after_s: Some(FULL_RETRY_SECONDS),
                ..Self::new(Code::TooManyRequests, text)
            },
            Refused::Store(error) => Self::inside(Code::StoreUnavailable, &error),
        }
    }
}
