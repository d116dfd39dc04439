//! Rejection, expiry, agents that fail, and input that cannot work.

use serde_json::{Value, json};

use crate::agents::Manners;
use crate::drive::{everybody_answers, result, run, settle, started};
use crate::world::World;

fn close(world: &World, callback: &str, status: &str, error: &Value) -> bool {
    let mut state = world.lock();
    let id = state.execution.callback(callback).expect("created");
    state
        .execution
        .settle(&id, status, json!({ "Error": error }))
}

/// A failed run's message; the record must tell the same.
fn failure(world: &World, answer: &Value) -> String {
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    assert_eq!(answer["Error"]["ErrorType"], "WorkflowError", "{answer}");
    let message = answer["Error"]["ErrorMessage"]
        .as_str()
        .expect("a message")
        .to_owned();
    let record = world.record("w-1");
    assert_eq!(
        (&record["status"], &record["current_step"]),
        (&json!("FAILED"), &json!("error"))
    );
    assert_eq!(
        message,
        format!(
            "Workflow failed: {}",
            record["error"]["error_message"].as_str().expect("stored")
        )
    );
    message
}

#[tokio::test]
async fn a_rejection_ends_rejected_with_its_reason() {
    for (decision, reason) in [
        (
            json!({ "approved": false, "reason": "too thin" }),
            "too thin",
        ),
        (json!({ "approved": false }), "No reason provided"),
        (json!({}), "No reason provided"),
    ] {
        let world = started().await;
        let answer = run(&world, &|world: &World, callback: &str| match callback {
            "human_approval" => settle(world, callback, &decision),
            _ => everybody_answers(world, callback),
        })
        .await;
        assert_eq!(
            result(&answer),
            json!({ "status": "REJECTED", "workflow_id": "w-1", "reason": reason })
        );
        let record = world.record("w-1");
        assert_eq!(
            (&record["status"], &record["current_step"]),
            (&json!("REJECTED"), &json!("completed"))
        );
        assert_eq!(
            record["rejection_reason"],
            decision["reason"].as_str().unwrap_or_default()
        );
        assert_eq!(
            world.agent("writer", |agent| agent.messages.len()),
            0,
            "nothing is written"
        );
        assert!(
            world
                .lock()
                .execution
                .names()
                .contains(&"mark_rejected".to_owned())
        );
    }
}

#[tokio::test]
async fn defect_16_an_approval_that_nobody_gives_expires_as_rejected() {
    let world = started().await;
    let answer = run(&world, &|world: &World, callback: &str| match callback {
        "human_approval" => {
            let timeout =
                json!({ "ErrorType": "Callback.Timeout", "ErrorMessage": "Callback timed out" });
            close(world, callback, "TIMED_OUT", &timeout)
        }
        _ => everybody_answers(world, callback),
    })
    .await;
    assert_eq!(result(&answer)["reason"], "Approval timed out");
    assert_eq!(
        world.record("w-1")["rejection_reason"],
        "Approval timed out"
    );
}

#[tokio::test]
async fn a_failure_push_fails_the_workflow_with_the_agents_words() {
    let world = started().await;
    let answer = run(&world, &|world: &World, callback: &str| match callback {
        "analysis_phase_await" => {
            let error =
                json!({ "ErrorType": "AgentExecutionError", "ErrorMessage": "the model broke" });
            close(world, callback, "FAILED", &error)
        }
        _ => everybody_answers(world, callback),
    })
    .await;
    assert_eq!(failure(&world, &answer), "Workflow failed: the model broke");
}

#[tokio::test]
async fn an_agent_that_never_answers_is_told_to_stop_when_its_time_is_over() {
    let world = started().await;
    let answer = run(&world, &|world: &World, callback: &str| {
        if callback != "research_phase_await" || world.agent("researcher", |agent| agent.looks) < 3
        {
            return false;
        }
        close(
            world,
            callback,
            "TIMED_OUT",
            &json!({ "ErrorType": "Callback.Timeout", "ErrorMessage": "Callback timed out" }),
        )
    })
    .await;
    let message = failure(&world, &answer);
    assert_eq!(
        message,
        "Workflow failed: the agent for research did not answer within 4 hours"
    );
    assert_eq!(world.agent("researcher", |agent| agent.cancelled.len()), 1);
}

/// The agent forgot its first task and got another one: that is the one that works on for nobody.
#[tokio::test]
async fn the_task_that_an_agent_has_now_is_stopped_when_its_time_is_over() {
    let world = started().await;
    let answer = run(&world, &|world: &World, callback: &str| {
        if callback != "research_phase_await" {
            return false;
        }
        let waits = world.agent("researcher", |agent| match agent.messages.len() {
            1 => {
                agent.tasks.clear();
                true
            }
            _ => agent.looks < 5,
        });
        if waits {
            return false;
        }
        close(
            world,
            callback,
            "TIMED_OUT",
            &json!({ "ErrorType": "Callback.Timeout", "ErrorMessage": "Callback timed out" }),
        )
    })
    .await;
    assert!(failure(&world, &answer).contains("did not answer"));
    world.agent("researcher", |agent| {
        assert_eq!(agent.messages.len(), 2);
        assert_eq!(agent.cancelled, [json!("researcher-task-1")]);
    });
}

