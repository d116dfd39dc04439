//! A person asks for changes, and a workflow is cancelled.

use everstep_research::api_handler;
use everstep_research::controller::controller;
use serde_json::{Value, json};

use crate::drive::{awaited, everybody_answers, invoke, result, run, settle, started};
use crate::world::World;

fn data(message: &Value) -> Value {
    message["message"]["parts"][0]["data"].clone()
}

async fn call(world: &World, method: &str, path: &str, body: Value) -> (u64, Value) {
    let event = json!({ "httpMethod": method, "path": path, "body": body.to_string() });
    let answer = api_handler(&world.services, &event).await;
    let text = answer["body"].as_str().expect("a body");
    let body = serde_json::from_str(text).expect("JSON");
    (answer["statusCode"].as_u64().expect("a status"), body)
}

/// Agents answer; what people do is up to the test.
fn agents_answer(world: &World, callback: &str) -> bool {
    let (phase, agent) = match callback {
        "research_phase_await" => ("research", "researcher"),
        name if name.starts_with("analysis_phase") => ("analysis", "analyst"),
        name if name.starts_with("writing_phase") => ("writing", "writer"),
        _ => return false,
    };
    let rounds = world.agent(agent, |agent| {
        agent.finish("TASK_STATE_COMPLETED");
        agent.messages.len()
    });
    let made = json!({ "summary": format!("{phase} {rounds}"), "report": { "title": format!("Report {rounds}") } });
    settle(world, callback, &made)
}

/// Runs until a person is asked.
async fn until_asked(world: &World, approval: &str) {
    for _ in 0..20 {
        let answer = invoke(world).await.expect("no crash");
        assert_eq!(answer["Status"], "PENDING", "{answer}");
        let wait = awaited(world).expect("a wait");
        if wait == approval {
            return;
        }
        assert!(agents_answer(world, &wait), "{wait}");
    }
    panic!("{approval} is not asked for");
}

#[tokio::test]
async fn requested_changes_go_to_the_writer_and_come_back() {
    let world = started().await;
    until_asked(&world, "human_approval").await;
    let wanted = json!({ "decision": "changes_requested", "feedback": "more figures", "approved_by": "ann" });
    let (status, answer) = call(&world, "POST", "/workflows/w-1/approve", wanted).await;
    assert_eq!((status, &answer["approved"]), (200, &json!(false)));
    until_asked(&world, "human_approval_2").await;

    let record = world.record("w-1");
    assert_eq!(
        (&record["status"], &record["approval_round"]),
        (&json!("AWAITING_APPROVAL"), &json!(2))
    );
    let request = &record["change_requests"][0];
    assert_eq!(
        (
            &request["round"],
            &request["feedback"],
            &request["changes_to"],
            &request["requested_by"]
        ),
        (
            &json!(1),
            &json!("more figures"),
            &json!("writer"),
            &json!("ann")
        )
    );
    let first = world.agent("writer", |agent| data(&agent.messages[0]));
    assert_eq!(
        (&first["feedback"], first.get("draft")),
        (&json!("more figures"), None)
    );

    let wanted = json!({ "decision": "request_changes", "feedback": "shorter" });
    call(&world, "POST", "/approve/w-1", wanted).await;
    until_asked(&world, "human_approval_3").await;
    let second = world.agent("writer", |agent| data(&agent.messages[1]));
    assert_eq!(
        (&second["feedback"], &second["draft"]["summary"]),
        (&json!("shorter"), &json!("writing 1"))
    );

    let (status, _) = call(&world, "POST", "/approve/w-1", json!({ "approved": true })).await;
    assert_eq!(status, 200);
    let answer = run(&world, &agents_answer).await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    let report = world.object("reports/w-1/final_report.json");
    assert_eq!(
        report["report"]["title"], "Report 2",
        "the approved draft is the report"
    );
    assert_eq!(world.agent("writer", |agent| agent.messages.len()), 2);
    let ids = world.agent("writer", |agent| {
        [0, 1].map(|place: usize| agent.messages[place]["message"]["messageId"].clone())
    });
    assert_ne!(ids[0], ids[1], "another round is another task");
    let steps = world.record("w-1")["steps_completed"]
        .as_array()
        .expect("steps")
        .len();
    assert_eq!(steps, 3, "each phase stands once");
    let asked = world
        .lock()
        .sink
        .iter()
        .filter(|(_, event)| event["DetailType"] == "ApprovalRequested")
        .count();
    assert_eq!(asked, 3);
}

