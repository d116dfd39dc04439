//! The review gate is an approval of the server's, and the seeds' routes decide the same gate.

use std::sync::Arc;

use everstep_research::api_handler;
use everstep_research::approval::{Made, Review};
use serde_json::{Value, json};

use crate::drive::{awaited, everybody_answers, invoke, result, run, settle, started};
use crate::world::World;

/// What an approval's end brings to whoever waits.
fn outcome(decision: &str, feedback: &str, reason: Option<&str>) -> Value {
    json!({
        "approved": decision == "APPROVED", "decision": decision, "feedback": feedback, "reason": reason, "approved_by": "ann",
        "approved_at": "2026-11-21T10:10:10.500Z", "form": null, "digest": "d", "approval_id": "0", "round": 1, "decisions": [],
    })
}

fn agents_answer(world: &World, callback: &str) -> bool {
    let first = callback.trim_end_matches(|letter: char| letter == '_' || letter.is_ascii_digit());
    match first {
        "human_approval" => false,
        "analysis_phase" => everybody_answers(world, "analysis_phase_await"),
        _ if callback.starts_with("writing_phase") || callback.starts_with("analysis_phase_2") => {
            settle(
                world,
                callback,
                &json!({ "summary": callback, "report": { "title": callback } }),
            )
        }
        _ => everybody_answers(world, callback),
    }
}

async fn until_asked(world: &World, approval: &str) {
    for _ in 0..30 {
        let answer = invoke(world).await.expect("no crash");
        assert_eq!(answer["Status"], "PENDING", "{answer}");
        let retries = {
            let state = world.lock();
            let mut operations = state.execution.operations.iter();
            operations.any(|operation| operation["Status"] == "PENDING")
        };
        match awaited(world) {
            Some(wait) if wait == approval && !retries => return,
            Some(wait) if agents_answer(world, &wait) => {}
            _ => assert!(world.lock().execution.tick(), "nothing moves"),
        }
    }
    panic!("{approval} is not asked for");
}

async fn approve(world: &World, body: Value, caller: Option<&str>) -> (u64, String) {
    let authorizer = caller.map(|name| json!({ "principalId": name }));
    let event = json!({ "httpMethod": "POST", "path": "/workflows/w-1/approve", "body": body.to_string(),
                        "requestContext": { "authorizer": authorizer } });
    let answer = api_handler(&world.services, &event).await;
    let text = answer["body"].as_str().expect("a body").to_owned();
    (answer["statusCode"].as_u64().expect("a status"), text)
}

#[tokio::test]
async fn the_gate_is_asked_as_an_approval_whose_decision_resumes_the_workflow() {
    let world = started().await;
    until_asked(&world, "human_approval").await;
    let (name, question) = world.lock().approvals[0].clone();
    let token = world
        .lock()
        .execution
        .callback("human_approval")
        .expect("open");
    assert!(name.starts_with("research-") && !name.contains(&token));
    assert_eq!(question["callback"], token);
    assert_eq!(question["expires_in"], 86_400, "the seeds' timeout");
    assert_eq!(question["details"]["workflow_id"], "w-1");
    assert_eq!(
        question["details"]["analysis_sha256"]
            .as_str()
            .map(str::len),
        Some(64)
    );
    let record = world.record("w-1");
    assert_eq!(record["approval"]["id"], "0");
    assert!(!record.to_string().contains(&token));

    settle(
        &world,
        "human_approval",
        &outcome("APPROVED", "shorter", None),
    );
    let answer = run(&world, &everybody_answers).await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    let feedback = world.agent("writer", |agent| {
        agent.messages[0]["message"]["parts"][0]["data"]["feedback"].clone()
    });
    assert_eq!(feedback, "shorter");
}

#[tokio::test]
async fn changes_wanted_in_an_approval_come_back_as_its_next_round() {
    let world = started().await;
    until_asked(&world, "human_approval").await;
    settle(
        &world,
        "human_approval",
        &outcome("CHANGES_REQUESTED", "more figures", None),
    );
    until_asked(&world, "human_approval_2").await;
    let second = world.lock().approvals[1].1.clone();
    assert_eq!(
        (&second["previous"], &second["details"]["round"]),
        (&json!("0"), &json!(2))
    );
    assert_eq!(second["title"], "Publish the report on durable work?");
    assert!(second["details"]["report_sha256"].is_string());

    settle(
        &world,
        "human_approval_2",
        &outcome("CHANGES_REQUESTED", "@analyst: look again", None),
    );
    until_asked(&world, "human_approval_3").await;
    let record = world.record("w-1");
    let asked: Vec<&str> = record["change_requests"]
        .as_array()
        .expect("requests")
        .iter()
        .map(|request| request["changes_to"].as_str().expect("an agent"))
        .collect();
    assert_eq!(asked, ["writer", "analyst"]);
    assert_eq!(world.lock().approvals[2].1["previous"], "1");
}

