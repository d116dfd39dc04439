use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_is_started_shown_listed_and_stopped() {
    let world = World::new().await;
    assert_eq!(world.get("/health").await.json()["status"], "ok");
    let (arn, _, _jobs) = world
        .waiting("puppet", json!({ "TimeoutSeconds": 600 }))
        .await;
    let id = arn.rsplit('/').next().expect("an id");
    let shown = world.get(&format!("/executions/{id}")).await.json();
    assert_eq!(shown["execution"]["arn"], arn.as_str());
    assert_eq!(shown["execution"]["status"], "RUNNING");
    assert_eq!(shown["waiting_for"][0]["what"], "callback");
    let kinds: Vec<&Value> = shown["operations"]
        .as_array()
        .expect("operations")
        .iter()
        .map(|operation| &operation["kind"])
        .collect();
    assert!(kinds.contains(&&json!("CALLBACK")));
    let events = world
        .get(&format!("/executions/{id}/history?order=newest&limit=1"))
        .await
        .json();
    assert_eq!(events["events"][0]["EventType"], "InvocationCompleted");
    let next = events["next"].as_str().expect("more");
    let older = world
        .get(&format!(
            "/executions/{id}/history?order=newest&cursor={next}"
        ))
        .await
        .json();
    assert_eq!(older["events"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_start_is_one_execution_and_lists_are_filtered() {
    let world = World::new().await;
    let (arn, _, _jobs) = world.waiting("puppet", json!({})).await;
    let id = arn.rsplit('/').next().expect("an id");
    let started = world
        .post(
            "/functions/puppet/start",
            &json!({ "name": "n-1", "input": { "a": 1 } }),
        )
        .await;
    assert_eq!(
        (started.status, started.json()["existing"].as_bool()),
        (201, Some(false))
    );
    let again = world
        .post(
            "/functions/puppet/start",
            &json!({ "name": "n-1", "input": { "a": 1 } }),
        )
        .await;
    assert_eq!(
        (again.status, again.json()["existing"].as_bool()),
        (200, Some(true))
    );
    let other = world
        .post(
            "/functions/puppet/start",
            &json!({ "name": "n-1", "input": 2 }),
        )
        .await;
    other.is_problem(409, "E0113");
    let detail = other.json()["detail"].to_string();
    let sam = world
        .post(
            "/start-durable-execution",
            &json!({ "FunctionName": "puppet", "ExecutionName": "n-1", "Input": "2" }),
        )
        .await;
    sam.is_problem(409, "E0113");
    assert!(detail.contains("The name is taken by arn:"), "{detail}");
    assert_eq!(sam.json()["detail"].to_string(), detail);
    let listed = async |query: &str| {
        world.get(&format!("/executions?{query}")).await.json()["executions"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(listed("").await, Some(2));
    assert_eq!(
        (
            listed("name_prefix=n-").await,
            listed("status=running&function=puppet").await
        ),
        (Some(1), Some(2))
    );
    let stopped = world
        .send(Method::POST, &format!("/executions/{id}/stop"), &[], "")
        .await
        .json();
    assert_eq!(stopped["status"], "STOPPED");
    assert_eq!(listed("status=STOPPED").await, Some(1));
    let page = world.get("/executions?limit=1").await.json();
    let next = page["next"].as_str().expect("more");
    assert_eq!(listed(&format!("cursor={next}")).await, Some(1));
    world
        .get("/executions?color=red")
        .await
        .is_problem(400, "E0112");
    world
        .get("/executions?cursor=!")
        .await
        .is_problem(400, "E0112");
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_have_names() {
    let world = World::new().await;
    let agent =
        json!({ "url": "http://127.0.0.1:9000", "description": "finds things" }).to_string();
    assert_eq!(
        world
            .send(Method::PUT, "/agents/researcher", &[], agent)
            .await
            .status,
        200
    );
    assert_eq!(
        world.get("/agents/researcher").await.json()["url"],
        "http://127.0.0.1:9000"
    );
    assert_eq!(
        world.get("/agents").await.json()["agents"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    world.get("/agents/nobody").await.is_problem(404, "E0122");
    let wrong = json!({ "url": "file:///etc" }).to_string();
    world
        .send(Method::PUT, "/agents/x", &[], wrong)
        .await
        .is_problem(400, "E0230");
    let gone = world.send(Method::DELETE, "/agents/researcher", &[], "");
    assert_eq!(gone.await.status, 204);
    world
        .get("/agents/researcher")
        .await
        .is_problem(404, "E0122");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_is_an_object_or_not_there() {
    let world = World::new().await;
    let (arn, _, _jobs) = world.waiting("puppet", json!({})).await;
    let id = arn.rsplit('/').next().expect("an id");
    let pause = async |body: &'static str| {
        let path = format!("/executions/{id}/pause");
        world.send(Method::POST, &path, &[], body).await
    };
    for refused in [r#"["the night"]"#, " ", "7"] {
        pause(refused).await.is_problem(400, "E0102");
    }
    assert_eq!(pause("").await.json()["status"], "PAUSED");
    let path = format!("/executions/{id}/resume");
    let resumed = world
        .send(Method::POST, &path, &[], r#"{ "reason": "morning" }"#)
        .await;
    assert_eq!(resumed.json()["status"], "RUNNING");
}
