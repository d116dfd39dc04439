//! The flow when everybody does their part.

use serde_json::{Value, json};

use crate::drive::{awaited, everybody_answers, invoke, result, run, settle, started};

#[tokio::test]
async fn the_workflow_completes_with_the_seeds_steps_record_and_artifacts() {
    let world = started().await;
    let answer = run(&world, &everybody_answers).await;
    let result = result(&answer);
    assert_eq!(result["status"], "COMPLETED");
    assert_eq!(result["workflow_id"], "w-1");

    let record = world.record("w-1");
    assert_eq!(
        (&record["status"], &record["current_step"]),
        (&json!("COMPLETED"), &json!("completed"))
    );
    assert_eq!(record["report_url"], result["report_url"]);
    assert_eq!(record["completed_at"], result["completed_at"]);
    let steps: Vec<&Value> = record["steps_completed"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| &step["step_name"])
        .collect();
    assert_eq!(
        steps,
        [
            &json!("research_phase"),
            &json!("analysis_phase"),
            &json!("writing_phase")
        ]
    );
    assert_eq!(
        world.object("reports/w-1/final_report.json")["report"]["title"],
        "Report"
    );

    // Each wait is created before its counterpart hears of it; apart from that the order is the specification's.
    let names = world.lock().execution.names();
    assert_eq!(
        names,
        [
            "init_workflow",
            "research_phase_await",
            "research_phase_dispatch",
            "analysis_phase_await",
            "analysis_phase_dispatch",
            "human_approval",
            "request_approval",
            "writing_phase_await",
            "writing_phase_dispatch",
            "finalize_workflow",
        ]
    );
}

#[tokio::test]
async fn defect_01_the_token_the_agent_gets_is_the_one_awaited() {
    let world = started().await;
    invoke(&world).await.expect("no crash");
    let awaited_id = world
        .lock()
        .execution
        .callback("research_phase_await")
        .expect("created");
    world.agent("researcher", |agent| {
        let message = &agent.messages[0];
        let payload = &message["message"]["parts"][0]["data"];
        assert_eq!(payload["callback_token"], awaited_id.as_str());
        assert_eq!(
            message["configuration"]["taskPushNotificationConfig"]["token"],
            awaited_id.as_str()
        );
        let url = payload["callback_url"].as_str().expect("an address");
        assert!(url.ends_with("/callbacks/w-1"), "{url}");
    });
    assert!(settle(
        &world,
        "research_phase_await",
        &json!({ "summary": "s" })
    ));
    invoke(&world).await.expect("no crash");
    assert_eq!(awaited(&world).as_deref(), Some("analysis_phase_await"));
}

#[tokio::test]
async fn defect_02_token_and_ids_are_the_same_over_ten_replays() {
    let world = started().await;
    invoke(&world).await.expect("no crash");
    let before = world.lock().execution.operations.len();
    let token = world.lock().execution.callback("research_phase_await");
    for _ in 0..10 {
        let answer = invoke(&world).await.expect("no crash");
        assert_eq!(answer["Status"], "PENDING");
    }
    assert_eq!(
        world.lock().execution.callback("research_phase_await"),
        token
    );
    assert_eq!(
        world.lock().execution.operations.len(),
        before,
        "a replay creates nothing"
    );
    assert_eq!(world.agent("researcher", |agent| agent.messages.len()), 1);
}

#[tokio::test]
async fn defect_06_after_the_research_callback_the_workflow_is_running_in_analysis_phase() {
    let world = started().await;
    invoke(&world).await.expect("no crash");
    assert_eq!(world.record("w-1")["current_step"], "research_phase");
    everybody_answers(&world, "research_phase_await");
    invoke(&world).await.expect("no crash");
    let record = world.record("w-1");
    assert_eq!(
        (&record["status"], &record["current_step"]),
        (&json!("RUNNING"), &json!("analysis_phase"))
    );
}

#[tokio::test]
async fn defect_10_every_dispatch_carries_its_task() {
    let world = started().await;
    run(&world, &everybody_answers).await;
    for (agent, task) in [
        ("researcher", "research"),
        ("analyst", "analyze"),
        ("writer", "write_report"),
    ] {
        let sent = world.agent(agent, |agent| {
            agent.messages[0]["message"]["parts"][0]["data"].clone()
        });
        assert_eq!(sent["task"], task);
        assert_eq!(sent["workflow_id"], "w-1");
    }
    let writing = world.agent("writer", |agent| {
        agent.messages[0]["message"]["parts"][0]["data"].clone()
    });
    assert_eq!(
        writing["feedback"], "shorter, please",
        "the reviewer's words reach the writer"
    );
    assert_eq!(writing["analysis"]["summary"], "what it means");
}

#[tokio::test]
async fn events_follow_the_state_in_the_seeds_shapes() {
    let world = started().await;
    run(&world, &everybody_answers).await;
    let state = world.lock();
    let kinds: Vec<&str> = state
        .sink
        .iter()
        .filter_map(|(_, event)| event["DetailType"].as_str().or(event["Subject"].as_str()))
        .collect();
    let changed = "WorkflowStateChanged";
    assert_eq!(
        kinds,
        [
            changed,
            changed,
            changed,
            "Approval Required: Workflow w-1",
            "ApprovalRequested",
            changed,
            changed,
            "WorkflowCompleted",
        ]
    );
    let (_, approval) = state
        .sink
        .iter()
        .find(|(_, event)| event["DetailType"] == "ApprovalRequested")
        .expect("sent");
    assert_eq!(
        (&approval["Source"], &approval["Resources"]),
        (&json!("agent.orchestration"), &json!(["w-1"]))
    );
    let detail: Value =
        serde_json::from_str(approval["Detail"].as_str().expect("text")).expect("JSON");
    assert_eq!(detail["analysis_summary"], "what it means");
    assert!(
        detail["callback_url"]
            .as_str()
            .expect("an address")
            .ends_with("/approve/w-1")
    );
    let ids: std::collections::BTreeSet<&String> = state.sink.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), state.sink.len(), "every event has its own id");
}

#[tokio::test]
async fn defect_15_the_report_link_is_asked_for_seven_days() {
    let world = started().await;
    run(&world, &everybody_answers).await;
    let links = world.lock().links.clone();
    assert_eq!(
        links,
        [
            json!({ "bucket": "bucket", "key": "reports/w-1/final_report.json", "expires_seconds": 604_800 })
        ]
    );
}

#[tokio::test]
async fn no_token_and_no_signed_link_is_logged_and_no_step_keeps_a_token() {
    let world = started().await;
    run(&world, &everybody_answers).await;
    let lines = world.services.log.lines();
    let events: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["event"].as_str())
        .collect();
    for event in [
        "workflow_initialized",
        "callback_registered",
        "agent_task_dispatched",
        "approval_requested",
        "workflow_finalized",
        "workflow_suspended_for_callback",
        "durable_workflow_completed",
    ] {
        assert!(events.contains(&event), "{event} in {events:?}");
    }
    let text = serde_json::to_string(&lines).expect("lines");
    assert!(
        !text.contains("secret") && !text.contains("SIGNED"),
        "{text}"
    );
    for operation in world
        .lock()
        .execution
        .operations
        .iter()
        .filter(|operation| operation["Type"] == "STEP")
    {
        let kept = operation["StepDetails"].to_string();
        assert!(!kept.contains("secret"), "{}: {kept}", operation["Name"]);
    }
}
