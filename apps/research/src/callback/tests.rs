//! The original's cases (parse 4, validate 7, answers 2, handler 5) and what ours does better.

mod seeds;
mod world;

use serde_json::{Value, json};

use super::*;
use crate::record::status;
use world::{TOKEN, World, inline};

const INVOCATION: Invocation<'_> = Invocation {
    request_id: "request-1",
    function: "CallbackHandler",
};

fn event(body: &Value) -> Value {
    json!({ "httpMethod": "POST", "path": "/callbacks", "body": body.to_string(),
            "requestContext": { "identity": { "sourceIp": "192.0.2.7" } } })
}

async fn post(services: &Services, event: &Value) -> (u64, Value) {
    let answer = callback_handler(services, event, INVOCATION).await;
    assert_eq!(answer["headers"]["Content-Type"], "application/json");
    assert_eq!(answer["headers"]["Access-Control-Allow-Origin"], "*");
    let body = answer["body"].as_str().expect("a text body");
    let status = answer["statusCode"].as_u64().expect("a status");
    (status, serde_json::from_str(body).expect("JSON"))
}

fn success(result: Value) -> Value {
    json!({ "token": TOKEN, "status": "SUCCESS", "result": result })
}

fn names(services: &Services) -> Vec<String> {
    let lines = services.log.lines();
    lines
        .iter()
        .filter_map(|line| line["event_type"].as_str().map(str::to_owned))
        .collect()
}

/// The last line of figures.
fn figures(services: &Services) -> Value {
    let lines = services.log.lines();
    let found = lines.iter().rev().find(|line| line.get("_aws").is_some());
    found.expect("figures").clone()
}

