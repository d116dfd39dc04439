//! Results of callbacks: small ones as they are, large ones in the artifact store, which leaves a reference to settle with.

use axum::body::Body;
use bytes::Bytes;
use everstep_core::Settlement;
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
    let writer = app.callbacks.first(address);
    if let Ok(_turn) = writer.try_lock() {
        let first = first(app, address).await?;
        let key = first
            .as_ref()
            .map_or_else(|| first_key(address), |_| other_key(address));
        let kept = store(app, address, key, content).await?;
        return same(app, kept, first).await;
    }
    // Somebody writes the first one now. Which of them it is shows when both are there.
    let kept = store(app, address, other_key(address), content).await?;
    let _turn = writer.lock().await;
    if let Some(first) = first(app, address).await? {
        return same(app, kept, Some(first)).await;
    }
    let bucket = &app.options.callbacks.artifact_bucket;
    let (_, body) = app
        .handle
        .blobs()
        .artifacts()
        .get(bucket, &kept.key)
        .await?;
    let content = Checked::trusted(claims::stored(body));
    let moved = store(app, address, first_key(address), content).await;
    discard(app, &kept.key).await;
    moved
}

fn first_key(address: &Address) -> String {
    format!("callbacks/{address}/result.json")
}

fn other_key(address: &Address) -> String {
    format!("callbacks/{address}/result-{}.json", uuid::Uuid::new_v4())
}

async fn first(app: &App, address: &Address) -> Result<Option<Kept>, Refused> {
    let (artifacts, key) = (app.handle.blobs().artifacts(), first_key(address));
    match artifacts
        .head(&app.options.callbacks.artifact_bucket, &key)
        .await
    {
        Ok(meta) => Ok(Some(Kept { key, meta })),
        Err(blobs::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The first one, where this is the same.
async fn same(app: &App, kept: Kept, first: Option<Kept>) -> Result<Kept, Refused> {
    match first.filter(|first| first.meta.etag == kept.meta.etag) {
        Some(first) => {
            discard(app, &kept.key).await;
            Ok(first)
        }
        None => Ok(kept),
    }
}

async fn store(
    app: &App,
    address: &Address,
    key: String,
    content: Checked,
) -> Result<Kept, Refused> {
    let with = app
        .handle
        .claim_with(Some("application/json"), PutCondition::IfAbsent);
    let expires = match is_open(app, address).await {
        true => with.expires,
        false => Some(with.now.after_seconds(UNWANTED_SECONDS)),
    };
    let (content, verdict) = content.into_parts();
    let artifacts = app.handle.blobs().artifacts();
    let bucket = &app.options.callbacks.artifact_bucket;
    let with = PutOptions { expires, ..with };
    let stored = artifacts.put_with(bucket, &key, content, with).await;
    verdict.ask()?;
    Ok(Kept { key, meta: stored? })
}

/// A result that was not taken in the end goes with its dead letter.
pub(super) async fn settled(app: &App, kept: &Kept, settlement: Settlement) {
    let taken = matches!(settlement, Settlement::Applied | Settlement::Duplicate);
    if taken || kept.meta.expires.is_some() {
        return;
    }
    if let Err(error) = lapse(app, kept).await {
        tracing::warn!(%error, key = kept.key, "a result that was not taken stays for good");
    }
}

async fn lapse(app: &App, kept: &Kept) -> Result<(), blobs::Error> {
    let artifacts = app.handle.blobs().artifacts();
    let bucket = &app.options.callbacks.artifact_bucket;
    let (_, body) = artifacts.get(bucket, &kept.key).await?;
    let condition = PutCondition::IfMatch(kept.meta.etag.clone());
    let with = app.handle.claim_with(Some("application/json"), condition);
    let expires = Some(with.now.after_seconds(UNWANTED_SECONDS));
    let with = PutOptions { expires, ..with };
    let content = claims::stored(body);
    artifacts.put_with(bucket, &kept.key, content, with).await?;
    Ok(())
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
