use everstep_durable::Output;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{World, encoded, finish};

async fn seed(world: &World, path: &str, body: &Value) -> (u16, Value) {
    let answer = world.post(path, body).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    (answer.status, answer.json())
}

async fn result(world: &World, arn: &str) -> Value {
    let path = format!("/2025-12-01/durable-executions/{}/history", encoded(arn));
    let history = world.get(&path).await.json();
    let events = history["Events"].as_array().expect("events").clone();
    let of = |kind: &str| {
        events
            .iter()
            .find(|event| event["EventType"] == kind)
            .map(|event| event[format!("{kind}Details")].clone())
    };
    of("CallbackSucceeded")
        .or_else(|| of("CallbackFailed"))
        .unwrap_or(Value::Null)
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_calls_settle_a_callback_once() {
    let world = World::new().await;
    let (arn, id, mut jobs) = world
        .waiting(
            "puppet",
            json!({ "TimeoutSeconds": 600, "HeartbeatTimeoutSeconds": 60 }),
        )
        .await;
    for spelled in [encoded(&id), id.clone()] {
        let path = format!("/2025-12-01/durable-execution-callbacks/{spelled}/heartbeat");
        assert_eq!(world.send(Method::POST, &path, &[], "").await.status, 200);
    }
    let path = |verb: &str| {
        format!(
            "/2025-12-01/durable-execution-callbacks/{}/{verb}",
            encoded(&id)
        )
    };
    let at_limit = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    let above = at_limit.replacen('x', "xx", 1);
    world
        .send(Method::POST, &path("succeed"), &[], above)
        .await
        .is_error(413, "RequestTooLargeException", "E0103");
    let answer = world
        .send(Method::POST, &path("succeed"), &[], at_limit.clone())
        .await;
    assert_eq!((answer.status, &answer.bytes[..]), (200, &b"{}"[..]));
    assert_eq!(
        result(&world, &arn).await["Result"]["Payload"],
        at_limit.as_str()
    );
    assert_eq!(
        world
            .send(Method::POST, &path("succeed"), &[], at_limit)
            .await
            .status,
        200,
        "the same again"
    );
    let other = world
        .send(Method::POST, &path("fail"), &[], r#"{"ErrorType":"Late"}"#)
        .await;
    other.is_error(400, "CallbackTimeoutException", "E0119");
    let job = jobs.recv().await.expect("it is invoked again");
    finish(&world.handle, &job, Output::Succeeded { result: None }).await;
    for id in ["bm9ib2R5", "nobody"] {
        let unknown = world
            .send(
                Method::POST,
                &format!("/2025-12-01/durable-execution-callbacks/{id}/succeed"),
                &[],
                "1",
            )
            .await;
        unknown.is_error(404, "ResourceNotFoundException", "E0105");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_carries_its_error() {
    let world = World::new().await;
    let (arn, id, _jobs) = world.waiting("puppet", json!({})).await;
    let error = json!({ "ErrorMessage": "no", "ErrorType": "Rejected", "ErrorData": "{}", "StackTrace": ["a", "b"] });
    let path = format!(
        "/2025-12-01/durable-execution-callbacks/{}/fail",
        encoded(&id)
    );
    assert_eq!(world.post(&path, &error).await.status, 200);
    assert_eq!(result(&world, &arn).await["Error"]["Payload"], error);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seeds_body_settles_by_its_token_and_says_what_it_was() {
    let world = World::new().await;
    let (arn, token, _jobs) = world.waiting("puppet", json!({})).await;
    let body =
        json!({ "token": token, "status": "SUCCESS", "result": { "summary": "s" }, "more": 1 });
    let (status, answer) = seed(&world, "/callbacks/any-workflow", &body).await;
    assert_eq!(
        (status, answer["status"].as_str(), answer["token"].as_str()),
        (200, Some("callback_delivered"), Some(token.as_str()))
    );
    assert!(
        answer["timestamp"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );
    assert!(answer.get("duplicate").is_none());
    assert_eq!(
        result(&world, &arn).await["Result"]["Payload"],
        r#"{"summary":"s"}"#
    );
    let (status, answer) = seed(&world, "/callbacks", &body).await;
    assert_eq!((status, answer["duplicate"].as_bool()), (200, Some(true)));
    let other = json!({ "token": token, "status": "FAILURE", "error": "boom" });
    let (status, answer) = seed(&world, "/callbacks", &other).await;
    assert_eq!((status, answer["conflict"].as_bool()), (200, Some(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_agent_fails_the_step_with_the_seeds_code() {
    let world = World::new().await;
    let (arn, token, _jobs) = world.waiting("puppet", json!({})).await;
    assert_eq!(
        seed(
            &world,
            "/callbacks",
            &json!({ "token": token, "status": "FAILURE", "error": "boom" })
        )
        .await
        .0,
        200
    );
    let error = result(&world, &arn).await["Error"]["Payload"].clone();
    assert_eq!(
        (error["ErrorType"].as_str(), error["ErrorMessage"].as_str()),
        (Some("AgentExecutionError"), Some("boom"))
    );
    assert_eq!(
        world.describe(&arn).await["Status"],
        "RUNNING",
        "a callback never ends the whole workflow"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_nobody_is_taken_and_a_stopped_execution_is_told_as_late() {
    let world = World::new().await;
    let unknown = json!({ "token": "nobody", "status": "SUCCESS", "result": null });
    let (status, answer) = seed(&world, "/callbacks", &unknown).await;
    assert_eq!(
        (status, answer["status"].as_str()),
        (200, Some("callback_delivered"))
    );
    assert_eq!(answer["orphan"], true);
    let (arn, token, _jobs) = world.waiting("puppet", json!({})).await;
    world
        .send(
            Method::POST,
            &format!("/2025-12-01/durable-executions/{}/stop", encoded(&arn)),
            &[],
            "{}",
        )
        .await;
    let (status, answer) = seed(
        &world,
        "/callbacks",
        &json!({ "token": token, "status": "SUCCESS", "result": 1 }),
    )
    .await;
    assert_eq!((status, answer["late"].as_bool()), (200, Some(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_refused_with_the_seeds_texts() {
    let world = World::new().await;
    let cases = [
        ("{not json", "Invalid JSON in request body"),
        ("{}", "Request body is empty or invalid JSON"),
        ("7", "Missing required field: token"),
        (r#"{"token":"t"}"#, "Missing required field: status"),
        (
            r#"{"token":"t","status":"DONE"}"#,
            "Invalid status value: DONE. Must be SUCCESS or FAILURE",
        ),
    ];
    for (body, text) in cases {
        let answer = world.send(Method::POST, "/callbacks", &[], body).await;
        assert_eq!(
            (answer.status, answer.json()),
            (400, json!({ "error": text })),
            "{body}"
        );
    }
    let too_long = json!({ "token": "t", "status": "FAILURE", "error": "x".repeat(1 << 20) });
    assert_eq!(world.post("/callbacks", &too_long).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_settles_when_the_task_has_ended() {
    let world = World::new().await;
    let (arn, token, _jobs) = world
        .waiting("puppet", json!({ "HeartbeatTimeoutSeconds": 60 }))
        .await;
    let push = async |body: Value| {
        let headers = [
            ("x-a2a-notification-token", token.as_str()),
            ("content-type", "application/a2a+json"),
        ];
        world
            .send(Method::POST, "/callbacks/w-1", &headers, body.to_string())
            .await
            .status
    };
    assert_eq!(push(json!({ "statusUpdate": { "taskId": "t", "status": { "state": "TASK_STATE_WORKING" } } })).await, 200);
    assert_eq!(result(&world, &arn).await, Value::Null);
    let artifact = json!({ "artifactId": "result", "name": "result", "parts": [{ "data": { "summary": "s" } }] });
    let done = json!({ "task": { "id": "t", "status": { "state": "TASK_STATE_COMPLETED" }, "artifacts": [artifact] } });
    assert_eq!(push(done).await, 200);
    assert_eq!(
        result(&world, &arn).await["Result"]["Payload"],
        r#"{"summary":"s"}"#
    );
    assert_eq!(push(json!({ "hello": 1 })).await, 400);
}
