//! What is too large for the journal: payloads of executions, and the artifacts that users keep.
//!
//! Payloads lie in a folder behind `object_store`, each object written beside its place, synced and renamed into it, the folder synced
//! after it: what a call returned is there after a crash, and half an object never is. Deletions are not synced; one that a power cut undid
//! is found by [`Blobs::sweep`], or shows the artifact again. Artifacts lie in such a folder, too, or in a bucket of a cloud.

mod artifact;
mod backend;
mod bucket;
mod folder;
mod marks;
mod name;
mod pieces;
mod place;
mod record;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use everstep_core::{Digest, ExecutionId, Kind, Timestamp};
use futures_util::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{ObjectMeta, ObjectStore as _, ObjectStoreExt as _, PutPayload};

use backend::Backend;
use bucket::Bucket;
use folder::Folder;
use marks::Marks;

pub use artifact::{Artifacts, Body, Meta, PutCondition, PutOptions};
pub use name::{BUCKET_BYTES_MAX, KEY_BYTES_MAX, bucket_fault};
pub use place::{ArtifactOptions, Cloud, Encryption, Place};

/// What went wrong with a blob or an artifact.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{what} does not exist")]
    NotFound { what: String },
    #[error("{what} is damaged: its content is not what was stored")]
    Damaged { what: String },
    /// A conditional write found something else; `found` is the etag that is there.
    #[error("the artifact is not as the condition asks for")]
    Precondition { found: Option<String> },
    #[error("not a name that can be stored: {reason}")]
    InvalidName { reason: &'static str },
    /// The stream that was to be stored ended with an error; nothing was stored.
    #[error("the content can't be read: {source}")]
    Source { source: std::io::Error },
    #[error("the blob store can't be read or written: {detail}")]
    Io { detail: String },
    /// What a configuration says of the place of artifacts can't be used.
    #[error("{place} is no place for artifacts: {reason}")]
    Place { place: String, reason: String },
}

impl Error {
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::NotFound,
            Self::Damaged { .. } => Kind::Corrupt,
            Self::Precondition { .. } => Kind::Conflict,
            Self::InvalidName { .. } | Self::Source { .. } | Self::Place { .. } => Kind::Invalid,
            Self::Io { .. } => Kind::Transient,
        }
    }

    fn io(error: impl std::fmt::Display) -> Self {
        Self::Io {
            detail: error.to_string(),
        }
    }

    fn of(error: object_store::Error, what: impl FnOnce() -> String) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound { what: what() },
            other => Self::io(other),
        }
    }
}

/// A folder of blobs and artifacts. Clones share it; one process at a time may use it, which the store beside it sees to.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
    payloads: Arc<LocalFileSystem>,
    artifacts: Artifacts,
}

fn area(folder: &Path) -> Result<Arc<LocalFileSystem>, Error> {
    std::fs::create_dir_all(folder).map_err(Error::io)?;
    let area = LocalFileSystem::new_with_prefix(folder).map_err(Error::io)?;
    Ok(Arc::new(area.with_fsync(true).with_automatic_cleanup(true)))
}

fn modified(found: &ObjectMeta) -> Timestamp {
    Timestamp(u64::try_from(found.last_modified.timestamp_millis()).unwrap_or(0))
}

fn blob(execution: ExecutionId, digest: Digest) -> Location {
    Location::from(format!("{execution}/{}", digest.hex()))
}

