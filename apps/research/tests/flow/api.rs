//! The small functions: start, status, approval, resume.

use everstep_research::api_handler;
use everstep_research::controller::controller;
use serde_json::{Value, json};

use crate::drive::{everybody_answers, invoke, result, run, started};
use crate::world::World;

async fn call(
    world: &World,
    method: &str,
    path: &str,
    headers: Value,
    body: Value,
) -> (u64, Value) {
    let body = if body.is_null() {
        Value::Null
    } else {
        Value::String(body.to_string())
    };
    let event = json!({ "httpMethod": method, "path": path, "headers": headers, "body": body });
    let answer = api_handler(&world.services, &event).await;
    let body = serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON");
    (answer["statusCode"].as_u64().expect("a status"), body)
}

#[tokio::test]
async fn a_start_answers_at_once_and_an_idempotency_key_is_one_workflow() {
    let world = World::new().await;
    let body = json!({ "topic": "t", "parameters": { "depth": "deep" } });
    let (status, first) = call(
        &world,
        "POST",
        "/workflows",
        json!({ "Idempotency-Key": "k" }),
        body.clone(),
    )
    .await;
    assert_eq!(
        (status, &first["status"], &first["awaiting"]),
        (200, &json!("PENDING"), &json!("research_completion"))
    );
    let (_, second) = call(
        &world,
        "POST",
        "/workflows",
        json!({ "idempotency-key": "k" }),
        body.clone(),
    )
    .await;
    assert_eq!(first, second);
    let (_, third) = call(&world, "POST", "/workflows", json!({}), body).await;
    assert_ne!(first["workflow_id"], third["workflow_id"]);
    let (status, other) = call(
        &world,
        "POST",
        "/workflows",
        json!({ "Idempotency-Key": "k" }),
        json!({ "topic": "other" }),
    )
    .await;
    assert_eq!(status, 409, "{other}");
    let starts = world.lock().starts.clone();
    assert_eq!(starts.len(), 2);
    assert_eq!(
        starts[0].1,
        json!({ "topic": "t", "parameters": { "depth": "deep" }, "workflow_id": first["workflow_id"] })
    );
}

#[tokio::test]
async fn bad_requests_have_the_specifications_answers() {
    let world = World::new().await;
    let post = |body: Value| call(&world, "POST", "/workflows", json!({}), body);
    assert_eq!(
        post(json!({ "parameters": {} })).await,
        (400, json!({ "error": "Missing required field: 'topic'" }))
    );
    assert_eq!(
        post(Value::Null).await,
        (400, json!({ "error": "Missing required field: 'topic'" }))
    );
    assert_eq!(
        post(json!({ "topic": "t", "parameters": [] })).await,
        (400, json!({ "error": "Parameters must be a dictionary" }))
    );
    let get = |path: &'static str| call(&world, "GET", path, json!({}), Value::Null);
    assert_eq!(
        get("/workflows/nobody").await,
        (404, json!({ "error": "Workflow not found" }))
    );
    assert_eq!(
        get("/workflows/..%2Fx").await,
        (404, json!({ "error": "Workflow not found" }))
    );
    assert_eq!(
        get("/elsewhere").await,
        (404, json!({ "error": "Not found" }))
    );
    let broken = api_handler(
        &world.services,
        &json!({ "httpMethod": "POST", "path": "/workflows", "body": "{" }),
    )
    .await;
    assert_eq!(broken["statusCode"], 400);
    assert!(world.lock().starts.is_empty());
}

#[tokio::test]
async fn an_outage_is_answered_without_internals() {
    let world = World::new().await;
    world.lock().artifact_outage = 1;
    let (status, body) = call(&world, "GET", "/workflows/w-1", json!({}), Value::Null).await;
    assert_eq!(
        (status, body),
        (
            503,
            json!({ "error": "Temporarily unavailable, try again" })
        )
    );
    assert!(
        world
            .services
            .log
            .lines()
            .iter()
            .any(|line| line["event"] == "api_handler_error")
    );
}

#[tokio::test]
async fn status_and_list_show_the_record() {
    let world = started().await;
    invoke(&world).await.expect("no crash");
    let (status, record) = call(&world, "GET", "/workflows/w-1", json!({}), Value::Null).await;
    assert_eq!(status, 200);
    for field in [
        "workflow_id",
        "topic",
        "status",
        "current_step",
        "created_at",
        "updated_at",
        "steps_completed",
    ] {
        assert!(record.get(field).is_some(), "{field} in {record}");
    }
    assert!(
        record["created_at"]
            .as_str()
            .expect("a time")
            .ends_with('Z')
    );
    let (_, list) = call(&world, "GET", "/workflows", json!({}), Value::Null).await;
    assert_eq!(list["workflows"][0]["workflow_id"], "w-1");
    let event = json!({ "httpMethod": "GET", "path": "/workflows", "queryStringParameters": { "status": "COMPLETED" } });
    let answer = api_handler(&world.services, &event).await;
    assert_eq!(answer["body"], "{\"workflows\":[],\"next\":null}");
}

