use everstep_durable::Output;
use reqwest::Method;
use serde_json::json;

use crate::harness::{World, encoded, finish};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_checkpoints_reads_its_state_and_ends() {
    let world = World::new().await;
    let mut jobs = world.puppet("puppet").await;
    let arn = world.start("puppet", "1").await;
    let job = jobs.recv().await.expect("an invocation");
    let first = world.first_token(&job);
    let large = "y".repeat(50_000);
    let updates = json!([
        { "Id": "s1", "Type": "STEP", "SubType": "Step", "Name": "greet", "Action": "START" },
        { "Id": "s1", "Type": "STEP", "SubType": "Step", "Name": "greet", "Action": "SUCCEED", "Payload": large },
    ]);
    let answer = world.checkpoint(&arn, &first, updates).await;
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.bytes)
    );
    let answer = answer.json();
    let next = answer["CheckpointToken"]
        .as_str()
        .expect("a token")
        .to_owned();
    let step = &answer["NewExecutionState"]["Operations"][0];
    assert_eq!(
        (
            step["Id"].as_str(),
            step["Status"].as_str(),
            step["Name"].as_str()
        ),
        (Some("s1"), Some("SUCCEEDED"), Some("greet"))
    );
    assert_eq!(
        (
            step["StepDetails"]["Result"].as_str(),
            step["StepDetails"]["Attempt"].as_u64()
        ),
        (Some(large.as_str()), Some(1))
    );
    let path = format!(
        "/2025-12-01/durable-executions/{}/state?CheckpointToken={}",
        encoded(&arn),
        encoded(&next)
    );
    let state = world.get(&path).await.json();
    let ids: Vec<_> = state["Operations"]
        .as_array()
        .expect("operations")
        .iter()
        .map(|operation| operation["Type"].clone())
        .collect();
    assert_eq!(ids, [json!("EXECUTION"), json!("STEP")]);
    world.checkpoint(&arn, &first, json!([])).await.is_error(
        400,
        "InvalidParameterValueException",
        "E0104",
    );
    finish(
        &world.handle,
        &job,
        Output::Succeeded {
            result: Some("2".into()),
        },
    )
    .await;
    assert_eq!(world.describe(&arn).await["Result"], "2");
    let refused = world.checkpoint(&arn, &next, json!([])).await;
    refused.is_error(400, "InvalidParameterValueException", "E0104");
    assert!(refused.message().starts_with("Invalid checkpoint token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_nobody_or_of_another_execution_is_refused() {
    let world = World::new().await;
    let mut jobs = world.puppet("puppet").await;
    let one = world.start("puppet", "1").await;
    let first = jobs.recv().await.expect("an invocation");
    let _other = world.start("puppet", "2").await;
    let second = jobs.recv().await.expect("an invocation");
    for token in [
        world.first_token(&second),
        "bm9ib2R5".to_owned(),
        String::new(),
        "!".to_owned(),
    ] {
        let refused = world.checkpoint(&one, &token, json!([])).await;
        refused.is_error(400, "InvalidParameterValueException", "E0105");
        assert!(refused.message().starts_with("Invalid checkpoint token"));
    }
    assert_eq!(
        world
            .checkpoint(&one, &world.first_token(&first), json!([]))
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_the_identical_answer() {
    let world = World::new().await;
    let mut jobs = world.puppet("puppet").await;
    let arn = world.start("puppet", "1").await;
    let job = jobs.recv().await.expect("an invocation");
    let path = format!(
        "/2025-12-01/durable-executions/{}/checkpoint",
        encoded(&arn)
    );
    let body = json!({ "CheckpointToken": world.first_token(&job), "ClientToken": "again", "Updates": [{ "Id": "s", "Type": "STEP", "Action": "START" }] });
    let (first, second) = (
        world.post(&path, &body).await,
        world.post(&path, &body).await,
    );
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.bytes, second.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_outside_the_model_are_refused_without_effect() {
    let world = World::new().await;
    let mut jobs = world.puppet("puppet").await;
    let arn = world.start("puppet", "1").await;
    let job = jobs.recv().await.expect("an invocation");
    let token = world.first_token(&job);
    let step = |change: (&str, serde_json::Value)| {
        let mut update = json!({ "Id": "s", "Type": "STEP", "Action": "START" });
        update[change.0] = change.1;
        json!([update])
    };
    let wrong = [
        ("Id", json!("a b")),
        ("Id", json!("x".repeat(65))),
        ("Type", json!("JUMP")),
        ("Action", json!("HOP")),
        ("SubType", json!("x".repeat(33))),
        ("Name", json!("ü")),
        ("Name", json!("x".repeat(257))),
        ("WaitOptions", json!({ "WaitSeconds": -1 })),
    ];
    for change in wrong {
        let shown = change.1.to_string();
        let refused = world.checkpoint(&arn, &token, step(change)).await;
        assert_eq!(refused.status, 400, "{shown}");
        refused.is_error(400, "InvalidParameterValueException", "E0112");
    }
    let nonsense = format!(
        "/2025-12-01/durable-executions/{}/checkpoint",
        encoded(&arn)
    );
    for body in ["[]", "{\"Updates\": 7}", "{"] {
        let refused = world.send(Method::POST, &nonsense, &[], body).await;
        refused.is_error(400, "InvalidRequestContentException", "E0102");
    }
    assert_eq!(
        world
            .checkpoint(&arn, &token, step(("Name", json!("fine"))))
            .await
            .status,
        200
    );
}