#[tokio::test]
async fn an_approval_that_ends_otherwise_is_a_rejection_with_its_reason() {
    for (decision, reason) in [
        ("REJECTED", "too thin"),
        ("EXPIRED", "Approval timed out"),
        ("CANCELLED", "Not needed"),
    ] {
        let world = started().await;
        until_asked(&world, "human_approval").await;
        settle(
            &world,
            "human_approval",
            &outcome(decision, "", Some(reason)),
        );
        let answer = result(&run(&world, &everybody_answers).await);
        assert_eq!(
            (&answer["status"], &answer["reason"]),
            (&json!("REJECTED"), &json!(reason))
        );
    }
}

#[tokio::test]
async fn a_step_that_runs_again_has_asked_already() {
    let world = started().await;
    until_asked(&world, "human_approval").await;
    let token = world
        .lock()
        .execution
        .callback("human_approval")
        .expect("open");
    // As when a link in it was signed anew.
    world.lock().approvals[0].1["artifacts"] = json!([{ "title": "t", "url": "http://other" }]);
    let review = Review {
        round: 1,
        made: Made::Analysis,
        callback: token,
        previous: None,
    };
    let analysis = json!({ "summary": "s" });
    let again = everstep_research::request_approval(&world.services, "w-1", &analysis, &review);
    assert_eq!(again.await.expect("asked before")["approval_id"], "0");
    assert_eq!(world.lock().approvals.len(), 1);
}

#[tokio::test]
async fn a_server_without_approvals_leaves_the_seeds_routes() {
    let world = started().await;
    let unknown = json!({ "code": "E0111", "detail": "There is nothing at this address" });
    world.lock().approval_answers.push((404, unknown));
    until_asked(&world, "human_approval").await;
    assert!(world.record("w-1").get("approval").is_none());
    let (status, _) = approve(&world, json!({ "approved": true }), None).await;
    assert_eq!(status, 200);
    assert_eq!(
        result(&run(&world, &everybody_answers).await)["status"],
        "COMPLETED"
    );
}

/// Where the topic alone tells people, a step that did not reach it has not asked anybody.
#[tokio::test]
async fn a_request_that_the_topic_did_not_take_is_told_again() {
    let world = started().await;
    let unknown = json!({ "code": "E0111", "detail": "There is nothing at this address" });
    {
        let mut state = world.lock();
        state.approval_answers = vec![(404, unknown.clone()), (404, unknown)];
        // Three tries of the first attempt of the step.
        state.notice_outage = 3;
    }
    until_asked(&world, "human_approval").await;
    let state = world.lock();
    let told = state.sink.iter().filter(|(id, _)| id.ends_with("/sns"));
    assert_eq!((told.count(), state.notice_outage), (1, 0));
}

#[tokio::test]
async fn a_server_that_is_away_is_asked_again() {
    let world = started().await;
    world.lock().approval_answers.push((503, json!({})));
    until_asked(&world, "human_approval").await;
    assert_eq!(world.lock().approvals.len(), 1);
}

#[tokio::test]
async fn what_the_server_refuses_fails_the_workflow_with_its_words() {
    let world = started().await;
    let refused = json!({ "code": "E0112", "detail": "quorum lies between 1 and 2" });
    world.lock().approval_answers.push((400, refused));
    let answer = run(&world, &everybody_answers).await;
    let text = answer["Error"]["ErrorMessage"].as_str().expect("a failure");
    assert!(
        text.contains("Failed to request approval")
            && text.contains("quorum lies between 1 and 2 (E0112)"),
        "{text}"
    );
}

#[tokio::test]
async fn who_is_not_among_the_approvers_decides_by_no_route() {
    let mut world = started().await;
    Arc::make_mut(&mut world.services.settings).approvers =
        vec!["ann".to_owned(), "group:board".to_owned()];
    until_asked(&world, "human_approval").await;
    assert_eq!(
        world.lock().approvals[0].1["approvers"],
        json!(["ann", "group:board"])
    );
    for caller in [None, Some("mallory")] {
        let claims = json!({ "approved": true, "approved_by": "ann" });
        let (status, text) = approve(&world, claims, caller).await;
        assert_eq!(status, 409, "{caller:?}");
        assert!(
            text.contains("is decided by its approvers") && text.contains("/approvals/0/page"),
            "{text}"
        );
    }
    let (status, _) = approve(&world, json!({ "approved": true }), Some("ann")).await;
    assert_eq!(status, 200);
    let (status, text) = approve(&world, json!({ "approved": false }), Some("ann")).await;
    assert_eq!(status, 409, "the first decision stands");
    assert!(text.contains("it has been decided: "), "{text}");
}