/// Runs until a person has to decide.
async fn awaiting_approval() -> World {
    let world = started().await;
    for callback in ["research_phase_await", "analysis_phase_await"] {
        invoke(&world).await.expect("no crash");
        everybody_answers(&world, callback);
    }
    invoke(&world).await.expect("no crash");
    assert_eq!(world.record("w-1")["status"], "AWAITING_APPROVAL");
    world
}

#[tokio::test]
async fn both_approval_routes_and_the_direct_invocation_approve() {
    let decision = json!({ "approved": true, "feedback": "go" });
    for path in ["/approve/w-1", "/workflows/w-1/approve"] {
        let world = awaiting_approval().await;
        let (status, body) = call(&world, "POST", path, json!({}), decision.clone()).await;
        assert_eq!(
            (status, &body["status"], &body["approved"]),
            (200, &json!("decision_recorded"), &json!(true)),
            "{body}"
        );
        let answer = run(&world, &everybody_answers).await;
        assert_eq!(result(&answer)["status"], "COMPLETED");
        let sent = world.agent("writer", |agent| {
            agent.messages[0]["message"]["parts"][0]["data"]["feedback"].clone()
        });
        assert_eq!(sent, "go");
    }
    let world = awaiting_approval().await;
    let event =
        json!({ "action": "approve", "workflow_id": "w-1", "approved": false, "reason": "no" });
    controller(&world.services, &event)
        .await
        .expect("a decision");
    assert_eq!(
        result(&run(&world, &everybody_answers).await)["reason"],
        "no"
    );
}

#[tokio::test]
async fn a_decision_needs_a_waiting_workflow_and_a_clear_word() {
    let world = awaiting_approval().await;
    let decide = |path: &'static str, body: Value| call(&world, "POST", path, json!({}), body);
    assert_eq!(
        decide("/approve/w-1", json!({})).await,
        (
            400,
            json!({ "error": "Missing required field: 'approved'" })
        )
    );
    assert_eq!(
        decide("/approve/nobody", json!({ "approved": true }))
            .await
            .0,
        404
    );
    assert_eq!(
        decide("/approve/w-1", json!({ "approved": true })).await.0,
        200
    );
    assert_eq!(
        decide("/approve/w-1", json!({ "approved": false })).await.0,
        409,
        "the first decision counts"
    );
    let early = started().await;
    invoke(&early).await.expect("no crash");
    assert_eq!(
        call(
            &early,
            "POST",
            "/approve/w-1",
            json!({}),
            json!({ "approved": true })
        )
        .await
        .0,
        409
    );
}

#[tokio::test]
async fn the_approver_is_who_the_front_door_knows_not_who_the_body_claims() {
    let world = awaiting_approval().await;
    let event = json!({ "httpMethod": "POST", "path": "/approve/w-1", "body": "{\"approved\":true,\"approved_by\":\"claimed\"}",
                        "requestContext": { "authorizer": { "principalId": "ann" } } });
    let answer = api_handler(&world.services, &event).await;
    assert!(
        answer["body"]
            .as_str()
            .expect("a body")
            .contains("\"approved_by\":\"ann\""),
        "{answer}"
    );
}

#[tokio::test]
async fn the_seeds_resume_fields_settle_exactly_the_named_wait() {
    let world = started().await;
    invoke(&world).await.expect("no crash");
    let token = world
        .lock()
        .execution
        .callback("research_phase_await")
        .expect("created");
    let event = |name: &str, token: &str| json!({ "workflow_id": "w-1", "callback_name": name, "callback_token": token, "callback_result": { "summary": "resumed" } });
    for (name, token) in [
        ("analysis_phase_await", token.as_str()),
        ("research_phase_await", "forged"),
    ] {
        controller(&world.services, &event(name, token))
            .await
            .expect_err("not that wait");
    }
    let answer = controller(&world.services, &event("research_phase_callback", &token))
        .await
        .expect("settled");
    assert_eq!(answer["status"], "PENDING");
    controller(&world.services, &event("research_phase_await", &token))
        .await
        .expect_err("it is closed");
    invoke(&world).await.expect("no crash");
    let sent = world.agent("analyst", |agent| {
        agent.messages[0]["message"]["parts"][0]["data"]["research_data"].clone()
    });
    assert_eq!(sent["summary"], "resumed");
}

#[tokio::test]
async fn the_controller_answers_by_the_state_of_a_workflow_it_knows() {
    let world = awaiting_approval().await;
    let event = json!({ "topic": "durable work", "workflow_id": "w-1" });
    let answer = controller(&world.services, &event).await.expect("started");
    assert_eq!(answer["status"], "AWAITING_APPROVAL");
    assert_eq!(
        answer["callback_url"],
        format!("{}/callbacks/w-1", world.base)
    );
    for event in [
        json!({}),
        json!({ "action": "dance" }),
        json!({ "action": "approve" }),
    ] {
        controller(&world.services, &event)
            .await
            .expect_err("not a request");
    }
}
