//! Artifacts: named objects in buckets, written as streams, under conditions.
//!
//! A stored file is the content and then a trailer with its size and SHA-256, so one rename makes both appear. The digest is the etag.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use everstep_core::{Digest, Timestamp};
use futures_util::stream::{BoxStream, Stream, StreamExt as _, TryStreamExt as _, try_unfold};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{
    GetResultPayload, MultipartUpload, ObjectMeta, ObjectStore as _, ObjectStoreExt as _,
    PutPayload,
};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::{Error, name};

const MAGIC: [u8; 8] = *b"evartif\x01";
const TRAILER_BYTES: usize = 8 + 32 + 8 + 4;
/// What is gathered before it is written, and what is read at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// Writers of one key take turns; keys that share a lock wait for each other, which only costs time.
const LOCKS: usize = 64;

/// What is known of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Bytes of content.
    pub size: u64,
    /// The content's SHA-256 in hexadecimal, without quotes.
    pub etag: String,
    pub modified: Timestamp,
}

/// What must hold for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutCondition {
    None,
    /// No artifact has this key.
    IfAbsent,
    /// The artifact with this key has this etag.
    IfMatch(String),
}

/// An artifact's content in pieces. It ends with [`Error::Damaged`] when it was not what had been stored.
pub type Body = BoxStream<'static, Result<Bytes, Error>>;

/// The artifacts of a folder. Clones share it.
#[derive(Clone, Debug)]
pub struct Artifacts {
    files: Arc<LocalFileSystem>,
    locks: Arc<[tokio::sync::Mutex<()>; LOCKS]>,
}

impl Artifacts {
    pub(super) fn new(files: Arc<LocalFileSystem>) -> Self {
        Self {
            files,
            locks: Arc::new(std::array::from_fn(|_| tokio::sync::Mutex::new(()))),
        }
    }

    fn lock(&self, place: &Location) -> &tokio::sync::Mutex<()> {
        let hash = crc32fast::hash(place.as_ref().as_bytes()) as usize;
        let [first, ..] = &*self.locks;
        self.locks.get(hash % LOCKS).unwrap_or(first)
    }

    /// Stores what the stream holds. It holds at most a few hundred kilobytes of it in memory; nothing is seen of it before all is durable.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Precondition`], [`Error::Source`], [`Error::Io`]: nothing has changed then.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        content: impl Stream<Item = std::io::Result<Bytes>> + Send,
        condition: PutCondition,
    ) -> Result<Meta, Error> {
        let place = name::artifact(bucket, key)?;
        // Once before the work and once, under the lock, before it counts.
        self.check(&place, &condition).await?;
        let mut upload = self.files.put_multipart(&place).await.map_err(Error::io)?;
        let written = async {
            let (size, digest) = write(upload.as_mut(), content).await?;
            let _turn = self.lock(&place).lock().await;
            self.check(&place, &condition).await?;
            upload.complete().await.map_err(Error::io)?;
            let found = self.files.head(&place).await.map_err(Error::io)?;
            Ok(Meta {
                size,
                etag: digest.hex(),
                modified: modified(&found),
            })
        };
        match written.await {
            Ok(meta) => Ok(meta),
            Err(error) => {
                // What it leaves behind when this fails too, a sweep removes.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }

    async fn check(&self, place: &Location, condition: &PutCondition) -> Result<(), Error> {
        let found = match condition {
            PutCondition::None => return Ok(()),
            PutCondition::IfAbsent | PutCondition::IfMatch(_) => match self.open(place).await {
                Ok((meta, _)) => Some(meta.etag),
                Err(Error::NotFound { .. }) => None,
                Err(error) => return Err(error),
            },
        };
        let holds = match condition {
            PutCondition::None => true,
            PutCondition::IfAbsent => found.is_none(),
            PutCondition::IfMatch(etag) => found.as_ref() == Some(etag),
        };
        if holds {
            Ok(())
        } else {
            Err(Error::Precondition { found })
        }
    }

    /// Opens the file; what happens to its name afterwards does not change what is read from it.
    async fn open(&self, place: &Location) -> Result<(Meta, File), Error> {
        let found = self
            .files
            .get(place)
            .await
            .map_err(|error| Error::of(error, || format!("artifact {place}")))?;
        let (meta, GetResultPayload::File(file, _)) = (found.meta, found.payload) else {
            return Err(Error::Io {
                detail: "an artifact is not a file".to_owned(),
            });
        };
        let what = place.to_string();
        let read = tokio::task::spawn_blocking(move || read_trailer(file, &meta, what)).await;
        read.map_err(Error::io)?
    }

    /// Reads an artifact.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidName`], [`Error::Damaged`], [`Error::Io`]; later ones come through the stream.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<(Meta, Body), Error> {
        let place = name::artifact(bucket, key)?;
        let (meta, file) = self.open(&place).await?;
        let reading = Reading {
            file: tokio::fs::File::from_std(file),
            left: meta.size,
            hash: Sha256::new(),
            etag: meta.etag.clone(),
            what: place.to_string(),
        };
        Ok((meta, try_unfold(reading, Reading::next).boxed()))
    }

    /// What is known of an artifact, without reading its content.
    ///
    /// # Errors
    /// As [`Artifacts::get`].
    pub async fn head(&self, bucket: &str, key: &str) -> Result<Meta, Error> {
        let place = name::artifact(bucket, key)?;
        self.open(&place).await.map(|(meta, _)| meta)
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
        let mut found = self.files.list(Some(&bucket));
        while let Some(meta) = found.try_next().await.map_err(Error::io)? {
            let Some(key) = name::key(&bucket, &meta.location) else {
                continue;
            };
            if key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after) {
                first.insert(key, meta.location);
                if first.len() > limit {
                    first.pop_last();
                }
            }
        }
        let mut listed = Vec::with_capacity(first.len());
        for (key, place) in first {
            match self.open(&place).await {
                Ok((meta, _)) => listed.push((key, meta)),
                // Deleted since it was listed.
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(listed)
    }

    /// Deletes an artifact; returns whether there was one.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Io`].
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<bool, Error> {
        let place = name::artifact(bucket, key)?;
        let _turn = self.lock(&place).lock().await;
        match self.files.delete(&place).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::io(error)),
        }
    }
}

