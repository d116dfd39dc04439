//! Dead letters: what came late, twice and differently, or for nobody.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{World, encoded};
use crate::native::{history, id_of, verb};

async fn seed(world: &World, token: &str, result: Value) -> Value {
    let body = json!({ "token": token, "status": "SUCCESS", "result": result });
    let answer = world.post("/callbacks/w-1", &body).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

async fn letters(world: &World, query: &str) -> Vec<Value> {
    let listed = world.get(&format!("/dead-letters{query}")).await.json();
    listed["letters"].as_array().expect("a list").clone()
}

async fn replay(world: &World, letter: &Value, body: Value) -> crate::harness::Answer {
    let id = letter["id"].as_str().expect("an id");
    world
        .post(&format!("/dead-letters/{id}/replay"), &body)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wanted_is_listed_with_its_reason() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    seed(&world, &own, json!("first")).await;
    assert_eq!(seed(&world, &own, json!("second")).await["conflict"], true);
    assert_eq!(
        seed(&world, "nobody", json!({ "a": 1 })).await["orphan"],
        true
    );
    let (late, token, _jobs) = world.waiting("second", json!({})).await;
    let path = format!("/2025-12-01/durable-executions/{}/stop", encoded(&late));
    world.send(Method::POST, &path, &[], "{}").await;
    assert_eq!(seed(&world, &token, json!("late")).await["late"], true);
    let all = letters(&world, "").await;
    let topics: Vec<&Value> = all.iter().map(|letter| &letter["topic"]).collect();
    assert_eq!(topics.len(), 3, "{topics:?}");
    for (topic, payload) in [
        ("callback.conflict", json!("second")),
        ("callback.orphan", json!({ "a": 1 })),
        ("callback.late", json!("late")),
    ] {
        let of = letters(&world, &format!("?topic={topic}")).await;
        assert_eq!(of.len(), 1, "{topic}");
        assert_eq!(
            (&of[0]["state"], of[0]["reason"].is_string()),
            (&json!("dead"), true)
        );
        assert!(of[0].get("payload").is_none(), "lists are short");
        let id = of[0]["id"].as_str().expect("an id");
        let shown = world.get(&format!("/dead-letters/{id}")).await.json();
        assert_eq!(shown["payload"], payload);
        assert_eq!(shown["source"]["source"], "127.0.0.1");
    }
    let execution = arn.rsplit('/').next().expect("an id");
    let own = letters(&world, &format!("?execution={execution}")).await;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["topic"], "callback.conflict");
    let counts = world.get("/dead-letters").await.json()["counts"].clone();
    assert_eq!(counts["dead"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_replayed_to_the_callback_that_waits_for_it() {
    let world = World::new().await;
    seed(&world, "lost", json!({ "summary": "s" })).await;
    let orphan = letters(&world, "").await[0].clone();
    replay(&world, &orphan, json!({}))
        .await
        .is_problem(400, "E0112");
    let (arn, _, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let done = replay(&world, &orphan, json!({ "callback": id })).await;
    assert_eq!(
        (done.status, &done.json()["outcome"]),
        (200, &json!("applied"))
    );
    assert_eq!(letters(&world, "").await.len(), 0, "it has done its work");
    let attempts = history(&world, &arn).await["attempts"].clone();
    assert_eq!(
        (&attempts[0]["via"], &attempts[0]["outcome"]),
        (&json!("replay"), &json!("applied"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_not_wanted_either_leaves_the_letter_alone() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    assert_eq!(verb(&world, &id, "succeed", &own, "1").await.status, 200);
    verb(&world, &id, "fail", &own, r#"{"message": "no"}"#).await;
    let conflict = letters(&world, "").await[0].clone();
    for body in [json!({}), json!({ "callback": id })] {
        replay(&world, &conflict, body)
            .await
            .is_problem(409, "E0192");
    }
    assert_eq!(letters(&world, "").await.len(), 1);
    let letter = conflict["id"].as_str().expect("an id");
    let path = format!("/dead-letters/{letter}");
    let gone = world.send(Method::DELETE, &path, &[], "").await;
    assert_eq!(gone.status, 204);
    for id in [letter, "none", "0194f0c2-1111-7222-8333-444444440012"] {
        let path = format!("/dead-letters/{id}");
        assert_eq!(world.get(&path).await.status, 404, "{id}");
        assert_eq!(
            world.send(Method::DELETE, &path, &[], "").await.status,
            404,
            "{id}"
        );
    }
}

async fn kept(world: &World, prefix: &str) -> Vec<Value> {
    let path = format!("/artifacts/everstep-artifacts?prefix={prefix}");
    let listed = world.get(&path).await.json();
    listed["objects"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_result_for_nobody_is_kept_and_replayed_as_what_it_was() {
    let world = World::new().await;
    let result = json!("x".repeat(250_000));
    seed(&world, "nobody", result.clone()).await;
    let letter = letters(&world, "?topic=callback.").await[0].clone();
    assert_eq!(letter["body"]["bytes"], 250_002);
    let incoming = world.get("/artifacts/everstep-incoming").await.json();
    assert_eq!(incoming["objects"], json!([]));
    let orphans = kept(&world, "callbacks/orphans/").await;
    assert_eq!((orphans.len(), &orphans[0]["size"]), (1, &json!(250_002)));
    assert!(
        orphans[0]["expires_at"].is_string(),
        "it goes with its letter"
    );
    let (arn, _, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let done = replay(&world, &letter, json!({ "callback": id })).await;
    assert_eq!(done.json()["outcome"], "applied");
    let path = format!("callbacks/{id}/result.json");
    let own = kept(&world, &path).await;
    assert_eq!((own.len(), own[0].get("expires_at")), (1, None));
    let content = world
        .get(&format!("/artifacts/everstep-artifacts/{path}"))
        .await;
    assert_eq!(content.json(), result);
    assert_eq!(kept(&world, "callbacks/orphans/").await.len(), 0);
    seed(&world, "nobody", result).await;
    let letter = letters(&world, "?topic=callback.").await[0].clone();
    let id = letter["id"].as_str().expect("an id");
    let path = format!("/dead-letters/{id}");
    let shown = world.get(&path).await.json();
    assert_eq!(shown["payload"]["artifact_type"], "s3_reference");
    world.send(Method::DELETE, &path, &[], "").await;
    assert_eq!(kept(&world, "callbacks/orphans/").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_late_result_is_replayed_to_another_callback_which_keeps_its_own() {
    let world = World::new().await;
    let (late, token, _jobs) = world.waiting("puppet", json!({})).await;
    let path = format!("/2025-12-01/durable-executions/{}/stop", encoded(&late));
    world.send(Method::POST, &path, &[], "{}").await;
    let result = json!({ "text": "y".repeat(250_000) });
    assert_eq!(seed(&world, &token, result.clone()).await["late"], true);
    let letter = letters(&world, "?topic=callback.late").await[0].clone();
    let (arn, _, _jobs) = world.waiting("second", json!({})).await;
    let id = id_of(&world, &arn).await;
    let done = replay(&world, &letter, json!({ "callback": id })).await;
    assert_eq!(done.json()["outcome"], "applied");
    let path = format!("callbacks/{id}/result.json");
    let own = kept(&world, &path).await;
    assert_eq!((own.len(), own[0].get("expires_at")), (1, None));
    let path = format!("/artifacts/everstep-artifacts/{path}");
    assert_eq!(world.get(&path).await.json(), result);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_much_is_kept_for_nobody_and_nothing_is_pushed_out() {
    let world = crate::native::world(|options| options.callbacks.orphan_bytes_max = 600_000).await;
    for number in 0..4 {
        let text = format!("{number}{}", "x".repeat(249_999));
        seed(&world, "nobody", json!(text)).await;
    }
    let orphans = kept(&world, "callbacks/orphans/").await;
    assert_eq!(orphans.len(), 2);
    let all = letters(&world, "?topic=callback.orphan").await;
    let with = all.iter().map(|letter| !letter["payload_bytes"].is_null());
    assert_eq!(
        with.collect::<Vec<_>>(),
        [false, false, true, true],
        "the newest stand first"
    );
    replay(&world, &all[0], json!({ "callback": "none" }))
        .await
        .is_problem(400, "E0112");
}

/// A reference that somebody sends is a result like any other: it opens nothing that its sender does not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_was_sent_is_not_followed() {
    let world = World::new().await;
    let path = "/artifacts/everstep-artifacts/callbacks/secret/result.json";
    world.send(Method::PUT, path, &[], "\"secret\"").await;
    let reference = json!({ "artifact_type": "s3_reference", "s3_uri": "s3://everstep-artifacts/callbacks/secret/result.json" });
    seed(&world, "nobody", reference).await;
    let letter = letters(&world, "").await[0].clone();
    let (arn, _, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let done = replay(&world, &letter, json!({ "callback": id })).await;
    assert_eq!(done.json()["outcome"], "applied");
    assert_eq!(kept(&world, &format!("callbacks/{id}/")).await.len(), 0);
    assert_eq!(kept(&world, "callbacks/secret/").await.len(), 1);
}
