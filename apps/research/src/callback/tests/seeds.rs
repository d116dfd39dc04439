//! The original's unit cases of its callback handler, by their numbers: parse 1 to 4, validate 5 to 11, answers 12 and 13, handler 14 to 18. The
//! server's own `/callbacks` answers the same (crates/server/tests/server/callbacks.rs). And what was wrong beside them, by the defect's number.

use serde_json::{Value, json};

use super::world::{TOKEN, World, inline};
use super::{INVOCATION, event, figures, names, post, success};
use crate::callback::{Content, Outcome, callback_handler, key_of};
use crate::record::status;

/// What a body is refused with.
async fn refused(body: Value) -> String {
    let (world, services) = World::waiting();
    let (code, answer) = post(&services, &json!({ "body": body })).await;
    assert_eq!(code, 400, "{answer}");
    let state = world.lock();
    assert!(
        state.kept.is_empty() && state.answered.is_empty(),
        "nothing is kept of it"
    );
    answer["error"].as_str().expect("a text").to_owned()
}

async fn refused_value(body: Value) -> String {
    refused(Value::from(body.to_string())).await
}

#[tokio::test]
async fn case_01_parse_a_body_that_is_json_text() {
    let (world, services) = World::waiting();
    let sent = json!({ "body": success(json!({ "n": 1 })).to_string() });
    assert_eq!(post(&services, &sent).await.0, 200);
    assert_eq!(
        inline(&world.lock().kept[&key_of(TOKEN)].0.content),
        &json!({ "n": 1 })
    );
}

#[tokio::test]
async fn case_02_parse_a_body_that_somebody_parsed_already() {
    let (world, services) = World::waiting();
    assert_eq!(
        post(&services, &json!({ "body": success(json!(7)) }))
            .await
            .0,
        200
    );
    assert_eq!(
        inline(&world.lock().kept[&key_of(TOKEN)].0.content),
        &json!(7)
    );
}

#[tokio::test]
async fn case_03_parse_what_is_no_json() {
    for body in ["{not json", "null"] {
        assert_eq!(
            refused(json!(body)).await,
            "Invalid JSON in request body",
            "{body}"
        );
    }
}

#[tokio::test]
async fn case_04_parse_what_is_missing_or_empty() {
    let (_, services) = World::waiting();
    let (code, answer) = post(&services, &json!({})).await;
    let text = "Request body is empty or invalid JSON";
    assert_eq!((code, &answer["error"]), (400, &json!(text)));
    for body in ["", "{}", "[]", "\"\"", "0", "false"] {
        assert_eq!(refused(json!(body)).await, text, "{body}");
    }
}

#[tokio::test]
async fn case_05_validate_a_success() {
    let (world, services) = World::waiting();
    assert_eq!(post(&services, &event(&success(Value::Null))).await.0, 200);
    let state = world.lock();
    assert_eq!(state.kept[&key_of(TOKEN)].0.status, "SUCCESS");
}

#[tokio::test]
async fn case_06_validate_a_failure() {
    let (world, services) = World::waiting();
    let body =
        json!({ "token": TOKEN, "status": "FAILURE", "error": "the model broke", "more": 1 });
    assert_eq!(post(&services, &event(&body)).await.0, 200);
    assert_eq!(world.lock().kept[&key_of(TOKEN)].0.status, "FAILURE");
}

#[tokio::test]
async fn case_07_validate_that_there_is_a_token() {
    for body in [
        json!({ "status": "SUCCESS", "result": 1 }),
        json!({ "token": "", "status": "SUCCESS" }),
    ] {
        assert_eq!(refused_value(body).await, "Missing required field: token");
    }
}

#[tokio::test]
async fn case_08_validate_that_there_is_a_status() {
    let body = json!({ "token": TOKEN, "result": 1 });
    assert_eq!(refused_value(body).await, "Missing required field: status");
}

#[tokio::test]
async fn case_09_validate_that_the_status_is_one_of_two() {
    for (status, shown) in [
        (json!("DONE"), "DONE"),
        (Value::Null, "None"),
        (json!("success"), "success"),
    ] {
        let body = json!({ "token": TOKEN, "status": status });
        let text = format!("Invalid status value: {shown}. Must be SUCCESS or FAILURE");
        assert_eq!(refused_value(body).await, text);
    }
}

#[tokio::test]
async fn case_10_validate_that_a_success_has_a_result() {
    let body = json!({ "token": TOKEN, "status": "SUCCESS", "error": "e" });
    assert_eq!(
        refused_value(body).await,
        "SUCCESS status requires 'result' field"
    );
}

#[tokio::test]
async fn case_11_validate_that_a_failure_has_an_error() {
    let body = json!({ "token": TOKEN, "status": "FAILURE", "result": 1 });
    assert_eq!(
        refused_value(body).await,
        "FAILURE status requires 'error' field"
    );
}

#[tokio::test]
async fn case_12_an_answer_is_json_with_its_status() {
    let (_, services) = World::waiting();
    let answer = callback_handler(&services, &event(&success(json!(1))), INVOCATION).await;
    assert_eq!(answer["statusCode"], 200);
    let body: Value = serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(
        (&body["status"], &body["token"]),
        (&json!("callback_delivered"), &json!(TOKEN))
    );
    assert!(body["timestamp"].as_str().expect("a time").ends_with('Z'));
}

