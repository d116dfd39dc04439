//! Results of callbacks: small ones as they are, large ones in the artifact store, which leaves a reference to settle with.

use axum::body::Body;
use bytes::Bytes;
use everstep_engine::blobs::{self, Meta, PutCondition, PutOptions};
use everstep_engine::{Error, Reference};
use futures_util::StreamExt as _;

use super::address::Address;
use crate::claims::{self, Begun, Checked, Refused};
use crate::http::App;

/// An artifact that holds a result.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub key: String,
    pub meta: Meta,
}

impl Kept {
    /// The same for the same artifact, so that a repetition settles with the same bytes.
    pub(super) fn reference(&self, bucket: &str) -> Bytes {
        Reference::new(bucket, &self.key, &self.meta).json()
    }
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
    let held_max = options.artifact_threshold_bytes;
    match claims::begin(app, claims::pieces(app, body)?, held_max).await? {
        Begun::Whole(bytes) => {
            if !bytes.is_empty() {
                claims::check(app, &bytes)?;
            }
            Ok(Taken {
                bytes: bytes.len() as u64,
                result: bytes,
                kept: None,
            })
        }
        Begun::Large(held, rest) => {
            let content = futures_util::stream::once(std::future::ready(Ok(held))).chain(rest);
            let kept = keep(app, address, claims::checked(app, Box::pin(content))).await?;
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

/// How long a result is kept that nobody waits for, as long as dead letters.
pub(super) const UNWANTED_SECONDS: u64 = 14 * 24 * 3_600;

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
    let with = app.handle.claim_with(Some("application/json"), condition);
    let unwanted = with.now.after_seconds(UNWANTED_SECONDS);
    let with = PutOptions {
        expires: if is_open(app, address).await {
            with.expires
        } else {
            Some(unwanted)
        },
        ..with
    };
    let (content, verdict) = content.into_parts();
    let stored = artifacts.put_with(bucket, &key, content, with).await;
    verdict.ask()?;
    let meta = stored?;
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
        Err(Error::UnknownExecution { .. }) => false,
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
