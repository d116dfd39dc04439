//! The `bootstrap` binary behind a Lambda runtime API.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::world::World;

fn bootstrap(world: &World, handler: &str, extra: &[(&str, String)]) -> Child {
    let host = world.base.strip_prefix("http://").expect("loopback");
    Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .env_clear()
        .envs([
            ("_HANDLER", handler),
            ("AWS_LAMBDA_RUNTIME_API", host),
            ("AWS_LAMBDA_FUNCTION_NAME", "F"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_ENDPOINT_URL_LAMBDA", &world.base),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ])
        .envs(extra.iter().map(|(name, value)| (*name, value.as_str())))
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts")
}

fn configured(world: &World) -> Vec<(&'static str, String)> {
    let agent = |name: &str| format!("{}/agents/{name}", world.base);
    vec![
        ("RESEARCH_SERVICES", "everstep".to_owned()),
        ("ARTIFACT_BUCKET", "bucket".to_owned()),
        ("WORKFLOW_TABLE", "workflows".to_owned()),
        ("CALLBACK_API_URL", world.base.clone()),
        ("RESEARCHER_AGENT_ARN", agent("researcher")),
        ("ANALYST_AGENT_ARN", agent("analyst")),
        ("WRITER_AGENT_ARN", agent("writer")),
    ]
}

async fn answer(world: &World) -> (String, Value) {
    for _ in 0..4000 {
        if let Some(answer) = world.lock().answers.pop() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no answer within 20 s");
}

#[tokio::test]
async fn one_binary_serves_all_three_functions() {
    let world = World::new().await;
    let input = json!({ "topic": "t", "workflow_id": "w-1" });
    world.lock().execution.begin("w-1", &input);
    let event = world.lock().execution.invocation();
    let start = json!({ "topic": "t", "workflow_id": "w-2" });
    let get = json!({ "httpMethod": "GET", "path": "/workflows/w-1" });
    let cases = [
        ("research.handler", event, "Status", json!("PENDING")),
        (
            "research.DurableControllerFunction",
            start,
            "status",
            json!("PENDING"),
        ),
        ("research.api_handler", get, "statusCode", json!(200)),
    ];
    for (handler, event, field, expected) in cases {
        world.lock().events.push(event);
        let mut process = bootstrap(&world, handler, &configured(&world));
        let (kind, answer) = answer(&world).await;
        assert_eq!(
            (kind.as_str(), &answer[field]),
            ("response", &expected),
            "{handler}: {answer}"
        );
        process.kill().await.expect("stopped");
    }
    assert_eq!(world.agent("researcher", |agent| agent.tasks.len()), 1);
}

#[tokio::test]
async fn the_controllers_errors_have_the_seeds_class_names() {
    let world = World::new().await;
    world.lock().events.push(json!({ "parameters": {} }));
    let _process = bootstrap(
        &world,
        "research.DurableControllerFunction",
        &configured(&world),
    );
    let (kind, answer) = answer(&world).await;
    assert_eq!(kind, "error");
    assert_eq!(
        answer,
        json!({ "errorType": "ValueError", "errorMessage": "Missing required field: 'topic'" })
    );
}

#[tokio::test]
async fn defect_09_a_function_without_configuration_stops_and_names_what_is_missing() {
    let world = World::new().await;
    for (handler, names) in [
        ("research.handler", "WRITER_AGENT_ARN"),
        ("research.api_handler", "WORKFLOW_TABLE"),
        ("nonsense", "_HANDLER"),
    ] {
        let output = bootstrap(&world, handler, &[])
            .wait_with_output()
            .await
            .expect("it ends");
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(names), "{handler}: {text}");
    }
}
