//! A folder or a bucket: what artifacts ask of either.

use std::ops::Range;

use bytes::Bytes;
use everstep_core::Timestamp;
use futures_util::stream::BoxStream;
use object_store::path::Path as Location;

use super::Error;
use super::artifact::PutCondition;
use super::bucket::{self, Bucket, Published};
use super::folder::{self, Folder};
use super::pieces::{Sink, Source};
use super::record::Record;

#[derive(Clone, Debug)]
pub enum Backend {
    Folder(Folder),
    Bucket(Bucket),
}

/// What an artifact is before it is written over.
pub enum Found {
    InFolder(Record, Timestamp),
    InBucket(bucket::Entry),
}

impl Found {
    pub const fn record(&self) -> &Record {
        match self {
            Self::InFolder(record, _) => record,
            Self::InBucket(entry) => &entry.record,
        }
    }

    pub const fn modified(&self) -> Timestamp {
        match self {
            Self::InFolder(_, at) => *at,
            Self::InBucket(entry) => entry.at,
        }
    }
}

/// Content that nobody sees yet.
pub enum Staged {
    InFolder(folder::Staged),
    InBucket(bucket::Staged),
}

impl Sink for Staged {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        match self {
            Self::InFolder(staged) => staged.write(bytes).await,
            Self::InBucket(staged) => staged.write(bytes).await,
        }
    }
}

impl Staged {
    pub async fn finish(&mut self) -> Result<(), Error> {
        match self {
            Self::InFolder(_) => Ok(()),
            Self::InBucket(staged) => staged.finish().await,
        }
    }
}

impl Backend {
    pub async fn stage(&self, place: &Location) -> Result<Staged, Error> {
        Ok(match self {
            Self::Folder(folder) => Staged::InFolder(folder.stage(place).await?),
            Self::Bucket(bucket) => Staged::InBucket(bucket.stage(place)),
        })
    }

    pub async fn find(&self, place: &Location) -> Result<Option<Found>, Error> {
        Ok(match self {
            Self::Folder(folder) => {
                let found = folder.find(place).await?;
                found.map(|(record, at)| Found::InFolder(record, at))
            }
            Self::Bucket(bucket) => bucket.find(place).await?.map(Found::InBucket),
        })
    }

    /// What a write has to know of what is there. A file is simply replaced, whatever it holds; an entry only when it is known.
    pub async fn found(
        &self,
        place: &Location,
        condition: &PutCondition,
    ) -> Result<Option<Found>, Error> {
        match (self, condition) {
            (Self::Folder(_), PutCondition::None) => Ok(None),
            _ => self.find(place).await,
        }
    }

    /// Makes it seen. `None` when another process has written since.
    pub async fn publish(
        &self,
        place: &Location,
        staged: &mut Staged,
        record: &Record,
        found: Option<Found>,
    ) -> Result<Option<Timestamp>, Error> {
        match (self, staged) {
            (Self::Folder(folder), Staged::InFolder(staged)) => {
                folder.publish(place, staged, record).await.map(Some)
            }
            (Self::Bucket(bucket), Staged::InBucket(staged)) => {
                let entry = match &found {
                    Some(Found::InBucket(entry)) => Some(entry),
                    _ => None,
                };
                let published = bucket.publish(place, &staged.id, record, entry).await?;
                Ok(match published {
                    Published::Done(at) => Some(at),
                    Published::Changed => None,
                })
            }
            _ => Err(Error::Io {
                detail: "an artifact was begun elsewhere".to_owned(),
            }),
        }
    }

    pub async fn discard(&self, staged: Staged) {
        match (self, staged) {
            (Self::Folder(folder), Staged::InFolder(staged)) => folder.discard(staged).await,
            (Self::Bucket(bucket), Staged::InBucket(staged)) => bucket.discard(staged).await,
            _ => {}
        }
    }

    pub async fn read(
        &self,
        place: &Location,
        range: impl Fn(&Record) -> Range<u64> + Send + Sync,
    ) -> Result<(Record, Timestamp, Range<u64>, Source), Error> {
        match self {
            Self::Folder(folder) => folder.read(place, range).await,
            Self::Bucket(bucket) => bucket.read(place, range).await,
        }
    }

    pub fn places(&self, below: &Location) -> BoxStream<'static, Result<Location, Error>> {
        match self {
            Self::Folder(folder) => folder.places(below),
            Self::Bucket(bucket) => bucket.places(below),
        }
    }

    pub async fn delete(&self, place: &Location) -> Result<bool, Error> {
        match self {
            Self::Folder(folder) => folder.delete(place).await,
            Self::Bucket(bucket) => bucket.delete(place).await,
        }
    }

    pub async fn sweep(&self, older_than: Timestamp) -> Result<usize, Error> {
        match self {
            // Its staged files are swept with those of the payloads.
            Self::Folder(_) => Ok(0),
            Self::Bucket(bucket) => bucket.sweep(older_than).await,
        }
    }
}
