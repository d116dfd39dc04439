use everstep_durable::Output;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{World, encoded, finish};

fn types(history: &Value) -> Vec<String> {
    history["Events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| event["EventType"].as_str().expect("a type").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_invoke_waits_for_the_whole_execution() {
    let world = World::new().await;
    world.create("echo", true).await;
    let answer = world.invoke("echo:$LATEST", &[], r#"{"a":  1}"#).await;
    assert_eq!(
        (answer.status, &answer.bytes[..]),
        (200, &br#"{"a":  1}"#[..])
    );
    assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
    let arn = answer
        .header("x-amz-durable-execution-arn")
        .expect("an ARN");
    assert!(
        arn.starts_with(
            "arn:aws:lambda:us-west-2:000000000000:function:echo:$LATEST/durable-execution/"
        ),
        "{arn}"
    );
    let described = world.describe(arn).await;
    assert_eq!(described["Status"], "SUCCEEDED");
    assert_eq!(
        (
            described["InputPayload"].as_str(),
            described["Result"].as_str()
        ),
        (Some(r#"{"a":  1}"#), Some(r#"{"a":  1}"#))
    );
    assert!(described["StartTimestamp"].as_f64().expect("seconds") < 4e9);
    world.create("fails", true).await;
    let failed = world.invoke("fails:$LATEST", &[], "1").await;
    assert_eq!(failed.header("x-amz-function-error"), Some("Unhandled"));
    assert_eq!(
        failed.json(),
        json!({ "errorType": "ValueError", "errorMessage": "refused" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arn_is_one_encoded_segment_or_several_plain_ones() {
    let world = World::new().await;
    world.create("echo", true).await;
    let arn = world
        .invoke("echo:$LATEST", &[], "1")
        .await
        .header("x-amz-durable-execution-arn")
        .expect("an ARN")
        .to_owned();
    for spelled in [
        arn.clone(),
        encoded(&arn),
        arn.replace(':', "%3a").replace('$', "%24"),
    ] {
        let path = format!("/2025-12-01/durable-executions/{spelled}");
        assert_eq!(
            world.get(&path).await.json()["DurableExecutionArn"],
            arn.as_str()
        );
        let history = world
            .get(&format!("{path}/history?MaxItems=1"))
            .await
            .json();
        assert_eq!(types(&history), ["ExecutionStarted"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_paged_both_ways() {
    let world = World::new().await;
    world.create("echo", true).await;
    let large = format!("\"{}\"", "x".repeat(40_000));
    let arn = world
        .invoke("echo:$LATEST", &[], large.clone())
        .await
        .header("x-amz-durable-execution-arn")
        .expect("an ARN")
        .to_owned();
    let path = format!("/2025-12-01/durable-executions/{}/history", encoded(&arn));
    let whole = world.get(&path).await.json();
    assert_eq!(
        types(&whole),
        [
            "ExecutionStarted",
            "InvocationCompleted",
            "ExecutionSucceeded"
        ]
    );
    assert_eq!(
        whole["Events"][2]["ExecutionSucceededDetails"]["Result"]["Payload"],
        large.as_str(),
        "also what lies in the blob store"
    );
    let first = world
        .get(&format!(
            "{path}?MaxItems=2&ReverseOrder=true&IncludeExecutionData=false"
        ))
        .await
        .json();
    assert_eq!(types(&first), ["ExecutionSucceeded", "InvocationCompleted"]);
    assert!(!first.to_string().contains("xxx"));
    let marker = encoded(first["NextMarker"].as_str().expect("more"));
    let rest = world
        .get(&format!("{path}?ReverseOrder=true&Marker={marker}"))
        .await
        .json();
    assert_eq!(
        (types(&rest), rest.get("NextMarker")),
        (vec!["ExecutionStarted".to_owned()], None)
    );
    for wrong in [
        "Marker=nonsense",
        &format!("Marker={marker}"),
        "MaxItems=1001",
        "IncludeExecutionData=perhaps",
    ] {
        world.get(&format!("{path}?{wrong}")).await.is_error(
            400,
            "InvalidParameterValueException",
            "E0112",
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_one_execution() {
    let world = World::new().await;
    let mut jobs = world.puppet("puppet").await;
    let event = [
        ("x-amz-invocation-type", "Event"),
        ("x-amz-durable-execution-name", "order-7"),
    ];
    let first = world.invoke("puppet:$LATEST", &event, "1").await;
    let arn = first
        .header("x-amz-durable-execution-arn")
        .expect("an ARN")
        .to_owned();
    assert!(arn.contains("/durable-execution/order-7/"));
    let again = world.invoke("puppet:$LATEST", &event, "1").await;
    assert_eq!(
        again.header("x-amz-durable-execution-arn"),
        Some(arn.as_str())
    );
    let other = world.invoke("puppet:$LATEST", &event, "2").await;
    other.is_error(409, "DurableExecutionAlreadyStartedException", "E0113");
    assert_eq!(other.message(), format!("Execution already started: {arn}"));
    let job = jobs.recv().await.expect("an invocation");
    let attached = world.invoke("puppet:$LATEST", &event[1..], "1");
    let finished = async {
        tokio::time::sleep(crate::harness::SOON).await;
        finish(
            &world.handle,
            &job,
            Output::Succeeded {
                result: Some("\"done\"".into()),
            },
        )
        .await;
    };
    let (attached, ()) = tokio::join!(attached, finished);
    assert_eq!(&attached.bytes[..], b"\"done\"");
    let closed = world.invoke("puppet:$LATEST", &event[1..], "1").await;
    assert_eq!(&closed.bytes[..], b"\"done\"");
    for name in ["with space", &"x".repeat(65)] {
        let refused = world
            .invoke(
                "puppet:$LATEST",
                &[("x-amz-durable-execution-name", name)],
                "1",
            )
            .await;
        refused.is_error(400, "InvalidParameterValueException", "E0112");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn executions_are_listed_and_stopped() {
    let world = World::new().await;
    let mut jobs = world.puppet("puppet").await;
    let mut arns = Vec::new();
    for input in ["1", "2", "3"] {
        arns.push(world.start("puppet", input).await);
        jobs.recv().await.expect("an invocation");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let stop = format!("/2025-12-01/durable-executions/{}/stop", encoded(&arns[1]));
    let error = json!({ "ErrorType": "Operator", "ErrorMessage": "no longer needed" });
    let stopped = world.post(&stop, &error).await.json()["StopTimestamp"]
        .as_f64()
        .expect("seconds");
    let again = world.send(Method::POST, &stop, &[], "{}").await.json()["StopTimestamp"].as_f64();
    assert_eq!(again, Some(stopped));
    let described = world.describe(&arns[1]).await;
    assert_eq!(
        (described["Status"].as_str(), &described["Error"]),
        (Some("STOPPED"), &error)
    );
    let listed = async |query: &str| -> Vec<String> {
        let page = world
            .get(&format!(
                "/2025-12-01/functions/puppet/durable-executions?{query}"
            ))
            .await
            .json();
        let executions = page["DurableExecutions"]
            .as_array()
            .unwrap_or_else(|| panic!("{query}: {page}"))
            .clone();
        executions
            .iter()
            .map(|found| {
                found["DurableExecutionArn"]
                    .as_str()
                    .expect("an ARN")
                    .to_owned()
            })
            .collect()
    };
    let newest: Vec<String> = arns.iter().rev().cloned().collect();
    assert_eq!(listed("").await, newest);
    assert_eq!(listed("ReverseOrder=true").await, arns);
    assert_eq!(listed("Statuses=STOPPED").await, [arns[1].clone()]);
    assert_eq!(
        listed("Statuses=STOPPED&Statuses=RUNNING&Qualifier=%24LATEST").await,
        newest
    );
    assert!(listed("Statuses=PAUSED").await.is_empty());
    assert_eq!(
        listed("StartedAfter=2020-01-01T00:00:00Z&StartedBefore=2120-01-01T00:00:00.5Z").await,
        newest
    );
    assert!(
        listed("StartedBefore=2020-01-01T00:00:00Z")
            .await
            .is_empty()
    );
    let page = world
        .get("/2025-12-01/functions/puppet/durable-executions?MaxItems=2")
        .await
        .json();
    let marker = encoded(page["NextMarker"].as_str().expect("more"));
    assert_eq!(listed(&format!("Marker={marker}")).await, [arns[0].clone()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_by_nonsense_are_refused() {
    let world = World::new().await;
    world.create("puppet", true).await;
    for wrong in ["Statuses=LOST", "StartedAfter=yesterday", "Marker=%21"] {
        let refused = world
            .get(&format!(
                "/2025-12-01/functions/puppet/durable-executions?{wrong}"
            ))
            .await;
        refused.is_error(400, "InvalidParameterValueException", "E0112");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_durable_function_wants_a_qualifier() {
    let world = World::new().await;
    world.create("echo", true).await;
    let refused = world.invoke("echo", &[], "1").await;
    refused.is_error(400, "InvalidParameterValueException", "E0112");
    assert_eq!(
        refused.message(),
        "You cannot invoke a durable function using an unqualified ARN."
    );
    assert_eq!(
        world
            .invoke("echo:$LATEST", &[("x-amz-invocation-type", "DryRun")], "1")
            .await
            .status,
        204
    );
    let none = world
        .get("/2025-12-01/functions/echo/durable-executions")
        .await
        .json();
    assert_eq!(none["DurableExecutions"], json!([]));
}
