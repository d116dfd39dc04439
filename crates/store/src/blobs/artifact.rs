//! Artifacts: named objects in buckets, written and read as streams, under conditions, for good or for a time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use everstep_core::Timestamp;
use futures_util::stream::{BoxStream, Stream, StreamExt as _, TryStreamExt as _, iter};
use object_store::path::Path as Location;

use super::backend::{Backend, Found};
use super::marks::Marks;
use super::pieces::{self, Span};
use super::record::{Record, TYPE_BYTES_MAX};
use super::{Error, name};

/// Writers of one key take turns; keys that share a lock wait for each other, which only costs time.
const LOCKS: usize = 64;
/// Entries that a list reads at once.
const READ_AT_ONCE: usize = 16;
/// How often a write without a condition looks again when somebody else wrote meanwhile.
const AGAIN_MAX: usize = 5;

/// What is known of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Bytes of content.
    pub size: u64,
    /// Bytes that it takes where it lies: fewer when it is compressed.
    pub stored: u64,
    /// The content's SHA-256 in hexadecimal, without quotes.
    pub etag: String,
    pub modified: Timestamp,
    /// As the writer named it.
    pub content_type: Option<String>,
    /// From then on it is not there any more: readers have to hold it against their clock, for this store has none.
    pub expires: Option<Timestamp>,
}

impl Meta {
    fn of(record: &Record, modified: Timestamp) -> Self {
        Self {
            size: record.size,
            stored: record.stored(),
            etag: record.digest.hex(),
            modified,
            content_type: record.content_type.clone(),
            expires: record.expires,
        }
    }

    /// Whether its time is over.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// What must hold for a write to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PutCondition {
    #[default]
    None,
    /// No artifact has this key.
    IfAbsent,
    /// The artifact with this key has this etag.
    IfMatch(String),
}

/// How an artifact is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutOptions {
    pub condition: PutCondition,
    pub content_type: Option<String>,
    pub expires: Option<Timestamp>,
    /// By whose clock what has expired counts as absent for the condition.
    pub now: Timestamp,
}

/// An artifact's content in pieces. It ends with [`Error::Damaged`] before a piece that is not what had been stored.
pub type Body = BoxStream<'static, Result<Bytes, Error>>;

/// The artifacts of a folder or of a cloud's bucket. Clones share them.
#[derive(Clone, Debug)]
pub struct Artifacts {
    backend: Backend,
    marks: Marks,
    compress: bool,
    locks: Arc<[tokio::sync::Mutex<()>; LOCKS]>,
}

impl Artifacts {
    pub(super) fn new(backend: Backend, marks: Marks, compress: bool) -> Self {
        Self {
            backend,
            marks,
            compress,
            locks: Arc::new(std::array::from_fn(|_| tokio::sync::Mutex::new(()))),
        }
    }

    fn lock(&self, place: &Location) -> &tokio::sync::Mutex<()> {
        let hash = crc32fast::hash(place.as_ref().as_bytes()) as usize;
        let [first, ..] = &*self.locks;
        self.locks.get(hash % LOCKS).unwrap_or(first)
    }

    /// Whether the place of the artifacts answers.
    ///
    /// # Errors
    /// [`Error::Io`], with what it said.
    pub async fn probe(&self) -> Result<(), Error> {
        self.marks.probe().await
    }

