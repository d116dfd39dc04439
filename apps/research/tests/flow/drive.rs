//! Invokes the workflow until it is over, as the service would, and lets the outside act between two invocations.

use aws_durable_execution_sdk::{InvocationPayload, LambdaContext};
use everstep_research::workflow_service;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use crate::world::World;

/// What the outside does while the workflow is suspended.
pub type Outside<'a> = &'a dyn Fn(&World, &str) -> bool;

const AGENTS: [(&str, &str); 3] = [
    ("research_phase_await", "researcher"),
    ("analysis_phase_await", "analyst"),
    ("writing_phase_await", "writer"),
];

/// The name of the oldest callback that nobody has settled.
pub fn awaited(world: &World) -> Option<String> {
    let state = world.lock();
    let open =
        state.execution.operations.iter().find(|operation| {
            operation["Type"] == "CALLBACK" && operation["Status"] == "STARTED"
        })?;
    open["Name"].as_str().map(str::to_owned)
}

pub fn agent_of(callback: &str) -> &'static str {
    AGENTS
        .iter()
        .find(|(name, _)| *name == callback)
        .map(|(_, agent)| *agent)
        .expect("a phase")
}

/// Settles a wait with a value.
pub fn settle(world: &World, callback: &str, result: &Value) -> bool {
    let mut state = world.lock();
    let id = state
        .execution
        .callback(callback)
        .expect("an open callback");
    state
        .execution
        .settle(&id, "SUCCEEDED", json!({ "Result": result.to_string() }))
}

/// Agents push what they have found, the person approves.
pub fn everybody_answers(world: &World, callback: &str) -> bool {
    if callback == "human_approval" {
        let decision = json!({ "approved": true, "feedback": "shorter, please", "approved_by": "ann", "approved_at": "now" });
        return settle(world, callback, &decision);
    }
    let output = world.agent(agent_of(callback), |agent| {
        agent.finish("TASK_STATE_COMPLETED");
        agent.output.clone()
    });
    settle(world, callback, &output)
}

/// One invocation; nothing when the process died in it.
pub async fn invoke(world: &World) -> Option<Value> {
    let event = world.lock().execution.invocation();
    let payload: InvocationPayload = serde_json::from_value(event).expect("an invocation event");
    let service = workflow_service(world.services.clone(), world.lambda.clone());
    let running = service(LambdaEvent::new(payload, LambdaContext::default()));
    tokio::select! {
        answer = running => Some(answer.unwrap_or_else(|error| panic!("the invocation failed: {error}"))),
        () = world.crash.notified() => None,
    }
}

/// Runs to the end and returns the durable response.
pub async fn run(world: &World, outside: Outside<'_>) -> Value {
    for _ in 0..200 {
        match invoke(world).await {
            Some(answer) if answer["Status"] == "PENDING" => {
                let retry_waits = world
                    .lock()
                    .execution
                    .operations
                    .iter()
                    .any(|operation| operation["Status"] == "PENDING");
                let acted = !retry_waits
                    && awaited(world).is_some_and(|callback| outside(world, &callback));
                let moved = acted || world.lock().execution.tick();
                assert!(moved, "suspended for ever at {:?}", awaited(world));
            }
            Some(answer) => return answer,
            None => {}
        }
    }
    panic!("no end in 200 invocations");
}

/// A world with a started workflow `w-1`.
pub async fn started() -> World {
    let world = World::new().await;
    let input = json!({ "topic": "durable work", "parameters": { "depth": "basic" }, "workflow_id": "w-1" });
    world.lock().execution.begin("w-1", &input);
    world
}

/// The handler's result of a successful run.
pub fn result(answer: &Value) -> Value {
    assert_eq!(answer["Status"], "SUCCEEDED", "{answer}");
    serde_json::from_str(answer["Result"].as_str().expect("a result")).expect("JSON")
}
