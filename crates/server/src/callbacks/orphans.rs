//! Large results for nobody: kept among the artifacts for as long as their dead letters, so that they can be given to somebody; only so many of
//! them, for anybody may send them.

use bytes::Bytes;
use everstep_engine::Reference;
use everstep_engine::blobs::{Error, PutCondition, PutOptions};

use super::intake::{UNWANTED_SECONDS, discard};
use crate::claims::{Refused, Staged};
use crate::http::App;

const PREFIX: &str = "callbacks/orphans/";
/// So many are kept at a time.
const COUNT_MAX: usize = 256;

/// A result for nobody that is kept.
pub(super) struct Orphan {
    pub key: String,
    pub reference: Bytes,
}

/// Keeps a result while there is room; `None` when there is none: what is kept already is not pushed out by what anybody sends.
///
/// # Errors
/// [`Refused::Store`].
pub(super) async fn keep(app: &App, staged: Staged) -> Result<Option<Orphan>, Refused> {
    // One at a time: together they would all find the same room.
    let _turn = app.callbacks.orphans.lock().await;
    let kept = store(app, &staged).await;
    staged.discard(app).await;
    kept
}

async fn store(app: &App, staged: &Staged) -> Result<Option<Orphan>, Refused> {
    let artifacts = app.handle.blobs().artifacts();
    let bucket = &app.options.callbacks.artifact_bucket;
    let now = app.handle.clock().now();
    let mut there = artifacts.list(bucket, PREFIX, None, COUNT_MAX).await?;
    there.retain(|(_, meta)| !meta.has_expired(now));
    let held: u64 = there.iter().map(|(_, meta)| meta.size).sum();
    let bytes_max = app.options.callbacks.orphan_bytes_max;
    if there.len() >= COUNT_MAX || held.saturating_add(staged.meta.size) > bytes_max {
        tracing::warn!(held, bytes_max, "a result for nobody was not kept");
        return Ok(None);
    }
    let key = format!("{PREFIX}{}.json", uuid::Uuid::new_v4());
    let with = PutOptions {
        condition: PutCondition::IfAbsent,
        content_type: Some("application/json".to_owned()),
        expires: Some(now.after_seconds(UNWANTED_SECONDS)),
        now,
    };
    let content = staged.content(app).await?;
    let meta = artifacts.put_with(bucket, &key, content, with).await?;
    let reference = Reference::new(bucket, &key, &meta).json();
    Ok(Some(Orphan { key, reference }))
}

/// The content of a kept result; `None` when it is gone.
///
/// # Errors
/// [`Refused::Store`].
pub(super) async fn content(
    app: &App,
    key: &str,
) -> Result<Option<crate::claims::Pieces>, Refused> {
    let artifacts = app.handle.blobs().artifacts();
    let bucket = &app.options.callbacks.artifact_bucket;
    match artifacts.get(bucket, key).await {
        Ok((meta, _)) if meta.has_expired(app.handle.clock().now()) => Ok(None),
        Ok((_, body)) => Ok(Some(crate::claims::stored(body))),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Deletes what a letter kept here; one that refers to something else keeps it.
pub(super) async fn forget(app: &App, key: &str) {
    if key.starts_with(PREFIX) {
        discard(app, key).await;
    }
}
