use reqwest::Method;
use serde_json::json;

use crate::harness::World;

async fn put(
    world: &World,
    path: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> (u16, Option<String>) {
    let answer = world.send(Method::PUT, path, headers, body).await;
    (answer.status, answer.header("etag").map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_written_read_and_listed() {
    let world = World::new().await;
    let (status, etag) = put(&world, "/artifacts/reports/w/a%20b.json", &[], "{\"a\":1}").await;
    assert_eq!(status, 201);
    let read = world.get("/artifacts/reports/w/a%20b.json").await;
    assert_eq!(
        (read.status, &read.bytes[..], read.header("etag")),
        (200, &b"{\"a\":1}"[..], etag.as_deref())
    );
    assert_eq!(read.header("content-type"), Some("application/json"));
    let head = world
        .send(Method::HEAD, "/artifacts/reports/w/a%20b.json", &[], "")
        .await;
    assert_eq!(
        (head.status, head.header("content-length"), head.bytes.len()),
        (200, Some("7"), 0)
    );
    let etag = etag.expect("an ETag");
    let unchanged = world
        .send(
            Method::GET,
            "/artifacts/reports/w/a%20b.json",
            &[("if-none-match", &etag)],
            "",
        )
        .await;
    assert_eq!(unchanged.status, 304);
    for key in ["w/c", "w/d", "x/e"] {
        put(&world, &format!("/artifacts/reports/{key}"), &[], "1").await;
    }
    let first = world
        .get("/artifacts/reports?prefix=w/&limit=2")
        .await
        .json();
    let keys = |page: &serde_json::Value| {
        page["objects"]
            .as_array()
            .expect("objects")
            .iter()
            .map(|o| o["key"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&first), [json!("w/a b.json"), json!("w/c")]);
    let rest = world
        .get(&format!(
            "/artifacts/reports?prefix=w/&cursor={}",
            first["next"].as_str().expect("more")
        ))
        .await
        .json();
    assert_eq!((keys(&rest), rest.get("next")), (vec![json!("w/d")], None));
    assert_eq!(
        world
            .send(Method::DELETE, "/artifacts/reports/w/c", &[], "")
            .await
            .status,
        204
    );
    world
        .get("/artifacts/reports/w/c")
        .await
        .is_problem(404, "E0115");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_are_kept() {
    let world = World::new().await;
    let path = "/artifacts/b/k";
    let (_, first) = put(&world, path, &[("if-none-match", "*")], "1").await;
    let first = first.expect("an ETag");
    let refused = world
        .send(Method::PUT, path, &[("if-none-match", "*")], "2")
        .await;
    refused.is_problem(412, "E0116");
    let (status, second) = put(&world, path, &[("if-match", &first)], "2").await;
    assert_eq!(status, 201);
    assert_ne!(second.as_ref(), Some(&first));
    let (status, _) = put(&world, path, &[("if-match", &first)], "3").await;
    assert_eq!(status, 412);
    assert_eq!(&world.get(path).await.bytes[..], b"2");
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_15_a_link_is_good_until_it_expires_and_only_as_it_was_made() {
    let world = World::new().await;
    put(&world, "/artifacts/reports/w/r.json", &[], "{}").await;
    let body = json!({ "bucket": "reports", "key": "w/r.json", "expires_seconds": 604_800 });
    let made = world.post("/artifact-links", &body).await.json();
    let url = made["url"].as_str().expect("a link").to_owned();
    assert!(made["expires_at"].as_str().is_some());
    let path = url
        .strip_prefix(&world.base)
        .expect("our address")
        .to_owned();
    assert_eq!(&world.get(&path).await.bytes[..], b"{}");
    let (head, signature) = path.rsplit_once("signature=").expect("a signature");
    let longer = path.replacen("expires=", "expires=9", 1);
    let other_key = path.replacen("r.json", "s.json", 1);
    let other_ring = format!(
        "{head}signature=2{}",
        signature.strip_prefix('1').expect("key 1")
    );
    for changed in [
        longer,
        other_key,
        other_ring,
        format!("{head}signature=1.AAAA"),
        head.to_owned(),
    ] {
        world.get(&changed).await.is_problem(403, "E0114");
    }
    world.handle.clock().advance_ms(6 * 86_400_000 + 77_760_000);
    assert_eq!(world.get(&path).await.status, 200, "after 6.9 days");
    world.handle.clock().advance_ms(86_400_000);
    world.get(&path).await.is_problem(403, "E0114");
    let missing = json!({ "bucket": "reports", "key": "none", "expires_seconds": 60 });
    world
        .post("/artifact-links", &missing)
        .await
        .is_problem(404, "E0115");
    let zero = json!({ "bucket": "reports", "key": "w/r.json", "expires_seconds": 0 });
    world
        .post("/artifact-links", &zero)
        .await
        .is_problem(400, "E0112");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_keeps_its_type_and_ends_when_it_was_told() {
    let world = World::new().await;
    let path = "/artifacts/reports/w/chart";
    let typed = [("content-type", "image/svg+xml")];
    let (status, _) = put(&world, &format!("{path}?expires_in=60"), &typed, "<svg/>").await;
    assert_eq!(status, 201);
    let read = world.get(path).await;
    assert_eq!(read.header("content-type"), Some("image/svg+xml"));
    assert!(read.header("expires").is_some());
    let listed = world.get("/artifacts/reports").await.json();
    assert_eq!(listed["objects"][0]["content_type"], json!("image/svg+xml"));
    let link = json!({ "bucket": "reports", "key": "w/chart", "expires_seconds": 600 });
    let link = world.post("/artifact-links", &link).await.json();
    let link = link["url"].as_str().expect("a link").to_owned();
    let link = link.strip_prefix(&world.base).expect("ours").to_owned();
    assert_eq!(world.get(&link).await.status, 200);
    world.handle.clock().advance_ms(60_000);
    world.get(path).await.is_problem(404, "E0115");
    world.get(&link).await.is_problem(404, "E0115");
    let listed = world.get("/artifacts/reports").await.json();
    assert_eq!(listed["objects"], json!([]), "before anything was swept");
    let (status, _) = put(&world, path, &[("if-none-match", "*")], "again").await;
    assert_eq!(status, 201, "what has expired is not there");
    for odd in ["0", "-1", "soon", "99999999999"] {
        let path = format!("{path}?expires_in={odd}");
        let refused = world.send(Method::PUT, &path, &[], "x").await;
        refused.is_problem(400, "E0112");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_answered_with_that_part() {
    let world = World::new().await;
    let path = "/artifacts/b/k";
    let (_, etag) = put(&world, path, &[], "0123456789").await;
    let etag = etag.expect("an ETag");
    let ask = async |headers: &[(&str, &str)]| world.send(Method::GET, path, headers, "").await;
    let part = ask(&[("range", "bytes=2-4")]).await;
    assert_eq!((part.status, &part.bytes[..]), (206, &b"234"[..]));
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    assert_eq!(part.header("content-length"), Some("3"));
    assert_eq!(part.header("etag"), Some(&*etag));
    let last = ask(&[("range", "bytes=-3"), ("if-range", &etag)]).await;
    assert_eq!((last.status, &last.bytes[..]), (206, &b"789"[..]));
    let other = ask(&[("range", "bytes=2-4"), ("if-range", "\"other\"")]).await;
    assert_eq!((other.status, other.bytes.len()), (200, 10));
    assert_eq!(other.header("accept-ranges"), Some("bytes"));
    let beyond = ask(&[("range", "bytes=10-")]).await;
    beyond.is_problem(416, "E0126");
    let head = world.send(Method::HEAD, path, &[("range", "bytes=2-4")], "");
    assert_eq!(head.await.header("content-length"), Some("3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_revoked_for_good_and_new_ones_are_made() {
    let world = World::new().await;
    for key in ["r", "other"] {
        put(&world, &format!("/artifacts/b/{key}"), &[], "{}").await;
    }
    let make = async |key: &str| {
        let body = json!({ "bucket": "b", "key": key, "expires_seconds": 600 });
        let made = world.post("/artifact-links", &body).await.json();
        let url = made["url"].as_str().expect("a link").to_owned();
        url.strip_prefix(&world.base).expect("ours").to_owned()
    };
    let (old, other) = (make("r").await, make("other").await);
    world.handle.clock().advance_ms(5);
    let revoked = world.send(Method::DELETE, "/artifact-links/b/r", &[], "");
    assert_eq!(revoked.await.status, 204);
    world.get(&old).await.is_problem(403, "E0114");
    assert_eq!(world.get(&other).await.status, 200);
    world.handle.clock().advance_ms(5);
    let new = make("r").await;
    assert_eq!(world.get(&new).await.status, 200);
    world.get(&old).await.is_problem(403, "E0114");
    let backdated = new.replacen("issued=", "issued=9", 1);
    world.get(&backdated).await.is_problem(403, "E0114");
}
