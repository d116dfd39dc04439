//! What holds for artifacts wherever they lie: each test runs on a folder and on a bucket in memory.

use futures_util::{StreamExt as _, stream};
use object_store::memory::InMemory;

use super::pieces::{Source, Span};
use super::record::{PIECE_BYTES, Piece, Record};
use super::*;

/// Both kinds of places; the folder lives as long as the test.
fn places(compress: bool) -> (tempfile::TempDir, [(Artifacts, &'static str); 2]) {
    let folder = tempfile::tempdir().unwrap();
    let options = ArtifactOptions {
        compress,
        ..ArtifactOptions::default()
    };
    let blobs = Blobs::open_with(folder.path(), &options).unwrap();
    let bucket = Bucket::new(Arc::new(InMemory::new()), &Location::from("pre/fix"));
    let marks = Marks::new(bucket.objects(), bucket.prefix());
    let remote = Artifacts::new(Backend::Bucket(bucket), marks, compress);
    (
        folder,
        [(blobs.artifacts().clone(), "folder"), (remote, "bucket")],
    )
}

fn content(bytes: &[u8]) -> impl stream::Stream<Item = std::io::Result<Bytes>> + Send + use<> {
    let pieces: Vec<_> = bytes
        .chunks(100_003)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    stream::iter(pieces)
}

async fn all(body: Body) -> Vec<u8> {
    let pieces: Vec<Bytes> = body.try_collect().await.unwrap();
    pieces.concat()
}

/// Text that compresses and of which every part can be told from every other.
fn text(length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..length / 8 + 1)
        .flat_map(|number| format!("{number:08}").into_bytes())
        .collect();
    bytes.truncate(length);
    bytes
}

#[tokio::test]
async fn every_range_is_the_content_of_that_range() {
    for compress in [false, true] {
        let (_folder, places) = places(compress);
        let bytes = text(2 * PIECE_BYTES + 100);
        for (artifacts, place) in places {
            let put = artifacts
                .put("b", "k", content(&bytes), PutCondition::None)
                .await
                .unwrap();
            assert_eq!(put.etag, Digest::of(&bytes).hex());
            assert_eq!(put.size, bytes.len() as u64, "{place}");
            assert_eq!(put.stored < put.size / 2, compress, "{place}: {put:?}");
            let (meta, body) = artifacts.get("b", "k").await.unwrap();
            assert_eq!((meta, all(body).await == bytes), (put, true), "{place}");
            let edge = PIECE_BYTES as u64;
            let end = bytes.len() as u64;
            for range in [
                0..0,
                0..1,
                edge - 1..edge + 1,
                edge..2 * edge,
                1..end,
                2 * edge..end + 999,
                end + 5..end + 9,
            ] {
                let (_, given, body) = artifacts
                    .get_range("b", "k", |_| range.clone())
                    .await
                    .unwrap();
                let wanted = range.start.min(end)..range.end.min(end);
                assert_eq!(given, wanted, "{place}");
                let expected = &bytes[wanted.start as usize..wanted.end as usize];
                assert!(all(body).await == expected, "{place}: {range:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_does_not_get_shorter_is_stored_as_it_is() {
    let (_folder, places) = places(true);
    // The digests of numbers are as good as noise.
    let noise: Vec<u8> = (0..20_000_u32)
        .flat_map(|number| Digest::of(&number.to_be_bytes()).0)
        .collect();
    for (artifacts, place) in places {
        let put = artifacts.put("b", "noise", content(&noise), PutCondition::None);
        let put = put.await.unwrap();
        assert_eq!((put.size, put.stored), (640_000, 640_000), "{place}");
        let zip = artifacts.put("b", "text.zip", content(&text(9_000)), PutCondition::None);
        assert_eq!(zip.await.unwrap().stored, 9_000, "{place}");
        let (_, body) = artifacts.get("b", "noise").await.unwrap();
        assert!(all(body).await == noise, "{place}");
    }
}

#[tokio::test]
async fn type_and_expiry_are_kept_and_swept() {
    let (_folder, places) = places(false);
    let hour = 3_600_000;
    for (artifacts, place) in places {
        let options = |expires| PutOptions {
            content_type: Some("text/markdown; charset=utf-8".to_owned()),
            expires: Some(Timestamp(expires)),
            ..PutOptions::default()
        };
        for (key, expires) in [("a", hour + 5), ("c/d", hour + 10), ("e", 9 * hour)] {
            let put = artifacts.put_with("b", key, content(b"x"), options(expires));
            let put = put.await.unwrap();
            assert_eq!(artifacts.head("b", key).await.unwrap(), put, "{place}");
            assert_eq!(put.expires, Some(Timestamp(expires)), "{place}");
            let kind = put.content_type.as_deref();
            assert_eq!(kind, Some("text/markdown; charset=utf-8"), "{place}");
            assert!(!put.has_expired(Timestamp(expires - 1)));
            assert!(put.has_expired(Timestamp(expires)));
        }
        let keep = artifacts.put("b", "keep", content(b"x"), PutCondition::None);
        keep.await.unwrap();
        let expire = async |now| artifacts.expire(Timestamp(now)).await.unwrap();
        assert_eq!(expire(hour + 4).await, 0, "{place}");
        assert_eq!(expire(hour + 5).await, 1, "{place}: the first one alone");
        // What is written again without an end has none.
        let again = artifacts.put("b", "c/d", content(b"y"), PutCondition::None);
        again.await.unwrap();
        assert_eq!(expire(2 * hour).await, 0, "{place}");
        assert_eq!(expire(99 * hour).await, 1, "{place}");
        let left = artifacts.list("b", "", None, 10).await.unwrap();
        let left: Vec<_> = left.into_iter().map(|(key, _)| key).collect();
        assert_eq!(left, ["c/d", "keep"], "{place}");
        assert_eq!(expire(999 * hour).await, 0, "{place}");
    }
}

#[tokio::test]
async fn what_has_expired_counts_as_absent() {
    let (_folder, places) = places(false);
    for (artifacts, place) in places {
        let put = async |now, expires| {
            let options = PutOptions {
                condition: PutCondition::IfAbsent,
                expires: Some(Timestamp(expires)),
                now: Timestamp(now),
                ..PutOptions::default()
            };
            artifacts.put_with("b", "k", content(b"x"), options).await
        };
        put(10, 100).await.unwrap();
        let refused = put(99, 200).await;
        assert!(
            matches!(refused, Err(Error::Precondition { .. })),
            "{place}"
        );
        put(100, 200).await.unwrap();
    }
}

#[tokio::test]
async fn links_count_from_when_they_were_revoked() {
    let (_folder, places) = places(false);
    for (artifacts, place) in places {
        let since = async |key| artifacts.links_since("b", key).await.unwrap();
        assert_eq!(since("k").await, None, "{place}");
        let revoked = artifacts.revoke_links("b", "k", Timestamp(77));
        revoked.await.unwrap();
        assert_eq!(since("k").await, Some(Timestamp(77)), "{place}");
        assert_eq!(since("k2").await, None, "{place}");
    }
}

#[tokio::test]
async fn conditions_and_keys_are_the_same_everywhere() {
    let (_folder, places) = places(false);
    for (artifacts, place) in places {
        let put = |text: &'static str, condition| {
            artifacts.put("b", "k", content(text.as_bytes()), condition)
        };
        let one = put("one", PutCondition::IfAbsent).await.unwrap();
        let twice = put("again", PutCondition::IfAbsent).await;
        assert!(
            matches!(&twice, Err(Error::Precondition { found: Some(etag) }) if *etag == one.etag)
        );
        let two = put("two", PutCondition::IfMatch(one.etag.clone())).await;
        let late = put("three", PutCondition::IfMatch(one.etag)).await;
        let found = two.unwrap().etag;
        assert!(
            matches!(&late, Err(Error::Precondition { found: Some(etag) }) if *etag == found),
            "{place}"
        );
        for key in ["k/x", "k y", "k-1", "l"] {
            let put = artifacts.put("b", key, content(b"1"), PutCondition::None);
            put.await.unwrap();
        }
        let list = async |prefix: &str, after: Option<&str>, limit| {
            let listed = artifacts.list("b", prefix, after, limit).await.unwrap();
            listed.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(
            list("k", None, 9).await,
            ["k", "k y", "k-1", "k/x"],
            "{place}"
        );
        assert_eq!(list("k/", None, 9).await, ["k/x"], "{place}");
        assert_eq!(list("", Some("k y"), 2).await, ["k-1", "k/x"], "{place}");
        assert!(artifacts.delete("b", "k").await.unwrap());
        assert!(!artifacts.delete("b", "k").await.unwrap());
        let gone = artifacts.get("b", "k").await.map(|_| ());
        assert!(matches!(gone, Err(Error::NotFound { .. })), "{place}");
    }
}

#[tokio::test]
async fn content_without_an_entry_is_swept() {
    let objects = Arc::new(InMemory::new());
    let bucket = Bucket::new(objects.clone(), &Location::default());
    let marks = Marks::new(bucket.objects(), bucket.prefix());
    let artifacts = Artifacts::new(Backend::Bucket(bucket), marks, false);
    let put = async |key, text: &'static [u8]| {
        let put = artifacts.put("b", key, content(text), PutCondition::None);
        put.await.unwrap();
    };
    put("one", b"1").await;
    put("two", b"1").await;
    put("two", b"2").await;
    let stray = Location::from("content/b/=gone/0123");
    objects.put(&stray, PutPayload::from("x")).await.unwrap();
    let broken = stream::iter([Ok(Bytes::from("half")), Err(std::io::Error::other("gone"))]);
    let failed = artifacts.put("b", "one", broken, PutCondition::None).await;
    assert!(matches!(failed, Err(Error::Source { .. })));
    assert_eq!(artifacts.sweep(Timestamp(0)).await.unwrap(), 0, "too young");
    let later = Timestamp(4_000_000_000_000);
    assert_eq!(artifacts.sweep(later).await.unwrap(), 2);
    assert_eq!(artifacts.sweep(later).await.unwrap(), 0);
    for (key, text) in [("one", b"1"), ("two", b"2")] {
        let (_, body) = artifacts.get("b", key).await.unwrap();
        assert_eq!(all(body).await, text);
    }
}

#[tokio::test]
async fn damage_in_a_bucket_is_told_before_it_is_read() {
    let objects = Arc::new(InMemory::new());
    let bucket = Bucket::new(objects.clone(), &Location::default());
    let marks = Marks::new(bucket.objects(), bucket.prefix());
    let artifacts = Artifacts::new(Backend::Bucket(bucket), marks, false);
    let put = artifacts.put("b", "k", content(&text(300_000)), PutCondition::None);
    put.await.unwrap();
    let names: Vec<_> = objects.list(None).try_collect().await.unwrap();
    let of = |area: &str| {
        let found = names
            .iter()
            .find(|meta| meta.location.as_ref().starts_with(area));
        found.unwrap().location.clone()
    };
    for (area, at) in [("content", 299_999), ("index", 3), ("index", 60)] {
        let name = of(area);
        let good = objects.get(&name).await.unwrap().bytes().await.unwrap();
        let mut bad = good.to_vec();
        bad[at] ^= 1;
        objects.put(&name, PutPayload::from(bad)).await.unwrap();
        let read = match artifacts.get("b", "k").await {
            Ok((_, body)) => body.try_collect::<Vec<_>>().await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(
            matches!(read, Err(Error::Damaged { .. })),
            "{area}: {read:?}"
        );
        objects.put(&name, PutPayload::from(good)).await.unwrap();
    }
    let (_, range, body) = artifacts.get_range("b", "k", |_| 5..9).await.unwrap();
    assert_eq!((range, all(body).await), (5..9, b"0000"[..].to_vec()));
}

/// Few bytes that would become many, with checksums that are right: whoever could write them gets no more of our memory than a piece.
#[tokio::test]
async fn a_compressed_piece_cant_become_more_than_a_piece() {
    for zeros in [PIECE_BYTES + 1, 64 << 20] {
        let bomb = Bytes::from(zstd::bulk::compress(&vec![0; zeros], 3).unwrap());
        assert!(bomb.len() < PIECE_BYTES / 8, "{}", bomb.len());
        let record = Record {
            size: PIECE_BYTES as u64,
            digest: Digest::of(&vec![0; PIECE_BYTES]),
            expires: None,
            content_type: None,
            pieces: vec![Piece {
                stored: u32::try_from(bomb.len()).unwrap(),
                checksum: Some(crc32fast::hash(&bomb)),
            }],
        };
        let range = 0..record.size;
        let span = Span::of(&record, &range);
        let source = Source::Stream {
            stream: stream::empty().boxed(),
            rest: bomb,
        };
        let read = pieces::read(source, record, range, &span, "b/k".to_owned());
        let read: Result<Vec<Bytes>, Error> = read.try_collect().await;
        assert!(matches!(read, Err(Error::Damaged { .. })), "{zeros}");
    }
}

#[tokio::test]
async fn a_file_of_format_1_is_read() {
    let (folder, [(artifacts, _), _]) = places(false);
    let bytes = text(PIECE_BYTES + 7);
    // As the first version wrote it: magic, digest, size and a CRC-32 over them.
    let mut end = b"evartif\x01".to_vec();
    end.extend(Digest::of(&bytes).0);
    end.extend((bytes.len() as u64).to_be_bytes());
    let checksum = crc32fast::hash(&end);
    end.extend(checksum.to_be_bytes());
    let bucket = folder.path().join("artifacts/b");
    std::fs::create_dir_all(&bucket).unwrap();
    std::fs::write(bucket.join("=old"), [bytes.clone(), end].concat()).unwrap();
    let (meta, body) = artifacts.get("b", "old").await.unwrap();
    assert_eq!(meta.etag, Digest::of(&bytes).hex());
    assert_eq!((meta.expires, meta.content_type), (None, None));
    assert!(all(body).await == bytes);
    let edge = PIECE_BYTES as u64;
    let (_, _, body) = artifacts
        .get_range("b", "old", |_| edge - 1..edge + 2)
        .await
        .unwrap();
    assert!(all(body).await == bytes[PIECE_BYTES - 1..PIECE_BYTES + 2]);
}
