//! Results as they arrive: small ones in memory, large ones straight into the artifact store, which leaves a reference to settle with.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use everstep_engine::blobs::{self, Meta, PutCondition, PutOptions};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use serde::Serialize;

use super::address::Address;
use super::json::{self, Scanner};
use crate::artifacts::paced;
use crate::http::{App, BodyError, DRAIN_BYTES_MAX};
use crate::rest::time;

/// Why a body is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Json(#[from] json::Fault),
    #[error("the body is longer than {limit} bytes")]
    TooLong { limit: u64 },
    #[error("the body has a Content-Encoding; it is taken as it is")]
    Encoded,
    #[error(transparent)]
    Store(#[from] blobs::Error),
}

/// The pieces of a body, each in time.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A reference to an artifact, as the seeds have it.
#[derive(Serialize)]
struct Reference<'a> {
    artifact_type: &'static str,
    s3_uri: String,
    bucket: &'a str,
    key: &'a str,
    size_bytes: u64,
    timestamp: String,
}

/// An artifact that holds a result.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub key: String,
    pub meta: Meta,
}

impl Kept {
    /// The same for the same artifact, so that a repetition settles with the same bytes.
    pub(super) fn reference(&self, bucket: &str) -> Bytes {
        let reference = Reference {
            artifact_type: "s3_reference",
            s3_uri: format!("s3://{bucket}/{}", self.key),
            bucket,
            key: &self.key,
            size_bytes: self.meta.size,
            timestamp: time(self.meta.modified),
        };
        Bytes::from(serde_json::to_vec(&reference).unwrap_or_default())
    }
}