#[tokio::test]
async fn case_13_every_answer_may_be_read_by_pages() {
    let (_, services) = World::waiting();
    for sent in [event(&success(json!(1))), json!({ "body": "{" })] {
        let answer = callback_handler(&services, &sent, INVOCATION).await;
        assert_eq!(answer["headers"]["Content-Type"], "application/json");
        assert_eq!(answer["headers"]["Access-Control-Allow-Origin"], "*");
    }
}

#[tokio::test]
async fn case_14_handle_a_success() {
    let (world, services) = World::waiting();
    assert_eq!(
        post(&services, &event(&success(json!({ "a": 1 })))).await.0,
        200
    );
    let outcome = Outcome::Success(json!({ "a": 1 }).to_string());
    assert_eq!(world.lock().answered, [(TOKEN.to_owned(), outcome)]);
    let said = names(&services);
    for name in [
        "callback_received",
        "callback_processing",
        "callback_stored",
        "callback_completed",
    ] {
        assert!(said.contains(&name.to_owned()), "{name} in {said:?}");
    }
}

#[tokio::test]
async fn case_15_handle_a_failure() {
    let (world, services) = World::waiting();
    let body = json!({ "token": TOKEN, "status": "FAILURE", "error": "the model broke" });
    assert_eq!(post(&services, &event(&body)).await.0, 200);
    let failure = Outcome::Failure("\"the model broke\"".to_owned());
    assert_eq!(world.lock().answered, [(TOKEN.to_owned(), failure)]);
}

#[tokio::test]
async fn case_16_handle_a_body_that_cannot_be_read() {
    let (_, services) = World::waiting();
    let (code, _) = post(&services, &json!({ "body": "{" })).await;
    assert_eq!(code, 400);
    assert!(names(&services).contains(&"parse_error".to_owned()));
}

#[tokio::test]
async fn case_17_handle_a_body_that_is_not_valid() {
    let (_, services) = World::waiting();
    let (code, _) = post(&services, &event(&json!({ "status": "SUCCESS" }))).await;
    assert_eq!(code, 400);
    assert!(names(&services).contains(&"validation_error".to_owned()));
}

#[tokio::test]
async fn case_18_handle_a_store_that_fails() {
    let (world, services) = World::waiting();
    world.lock().items_fail = true;
    let (code, answer) = post(&services, &event(&success(json!(1)))).await;
    assert_eq!(
        (code, &answer["error"]),
        (500, &json!("Failed to store callback result"))
    );
    let said = names(&services);
    assert!(said.contains(&"callback_failed".to_owned()), "{said:?}");
    assert_eq!(figures(&services)["StorageFailures"], 1);
}

#[tokio::test]
async fn defect_04_a_callback_is_stored_and_listed_under_its_workflow() {
    let (world, services) = World::waiting();
    post(&services, &event(&success(json!(1)))).await;
    let kept = world.lock().kept[&key_of(TOKEN)].0.workflow_id.clone();
    assert_eq!(kept.as_deref(), Some("w-1"));
    let listed = services.callbacks.list("w-1", None).await.expect("a page");
    assert_eq!(listed.callbacks, [json!({ "status": "SUCCESS" })]);
}

#[tokio::test]
async fn defect_05_a_token_is_found_by_its_hash_whatever_else_is_kept() {
    let (world, services) = World::waiting();
    for other in 0..10_000 {
        let wait = crate::callback::Wait {
            workflow_id: format!("other-{other}"),
            step: "research_phase_await".to_owned(),
        };
        world
            .lock()
            .waits
            .insert(key_of(&format!("token-{other}")), wait);
    }
    post(&services, &event(&success(json!(1)))).await;
    let state = world.lock();
    assert_eq!(
        state.kept[&key_of(TOKEN)].0.workflow_id.as_deref(),
        Some("w-1")
    );
    assert_eq!(state.answered.len(), 1);
}

#[tokio::test]
async fn defect_06_a_success_never_completes_the_workflow() {
    let (world, services) = World::waiting();
    post(&services, &event(&success(json!(1)))).await;
    let record = world.lock().records["w-1"].clone();
    assert_eq!(
        (record.status.as_str(), record.current_step.as_str()),
        (status::RUNNING, "research_phase")
    );
}

#[tokio::test]
async fn defect_08_both_routes_reach_the_same_wait() {
    for path in [
        "/callbacks",
        "/callbacks/w-1",
        "/callbacks/another",
        "/v1/callbacks/w-1/",
    ] {
        let (world, services) = World::waiting();
        let mut sent = event(&success(json!(1)));
        sent["path"] = json!(path);
        assert_eq!(post(&services, &sent).await.0, 200, "{path}");
        let state = world.lock();
        assert_eq!(state.answered.len(), 1, "the token decides: {path}");
        assert_eq!(
            state.kept[&key_of(TOKEN)].0.workflow_id.as_deref(),
            Some("w-1")
        );
    }
}

#[tokio::test]
async fn defect_13_a_result_is_large_by_its_bytes() {
    let (world, services) = World::waiting();
    // 100,000 letters; with the quotation marks two bytes above the threshold.
    post(&services, &event(&success(json!("é".repeat(100_000))))).await;
    let kept = world.lock().kept[&key_of(TOKEN)].0.content.clone();
    assert!(matches!(kept, Content::Location { .. }), "{kept:?}");
}
