//! Artifacts in a bucket of a cloud: the content under a name of its own, and an entry that says which content an artifact has.
//!
//! `content/BUCKET/KEY/ID` is written first, in parts when it is large, and never changed; `index/BUCKET/KEY` is written under a condition
//! and makes it appear. So any store with conditional writes of small objects has conditional writes of large ones. Content that no entry
//! names is found by [`Bucket::sweep`]. One server at a time uses a prefix, as one uses a folder.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use everstep_core::Timestamp;
use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _, once};
use object_store::path::Path as Location;
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload, UpdateVersion,
};

use super::pieces::{Sink, Source, Span};
use super::record::{End, Record};
use super::{Error, modified};

/// What is gathered for one part of an upload. S3 wants 5 MiB at least, and takes 10,000 parts.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Longer content goes up in parts.
const WHOLE_BYTES_MAX: usize = 5_000_000;
/// Bytes of the name of a content: a UUID in hexadecimal.
const ID_BYTES: usize = 32;
const AGAIN_MAX: usize = 5;

#[derive(Clone, Debug)]
pub struct Bucket {
    objects: Arc<dyn ObjectStore>,
    /// What all names begin with: empty, or `PREFIX/`.
    prefix: Arc<str>,
}

/// Content that is on its way, or there without an entry.
pub struct Staged {
    objects: Arc<dyn ObjectStore>,
    content: Location,
    pub id: String,
    gathered: BytesMut,
    upload: Option<Box<dyn MultipartUpload>>,
}

impl Sink for Staged {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.gathered.extend_from_slice(&bytes);
        if self.gathered.len() >= PART_BYTES {
            self.send().await?;
        }
        Ok(())
    }
}

impl Staged {
    async fn send(&mut self) -> Result<(), Error> {
        if self.upload.is_none() {
            let begun = self.objects.put_multipart(&self.content).await;
            self.upload = Some(begun.map_err(Error::io)?);
        }
        if let Some(upload) = &mut self.upload {
            let part = std::mem::take(&mut self.gathered).freeze();
            let sent = upload.put_part(PutPayload::from_bytes(part)).await;
            sent.map_err(Error::io)?;
        }
        Ok(())
    }

    /// All content has been written.
    pub async fn finish(&mut self) -> Result<(), Error> {
        if self.upload.is_none() && self.gathered.len() <= WHOLE_BYTES_MAX {
            let whole = std::mem::take(&mut self.gathered).freeze();
            let put = self
                .objects
                .put(&self.content, PutPayload::from_bytes(whole));
            return put.await.map(|_| ()).map_err(Error::io);
        }
        if !self.gathered.is_empty() {
            self.send().await?;
        }
        if let Some(upload) = &mut self.upload {
            upload.complete().await.map_err(Error::io)?;
        }
        Ok(())
    }
}

/// An entry as it was read.
#[derive(Clone, Debug)]
pub struct Entry {
    pub record: Record,
    pub at: Timestamp,
    id: String,
    version: UpdateVersion,
}

/// Whether somebody else wrote between a look and a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    Done(Timestamp),
    Changed,
}

impl Bucket {
    pub fn new(objects: Arc<dyn ObjectStore>, prefix: &Location) -> Self {
        let prefix = match prefix.as_ref() {
            "" => Arc::from(""),
            some => Arc::from(format!("{some}/")),
        };
        Self { objects, prefix }
    }

    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    fn below(&self, area: &str, rest: &str) -> Location {
        Location::from(format!("{}{area}/{rest}", self.prefix))
    }

    fn content(&self, place: &Location, id: &str) -> Location {
        self.below("content", &format!("{place}/{id}"))
    }

    pub fn stage(&self, place: &Location) -> Staged {
        let id = uuid::Uuid::new_v4().simple().to_string();
        Staged {
            objects: self.objects(),
            content: self.content(place, &id),
            id,
            gathered: BytesMut::new(),
            upload: None,
        }
    }

    /// Writes the entry, unless it is not as `found` any more. After an error it may stand there all the same.
    pub async fn publish(
        &self,
        place: &Location,
        id: &str,
        record: &Record,
        found: Option<&Entry>,
    ) -> Result<Published, Error> {
        let mut bytes = id.as_bytes().to_vec();
        bytes.extend(record.encode());
        let mode = found.map_or(PutMode::Create, |found| {
            PutMode::Update(found.version.clone())
        });
        let entry = self.below("index", place.as_ref());
        let options = PutOptions::from(mode);
        let put = self
            .objects
            .put_opts(&entry, PutPayload::from(bytes), options);
        match put.await {
            Ok(_) => {}
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => {
                // A put whose answer was lost is repeated below us, and meets its own entry then.
                let ours = self.find(place).await?.filter(|entry| entry.id == id);
                return Ok(ours.map_or(Published::Changed, |entry| Published::Done(entry.at)));
            }
            Err(error) => return Err(Error::io(error)),
        }
        let head = self.objects.head(&entry).await.map_err(Error::io)?;
        Ok(Published::Done(modified(&head)))
    }

