//! A bucket that does what it is asked and then says nothing of it, as one does whose connection breaks.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutResult, Result,
};

use super::*;
use object_store::{PutOptions as ObjectOptions, PutPayload};

type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

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

impl ObjectStore for Unsteady {
    fn put_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Location,
        payload: PutPayload,
        opts: ObjectOptions,
    ) -> Pending<'c, PutResult>
    where
        'a: 'c,
        'b: 'c,
    {
        Box::pin(async move {
            let put = self.inner.put_opts(location, payload.clone(), opts.clone());
            let put = put.await?;
            if !self.strikes(location, &[Lost::Answer, Lost::AnswerThenRepeated]) {
                return Ok(put);
            }
            match self.lost {
                Lost::AnswerThenRepeated => self.inner.put_opts(location, payload, opts).await,
                Lost::Answer | Lost::Look => broken(),
            }
        })
    }

    fn put_multipart_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Location,
        opts: PutMultipartOptions,
    ) -> Pending<'c, Box<dyn MultipartUpload>>
    where
        'a: 'c,
        'b: 'c,
    {
        self.inner.put_multipart_opts(location, opts)
    }

    fn get_opts<'a, 'b, 'c>(
        &'a self,
        location: &'b Location,
        options: GetOptions,
    ) -> Pending<'c, GetResult>
    where
        'a: 'c,
        'b: 'c,
    {
        if options.head && self.strikes(location, &[Lost::Look]) {
            return Box::pin(async { broken() });
        }
        self.inner.get_opts(location, options)
    }

    fn get_ranges<'a, 'b, 'c, 'd>(
        &'a self,
        location: &'b Location,
        ranges: &'c [Range<u64>],
    ) -> Pending<'d, Vec<Bytes>>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
    {
        self.inner.get_ranges(location, ranges)
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

    fn list_with_delimiter<'a, 'b, 'c>(
        &'a self,
        prefix: Option<&'b Location>,
    ) -> Pending<'c, ListResult>
    where
        'a: 'c,
        'b: 'c,
    {
        self.inner.list_with_delimiter(prefix)
    }

    fn copy_opts<'a, 'b, 'c, 'd>(
        &'a self,
        from: &'b Location,
        to: &'c Location,
        options: CopyOptions,
    ) -> Pending<'d, ()>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
    {
        self.inner.copy_opts(from, to, options)
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
