//! Defects of the original callback service (research workflow, §14): each stays mended.

use everstep_engine::ListFilter;
use serde_json::{Value, json};

use crate::harness::World;

async fn callback(world: &World, path: &str, token: &str, result: Value) -> (u16, Value) {
    let body = json!({ "token": token, "status": "SUCCESS", "result": result });
    let answer = world.post(path, &body).await;
    (answer.status, answer.json())
}

async fn callback_status(world: &World, arn: &str) -> Value {
    let id = arn.rsplit('/').next().expect("an id");
    let described = world.get(&format!("/executions/{id}")).await.json();
    let operations = described["operations"]
        .as_array()
        .expect("operations")
        .clone();
    let callback = operations
        .iter()
        .find(|operation| operation["kind"] == "CALLBACK");
    callback.expect("a callback")["status"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_04_a_callback_is_kept_under_its_workflow() {
    let world = World::new().await;
    let (arn, token, _jobs) = world.waiting("puppet", json!({})).await;
    assert_eq!(callback_status(&world, &arn).await, "STARTED");
    assert_eq!(
        callback(&world, "/callbacks", &token, json!(1)).await.0,
        200
    );
    assert_eq!(callback_status(&world, &arn).await, "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_05_a_token_is_found_among_ten_thousand_executions() {
    let world = World::new().await;
    let (arn, token, _jobs) = world.waiting("puppet", json!({})).await;
    let mut starts = tokio::task::JoinSet::new();
    for client in 0..20 {
        let (client_http, base) = (world.client.clone(), world.base.clone());
        starts.spawn(async move {
            for number in 0..500 {
                let name = format!("other-{client}-{number}");
                let body = json!({ "name": name, "input": number });
                let url = format!("{base}/functions/puppet/start");
                let answer = client_http.post(url).json(&body).send().await;
                assert_eq!(answer.expect("an answer").status(), 201);
            }
        });
    }
    while let Some(ended) = starts.join_next().await {
        ended.expect("every start is taken");
    }
    let page = world.handle.list(ListFilter::default(), None, 1_000).await;
    assert_eq!(page.expect("a page").rows.len(), 1_000);
    assert_eq!(
        callback(&world, "/callbacks", &token, json!("found"))
            .await
            .0,
        200
    );
    assert_eq!(callback_status(&world, &arn).await, "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_07_the_first_callback_wins_and_later_ones_hear_of_it() {
    let world = World::new().await;
    let (arn, token, _jobs) = world.waiting("puppet", json!({})).await;
    assert_eq!(
        callback(&world, "/callbacks", &token, json!("first"))
            .await
            .0,
        200
    );
    let (status, answer) = callback(&world, "/callbacks", &token, json!("first")).await;
    assert_eq!((status, &answer["duplicate"]), (200, &json!(true)));
    let (status, answer) = callback(&world, "/callbacks", &token, json!("second")).await;
    assert_eq!((status, &answer["conflict"]), (200, &json!(true)));
    let path = format!(
        "/executions/{}/history",
        arn.rsplit('/').next().expect("an id")
    );
    let history = world.get(&path).await.json();
    let events = history["events"].as_array().expect("events").clone();
    let settled: Vec<&Value> = events
        .iter()
        .filter(|event| event["EventType"] == "CallbackSucceeded")
        .collect();
    assert_eq!(settled.len(), 1);
    assert_eq!(
        settled[0]["CallbackSucceededDetails"]["Result"]["Payload"],
        "\"first\""
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_08_both_routes_reach_the_callback() {
    let world = World::new().await;
    let (_, token, mut jobs) = world.waiting("puppet", json!({})).await;
    assert_eq!(
        callback(&world, "/callbacks", &token, json!(1)).await.0,
        200
    );
    jobs.recv().await.expect("it is invoked again");
    let (_, token, _jobs) = world.waiting("second", json!({})).await;
    assert_eq!(
        callback(&world, "/callbacks/any-workflow", &token, json!(1))
            .await
            .0,
        200
    );
}

/// Also observed: a body that is no object crashed the callback handler.
#[tokio::test(flavor = "multi_thread")]
async fn also_observed_a_body_that_is_no_object_is_answered() {
    let world = World::new().await;
    for body in ["7", "\"t\"", "[1]", "true", "1.5e300"] {
        let answer = world
            .send(reqwest::Method::POST, "/callbacks", &[], body)
            .await;
        let text = json!({ "error": "Missing required field: token" });
        assert_eq!((answer.status, answer.json()), (400, text), "{body}");
    }
}

/// Defect 6: the first SUCCESS set the whole workflow COMPLETED.
#[tokio::test(flavor = "multi_thread")]
async fn defect_06_a_callback_settles_its_wait_and_never_the_workflow() {
    let world = World::new().await;
    let (arn, token, mut jobs) = world.waiting("puppet", json!({})).await;
    callback(&world, "/callbacks", &token, json!(1)).await;
    jobs.recv().await.expect("it is invoked again");
    assert_eq!(world.describe(&arn).await["Status"], "RUNNING");
}
