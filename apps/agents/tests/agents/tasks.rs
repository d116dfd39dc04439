use everstep_agents::Kind;
use serde_json::{Value, json};

use crate::loopback::Loopback;
use crate::peer::{Peer, message, model_at, options, output, research_payload};

/// A researcher whose work lasts until the test ends, because its model never answers.
async fn busy_researcher() -> (Peer, Loopback) {
    let model = Loopback::silent().await;
    let mut options = options(Kind::Researcher);
    options.model = model_at(&model.url);
    options.tasks_open_max = 3;
    (Peer::start(options).await, model)
}

#[tokio::test]
async fn the_card_names_the_interface_and_the_skill() {
    for (kind, skill) in [
        (Kind::Researcher, "research"),
        (Kind::Analyst, "analyze"),
        (Kind::Writer, "write_report"),
    ] {
        let peer = Peer::of(kind).await;
        let card = peer.get(".well-known/agent-card.json").await;
        assert_eq!(
            card["supportedInterfaces"],
            json!([
                {"url": peer.url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
            ])
        );
        assert_eq!(card["capabilities"]["pushNotifications"], true);
        assert_eq!(card["skills"][0]["id"], skill);
        assert_eq!(peer.get("health").await["agent"], kind.name());
    }
}

#[tokio::test]
async fn a_repeated_message_is_the_same_task_and_the_same_work() {
    let (peer, mut model) = busy_researcher().await;
    let first = peer.begin("same", research_payload()).await;
    let copies = futures_of(&peer, 8).await;
    assert!(copies.iter().all(|task| task["id"] == first["id"]));
    model.next().await;
    let again = peer.begin("same", research_payload()).await;
    assert_eq!(again["status"]["state"], "TASK_STATE_WORKING");
    assert_eq!(model.count(), 1, "a second job asked the model too");
    let other = peer.begin("other", research_payload()).await;
    assert_ne!(other["id"], first["id"]);
}

async fn futures_of(peer: &Peer, count: usize) -> Vec<Value> {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..count {
        let peer = Peer::at(peer.url.clone());
        calls.spawn(async move { peer.begin("same", research_payload()).await });
    }
    calls.join_all().await
}

#[tokio::test]
async fn copies_that_arrive_together_get_one_task() {
    let (peer, mut model) = busy_researcher().await;
    let copies = futures_of(&peer, 8).await;
    assert!(copies.iter().all(|task| task["id"] == copies[0]["id"]));
    model.next().await;
    assert_eq!(peer.call("ListTasks", json!({})).await["totalSize"], 1);
}

#[tokio::test]
async fn a_cancelled_task_stays_cancelled_and_a_finished_one_cannot_be() {
    let (peer, mut model) = busy_researcher().await;
    assert_eq!(peer.get("ping").await["status"], "Healthy");
    let id = peer.begin("m", research_payload()).await["id"].clone();
    model.next().await;
    let busy = peer.get("ping").await;
    assert_eq!(busy["status"], "HealthyBusy");
    assert!(busy["time_of_last_update"].as_u64().unwrap() > 1_700_000_000);
    for _ in 0..2 {
        let task = peer.call("CancelTask", json!({"id": id})).await;
        assert_eq!(task["status"]["state"], "TASK_STATE_CANCELED");
    }
    assert_eq!(
        peer.call("GetTask", json!({"id": id})).await["status"]["state"],
        "TASK_STATE_CANCELED"
    );
    assert_eq!(peer.get("ping").await["status"], "Healthy");
    assert_eq!(peer.begin("m", research_payload()).await["id"], id);

    let quick = Peer::of(Kind::Researcher).await;
    let task = quick.work("m", research_payload()).await;
    let answer = quick.rpc("CancelTask", json!({"id": task["id"]})).await;
    assert_eq!(answer["error"]["code"], -32002);
    output(&quick.call("GetTask", json!({"id": task["id"]})).await);
}

#[tokio::test]
async fn too_many_unfinished_tasks_are_refused_with_a_time_to_come_back() {
    let (peer, _model) = busy_researcher().await;
    for id in ["1", "2", "3"] {
        peer.begin(id, research_payload()).await;
    }
    let mut params = message("4", research_payload());
    params["configuration"] = json!({"returnImmediately": true});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params});
    let request = peer
        .http
        .post(&peer.url)
        .header("A2A-Version", "1.0")
        .json(&body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "5");
    // A known message is answered all the same.
    peer.begin("1", research_payload()).await;
}

#[tokio::test]
async fn tasks_are_listed_newest_first_in_pages() {
    let peer = Peer::of(Kind::Researcher).await;
    let mut ids = Vec::new();
    for id in ["1", "2", "3"] {
        ids.push(peer.work(id, research_payload()).await["id"].clone());
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    let first = peer.call("ListTasks", json!({"pageSize": 2})).await;
    assert_eq!(first["totalSize"], 3);
    assert_eq!(first["tasks"][0]["id"], ids[2]);
    assert!(first["tasks"][0].get("artifacts").is_none());
    let token = first["nextPageToken"].clone();
    let second = peer
        .call(
            "ListTasks",
            json!({"pageSize": 2, "pageToken": token, "includeArtifacts": true}),
        )
        .await;
    assert_eq!(second["tasks"][0]["id"], ids[0]);
    assert_eq!(second["nextPageToken"], "");
    output(&second["tasks"][0]);
    let none = peer
        .call("ListTasks", json!({"status": "TASK_STATE_FAILED"}))
        .await;
    assert_eq!(none["totalSize"], 0);
}

#[tokio::test]
async fn a_text_part_is_read_as_json_and_else_as_the_topic() {
    let peer = Peer::of(Kind::Researcher).await;
    for (id, text) in [
        ("json", r#"{"topic": "iron-air batteries"}"#),
        ("plain", "iron-air batteries"),
    ] {
        let params =
            json!({"message": {"messageId": id, "role": "ROLE_USER", "parts": [{"text": text}]}});
        let task = peer.call("SendMessage", params).await["task"].clone();
        assert_eq!(output(&task)["topic"], "iron-air batteries");
    }
}
