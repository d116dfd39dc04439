//! Artifacts in a folder: one file each, the content and behind it its record, so one rename makes both appear.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use everstep_core::Timestamp;
use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{
    GetResultPayload, MultipartUpload, ObjectStore as _, ObjectStoreExt as _, PutPayload,
};

use super::pieces::{Sink, Source, Span};
use super::record::{END_BYTES_MAX, End, Record};
use super::{Error, modified};

#[derive(Clone, Debug)]
pub struct Folder {
    files: Arc<LocalFileSystem>,
}

/// A file beside its place, until it is renamed into it.
#[derive(Debug)]
pub struct Staged(Box<dyn MultipartUpload>);

impl Sink for Staged {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        let part = self.0.put_part(PutPayload::from_bytes(bytes));
        part.await.map_err(Error::io)
    }
}

impl Folder {
    pub const fn new(files: Arc<LocalFileSystem>) -> Self {
        Self { files }
    }

    pub async fn stage(&self, place: &Location) -> Result<Staged, Error> {
        let upload = self.files.put_multipart(place).await;
        upload.map(Staged).map_err(Error::io)
    }

    pub async fn publish(
        &self,
        place: &Location,
        staged: &mut Staged,
        record: &Record,
    ) -> Result<Timestamp, Error> {
        staged.write(Bytes::from(record.encode())).await?;
        staged.0.complete().await.map_err(Error::io)?;
        let found = self.files.head(place).await.map_err(Error::io)?;
        Ok(modified(&found))
    }

    /// What it leaves behind when this fails too, a sweep removes.
    pub async fn discard(&self, mut staged: Staged) {
        let _ = staged.0.abort().await;
    }

    /// Opens the file; what happens to its name afterwards does not change what is read from it.
    async fn open(&self, place: &Location) -> Result<(Record, Timestamp, File), Error> {
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
        let (what, at) = (place.to_string(), modified(&meta));
        let read = tokio::task::spawn_blocking(move || read_record(file, meta.size, &what));
        let (record, file) = read.await.map_err(Error::io)??;
        Ok((record, at, file))
    }

    pub async fn find(&self, place: &Location) -> Result<Option<(Record, Timestamp)>, Error> {
        match self.open(place).await {
            Ok((record, at, _)) => Ok(Some((record, at))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The record, and the bytes that hold a range of its content; `range` says which, once the record is known.
    pub async fn read(
        &self,
        place: &Location,
        range: impl FnOnce(&Record) -> Range<u64> + Send,
    ) -> Result<(Record, Timestamp, Range<u64>, Source), Error> {
        let (record, at, file) = self.open(place).await?;
        let range = range(&record);
        let start = Span::of(&record, &range).stored.start;
        let seek = move || {
            let mut file = file;
            file.seek(SeekFrom::Start(start)).map(|_| file)
        };
        let file = tokio::task::spawn_blocking(seek).await;
        let file = file.map_err(Error::io)?.map_err(Error::io)?;
        let source = Source::File(tokio::fs::File::from_std(file));
        Ok((record, at, range, source))
    }

    /// The places below one.
    pub fn places(&self, below: &Location) -> BoxStream<'static, Result<Location, Error>> {
        let found = self.files.list(Some(below));
        found
            .map_ok(|meta| meta.location)
            .map_err(Error::io)
            .boxed()
    }

    pub async fn delete(&self, place: &Location) -> Result<bool, Error> {
        match self.files.delete(place).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::io(error)),
        }
    }
}

fn read_record(mut file: File, length: u64, what: &str) -> Result<(Record, File), Error> {
    let damaged = || Error::Damaged {
        what: what.to_owned(),
    };
    let mut tail = |bytes: usize| -> Result<Vec<u8>, Error> {
        let start = length.checked_sub(bytes as u64).ok_or_else(damaged)?;
        let mut read = vec![0; bytes];
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(&mut read))
            .map_err(Error::io)?;
        Ok(read)
    };
    let last = usize::try_from(length).map_or(END_BYTES_MAX, |length| length.min(END_BYTES_MAX));
    let end = End::read(&tail(last)?).ok_or_else(damaged)?;
    // What a damaged end asks for is never more than there is.
    let bytes = end
        .record_bytes()
        .filter(|bytes| *bytes as u64 <= length)
        .ok_or_else(damaged)?;
    let record = Record::decode(&tail(bytes)?, length - bytes as u64, what)?;
    Ok((record, file))
}