#[tokio::test]
async fn requested_changes_may_go_to_the_analyst() {
    let world = started().await;
    until_asked(&world, "human_approval").await;
    let wanted = json!({ "decision": "changes_requested", "changes_to": "analyst", "feedback": "look again" });
    call(&world, "POST", "/approve/w-1", wanted).await;
    until_asked(&world, "human_approval_2").await;
    let sent = world.agent("analyst", |agent| data(&agent.messages[1]));
    assert_eq!(
        (
            &sent["feedback"],
            &sent["draft"]["summary"],
            &sent["research_data"]["summary"]
        ),
        (
            &json!("look again"),
            &json!("analysis 1"),
            &json!("research 1")
        )
    );
    call(
        &world,
        "POST",
        "/approve/w-1",
        json!({ "approved": true, "feedback": "go" }),
    )
    .await;
    assert_eq!(
        result(&run(&world, &agents_answer).await)["status"],
        "COMPLETED"
    );
    let writing = world.agent("writer", |agent| data(&agent.messages[0]));
    assert_eq!(
        (&writing["analysis"]["summary"], &writing["feedback"]),
        (&json!("analysis 2"), &json!("go"))
    );
}

#[tokio::test]
async fn changes_without_feedback_and_unknown_decisions_are_refused() {
    let world = started().await;
    until_asked(&world, "human_approval").await;
    for (body, text) in [
        (
            json!({ "decision": "changes_requested" }),
            "Missing required field: 'feedback'",
        ),
        (json!({}), "Missing required field: 'approved'"),
        (
            json!({ "approved": "yes" }),
            "Missing required field: 'approved'",
        ),
    ] {
        let (status, answer) = call(&world, "POST", "/approve/w-1", body).await;
        assert_eq!((status, &answer["error"]), (400, &json!(text)));
    }
    assert_eq!(awaited(&world).as_deref(), Some("human_approval"));
}

#[tokio::test]
async fn a_cancelled_workflow_is_stopped_with_its_reason_and_its_agent_is_told() {
    let mut world = started().await;
    invoke(&world).await.expect("no crash");
    let task = world.record("w-1")["agent_task"].clone();
    assert_eq!(task["agent"], "researcher");
    // The functions in front of the workflow have no agents configured.
    let mut front = (*world.services.settings).clone();
    front.researcher.clear();
    world.services.settings = std::sync::Arc::new(front);
    let (status, answer) = call(
        &world,
        "POST",
        "/workflows/w-1/cancel",
        json!({ "reason": "too dear" }),
    )
    .await;
    assert_eq!(
        (status, &answer["status"], &answer["reason"]),
        (200, &json!("CANCELLED"), &json!("too dear"))
    );
    assert_eq!(
        answer["agents"][0],
        json!({ "agent": "researcher", "task_id": task["task_id"], "cancelled": true })
    );
    assert_eq!(world.agent("researcher", |agent| agent.cancelled.len()), 1);
    let stopped = world.lock().execution.stopped.clone().expect("stopped");
    assert!(
        stopped.contains("WorkflowCancelled") && stopped.contains("too dear"),
        "{stopped}"
    );
    let record = world.record("w-1");
    assert_eq!(
        (
            &record["status"],
            &record["cancellation_reason"],
            &record["current_step"]
        ),
        (
            &json!("CANCELLED"),
            &json!("too dear"),
            &json!("research_phase")
        )
    );
    let told = world.lock().sink.iter().any(|(_, event)| {
        event["DetailType"] == "WorkflowStateChanged"
            && event["Detail"]
                .as_str()
                .is_some_and(|text| text.contains("\"to\":\"CANCELLED\""))
    });
    assert!(told, "the outside hears of it");
    let (status, again) = call(&world, "DELETE", "/workflows/w-1", Value::Null).await;
    assert_eq!(
        (status, &again["reason"]),
        (200, &json!("too dear")),
        "the first reason stays"
    );
}

#[tokio::test]
async fn what_is_over_or_unknown_is_not_cancelled() {
    let world = started().await;
    run(&world, &everybody_answers).await;
    let (status, answer) = call(&world, "POST", "/workflows/w-1/cancel", json!({})).await;
    assert_eq!(
        (status, &answer["error"]),
        (409, &json!("Workflow w-1 is over: COMPLETED"))
    );
    let (status, answer) = call(&world, "DELETE", "/workflows/nobody", Value::Null).await;
    assert_eq!(
        (status, &answer["error"]),
        (404, &json!("Workflow not found"))
    );
    let direct = json!({ "action": "cancel", "workflow_id": "w-1" });
    assert!(controller(&world.services, &direct).await.is_err());
    assert!(world.lock().execution.stopped.is_none());
}

#[tokio::test]
async fn an_agent_that_is_dispatched_while_the_workflow_is_cancelled_is_stopped() {
    let world = started().await;
    invoke(&world).await.expect("no crash");
    call(&world, "POST", "/workflows/w-1/cancel", json!({})).await;
    // The stopped execution had one more invocation under way.
    assert!(settle(
        &world,
        "research_phase_await",
        &json!({ "summary": "s" })
    ));
    let answer = invoke(&world).await.expect("no crash");
    assert_ne!(answer["Status"], "SUCCEEDED");
    assert_eq!(world.agent("analyst", |agent| agent.messages.len()), 0);
    assert_eq!(world.record("w-1")["status"], "CANCELLED");
}