    /// As [`Artifacts::put_with`], for good and without a type.
    ///
    /// # Errors
    /// As [`Artifacts::put_with`].
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        content: impl Stream<Item = std::io::Result<Bytes>> + Send,
        condition: PutCondition,
    ) -> Result<Meta, Error> {
        let options = PutOptions {
            condition,
            ..PutOptions::default()
        };
        self.put_with(bucket, key, content, options).await
    }

    /// Stores what the stream holds. A few megabytes of it are in memory at most; nothing is seen of it before all is durable.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Precondition`], [`Error::Source`]: nothing has changed then. [`Error::Io`]: what is there is whole, the old or the new.
    pub async fn put_with(
        &self,
        bucket: &str,
        key: &str,
        content: impl Stream<Item = std::io::Result<Bytes>> + Send,
        options: PutOptions,
    ) -> Result<Meta, Error> {
        let place = name::artifact(bucket, key)?;
        let content_type = options.content_type.as_deref().unwrap_or_default();
        if content_type.len() > TYPE_BYTES_MAX || content_type.chars().any(char::is_control) {
            return Err(Error::InvalidName {
                reason: "a content type has at most 255 bytes and no control characters",
            });
        }
        // Once before the work and once, under the lock, before it counts.
        if options.condition != PutCondition::None {
            check(self.backend.find(&place).await?.as_ref(), &options)?;
        }
        if let Some(expires) = options.expires {
            self.marks.expire(&place, expires).await?;
        }
        let mut staged = self.backend.stage(&place).await?;
        let compress = self.compress && gets_shorter(content_type, key);
        let mut in_doubt = false;
        let done = async {
            let written = pieces::write(&mut staged, content, compress).await?;
            let record = Record {
                size: written.size,
                digest: written.digest,
                expires: options.expires,
                content_type: options.content_type.clone(),
                pieces: written.pieces,
            };
            staged.finish().await?;
            let _turn = self.lock(&place).lock().await;
            for _ in 0..AGAIN_MAX {
                let found = self.backend.found(&place, &options.condition).await?;
                check(found.as_ref(), &options)?;
                let published = self.backend.publish(&place, &mut staged, &record, found);
                let published = published.await.inspect_err(|_| in_doubt = true)?;
                if let Some(modified) = published {
                    return Ok(Meta::of(&record, modified));
                }
            }
            Err(Error::Io {
                detail: format!("artifact {place} is written by others all the time"),
            })
        };
        let done = done.await;
        // Content that an entry may name stays; if none does, a sweep removes it.
        if done.is_err() && !in_doubt {
            self.backend.discard(staged).await;
        }
        done
    }

    /// Reads an artifact.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidName`], [`Error::Damaged`], [`Error::Io`]; later ones come through the stream.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<(Meta, Body), Error> {
        let (meta, _, body) = self.get_range(bucket, key, |meta| 0..meta.size).await?;
        Ok((meta, body))
    }

    /// Reads the range of an artifact that `range` chooses when it hears what there is; what of it lies beyond the end is left out.
    ///
    /// # Errors
    /// As [`Artifacts::get`].
    pub async fn get_range(
        &self,
        bucket: &str,
        key: &str,
        range: impl Fn(&Meta) -> Range<u64> + Send + Sync,
    ) -> Result<(Meta, Range<u64>, Body), Error> {
        let place = name::artifact(bucket, key)?;
        let within = |record: &Record| {
            let wanted = range(&Meta::of(record, Timestamp(0)));
            wanted.start.min(record.size)..wanted.end.min(record.size)
        };
        let (record, modified, range, source) = self.backend.read(&place, within).await?;
        let meta = Meta::of(&record, modified);
        let span = Span::of(&record, &range);
        let body = pieces::read(source, record, range.clone(), &span, place.to_string());
        Ok((meta, range, body))
    }

    /// What is known of an artifact, without reading its content.
    ///
    /// # Errors
    /// As [`Artifacts::get`].
    pub async fn head(&self, bucket: &str, key: &str) -> Result<Meta, Error> {
        let place = name::artifact(bucket, key)?;
        let found = self.backend.find(&place).await?;
        let found = found.ok_or_else(|| Error::NotFound {
            what: format!("artifact {place}"),
        })?;
        Ok(Meta::of(found.record(), found.modified()))
    }

    /// At most `limit` artifacts whose keys begin with `prefix` and come behind `after` in byte order; to go on, the last key is `after`.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Damaged`], [`Error::Io`].
    pub async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Meta)>, Error> {
        let bucket = name::bucket(bucket)?;
        let mut first: BTreeMap<String, Location> = BTreeMap::new();
        let mut found = self.backend.places(&name::below(&bucket, prefix));
        while let Some(place) = found.try_next().await? {
            let Some(key) = name::key(&bucket, &place) else {
                continue;
            };
            if key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after) {
                first.insert(key, place);
                if first.len() > limit {
                    first.pop_last();
                }
            }
        }
        let read = iter(first).map(async |(key, place)| {
            let found = self.backend.find(&place).await?;
            // One that is not there was deleted since it was listed.
            Ok(found.map(|found| (key, Meta::of(found.record(), found.modified()))))
        });
        let read = read.buffered(READ_AT_ONCE);
        read.try_filter_map(|found| std::future::ready(Ok(found)))
            .try_collect()
            .await
    }

    /// Deletes an artifact; returns whether there was one.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Io`].
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<bool, Error> {
        let place = name::artifact(bucket, key)?;
        let _turn = self.lock(&place).lock().await;
        self.backend.delete(&place).await
    }

    /// Deletes what has expired; returns how many.
    ///
    /// # Errors
    /// [`Error::Io`]; some may be deleted then, and the call can be repeated.
    pub async fn expire(&self, now: Timestamp) -> Result<usize, Error> {
        let mut expired = 0;
        for due in self.marks.due(now).await? {
            let _turn = self.lock(&due.place).lock().await;
            let ends = match self.backend.find(&due.place).await {
                Ok(found) => found.and_then(|found| found.record().expires),
                // Whoever reads it is told; it is not ours to hide.
                Err(Error::Damaged { .. }) => continue,
                Err(error) => return Err(error),
            };
            match ends {
                Some(ends) if ends <= now => {
                    self.backend.delete(&due.place).await?;
                    self.marks.forget(&due).await?;
                    expired += 1;
                }
                // Later in this hour.
                Some(ends) if due.is_of(ends) => {}
                _ => self.marks.forget(&due).await?,
            }
        }
        Ok(expired)
    }

    /// Deletes what interrupted writes and replacements left behind before `older_than`; returns how many.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn sweep(&self, older_than: Timestamp) -> Result<usize, Error> {
        self.backend.sweep(older_than).await
    }

    /// Makes links to an artifact that were made before `since` lead nowhere.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Io`].
    pub async fn revoke_links(
        &self,
        bucket: &str,
        key: &str,
        since: Timestamp,
    ) -> Result<(), Error> {
        let place = name::artifact(bucket, key)?;
        self.marks.revoke_links(&place, since).await
    }

    /// Since when links to an artifact count; `None` when none were revoked.
    ///
    /// # Errors
    /// As [`Artifacts::revoke_links`].
    pub async fn links_since(&self, bucket: &str, key: &str) -> Result<Option<Timestamp>, Error> {
        let place = name::artifact(bucket, key)?;
        self.marks.links_since(&place).await
    }
}

