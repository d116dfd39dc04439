use std::path::{Path, PathBuf};

use bytes::Bytes;
use everstep_core::{Digest, ExecutionId, Shard, Timestamp};
use everstep_store::blobs::{Blobs, Error, PutCondition};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

fn id(number: u64) -> ExecutionId {
    ExecutionId::new(1_000, number, Shard(1))
}

fn content(text: &str) -> impl stream::Stream<Item = std::io::Result<Bytes>> + Send + use<> {
    let pieces: Vec<_> = text
        .as_bytes()
        .chunks(3)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    stream::iter(pieces)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path))
        } else {
            files.push(path)
        }
    }
    files
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

async fn read(blobs: &Blobs, bucket: &str, key: &str) -> Result<String, Error> {
    let (meta, body) = blobs.artifacts().get(bucket, key).await?;
    let pieces: Vec<Bytes> = body.try_collect().await?;
    let text = String::from_utf8(pieces.concat()).unwrap();
    assert_eq!(meta.size, text.len() as u64);
    Ok(text)
}

#[tokio::test]
async fn a_payload_is_read_back_until_its_execution_is_purged() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let bytes = Bytes::from(vec![7; 100_000]);
    let digest = Digest::of(&bytes);
    for execution in [id(1), id(1), id(2)] {
        blobs.put(execution, digest, bytes.clone()).await.unwrap();
    }
    let blobs = Blobs::open(folder.path()).unwrap();
    assert_eq!(blobs.get(id(1), digest).await.unwrap(), bytes);
    assert!(matches!(
        blobs.get(id(1), Digest([0; 32])).await,
        Err(Error::NotFound { .. })
    ));
    assert_eq!(blobs.delete_prefix(id(1)).await.unwrap(), 1);
    assert_eq!(blobs.delete_prefix(id(1)).await.unwrap(), 0);
    assert!(matches!(
        blobs.get(id(1), digest).await,
        Err(Error::NotFound { .. })
    ));
    assert_eq!(
        blobs.get(id(2), digest).await.unwrap(),
        bytes,
        "another execution keeps its own copy"
    );
}

#[tokio::test]
async fn a_flipped_bit_in_a_payload_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let digest = Digest::of(b"payload");
    blobs
        .put(id(1), digest, Bytes::from_static(b"payload"))
        .await
        .unwrap();
    flip(&files_below(folder.path())[0], 3);
    match blobs.get(id(1), digest).await {
        Err(Error::Damaged { what }) => assert!(what.contains(&id(1).to_string()), "{what}"),
        other => panic!("read {other:?}"),
    }
}

#[tokio::test]
async fn a_sweep_takes_old_orphans_only() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let digest = Digest::of(b"payload");
    for number in 1..=3 {
        blobs
            .put(id(number), digest, Bytes::from_static(b"payload"))
            .await
            .unwrap();
    }
    let interrupted = folder.path().join("payloads").join("half#1");
    std::fs::write(&interrupted, "half").unwrap();
    let known = |execution, _| Ok(execution == id(2));
    assert_eq!(
        blobs.sweep(known, Timestamp(0)).await.unwrap(),
        0,
        "everything is younger than that"
    );
    assert!(interrupted.exists());
    assert!(matches!(
        blobs
            .sweep(
                |_, _| Err(everstep_store::Error::InvalidCursor),
                Timestamp::NEVER
            )
            .await,
        Err(Error::Io { .. })
    ));
    let later = Timestamp(4_000_000_000_000);
    assert_eq!(blobs.sweep(known, later).await.unwrap(), 2);
    assert!(
        !interrupted.exists(),
        "what an interrupted write left is gone"
    );
    assert!(blobs.get(id(2), digest).await.is_ok());
    assert!(blobs.get(id(3), digest).await.is_err());
}

#[tokio::test]
async fn an_artifact_is_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let text = "0123456789".repeat(100_000);
    let put = blobs
        .artifacts()
        .put(
            "reports",
            "w1/final report.md",
            content(&text),
            PutCondition::None,
        )
        .await
        .unwrap();
    assert_eq!(put.etag, Digest::of(text.as_bytes()).hex());
    let blobs = Blobs::open(folder.path()).unwrap();
    assert_eq!(
        blobs
            .artifacts()
            .head("reports", "w1/final report.md")
            .await
            .unwrap(),
        put
    );
    assert_eq!(
        read(&blobs, "reports", "w1/final report.md").await.unwrap(),
        text
    );
    blobs
        .artifacts()
        .put("reports", "w1", content(""), PutCondition::None)
        .await
        .unwrap();
    assert_eq!(
        read(&blobs, "reports", "w1").await.unwrap(),
        "",
        "a key may also be the beginning of others"
    );
    assert!(matches!(
        read(&blobs, "reports", "w2").await,
        Err(Error::NotFound { .. })
    ));
    assert!(blobs.artifacts().delete("reports", "w1").await.unwrap());
    assert!(!blobs.artifacts().delete("reports", "w1").await.unwrap());
    assert_eq!(
        read(&blobs, "reports", "w1/final report.md").await.unwrap(),
        text
    );
}

