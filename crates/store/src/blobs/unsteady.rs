//! A bucket that does what it is asked and then says nothing of it, as one does whose connection breaks.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutResult, RenameOptions, Result,
};

use super::*;
use object_store::{PutOptions as ObjectOptions, PutPayload};

/// What is lost of the next write of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    /// The answer of the write.
    Answer,
    /// The answer of the write, which the client then repeats.
    AnswerThenRepeated,
    /// The answer of the look at it.
    Look,
}

#[derive(Debug)]
struct Unsteady {
    inner: InMemory,
    lost: Lost,
    /// Whether it is to happen at the next occasion.
    armed: Arc<AtomicBool>,
}

impl std::fmt::Display for Unsteady {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unsteady {}", self.inner)
    }
}

fn broken<T>() -> Result<T> {
    Err(object_store::Error::Generic {
        store: "unsteady",
        source: "the connection broke".into(),
    })
}

impl Unsteady {
    fn strikes(&self, place: &Location, lost: &[Lost]) -> bool {
        let is_entry = place.as_ref().starts_with("index/");
        is_entry && lost.contains(&self.lost) && self.armed.swap(false, Ordering::SeqCst)
    }
}

#[async_trait]
impl ObjectStore for Unsteady {
    async fn put_opts(
        &self,
        location: &Location,
        payload: PutPayload,
        opts: ObjectOptions,
    ) -> Result<PutResult> {
        let put = self.inner.put_opts(location, payload.clone(), opts.clone());
        let put = put.await?;
        if !self.strikes(location, &[Lost::Answer, Lost::AnswerThenRepeated]) {
            return Ok(put);
        }
        match self.lost {
            Lost::AnswerThenRepeated => self.inner.put_opts(location, payload, opts).await,
            _ => broken(),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Location,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Location, options: GetOptions) -> Result<GetResult> {
        if options.head && self.strikes(location, &[Lost::Look]) {
            return broken();
        }
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Location, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Location>>,
    ) -> BoxStream<'static, Result<Location>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Location>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Location, to: &Location, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(
        &self,
        from: &Location,
        to: &Location,
        options: RenameOptions,
    ) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

#[tokio::test]
async fn content_that_an_entry_names_stays_when_its_write_is_in_doubt() {
    for lost in [Lost::Answer, Lost::AnswerThenRepeated, Lost::Look] {
        for condition in [PutCondition::None, PutCondition::IfAbsent] {
            let armed = Arc::new(AtomicBool::new(false));
            let objects = Unsteady {
                inner: InMemory::new(),
                lost,
                armed: Arc::clone(&armed),
            };
            let bucket = Bucket::new(Arc::new(objects), &Location::from(""));
            let marks = Marks::new(bucket.objects(), bucket.prefix());
            let artifacts = Artifacts::new(Backend::Bucket(bucket), marks, false);
            let content = |text: &'static str| {
                futures_util::stream::iter([std::io::Result::Ok(Bytes::from(text))])
            };
            armed.store(true, Ordering::SeqCst);
            let put = artifacts.put("b", "k", content("new"), condition.clone());
            let put = put.await;
            assert!(!armed.load(Ordering::SeqCst), "{lost:?}: it has happened");
            assert_eq!(put.is_ok(), lost == Lost::AnswerThenRepeated, "{lost:?}");
            let (_, body) = artifacts.get("b", "k").await.unwrap();
            let read: Vec<Bytes> = body.try_collect().await.unwrap();
            assert_eq!(read.concat(), b"new", "{lost:?} {condition:?}");
        }
    }
}