fn modified(found: &ObjectMeta) -> Timestamp {
    Timestamp(u64::try_from(found.last_modified.timestamp_millis()).unwrap_or(0))
}

async fn write(
    upload: &mut dyn MultipartUpload,
    content: impl Stream<Item = std::io::Result<Bytes>> + Send,
) -> Result<(u64, Digest), Error> {
    let mut content = pin!(content);
    let mut gathered: Vec<u8> = Vec::with_capacity(CHUNK_BYTES);
    let (mut size, mut hash) = (0_u64, Sha256::new());
    while let Some(piece) = content
        .try_next()
        .await
        .map_err(|source| Error::Source { source })?
    {
        hash.update(&piece);
        size += piece.len() as u64;
        gathered.extend_from_slice(&piece);
        if gathered.len() >= CHUNK_BYTES {
            let part = std::mem::replace(&mut gathered, Vec::with_capacity(CHUNK_BYTES));
            upload
                .put_part(PutPayload::from(part))
                .await
                .map_err(Error::io)?;
        }
    }
    let digest = Digest(hash.finalize().into());
    gathered.extend_from_slice(&trailer(size, digest));
    upload
        .put_part(PutPayload::from(gathered))
        .await
        .map_err(Error::io)?;
    Ok((size, digest))
}

/// Magic, digest, size, and a CRC-32 over them.
fn trailer(size: u64, digest: Digest) -> Vec<u8> {
    let mut trailer = Vec::with_capacity(TRAILER_BYTES);
    trailer.extend(MAGIC);
    trailer.extend(digest.0);
    trailer.extend(size.to_be_bytes());
    let checksum = crc32fast::hash(&trailer);
    trailer.extend(checksum.to_be_bytes());
    trailer
}

fn read_trailer(mut file: File, found: &ObjectMeta, what: String) -> Result<(Meta, File), Error> {
    let Some(size) = found.size.checked_sub(TRAILER_BYTES as u64) else {
        return Err(Error::Damaged { what });
    };
    let mut bytes = [0; TRAILER_BYTES];
    let read = file
        .seek(SeekFrom::Start(size))
        .and_then(|_| file.read_exact(&mut bytes))
        .and_then(|()| file.rewind());
    read.map_err(Error::io)?;
    let digest = bytes
        .split_first_chunk::<8>()
        .and_then(|(_, rest)| rest.first_chunk::<32>())
        .copied()
        .map(Digest);
    match digest {
        Some(digest) if trailer(size, digest) == bytes => Ok((
            Meta {
                size,
                etag: digest.hex(),
                modified: modified(found),
            },
            file,
        )),
        _ => Err(Error::Damaged { what }),
    }
}

/// An artifact half read.
struct Reading {
    file: tokio::fs::File,
    left: u64,
    hash: Sha256,
    etag: String,
    what: String,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        if self.left == 0 {
            let digest = Digest(self.hash.finalize().into());
            return if digest.hex() == self.etag {
                Ok(None)
            } else {
                Err(Error::Damaged { what: self.what })
            };
        }
        let wanted = usize::try_from(self.left)
            .unwrap_or(CHUNK_BYTES)
            .min(CHUNK_BYTES);
        let mut piece = vec![0; wanted];
        let read = self.file.read(&mut piece).await.map_err(Error::io)?;
        if read == 0 {
            return Err(Error::Damaged { what: self.what });
        }
        piece.truncate(read);
        self.hash.update(&piece);
        self.left -= read as u64;
        Ok(Some((Bytes::from(piece), self)))
    }
}
