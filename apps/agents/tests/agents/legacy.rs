use everstep_agents::Kind;
use serde_json::{Value, json};

use crate::loopback::Loopback;
use crate::peer::{Peer, research_payload};

async fn invoke(peer: &Peer, body: Value) -> (u16, Value) {
    let request = peer
        .http
        .post(format!("{}invocations", peer.url))
        .json(&body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn tasks_send(payload: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": "rpc-1", "method": "tasks/send", "params": {"message": {
        "role": "user", "parts": [{"kind": "text", "text": payload.to_string()}],
    }}})
}

#[tokio::test]
async fn without_a_callback_the_result_is_the_answer() {
    let peer = Peer::of(Kind::Researcher).await;
    let (status, by_message) = invoke(&peer, tasks_send(&research_payload())).await;
    assert_eq!(status, 200);
    assert_eq!(by_message["research_type"], "comprehensive");
    let (_, by_payload) = invoke(&peer, research_payload()).await;
    assert_eq!(by_message, by_payload);
}

#[tokio::test]
async fn with_a_callback_the_answer_is_accepted_and_the_result_follows() {
    let mut caller = Loopback::ok().await;
    let peer = Peer::of(Kind::Researcher).await;
    let mut payload = research_payload();
    payload["callback_url"] = json!(format!("{}/callbacks/wf-1", caller.url));
    payload["callback_token"] = json!("secret-token");
    let (status, answer) = invoke(&peer, tasks_send(&payload)).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer,
        json!({
            "status": "accepted", "message": "Task queued for async execution", "workflow_id": "wf-1",
        })
    );
    let seen = caller.next().await;
    assert_eq!(seen.path, "/callbacks/wf-1");
    assert_eq!(seen.body["token"], "secret-token");
    assert_eq!(seen.body["status"], "SUCCESS");
    assert!(
        !seen.body["result"]["key_findings"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_failure_is_called_back_with_its_type() {
    let mut caller = Loopback::ok().await;
    let peer = Peer::of(Kind::Analyst).await;
    let reference = json!({"artifact_type": "s3_reference", "s3_uri": "s3://b/k"});
    let payload = json!({
        "task": "analyze", "research_data": reference, "callback_url": format!("{}/cb", caller.url), "callback_token": "t",
    });
    invoke(&peer, tasks_send(&payload)).await;
    let seen = caller.next().await;
    assert_eq!(seen.body["status"], "FAILURE");
    assert_eq!(seen.body["error_type"], "ArtifactStorageError");
    assert!(
        seen.body["error"]
            .as_str()
            .unwrap()
            .contains("without an artifact address")
    );
    let (status, answer) = invoke(&peer, json!({"research_data": reference})).await;
    assert_eq!(
        (status, &answer["error_type"]),
        (500, &json!("ArtifactStorageError"))
    );
}

#[tokio::test]
async fn a_message_over_a2a_may_name_a_callback_too() {
    let mut caller = Loopback::ok().await;
    let peer = Peer::of(Kind::Researcher).await;
    let mut payload = research_payload();
    payload["callback_url"] = json!(format!("{}/cb", caller.url));
    payload["callback_token"] = json!("t");
    let task = peer.begin("m", payload).await;
    let seen = caller.next().await;
    let finished = peer
        .until(task["id"].as_str().unwrap(), "TASK_STATE_COMPLETED")
        .await;
    assert_eq!(&seen.body["result"], crate::peer::output(&finished));
}

#[tokio::test]
async fn a_bad_payload_or_method_is_a_json_rpc_error() {
    let peer = Peer::of(Kind::Analyst).await;
    for body in [
        tasks_send(&json!({"topic": "x"})),
        tasks_send(&json!(3)),
        json!([]),
        json!({"topic": "x"}),
        json!({"id": "rpc-1", "method": "tasks/send", "params": {}}),
    ] {
        let (status, answer) = invoke(&peer, body).await;
        assert_eq!(status, 200);
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        assert_eq!(
            answer["error"]["message"],
            "No valid payload found in request"
        );
    }
    let (_, answer) = invoke(
        &peer,
        json!({"id": "rpc-1", "method": "tasks/get", "params": {}}),
    )
    .await;
    assert_eq!(answer["error"]["code"], -32601);
    assert_eq!(answer["id"], "rpc-1");
}