fn check(found: Option<&Found>, options: &PutOptions) -> Result<(), Error> {
    let found = found.map(Found::record).filter(|record| {
        let expired = record.expires.is_some_and(|at| at <= options.now);
        !expired
    });
    let etag = found.map(|record| record.digest.hex());
    let holds = match &options.condition {
        PutCondition::None => true,
        PutCondition::IfAbsent => etag.is_none(),
        PutCondition::IfMatch(wanted) => etag.as_ref() == Some(wanted),
    };
    if holds {
        Ok(())
    } else {
        Err(Error::Precondition { found: etag })
    }
}

/// Pictures, films and archives are compressed already.
fn gets_shorter(content_type: &str, key: &str) -> bool {
    const PACKED: [&str; 9] = [
        "image/",
        "video/",
        "audio/",
        "font/",
        "application/zip",
        "application/gzip",
        "application/zstd",
        "application/x-7z",
        "application/pdf",
    ];
    const ENDINGS: [&str; 9] = ["zip", "gz", "zst", "xz", "png", "jpg", "jpeg", "mp4", "pdf"];
    let ending = key.rsplit_once('.').map_or("", |(_, ending)| ending);
    let packed = PACKED.iter().any(|packed| content_type.starts_with(packed))
        && content_type != "image/svg+xml";
    !packed && !ENDINGS.contains(&ending)
}