    /// What it leaves behind, a sweep removes; parts of an upload, the bucket's own rule for them.
    pub async fn discard(&self, staged: Staged) {
        match staged.upload {
            Some(mut upload) => drop(upload.abort().await),
            None => drop(self.objects.delete(&staged.content).await),
        }
    }

    pub async fn find(&self, place: &Location) -> Result<Option<Entry>, Error> {
        let what = || format!("artifact {place}");
        let entry = self.below("index", place.as_ref());
        let found = match self.objects.get(&entry).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(Error::io(error)),
        };
        let at = modified(&found.meta);
        let version = UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        };
        let bytes = found.bytes().await.map_err(Error::io)?;
        let damaged = || Error::Damaged { what: what() };
        let (id, record) = bytes.split_at_checked(ID_BYTES).ok_or_else(damaged)?;
        let id = std::str::from_utf8(id).map_err(|_| damaged())?.to_owned();
        let stored = End::read(record).ok_or_else(damaged)?.stored();
        Ok(Some(Entry {
            record: Record::decode(record, stored, &what())?,
            at,
            id,
            version,
        }))
    }

    /// As a folder's.
    pub async fn read(
        &self,
        place: &Location,
        range: impl Fn(&Record) -> Range<u64> + Send,
    ) -> Result<(Record, Timestamp, Range<u64>, Source), Error> {
        let what = || format!("artifact {place}");
        for _ in 0..AGAIN_MAX {
            let entry = self.find(place).await?;
            let entry = entry.ok_or_else(|| Error::NotFound { what: what() })?;
            let range = range(&entry.record);
            let stored = Span::of(&entry.record, &range).stored;
            let stream = if stored.is_empty() {
                once(std::future::ready(Ok(Bytes::new()))).boxed()
            } else {
                let options = GetOptions {
                    range: Some(GetRange::Bounded(stored)),
                    ..GetOptions::default()
                };
                let content = self.content(place, &entry.id);
                match self.objects.get_opts(&content, options).await {
                    Ok(found) => found.into_stream(),
                    // Replaced since the entry was read, and swept already.
                    Err(object_store::Error::NotFound { .. }) => continue,
                    Err(error) => return Err(Error::io(error)),
                }
            };
            let source = Source::Stream {
                stream,
                rest: Bytes::new(),
            };
            return Ok((entry.record, entry.at, range, source));
        }
        // The entry stays and its content is not there.
        Err(Error::Damaged { what: what() })
    }

    /// The places below one.
    pub fn places(&self, below: &Location) -> BoxStream<'static, Result<Location, Error>> {
        let area = self.below("index", "").to_string();
        let found = self
            .objects
            .list(Some(&self.below("index", below.as_ref())));
        found
            .map_err(Error::io)
            .try_filter_map(move |meta| {
                let place = meta.location.as_ref().strip_prefix(&*area);
                let place = place.and_then(|place| Location::parse(place).ok());
                std::future::ready(Ok(place))
            })
            .boxed()
    }

    pub async fn delete(&self, place: &Location) -> Result<bool, Error> {
        let Some(entry) = self.find(place).await? else {
            return Ok(false);
        };
        // The entry first: nobody is led to content that has gone.
        for name in [
            self.below("index", place.as_ref()),
            self.content(place, &entry.id),
        ] {
            match self.objects.delete(&name).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(Error::io(error)),
            }
        }
        Ok(true)
    }

    /// Deletes content older than this that no entry names; returns how much was found.
    pub async fn sweep(&self, older_than: Timestamp) -> Result<usize, Error> {
        let area = self.below("content", "");
        let place_of = |content: &Location| {
            let inside = content.as_ref().strip_prefix(area.as_ref())?;
            let (place, id) = inside.trim_start_matches('/').rsplit_once('/')?;
            Some((Location::parse(place).ok()?, id.to_owned()))
        };
        let hash = |place: &Location| xxhash_rust::xxh3::xxh3_64(place.as_ref().as_bytes());
        let mut contents: HashMap<u64, u32> = HashMap::new();
        let mut listed = self.objects.list(Some(&area));
        while let Some(meta) = listed.try_next().await.map_err(Error::io)? {
            if let Some((place, _)) = place_of(&meta.location) {
                *contents.entry(hash(&place)).or_default() += 1;
            }
        }
        let mut entries = HashSet::new();
        let mut places = self.places(&Location::default());
        while let Some(place) = places.try_next().await? {
            entries.insert(hash(&place));
        }
        // One content with an entry is the one it names: only the others are worth a look.
        let odd = |place: &Location| {
            let hash = hash(place);
            !entries.contains(&hash) || contents.get(&hash).is_none_or(|count| *count > 1)
        };
        let (mut listed, mut swept) = (self.objects.list(Some(&area)), 0);
        while let Some(meta) = listed.try_next().await.map_err(Error::io)? {
            let Some((place, id)) = place_of(&meta.location) else {
                continue;
            };
            if modified(&meta) >= older_than || !odd(&place) {
                continue;
            }
            if self.find(&place).await?.is_none_or(|entry| entry.id != id) {
                self.objects
                    .delete(&meta.location)
                    .await
                    .map_err(Error::io)?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}
