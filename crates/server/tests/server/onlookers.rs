//! Whoever may only look is shown nothing that answers.

use everstep_server::Role;
use reqwest::Method;
use serde_json::json;

use crate::harness::{World, encoded, key};
use crate::native::{id_of, verb, world};

async fn as_key(world: &World, name: &str, path: &str) -> String {
    let bearer = format!("Bearer key-of-{name}");
    let headers = [("authorization", bearer.as_str())];
    let answer = world.send(Method::GET, path, &headers, "").await;
    assert_eq!(answer.status, 200, "{path}");
    String::from_utf8_lossy(&answer.bytes).into_owned()
}

async fn with_keys() -> World {
    world(|options| {
        options
            .door
            .keys
            .replace(vec![key("eye", Role::Read), key("hand", Role::Operate)]);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_shows_a_callbacks_token_to_whom_may_answer_it_alone() {
    let world = with_keys().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let execution = arn.rsplit('/').next().expect("an id").to_owned();
    let aws = format!("/2025-12-01/durable-executions/{}/history", encoded(&arn));
    let ours = format!("/executions/{execution}/history");
    for path in [
        aws.clone(),
        format!("{aws}?IncludeExecutionData=false"),
        ours.clone(),
        format!("{ours}?data=false"),
    ] {
        let seen = as_key(&world, "eye", &path).await;
        assert!(!seen.contains(&own) && seen.contains(&id), "{path}: {seen}");
        let seen = as_key(&world, "hand", &path).await;
        assert!(seen.contains(&own), "{path}: {seen}");
    }
    // What was shown in its place answers nothing.
    verb(&world, "self", "succeed", &id, "1")
        .await
        .is_problem(404, "E0191");
    verb(&world, "self", "succeed", &own, "1").await;
    let stop = format!("/executions/{execution}/stop");
    assert_eq!(world.post(&stop, &json!({})).await.status, 200);
    // The stream ends with the execution.
    let events = format!("/executions/{execution}/events");
    let seen = as_key(&world, "eye", &events).await;
    assert!(
        seen.contains("CallbackStarted") && seen.contains(&id),
        "{seen}"
    );
    assert!(!seen.contains(&own), "{seen}");
    assert!(as_key(&world, "hand", &events).await.contains(&own));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_hidden_wherever_in_an_answer_it_stands() {
    let world = with_keys().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let made = json!({ "audience": "researcher" }).to_string();
    let made = verb(&world, "self", "tokens", &own, &made).await.json();
    let made = made["token"].as_str().expect("a token").to_owned();
    let link = format!("https://example.org/?t={}&x=AQ", encoded(&own));
    let handed =
        json!({ "task": own, "less": made, "link": link, "text": format!("<{own}{own}>") });
    let child = world.start("puppet", &handed.to_string()).await;
    let execution = child.rsplit('/').next().expect("an id");
    for path in ["", "/history"] {
        let path = format!("/executions/{execution}{path}");
        let seen = as_key(&world, "eye", &path).await;
        for secret in [&own, &made, &encoded(&own)] {
            assert!(!seen.contains(secret.as_str()), "{path}: {seen}");
        }
        assert_eq!(seen.matches(&id).count(), 5, "{path}: {seen}");
        assert!(seen.contains("&x=AQ"), "the rest stays as it is: {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_machines_history_hides_its_task_token() {
    let world = with_keys().await;
    let (_, own, _jobs) = world.waiting("puppet", json!({})).await;
    let definition = json!({ "StartAt": "Ask", "States": { "Ask": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": { "FunctionName": "puppet", "Payload": { "token.$": "$$.Task.Token" } }, "End": true,
    } } });
    let states = async |name: Option<&str>, operation: &str, body: serde_json::Value| {
        let target = format!("AWSStepFunctions.{operation}");
        let bearer = format!("Bearer key-of-{}", name.unwrap_or_default());
        let mut headers = vec![("x-amz-target", target.as_str())];
        headers.extend(name.is_some().then_some(("authorization", bearer.as_str())));
        let answer = world
            .send(Method::POST, "/", &headers, body.to_string())
            .await;
        assert_eq!(answer.status, 200, "{operation}: {}", answer.json());
        answer.json()
    };
    let machine = json!({ "name": "asks", "roleArn": "arn:aws:iam::000000000000:role/r", "definition": definition.to_string() });
    let machine = states(None, "CreateStateMachine", machine).await;
    let started = json!({ "stateMachineArn": machine["stateMachineArn"], "input": json!({ "own": own }).to_string() });
    let execution = states(None, "StartExecution", started).await["executionArn"].clone();
    let history = json!({ "executionArn": execution });
    let token = loop {
        let shown = states(Some("hand"), "GetExecutionHistory", history.clone())
            .await
            .to_string();
        let token = shown
            .split("token\\\":\\\"")
            .nth(1)
            .map(|rest| rest[..92].to_owned());
        if let Some(token) = token {
            assert!(shown.contains(&own));
            break token;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(
        world
            .handle
            .verify(everstep_core::token::Purpose::Task, &token)
            .is_ok(),
        "{token}"
    );
    let shown = states(Some("eye"), "GetExecutionHistory", history)
        .await
        .to_string();
    assert!(
        shown.contains("TaskScheduled") && !shown.contains(&token) && !shown.contains(&own),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_token_is_for_its_audience_in_the_seeds_shape_too() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let wanted = json!({ "audience": "researcher" }).to_string();
    let made = verb(&world, &id, "tokens", &own, &wanted).await;
    let made = made.json()["token"].as_str().expect("a token").to_owned();
    let body = json!({ "token": made, "status": "SUCCESS", "result": 1 }).to_string();
    for (audience, member) in [("writer", "orphan"), ("researcher", "status")] {
        let headers = [("everstep-audience", audience)];
        let answer = world.send(Method::POST, "/callbacks", &headers, body.clone());
        let answer = answer.await.json();
        assert!(answer.get(member).is_some(), "{audience}: {answer}");
        let taken = audience == "researcher";
        assert_eq!(
            answer.get("orphan").is_none(),
            taken,
            "{audience}: {answer}"
        );
    }
}
