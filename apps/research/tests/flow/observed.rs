//! What was seen in the original beside its numbered defects, one test each. The callback service's own stand with it.

use everstep_research::api_handler;
use everstep_research::settings::{Role, Settings};
use serde_json::{Value, json};

use crate::drive::{awaited, everybody_answers, invoke, run, started};
use crate::world::World;

async fn post(world: &World, path: &str, body: &Value) -> (u64, Value) {
    let event = json!({ "httpMethod": "POST", "path": path, "body": body.to_string() });
    let answer = api_handler(&world.services, &event).await;
    let text = answer["body"].as_str().expect("a body");
    let body = serde_json::from_str(text).expect("JSON");
    (answer["statusCode"].as_u64().expect("a status"), body)
}

#[tokio::test]
async fn observed_a_missing_topic_is_the_callers_mistake_and_leaves_nothing() {
    let world = World::new().await;
    for body in [
        json!({}),
        json!({ "topic": "" }),
        json!({ "topic": 7 }),
        json!([]),
    ] {
        let (status, answer) = post(&world, "/workflows", &body).await;
        assert_eq!(
            (status, &answer["error"]),
            (400, &json!("Missing required field: 'topic'")),
            "{body}"
        );
    }
    let state = world.lock();
    assert!(state.starts.is_empty() && state.objects.is_empty());
}

#[tokio::test]
async fn observed_the_approve_route_starts_no_workflow() {
    let world = World::new().await;
    let body = json!({ "approved": true, "topic": "never mind" });
    let (status, answer) = post(&world, "/workflows/w-9/approve", &body).await;
    assert_eq!(
        (status, &answer["error"]),
        (404, &json!("Workflow not found"))
    );
    assert!(world.lock().starts.is_empty());
}

#[tokio::test]
async fn observed_parameters_are_checked_when_a_workflow_starts() {
    let world = World::new().await;
    for parameters in [json!([]), json!("deep"), json!(3)] {
        let body = json!({ "topic": "t", "parameters": parameters });
        let (status, answer) = post(&world, "/workflows", &body).await;
        assert_eq!(
            (status, &answer["error"]),
            (400, &json!("Parameters must be a dictionary"))
        );
    }
    assert!(world.lock().starts.is_empty());
}

#[tokio::test]
async fn observed_parameters_that_are_null_reach_the_agents_as_an_object() {
    let world = World::new().await;
    let input = json!({ "topic": "t", "parameters": null, "workflow_id": "w-1" });
    world.lock().execution.begin("w-1", &input);
    invoke(&world).await.expect("no crash");
    let sent = world.agent("researcher", |agent| {
        agent.messages[0]["message"]["parts"][0]["data"]["parameters"].clone()
    });
    assert_eq!(sent, json!({}));
    assert_eq!(world.record("w-1")["parameters"], json!({}));
}

#[tokio::test]
async fn observed_no_replay_records_a_phase_twice() {
    let world = started().await;
    invoke(&world).await.expect("no crash");
    everybody_answers(&world, "research_phase_await");
    for _ in 0..5 {
        invoke(&world).await.expect("no crash");
    }
    assert_eq!(awaited(&world).as_deref(), Some("analysis_phase_await"));
    let names = |world: &World| -> Vec<Value> {
        let record = world.record("w-1");
        let steps = record["steps_completed"].as_array().expect("steps");
        steps.iter().map(|step| step["step_name"].clone()).collect()
    };
    assert_eq!(names(&world), ["research_phase"]);
    run(&world, &everybody_answers).await;
    assert_eq!(
        names(&world),
        ["research_phase", "analysis_phase", "writing_phase"]
    );
}

#[tokio::test]
async fn observed_errors_of_the_api_keep_internals_to_the_log() {
    let world = started().await;
    world.lock().objects.insert(
        "bucket/tables/workflows/w-1.json".to_owned(),
        (b"damaged: secret-detail".to_vec(), String::new(), 1),
    );
    let event = json!({ "httpMethod": "GET", "path": "/workflows/w-1" });
    let answer = api_handler(&world.services, &event).await;
    assert_eq!(answer["statusCode"], 500);
    assert_eq!(
        answer["body"],
        json!({ "error": "Internal error" }).to_string()
    );
}

/// The page for operators names variables; each is one that is read, and none that is required is left out.
#[test]
fn the_documented_variables_are_those_that_are_read() {
    let page = include_str!("../../../../docs/research.md");
    let table = page
        .split_once("## Environment variables")
        .and_then(|(_, rest)| rest.split_once("\n## "))
        .expect("the section")
        .0;
    let documented: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    assert!(documented.len() > 10, "{documented:?}");
    let read = std::cell::RefCell::new(Vec::new());
    let _ = Settings::read(Role::Workflow, |name| {
        read.borrow_mut().push(name.to_owned());
        (name != "WORKFLOW_TABLE").then(|| "1".to_owned())
    });
    let complete = Settings::read(Role::Workflow, |name| {
        read.borrow_mut().push(name.to_owned());
        let value = match name {
            "RESEARCH_SERVICES" => "everstep",
            "APPROVAL_REMINDERS" | "APPROVAL_LINKS" => "1h",
            _ => "1",
        };
        Some(value.to_owned())
    });
    complete.expect("valid settings");
    let read = read.into_inner();
    for name in &documented {
        assert!(
            read.iter().any(|known| known == name),
            "nobody reads {name}"
        );
    }
    let missing = Settings::read(Role::Workflow, |_| None).expect_err("all are missing");
    for fault in missing.0 {
        let name = fault.split(' ').next().expect("a name");
        assert!(
            documented.contains(&name),
            "{name} is required and not documented"
        );
    }
}