fn named(location: &Location) -> Option<(ExecutionId, Digest)> {
    let (execution, hex) = location.as_ref().split_once('/')?;
    let mut digest = [0; 32];
    if hex.len() != 2 * digest.len() || !hex.is_ascii() {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some((execution.parse().ok()?, Digest(digest)))
}

impl Blobs {
    /// Opens or makes the folder, with the artifacts in it.
    ///
    /// # Errors
    /// [`Error::Io`] when it can't be made.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(folder, &ArtifactOptions::default())
    }

    /// Opens or makes the folder, with the artifacts where the options say. A cloud is not asked yet: [`Artifacts::probe`] does.
    ///
    /// # Errors
    /// [`Error::Io`] when a folder can't be made, [`Error::Place`] when the options make no client.
    pub fn open_with(folder: impl AsRef<Path>, options: &ArtifactOptions) -> Result<Self, Error> {
        let folder = folder.as_ref().to_owned();
        let payloads = area(&folder.join("payloads"))?;
        let (backend, marks) = match options.bucket()? {
            Some(bucket) => {
                let marks = Marks::new(bucket.objects(), bucket.prefix());
                (Backend::Bucket(bucket), marks)
            }
            None => {
                let base = match &options.place {
                    Some(Place::Folder(elsewhere)) => elsewhere,
                    _ => &folder,
                };
                let marks = Marks::new(area(&base.join("marks"))?, "");
                let files = Folder::new(area(&base.join("artifacts"))?);
                (Backend::Folder(files), marks)
            }
        };
        let artifacts = Artifacts::new(backend, marks, options.compress);
        Ok(Self {
            folder,
            payloads,
            artifacts,
        })
    }

    #[must_use]
    pub const fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    /// Stores a payload durably under its digest, which has to be that of `bytes`. Storing it twice is harmless.
    ///
    /// # Errors
    /// [`Error::Io`]; nothing is stored then.
    pub async fn put(
        &self,
        execution: ExecutionId,
        digest: Digest,
        bytes: Bytes,
    ) -> Result<(), Error> {
        // Also when it is there already: whether the folder's entry survived to the disk can't be seen.
        let stored = self
            .payloads
            .put(&blob(execution, digest), PutPayload::from_bytes(bytes))
            .await;
        stored.map(|_| ()).map_err(Error::io)
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Damaged`] when the content does not have this digest any more.
    pub async fn get(&self, execution: ExecutionId, digest: Digest) -> Result<Bytes, Error> {
        let what = || format!("payload {} of execution {execution}", digest.hex());
        let found = self
            .payloads
            .get(&blob(execution, digest))
            .await
            .map_err(|error| Error::of(error, what))?;
        let bytes = found
            .bytes()
            .await
            .map_err(|error| Error::of(error, what))?;
        if Digest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(Error::Damaged { what: what() })
        }
    }

    /// Deletes every payload of an execution; returns how many.
    ///
    /// # Errors
    /// [`Error::Io`]; some may be deleted then, and the call can be repeated.
    pub async fn delete_prefix(&self, execution: ExecutionId) -> Result<usize, Error> {
        let prefix = Location::from(execution.to_string());
        let found: Vec<_> = self
            .payloads
            .list(Some(&prefix))
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .map_err(Error::io)?;
        for location in &found {
            self.delete(location).await?;
        }
        Ok(found.len())
    }

    async fn delete(&self, location: &Location) -> Result<(), Error> {
        match self.payloads.delete(location).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::io(error)),
        }
    }

    /// Deletes payloads written before `older_than` that `known` does not vouch for, and what interrupted writes left behind; returns
    /// how many payloads. `known` may block for as long as a read of the store takes; with an error from it the sweep ends.
    ///
    /// # Errors
    /// [`Error::Io`], also for an error of `known`.
    pub async fn sweep(
        &self,
        known: impl Fn(ExecutionId, Digest) -> Result<bool, crate::Error>,
        older_than: Timestamp,
    ) -> Result<usize, Error> {
        let mut listing = self.payloads.list(None);
        let mut swept = 0;
        while let Some(meta) = listing.try_next().await.map_err(Error::io)? {
            let written = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
            if written >= older_than.0 {
                continue;
            }
            // What does not have a payload's name is not ours to delete.
            let Some((execution, digest)) = named(&meta.location) else {
                continue;
            };
            if !known(execution, digest).map_err(Error::io)? {
                self.delete(&meta.location).await?;
                swept += 1;
            }
        }
        let folder = self.folder.clone();
        let before = SystemTime::UNIX_EPOCH + Duration::from_millis(older_than.0);
        let cleaned = tokio::task::spawn_blocking(move || remove_staged(&folder, before)).await;
        cleaned.map_err(Error::io)?.map_err(Error::io)?;
        Ok(swept)
    }
}

/// Removes the files that `object_store` had begun to write when the process ended: their names carry a `#`, which no finished one does.
fn remove_staged(folder: &Path, before: SystemTime) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // A folder or file may go while this runs.
        let Ok(found) = entry.metadata() else {
            continue;
        };
        if found.is_dir() {
            remove_staged(&entry.path(), before).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
        } else if entry.file_name().to_string_lossy().contains('#') && found.modified()? < before {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod unsteady;