#[tokio::test]
async fn a_task_found_failed_by_looking_fails_the_workflow() {
    let world = started().await;
    let answer = run(&world, &|world: &World, callback: &str| {
        if callback == "research_phase_await" {
            world.agent("researcher", |agent| agent.finish("TASK_STATE_FAILED"));
            return false;
        }
        everybody_answers(world, callback)
    })
    .await;
    assert_eq!(
        failure(&world, &answer),
        "Workflow failed: the agent says no more than that it failed"
    );
}

#[tokio::test]
async fn an_agent_that_is_down_is_tried_six_times() {
    let world = started().await;
    world.agent("researcher", |agent| agent.manners = Manners::IsDown);
    let answer = run(&world, &everybody_answers_but_the_dead).await;
    let message = failure(&world, &answer);
    assert!(
        message.starts_with("Workflow failed: Failed to invoke agent: ")
            && message.contains("answered 503"),
        "{message}"
    );
    let state = world.lock();
    let dispatch = state
        .execution
        .operations
        .iter()
        .find(|operation| operation["Name"] == "research_phase_dispatch")
        .expect("tried");
    assert_eq!(dispatch["StepDetails"]["Attempt"], 6);
}

fn everybody_answers_but_the_dead(_: &World, _: &str) -> bool {
    false
}

#[tokio::test]
async fn an_agent_that_answers_nonsense_fails_at_once() {
    let world = started().await;
    world.agent("researcher", |agent| agent.manners = Manners::TalksNonsense);
    let answer = run(&world, &everybody_answers_but_the_dead).await;
    let message = failure(&world, &answer);
    assert!(
        message.starts_with(
            "Workflow failed: Agent dispatch error: the agent answered nonsense (E0302)"
        ),
        "{message}"
    );
}

#[tokio::test]
async fn an_agent_that_goes_down_while_it_works_is_waited_for() {
    let world = started().await;
    let answer = run(&world, &|world: &World, callback: &str| {
        if callback != "research_phase_await" {
            return everybody_answers(world, callback);
        }
        let waits = world
            .lock()
            .execution
            .operations
            .iter()
            .filter(|operation| operation["Type"] == "WAIT")
            .count();
        world.agent("researcher", |agent| {
            agent.manners = if waits < 4 {
                Manners::IsDown
            } else {
                Manners::Works
            };
            agent.finish("TASK_STATE_COMPLETED");
        });
        false
    })
    .await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    assert_eq!(world.agent("researcher", |agent| agent.tasks.len()), 1);
}

#[tokio::test]
async fn a_missing_topic_fails_before_any_record_exists() {
    let world = World::new().await;
    world
        .lock()
        .execution
        .begin("w-1", &json!({ "topic": "", "workflow_id": "w-1" }));
    let answer = run(&world, &everybody_answers).await;
    assert_eq!(answer["Status"], "FAILED");
    assert_eq!(answer["Error"]["ErrorType"], "ValueError");
    assert_eq!(
        answer["Error"]["ErrorMessage"],
        "Missing required field: 'topic'"
    );
    assert!(world.lock().objects.is_empty());
}

#[tokio::test]
async fn an_id_of_another_execution_is_not_taken_over() {
    let world = started().await;
    run(&world, &everybody_answers).await;
    let before = world.record("w-1");
    {
        let mut state = world.lock();
        let input = state.execution.input.clone();
        state.execution = crate::durable::Execution::default();
        state.execution.begin("another-name", &input);
    }
    let answer = run(&world, &everybody_answers).await;
    assert_eq!(answer["Status"], "FAILED");
    let message = answer["Error"]["ErrorMessage"].as_str().expect("a message");
    assert!(
        message.contains("belongs to another execution"),
        "{message}"
    );
    assert_eq!(
        world.record("w-1"),
        before,
        "the other execution's record stays as it is"
    );
}

#[tokio::test]
async fn a_workflow_that_runs_elsewhere_is_not_failed_by_a_namesake() {
    let world = started().await;
    crate::drive::invoke(&world).await.expect("no crash");
    {
        let mut state = world.lock();
        let input = state.execution.input.clone();
        state.execution = crate::durable::Execution::default();
        state.execution.begin("another-name", &input);
    }
    assert_eq!(run(&world, &everybody_answers).await["Status"], "FAILED");
    assert_eq!(world.record("w-1")["status"], "RUNNING");
}

#[tokio::test]
async fn a_reference_into_the_workflow_table_is_refused() {
    for place in [
        "bucket/tables/workflows/w-1.json",
        "bucket/./tables/workflows/w-1.json",
        "bucket/artifacts/../tables/workflows/w-1.json",
        "bucket//tables/workflows/w-1.json",
        "./bucket/tables/workflows/w-1.json",
    ] {
        let world = started().await;
        let answer = run(&world, &|world: &World, callback: &str| {
            let uri = format!("s3://{place}");
            settle(
                world,
                callback,
                &json!({ "artifact_type": "s3_reference", "s3_uri": uri }),
            )
        })
        .await;
        assert!(
            failure(&world, &answer).ends_with("is not an artifact"),
            "{place}: {answer}"
        );
    }
}