#[tokio::test]
async fn a_success_settles_its_wait_and_never_the_workflow() {
    let (world, services) = World::waiting();
    let (code, body) = post(&services, &event(&success(json!({ "summary": "s" })))).await;
    assert_eq!(code, 200);
    assert_eq!(
        (&body["status"], &body["token"]),
        (&json!("callback_delivered"), &json!(TOKEN))
    );
    assert!(body["timestamp"].as_str().expect("a time").ends_with('Z'));
    let state = world.lock();
    let told = (
        TOKEN.to_owned(),
        Outcome::Success(r#"{"summary":"s"}"#.to_owned()),
    );
    assert_eq!(state.answered, [told]);
    let record = &state.records["w-1"];
    assert_eq!(
        (record.status.as_str(), record.current_step.as_str()),
        (status::RUNNING, "research_phase"),
        "defect 6: the workflow is not over"
    );
    assert_eq!(record.extra["last_callback"]["status"], "SUCCESS");
    let (received, delivery) = &state.kept[&key_of(TOKEN)];
    assert_eq!(received.workflow_id.as_deref(), Some("w-1"), "defect 4");
    assert_eq!(*delivery, Some(Delivery::Delivered));
    assert_eq!(
        names(&services),
        [
            "callback_received",
            "callback_processing",
            "callback_stored",
            "workflow_updated",
            "callback_completed",
        ]
    );
}

#[tokio::test]
async fn a_failure_fails_its_wait_with_the_agents_code() {
    let (world, services) = World::waiting();
    let body =
        json!({ "token": TOKEN, "status": "FAILURE", "error": "Agent timeout after 8 hours" });
    assert_eq!(post(&services, &event(&body)).await.0, 200);
    let state = world.lock();
    let (_, outcome) = &state.answered[0];
    let failure = AgentFailure::of(outcome.text());
    assert_eq!(
        (failure.error_type, failure.message.as_str()),
        ("AgentExecutionError", "Agent timeout after 8 hours")
    );
    assert_eq!(state.kept[&key_of(TOKEN)].0.status, "FAILURE");
}

#[tokio::test]
async fn every_text_of_a_refusal_is_the_seeds() {
    let (world, services) = World::waiting();
    let cases = [
        ("{not json", "Invalid JSON in request body"),
        ("null", "Invalid JSON in request body"),
        ("", "Request body is empty or invalid JSON"),
        ("{}", "Request body is empty or invalid JSON"),
        (
            r#"{"status":"SUCCESS","result":1}"#,
            "Missing required field: token",
        ),
        ("12", "Missing required field: token"),
        (
            r#"{"token":"t","result":1}"#,
            "Missing required field: status",
        ),
        (
            r#"{"token":"t","status":"DONE"}"#,
            "Invalid status value: DONE. Must be SUCCESS or FAILURE",
        ),
        (
            r#"{"token":"t","status":"SUCCESS"}"#,
            "SUCCESS status requires 'result' field",
        ),
        (
            r#"{"token":"t","status":"FAILURE"}"#,
            "FAILURE status requires 'error' field",
        ),
    ];
    for (body, text) in cases {
        let (code, answer) = post(&services, &json!({ "body": body })).await;
        assert_eq!((code, &answer), (400, &json!({ "error": text })), "{body}");
        assert_eq!(figures(&services)["ClientErrors"], 1);
    }
    assert!(
        world.lock().kept.is_empty(),
        "nothing is kept of what is refused"
    );
}

#[tokio::test]
async fn empty_results_are_kept() {
    for result in [json!({}), json!(null)] {
        let (world, services) = World::waiting();
        assert_eq!(
            post(&services, &event(&success(result.clone()))).await.0,
            200
        );
        let state = world.lock();
        assert_eq!(inline(&state.kept[&key_of(TOKEN)].0.content), &result);
    }
}

#[tokio::test]
async fn defect_07_what_came_first_stays() {
    let (world, services) = World::waiting();
    let first = event(&success(json!(1)));
    post(&services, &first).await;
    let (code, again) = post(&services, &first).await;
    assert_eq!((code, &again["duplicate"]), (200, &json!(true)));
    assert_eq!(figures(&services)["DuplicateCallbacks"], 1);
    let (code, other) = post(&services, &event(&success(json!(2)))).await;
    assert_eq!((code, &other["conflict"]), (200, &json!(true)));
    let state = world.lock();
    assert_eq!(
        state.answered.len(),
        1,
        "the workflow hears of the first alone"
    );
    assert_eq!(inline(&state.kept[&key_of(TOKEN)].0.content), &json!(1));
    assert_eq!(inline(&state.contradictions[0].content), &json!(2));
}

#[tokio::test]
async fn late_and_unknown_callbacks_are_kept_and_answered_as_if_taken() {
    let (world, services) = World::waiting();
    world.lock().service_says = Some(Kind::Conflict);
    let (code, late) = post(&services, &event(&success(json!(1)))).await;
    assert_eq!((code, &late["late"]), (200, &json!(true)));
    assert_eq!(figures(&services)["LateCallbacks"], 1);

    world.lock().service_says = Some(Kind::NotFound);
    let body = json!({ "token": "nobody", "status": "SUCCESS", "result": 1 });
    let (code, orphan) = post(&services, &event(&body)).await;
    assert_eq!(code, 200);
    let shown: Vec<&String> = orphan.as_object().expect("an object").keys().collect();
    assert_eq!(
        shown,
        ["status", "token", "timestamp"],
        "nobody learns that it is unknown"
    );
    assert!(names(&services).contains(&"workflow_not_found".to_owned()));
    assert_eq!(figures(&services)["OrphanCallbacks"], 1);
    assert_eq!(
        world.lock().kept[&key_of("nobody")].1,
        Some(Delivery::Orphan)
    );
}

#[tokio::test]
async fn storage_out_of_reach_is_a_500_that_the_agent_may_repeat() {
    let (world, services) = World::waiting();
    world.lock().items_fail = true;
    let sent = event(&success(json!(1)));
    let answer = post(&services, &sent).await;
    let failed = json!({ "error": "Failed to store callback result" });
    assert_eq!(answer, (500, failed.clone()));
    let figures = figures(&services);
    assert_eq!(
        (&figures["StorageFailures"], &figures["ServerErrors"]),
        (&json!(1), &json!(1))
    );

    world.lock().items_fail = false;
    world.lock().service_says = Some(Kind::Transient);
    assert_eq!(
        post(&services, &sent).await,
        (500, failed),
        "kept, but nobody was told"
    );
    world.lock().service_says = None;
    let (code, body) = post(&services, &sent).await;
    assert_eq!(
        (code, body.get("duplicate")),
        (200, None),
        "the repetition settles the wait"
    );
    assert_eq!(world.lock().answered.len(), 1);
}

#[tokio::test]
async fn a_record_that_cannot_be_updated_costs_a_warning() {
    let (world, services) = World::waiting();
    world.lock().records_fail = true;
    assert_eq!(post(&services, &event(&success(json!(1)))).await.0, 200);
    let names = names(&services);
    assert!(
        names.contains(&"workflow_update_warning".to_owned()),
        "{names:?}"
    );
    assert_eq!(figures(&services)["WorkflowUpdateFailures"], 1);
}

#[tokio::test]
async fn a_large_result_travels_by_reference_under_the_hash_of_its_token() {
    let (world, services) = World::waiting();
    let large = json!("é".repeat(100_000));
    post(&services, &event(&success(large.clone()))).await;
    let state = world.lock();
    let (key, object) = state.objects.first_key_value().expect("an object");
    assert!(key.starts_with(&format!("callbacks/{}/", key_of(TOKEN))));
    assert_eq!(*object, large.to_string().into_bytes(), "byte for byte");
    let (_, Outcome::Success(sent)) = &state.answered[0] else {
        panic!("a success")
    };
    let sent: Value = serde_json::from_str(sent).expect("JSON");
    assert_eq!(sent["artifact_type"], "s3_reference");
    assert_eq!(sent["s3_uri"], format!("s3://bucket/{key}"));
    assert_eq!(sent["size_bytes"], 200_002);
    let kept = &state.kept[&key_of(TOKEN)].0.content;
    let uri = format!("s3://bucket/{key}");
    let bytes = 200_002;
    assert_eq!(*kept, Content::Location { uri, bytes });
}

#[tokio::test]
async fn a_large_result_that_contradicts_does_not_take_the_place_of_the_first() {
    let (world, services) = World::waiting();
    let first = json!("a".repeat(300_000));
    post(&services, &event(&success(first.clone()))).await;
    let other = json!("b".repeat(300_000));
    let (code, answer) = post(&services, &event(&success(other))).await;
    assert_eq!((code, &answer["conflict"]), (200, &json!(true)));
    let state = world.lock();
    let Content::Location { uri, .. } = &state.kept[&key_of(TOKEN)].0.content else {
        panic!("a place")
    };
    let key = uri.trim_start_matches("s3://bucket/");
    assert_eq!(state.objects[key], first.to_string().into_bytes());
}

/// The service was out of reach for the result, the agent got a 500 and reports that as its own failure.
#[tokio::test]
async fn a_result_that_could_not_be_handed_over_is_when_the_agent_comes_again() {
    for result in [json!({ "found": 3 }), json!("a".repeat(300_000))] {
        let (world, services) = World::waiting();
        world.lock().service_says = Some(Kind::Throttled);
        assert_eq!(
            post(&services, &event(&success(result.clone()))).await.0,
            500
        );
        world.lock().service_says = None;
        let failure = json!({ "token": TOKEN, "status": "FAILURE", "error": "got a 500" });
        let (code, answer) = post(&services, &event(&failure)).await;
        assert_eq!((code, &answer["conflict"]), (200, &json!(true)));
        let state = world.lock();
        let [(_, Outcome::Success(told))] = &state.answered[..] else {
            panic!(
                "the workflow hears of the result alone: {:?}",
                state.answered
            )
        };
        let told: Value = serde_json::from_str(told).expect("JSON");
        match result {
            Value::String(_) => assert_eq!(told["size_bytes"], 300_002),
            _ => assert_eq!(told, result),
        }
        assert_eq!(state.kept[&key_of(TOKEN)].1, Some(Delivery::Delivered));
    }
}

#[tokio::test]
async fn the_threshold_is_strict_and_what_no_item_can_hold_is_stored_beside_it() {
    let (world, services) = World::waiting();
    post(&services, &event(&success(json!("é".repeat(99_999))))).await;
    assert!(
        world.lock().objects.is_empty(),
        "200,000 bytes are not large"
    );

    let (world, services) = World::waiting();
    let text = json!({ "token": TOKEN, "status": "SUCCESS", "result": 1e300 });
    post(&services, &event(&text)).await;
    let state = world.lock();
    assert_eq!(state.objects.len(), 1);
    assert_eq!(
        state.answered[0].1,
        Outcome::Success("1e+300".to_owned()),
        "the workflow gets it all"
    );
}

#[tokio::test]
async fn a_push_is_taken_and_settles_nothing() {
    let (world, services) = World::waiting();
    let push =
        json!({ "statusUpdate": { "taskId": "t", "status": { "state": "TASK_STATE_COMPLETED" } } });
    let mut sent = event(&push);
    sent["headers"] = json!({ "X-A2A-Notification-Token": TOKEN });
    let (code, body) = post(&services, &sent).await;
    assert_eq!((code, &body["status"]), (200, &json!("push_received")));
    assert!(
        world.lock().answered.is_empty(),
        "the workflow asks the agent"
    );
    assert!(world.lock().kept.is_empty(), "a push is no answer");
    sent["body"] = json!("{}");
    let refused = (400, json!({ "error": "The body is no A2A push" }));
    assert_eq!(post(&services, &sent).await, refused);
}

#[tokio::test]
async fn no_token_gets_into_a_log_even_from_what_is_no_json() {
    let (_, services) = World::waiting();
    post(&services, &event(&success(json!(1)))).await;
    post(
        &services,
        &json!({ "body": format!("{{\"token\": \"{TOKEN}\"") }),
    )
    .await;
    let text = serde_json::to_string(&services.log.lines()).expect("lines");
    assert!(!text.contains(TOKEN), "{text}");
}

#[test]
fn the_path_names_the_workflow_of_an_orphan() {
    let at = |path: &str| named_in_path(&json!({ "path": path }));
    assert_eq!(at("/v1/callbacks/w-1").as_deref(), Some("w-1"));
    for path in ["/callbacks", "/callbacks/", "/callbacks/a b", "/other/w-1"] {
        assert_eq!(at(path), None, "{path}");
    }
}