#[tokio::test]
async fn conditions_decide_about_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let artifacts = blobs.artifacts();
    let put = |text: &'static str, condition| artifacts.put("b", "key", content(text), condition);
    let early = put("x", PutCondition::IfMatch("0".repeat(64))).await;
    assert!(
        matches!(early, Err(Error::Precondition { found: None })),
        "{early:?}"
    );
    let one = put("one", PutCondition::IfAbsent).await.unwrap();
    let twice = put("again", PutCondition::IfAbsent).await;
    assert!(
        matches!(&twice, Err(Error::Precondition { found: Some(etag) }) if *etag == one.etag),
        "{twice:?}"
    );
    let two = put("two", PutCondition::IfMatch(one.etag.clone()))
        .await
        .unwrap();
    let late = put("three", PutCondition::IfMatch(one.etag)).await;
    assert!(
        matches!(&late, Err(Error::Precondition { found: Some(etag) }) if *etag == two.etag),
        "{late:?}"
    );
    assert_eq!(read(&blobs, "b", "key").await.unwrap(), "two");
    assert_eq!(
        files_below(folder.path()).len(),
        1,
        "refused writes leave nothing behind"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_conditional_writers_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let first = blobs
        .artifacts()
        .put("b", "key", content("first"), PutCondition::None)
        .await
        .unwrap();
    let writers = (0..16).map(|number| {
        let (blobs, etag) = (blobs.clone(), first.etag.clone());
        tokio::spawn(async move {
            let text = format!("writer {number}");
            let put = blobs
                .artifacts()
                .put("b", "key", content(&text), PutCondition::IfMatch(etag))
                .await;
            put.is_ok().then_some(text)
        })
    });
    let mut winners = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        winners.extend(writer.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(read(&blobs, "b", "key").await.unwrap(), winners[0]);
}

#[tokio::test]
async fn a_stream_that_breaks_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    blobs
        .artifacts()
        .put("b", "key", content("old"), PutCondition::None)
        .await
        .unwrap();
    let large = Ok(Bytes::from(vec![1; 600_000]));
    let broken = stream::iter([large, Err(std::io::Error::other("the client went away"))]);
    let put = blobs
        .artifacts()
        .put("b", "key", broken, PutCondition::None)
        .await;
    assert!(matches!(put, Err(Error::Source { .. })), "{put:?}");
    assert_eq!(read(&blobs, "b", "key").await.unwrap(), "old");
    assert_eq!(files_below(folder.path()).len(), 1);
}

#[tokio::test]
async fn every_flipped_bit_in_an_artifact_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    blobs
        .artifacts()
        .put("b", "key", content("some content"), PutCondition::None)
        .await
        .unwrap();
    let file = files_below(folder.path())[0].clone();
    let length = std::fs::metadata(&file).unwrap().len() as usize;
    for at in 0..length {
        flip(&file, at);
        let answer = read(&blobs, "b", "key").await;
        assert!(
            matches!(answer, Err(Error::Damaged { .. })),
            "byte {at}: {answer:?}"
        );
        flip(&file, at);
    }
    assert_eq!(read(&blobs, "b", "key").await.unwrap(), "some content");
    std::fs::write(&file, "short").unwrap();
    assert!(matches!(
        read(&blobs, "b", "key").await,
        Err(Error::Damaged { .. })
    ));
}

#[tokio::test]
async fn lists_go_through_keys_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path()).unwrap();
    let keys = ["a", "a/b", "a/b c", "a-1", "ä/x", "z/1", "z/10", "z/2"];
    for key in keys {
        blobs
            .artifacts()
            .put("b", key, content(key), PutCondition::None)
            .await
            .unwrap();
    }
    blobs
        .artifacts()
        .put("bb", "a/other", content("x"), PutCondition::None)
        .await
        .unwrap();
    let list = async |prefix: &str, after: Option<&str>, limit| {
        let rows = blobs
            .artifacts()
            .list("b", prefix, after, limit)
            .await
            .unwrap();
        rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    assert_eq!(list("", None, 100).await, sorted);
    assert_eq!(list("a/", None, 100).await, ["a/b", "a/b c"]);
    assert_eq!(list("z/1", None, 100).await, ["z/1", "z/10"]);
    assert_eq!(list("", Some("a-1"), 2).await, ["a/b", "a/b c"]);
    assert_eq!(list("none", None, 5).await, Vec::<String>::new());
    assert!(
        blobs
            .artifacts()
            .list("empty", "", None, 5)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn names_that_could_lead_elsewhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path().join("blobs")).unwrap();
    let (long_key, long_part, long_bucket) = ("k/".repeat(600), "p".repeat(241), "b".repeat(64));
    let keys = [
        "",
        "/etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "a/.",
        "a//b",
        "a/",
        "nul\0",
        "line\n",
        &long_key,
        &long_part,
    ];
    for key in keys {
        let put = blobs
            .artifacts()
            .put("b", key, stream::empty().boxed(), PutCondition::None)
            .await;
        assert!(
            matches!(put, Err(Error::InvalidName { .. })),
            "{key:?}: {put:?}"
        );
        assert!(matches!(
            blobs.artifacts().get("b", key).await.err(),
            Some(Error::InvalidName { .. })
        ));
        assert!(matches!(
            blobs.artifacts().delete("b", key).await,
            Err(Error::InvalidName { .. })
        ));
    }
    for bucket in ["", "..", ".b", "a/b", "a b", "b\0", &long_bucket] {
        let put = blobs
            .artifacts()
            .put(bucket, "key", stream::empty().boxed(), PutCondition::None)
            .await;
        assert!(
            matches!(put, Err(Error::InvalidName { .. })),
            "{bucket:?}: {put:?}"
        );
    }
    assert_eq!(files_below(folder.path()), Vec::<PathBuf>::new());
    let at_the_limit = "p".repeat(240);
    blobs
        .artifacts()
        .put(
            &"b".repeat(63),
            &at_the_limit,
            content("x"),
            PutCondition::None,
        )
        .await
        .unwrap();
}
