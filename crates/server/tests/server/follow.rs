//! Executions as they go on: server-sent events.

use std::time::Duration;

use everstep_durable::Output;
use serde_json::{Value, json};

use crate::harness::{World, finish};
use crate::native::{id_of, verb};

/// An event: its type, id and data.
type Told = (String, Option<String>, Value);

fn parse(block: &str) -> Option<Told> {
    let of = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
    };
    let data = serde_json::from_str(&of("data:")?).expect("JSON");
    Some((of("event:")?, of("id:"), data))
}

/// Reads events until one is wanted.
async fn until(response: &mut reqwest::Response, wanted: impl Fn(&Told) -> bool) -> Vec<Told> {
    let (mut text, mut told) = (String::new(), Vec::new());
    loop {
        let chunk = tokio::time::timeout(Duration::from_secs(20), response.chunk());
        let chunk = chunk.await.expect("in time").expect("a stream");
        let Some(chunk) = chunk else { return told };
        text.push_str(&String::from_utf8_lossy(&chunk));
        while let Some((block, rest)) = text.split_once("\n\n") {
            let event = parse(block);
            let is_last = event.as_ref().is_some_and(&wanted);
            told.extend(event);
            text = rest.to_owned();
            if is_last {
                return told;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_in_order_and_go_on_where_a_reader_left() {
    let world = World::new().await;
    let (arn, own, mut jobs) = world
        .waiting("puppet", json!({ "HeartbeatTimeoutSeconds": 600 }))
        .await;
    let id = id_of(&world, &arn).await;
    let execution = arn.rsplit('/').next().expect("an id");
    let url = format!("{}/executions/{execution}/events", world.base);
    let mut first = world.client.get(&url).send().await.expect("a stream");
    assert_eq!(
        first.headers()["content-type"].to_str().expect("text"),
        "text/event-stream"
    );
    let seen = until(&mut first, |(_, _, data)| {
        data["EventType"] == "CallbackStarted"
    })
    .await;
    assert_eq!(seen[0].2["EventType"], "ExecutionStarted");
    verb(&world, &id, "progress", &own, r#"{"percent": 7}"#).await;
    let noted = until(&mut first, |(kind, _, _)| kind == "progress").await;
    let (_, place, data) = noted.last().expect("progress");
    assert_eq!((place, &data["progress"]["percent"]), (&None, &json!(7)));
    assert_eq!(data["callback"], id.as_str());
    drop(first);
    verb(&world, &id, "succeed", &own, "1").await;
    let job = jobs.recv().await.expect("it is invoked again");
    finish(&world.handle, &job, Output::Succeeded { result: None }).await;
    let last = seen.iter().rev().find_map(|(_, id, _)| id.clone());
    let request = world
        .client
        .get(&url)
        .header("last-event-id", last.expect("an id"));
    let mut second = request.send().await.expect("a stream");
    let rest = until(&mut second, |(kind, _, _)| kind == "end").await;
    assert_eq!(rest.last().expect("an end").2["status"], "SUCCEEDED");
    assert!(
        second.chunk().await.expect("a stream").is_none(),
        "it is over"
    );
    let number = |told: &Told| told.2["EventId"].as_u64();
    let numbers: Vec<u64> = seen.iter().chain(&rest).filter_map(number).collect();
    let wanted: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, wanted, "none is missing, none comes twice");
    let events = world.get(&format!("/executions/{execution}/history")).await;
    let events = events.json()["events"].as_array().expect("events").len();
    assert_eq!(numbers.len(), events);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_none_is_refused() {
    let world = World::new().await;
    let (arn, _, _jobs) = world.waiting("puppet", json!({})).await;
    let execution = arn.rsplit('/').next().expect("an id");
    let path = format!("/executions/{execution}/events?after=x");
    world.get(&path).await.is_problem(400, "E0112");
    let nobody = "0194f0c2-1111-7222-8333-444444440012";
    world
        .get(&format!("/executions/{nobody}/events"))
        .await
        .is_problem(404, "E0106");
}