/// A few kilobytes must not become gigabytes here: what is encoded is not decoded.
///
/// # Errors
/// [`Refused::Encoded`].
pub(super) fn plain(headers: &HeaderMap) -> Result<(), Refused> {
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
pub(super) fn pieces(app: &App, body: Body) -> Result<Pieces, Refused> {
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
pub(super) fn drain(app: &App, mut pieces: Pieces) {
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
pub(super) enum Begun {
    Whole(Bytes),
    /// More than the threshold: what has come, and what comes.
    Large(Bytes, Pieces),
}

/// Reads until the body ends or is larger than what is held in memory.
///
/// # Errors
/// [`Refused::Body`].
pub(super) async fn begin(app: &App, mut pieces: Pieces) -> Result<Begun, Refused> {
    let threshold = app.options.callbacks.artifact_threshold_bytes;
    let mut held = BytesMut::new();
    while let Some(piece) = pieces
        .try_next()
        .await
        .map_err(|error| broken(app, &error))?
    {
        held.extend_from_slice(&piece);
        if held.len() > threshold {
            return Ok(Begun::Large(held.freeze(), pieces));
        }
    }
    Ok(Begun::Whole(held.freeze()))
}

pub(super) fn broken(app: &App, error: &io::Error) -> BodyError {
    if error.kind() == io::ErrorKind::TimedOut {
        let seconds = app.options.limits.body_timeout.as_secs();
        return BodyError::TooSlow { seconds };
    }
    BodyError::BrokenOff
}

/// What a result becomes.
pub(super) struct Taken {
    /// The result, or the reference to it.
    pub result: Bytes,
    /// Of the result.
    pub bytes: u64,
    pub kept: Option<Kept>,
}

/// A result that is the whole body: JSON, or nothing. Large ones are artifacts when this returns.
///
/// # Errors
/// [`Refused`].
pub(super) async fn result(app: &App, address: &Address, body: Body) -> Result<Taken, Refused> {
    let options = &app.options.callbacks;
    match begin(app, pieces(app, body)?).await? {
        Begun::Whole(bytes) => {
            if !bytes.is_empty() {
                json::check(&bytes, options.json_depth_max)?;
            }
            Ok(Taken {
                bytes: bytes.len() as u64,
                result: bytes,
                kept: None,
            })
        }
        Begun::Large(held, rest) => {
            let content = futures_util::stream::once(std::future::ready(Ok(held))).chain(rest);
            let kept = keep(app, address, checked(app, Box::pin(content))).await?;
            Ok(Taken {
                result: kept.reference(&options.artifact_bucket),
                bytes: kept.meta.size,
                kept: Some(kept),
            })
        }
    }
}

/// A result that is in memory already, and was checked.
///
/// # Errors
/// [`Refused::Store`].
pub(super) async fn in_hand(app: &App, address: &Address, result: Bytes) -> Result<Taken, Refused> {
    let options = &app.options.callbacks;
    let bytes = result.len() as u64;
    if result.len() <= options.artifact_threshold_bytes {
        return Ok(Taken {
            result,
            bytes,
            kept: None,
        });
    }
    let content = futures_util::stream::once(std::future::ready(Ok(result)));
    let kept = keep(app, address, Checked::trusted(Box::pin(content))).await?;
    Ok(Taken {
        result: kept.reference(&options.artifact_bucket),
        bytes,
        kept: Some(kept),
    })
}

/// Checks JSON that is in memory.
///
/// # Errors
/// [`Refused::Json`].
pub(super) fn check(app: &App, body: &[u8]) -> Result<(), Refused> {
    Ok(json::check(body, app.options.callbacks.json_depth_max)?)
}

/// A stream that breaks off where it is no JSON, too deep or too long, and says so afterwards.
pub(super) struct Checked {
    content: Pieces,
    fault: Arc<Mutex<Option<Refused>>>,
}

/// Checks a stream of JSON as it passes.
fn checked(app: &App, content: Pieces) -> Checked {
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
    pub(super) fn trusted(content: Pieces) -> Self {
        Self {
            content,
            fault: Arc::default(),
        }
    }
}

/// How long a result is kept that nobody waits for, as long as dead letters.
const UNWANTED_SECONDS: u64 = 14 * 24 * 3_600;

/// Stores a result below its callback. The first one is `result.json`; another one has a name of its own until it is known whether it counts,
/// and the same one again is the first.
///
/// # Errors
/// [`Refused`].
pub(super) async fn keep(app: &App, address: &Address, content: Checked) -> Result<Kept, Refused> {
    let artifacts = app.handle.blobs().artifacts();
    let bucket = &app.options.callbacks.artifact_bucket;
    let first_key = format!("callbacks/{address}/result.json");
    let first = match artifacts.head(bucket, &first_key).await {
        Ok(meta) => Some(meta),
        Err(blobs::Error::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let (key, condition) = match &first {
        None => (first_key.clone(), PutCondition::IfAbsent),
        Some(_) => {
            let name = uuid::Uuid::new_v4();
            let key = format!("callbacks/{address}/result-{name}.json");
            (key, PutCondition::None)
        }
    };
    let now = app.handle.clock().now();
    let with = PutOptions {
        condition,
        content_type: Some("application/json".to_owned()),
        expires: (!is_open(app, address).await).then(|| now.after_seconds(UNWANTED_SECONDS)),
        now,
    };
    let stored = artifacts
        .put_with(bucket, &key, content.content, with)
        .await;
    let fault = content
        .fault
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let meta = match fault {
        Some(refused) => return Err(refused),
        None => stored?,
    };
    if let Some(first) = first.filter(|first| first.etag == meta.etag) {
        discard(app, &key).await;
        return Ok(Kept {
            key: first_key,
            meta: first,
        });
    }
    Ok(Kept { key, meta })
}

/// Whether a result would be taken now, as far as can be said without giving one.
async fn is_open(app: &App, address: &Address) -> bool {
    match app.handle.snapshot(address.execution).await {
        Ok(snapshot) => snapshot.waits.iter().any(|wait| {
            wait.is_open
                && wait.operation == address.operation
                && wait.generation == address.generation
        }),
        // It may be: nothing is lost for a server that has too much to do.
        Err(_) => true,
    }
}

/// Deletes an artifact that nothing refers to. One that stays costs its room and nothing else.
pub(super) async fn discard(app: &App, key: &str) {
    let bucket = &app.options.callbacks.artifact_bucket;
    if let Err(error) = app.handle.blobs().artifacts().delete(bucket, key).await {
        tracing::warn!(%error, key, "a result that was not taken is still there");
    }
}
