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
async fn a_link_is_good_until_it_expires_and_only_as_it_was_made() {
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
