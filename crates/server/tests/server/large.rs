//! Results that are too large for a journal, and bodies that are made to hurt.

use std::sync::Arc;
use std::time::Duration;

use everstep_store::Memory;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::World;
use crate::native::{history, id_of, verb, world};

async fn payload(world: &World, arn: &str) -> Value {
    let execution = arn.rsplit('/').next().expect("an id");
    let path = format!("/executions/{execution}/history");
    let events = world.get(&path).await.json()["events"].clone();
    let events = events.as_array().expect("events").iter();
    let mut settled = events.filter(|event| event["EventType"] == "CallbackSucceeded");
    let settled = settled.next().expect("a settled callback");
    let text = settled["CallbackSucceededDetails"]["Result"]["Payload"].clone();
    serde_json::from_str(text.as_str().expect("a payload")).expect("JSON")
}

async fn artifact(world: &World, reference: &Value) -> Vec<u8> {
    assert_eq!(reference["artifact_type"], "s3_reference");
    let (bucket, key) = (
        reference["bucket"].as_str().expect("a bucket"),
        reference["key"].as_str().expect("a key"),
    );
    assert_eq!(reference["s3_uri"], format!("s3://{bucket}/{key}"));
    let answer = world.get(&format!("/artifacts/{bucket}/{key}")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(reference["size_bytes"], answer.bytes.len());
    answer.bytes.to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_result_lies_in_the_artifact_store_and_the_same_again_is_known() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let large = json!({ "text": "ü".repeat(150_000) }).to_string();
    let first = verb(&world, &id, "succeed", &own, &large).await;
    assert_eq!(first.json()["outcome"], "applied");
    let reference = payload(&world, &arn).await;
    assert_eq!(reference["key"], format!("callbacks/{id}/result.json"));
    assert_eq!(artifact(&world, &reference).await, large.as_bytes());
    let again = verb(&world, &id, "succeed", &own, &large).await;
    assert_eq!(again.json()["duplicate"], true);
    let other = large.replacen('ü', "u", 1);
    verb(&world, &id, "succeed", &own, &other)
        .await
        .is_problem(409, "E0192");
    assert_eq!(artifact(&world, &reference).await, large.as_bytes());
    // What lost is kept beside its letter.
    let letters = world
        .get("/dead-letters?topic=callback.conflict")
        .await
        .json();
    let letter = letters["letters"][0]["id"]
        .as_str()
        .expect("a letter")
        .to_owned();
    let letter = world.get(&format!("/dead-letters/{letter}")).await.json();
    assert_eq!(artifact(&world, &letter["payload"]).await, other.as_bytes());
    let attempts = history(&world, &arn).await["attempts"].clone();
    assert_eq!(attempts[0]["bytes"], large.len());
}

/// Defect 13: thresholds count bytes, not characters, and one more byte makes the difference.
#[tokio::test(flavor = "multi_thread")]
async fn defect_13_the_threshold_counts_bytes() {
    let world = World::new().await;
    // Two quotes and characters of two bytes each.
    for (text, is_large) in [
        ("é".repeat(99_999), false),
        (format!("{}x", "é".repeat(99_999)), true),
    ] {
        let name = format!("puppet-{is_large}");
        let (arn, own, _jobs) = world.waiting(&name, json!({})).await;
        let result = serde_json::to_string(&text).expect("a text");
        assert_eq!(result.len(), 200_000 + usize::from(is_large));
        for body in [
            format!(r#"{{"token":"{own}","status":"SUCCESS","result":{result}}}"#),
            format!(r#"{{"result":{result},"status":"SUCCESS","more":[1],"token":"{own}"}}"#),
        ] {
            let answer = world.send(Method::POST, "/callbacks", &[], body).await;
            assert_eq!(answer.status, 200, "{}", answer.json());
            assert!(
                answer.json().get("conflict").is_none(),
                "the order of members is nothing"
            );
        }
        let payload = payload(&world, &arn).await;
        if is_large {
            assert_eq!(artifact(&world, &payload).await, result.as_bytes());
        } else {
            assert_eq!(payload, text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_of_the_seeds_shape_are_refused_with_the_seeds_texts() {
    let world = World::new().await;
    let long = "x".repeat(250_000);
    let cases = [
        (
            format!(r#"{{"status":"SUCCESS","result":"{long}"}}"#),
            "Missing required field: token",
        ),
        (
            format!(r#"{{"more":"{long}"}}"#),
            "Missing required field: token",
        ),
        (
            format!(r#"{{"token":"t","result":"{long}"}}"#),
            "Missing required field: status",
        ),
        (
            format!(r#"{{"token":"t","status":"SUCCESS","more":"{long}"}}"#),
            "SUCCESS status requires 'result' field",
        ),
        (
            format!(r#"{{"token":"t","status":"SUCCESS","result":"{long}""#),
            "Invalid JSON in request body",
        ),
        (
            format!(r#"{{"token":"t","status":"SUCCESS","result":1,"result":"{long}"}}"#),
            "Invalid JSON in request body",
        ),
        (format!("[\"{long}\"]"), "Missing required field: token"),
    ];
    for (body, text) in cases {
        let start: String = body.chars().take(60).collect();
        let answer = world.send(Method::POST, "/callbacks", &[], body).await;
        assert_eq!(
            (answer.status, answer.json()),
            (400, json!({ "error": text })),
            "{start}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_above_the_cap_is_refused_and_leaves_nothing() {
    let world = world(|options| options.callbacks.result_bytes_max = 300_000).await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let long = format!("\"{}\"", "x".repeat(300_000));
    verb(&world, &id, "succeed", &own, &long)
        .await
        .is_problem(413, "E0103");
    let cut = &long[..250_000];
    verb(&world, &id, "succeed", &own, cut)
        .await
        .is_problem(400, "E0102");
    let kept = world.get("/artifacts/everstep-artifacts").await.json();
    assert_eq!(kept["objects"], json!([]));
    assert_eq!(verb(&world, &id, "succeed", &own, "1").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn e0195_what_is_encoded_is_not_decoded() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let bearer = format!("Bearer {own}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-encoding", "gzip"),
    ];
    let path = format!("/callbacks/{id}/succeed");
    world
        .send(Method::POST, &path, &headers, "1")
        .await
        .is_problem(415, "E0195");
    let seeds = world.send(Method::POST, "/callbacks", &headers, "{}").await;
    assert_eq!(seeds.status, 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn e0196_json_that_is_too_deep_is_refused() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for depth in [129, 300_000] {
        verb(&world, &id, "succeed", &own, &nested(depth))
            .await
            .is_problem(400, "E0196");
        let body = format!(
            r#"{{"token":"{own}","status":"SUCCESS","result":{}}}"#,
            nested(depth)
        );
        let seeds = world.send(Method::POST, "/callbacks", &[], body).await;
        assert_eq!(seeds.status, 400);
    }
    assert_eq!(
        verb(&world, &id, "succeed", &own, &nested(128))
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_answered_with_408() {
    let world = world(|options| options.limits.body_timeout = Duration::from_millis(200)).await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    for path in [format!("/callbacks/{id}/succeed"), "/callbacks".to_owned()] {
        let address = world.base.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address)
            .await
            .expect("a connection");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {own}\r\nContent-Length: 10\r\n\r\n\"a"
        );
        stream.write_all(head.as_bytes()).await.expect("it is sent");
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.expect("an answer");
        assert_eq!(&status, b"HTTP/1.1 408", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_bounded_as_other_callbacks_are() {
    let engine = everstep_engine::Options::default();
    let world = World::with(Arc::new(Memory::new()), engine, |_| ()).await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let headers = [
        ("x-a2a-notification-token", own.as_str()),
        ("content-type", "application/a2a+json"),
    ];
    let push = |text: String| {
        let artifact = json!({ "artifactId": "result", "parts": [{ "data": text }] });
        json!({ "task": { "id": "t", "status": { "state": "TASK_STATE_COMPLETED" }, "artifacts": [artifact] } })
            .to_string()
    };
    let too_long = push("x".repeat(1 << 20));
    for path in ["/callbacks/w-1", "/a2a/push/w-1"] {
        let answer = world.send(Method::POST, path, &headers, too_long.clone());
        assert_eq!(answer.await.status, 413, "{path}");
    }
    let large = world
        .send(
            Method::POST,
            "/a2a/push/w-1",
            &headers,
            push("x".repeat(300_000)),
        )
        .await;
    assert_eq!(large.status, 200);
    let reference = payload(&world, &arn).await;
    assert_eq!(artifact(&world, &reference).await.len(), 300_002);
    // A forged one is thrown away, and says no more than that.
    let forged = [("x-a2a-notification-token", "forged")];
    let answer = world
        .send(Method::POST, "/a2a/push/w-1", &forged, push("x".to_owned()))
        .await;
    assert_eq!(
        (answer.status, &answer.json()["orphan"]),
        (200, &json!(true))
    );
}

/// Sends a body in two parts: what is behind the first waits for a word.
async fn halves(
    world: &World,
    path: &str,
    token: &str,
    body: &str,
) -> (tokio::net::TcpStream, String) {
    let address = world.base.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    let (first, rest) = body.split_at(body.len() - 10);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{first}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    (stream, rest.to_owned())
}

async fn end((mut stream, rest): (tokio::net::TcpStream, String)) -> String {
    stream.write_all(rest.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

/// The artifacts below a callback, with the head of each.
async fn kept(world: &World, id: &str) -> Vec<(String, bool)> {
    let listed = world
        .get(&format!(
            "/artifacts/everstep-artifacts?prefix=callbacks/{id}/"
        ))
        .await
        .json();
    let mut kept = Vec::new();
    for object in listed["objects"].as_array().expect("a list") {
        let key = object["key"].as_str().expect("a key").to_owned();
        let one = world
            .get(&format!("/artifacts/everstep-artifacts/{key}"))
            .await;
        kept.push((key, one.header("expires").is_some()));
    }
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_large_result_twice_at_once_is_one_and_its_duplicate() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let path = format!("/callbacks/{id}/succeed");
    let large = format!("\"{}\"", "x".repeat(400_000));
    let one = halves(&world, &path, &own, &large).await;
    let two = halves(&world, &path, &own, &large).await;
    // Both are on their way: each has more in the store's hands than is held in memory.
    let (one, two) = tokio::join!(end(one), end(two));
    for answer in [&one, &two] {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let duplicates = [&one, &two].map(|answer| answer.contains("duplicate"));
    assert_eq!(
        duplicates.iter().filter(|is| **is).count(),
        1,
        "{one} {two}"
    );
    let first = (format!("callbacks/{id}/result.json"), false);
    assert_eq!(kept(&world, &id).await, [first]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_result_that_was_overtaken_on_its_way_does_not_stay_for_good() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let large = format!("\"{}\"", "x".repeat(400_000));
    let slow = halves(&world, &format!("/callbacks/{id}/succeed"), &own, &large).await;
    let body = format!(r#"{{"token":"{own}","status":"SUCCESS","result":{large}}}"#);
    let seeds = halves(&world, "/callbacks", &own, &body).await;
    assert_eq!(verb(&world, &id, "succeed", &own, "1").await.status, 200);
    let slow = end(slow).await;
    assert!(slow.starts_with("HTTP/1.1 409"), "{slow}");
    let seeds = end(seeds).await;
    assert!(seeds.contains("\"conflict\":true"), "{seeds}");
    let kept = kept(&world, &id).await;
    assert!(!kept.is_empty());
    assert!(kept.iter().all(|(_, expires)| *expires), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_proven_takes_no_more_room_than_there_is() {
    let world = world(|options| options.callbacks.incoming_bytes_max = 300_000).await;
    let (_, own, _jobs) = world.waiting("puppet", json!({})).await;
    let result = "x".repeat(400_000);
    for body in [
        format!(r#"{{"token":"nobody","status":"SUCCESS","result":"{result}"}}"#),
        format!(r#"{{"status":"SUCCESS","result":"{result}","token":"{own}"}}"#),
    ] {
        let answer = world.send(Method::POST, "/callbacks", &[], body).await;
        assert_eq!(answer.status, 429, "{}", answer.json());
        assert_eq!(answer.header("retry-after"), Some("10"));
    }
    let staged = world.get("/artifacts/everstep-incoming").await.json();
    assert_eq!(staged["objects"], json!([]));
    // Whose token comes first is known by it.
    let body = format!(r#"{{"token":"{own}","status":"SUCCESS","result":"{result}"}}"#);
    let answer = world.send(Method::POST, "/callbacks", &[], body).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_results_with_wrong_tokens_are_limited_before_they_are_stored() {
    let world = world(|options| {
        options.callbacks.rates.failures = everstep_server::Rate {
            per_second: 1,
            burst: 1,
        };
    })
    .await;
    let body = format!(
        r#"{{"token":"nobody","status":"SUCCESS","result":"{}"}}"#,
        "x".repeat(400_000)
    );
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) {
        let answer = world
            .send(Method::POST, "/callbacks", &[], body.clone())
            .await;
        statuses.push(answer.status);
    }
    let staged = world.get("/artifacts/everstep-incoming").await.json();
    assert_eq!(staged["objects"], json!([]));
}
