use reqwest::Client;
use serde_json::json;

use super::client::json_rpc_endpoint;
use super::*;

fn task(state: &str, artifacts: Value) -> Task {
    serde_json::from_value(json!({
        "id": "t", "contextId": "c", "artifacts": artifacts,
        "status": { "state": state, "message": { "messageId": "m", "role": "ROLE_AGENT", "parts": [{ "text": "words" }] } },
    }))
    .expect("a task of the protocol")
}

#[test]
fn the_request_has_the_deterministic_id_the_push_address_and_the_task_in_both_parts() {
    let dispatch = Dispatch {
        agent: "http://a".into(),
        message_id: "m-1".into(),
        context_id: "c-1".into(),
        payload: json!({ "task": "research", "callback_token": "tok" }),
        callback_url: "http://c/callbacks/w".into(),
        callback_token: "tok".into(),
    };
    let wire = serde_json::to_value(send_request(&dispatch)).expect("plain data");
    assert_eq!(wire["message"]["messageId"], "m-1");
    assert_eq!(wire["message"]["contextId"], "c-1");
    assert_eq!(wire["message"]["parts"][0]["data"]["task"], "research");
    let text = wire["message"]["parts"][1]["text"]
        .as_str()
        .expect("text part");
    assert_eq!(
        serde_json::from_str::<Value>(text).expect("the seed's JSON text")["task"],
        "research"
    );
    let push = &wire["configuration"]["taskPushNotificationConfig"];
    assert_eq!(
        (push["url"].as_str(), push["token"].as_str()),
        (Some("http://c/callbacks/w"), Some("tok"))
    );
    assert_eq!(
        push["authentication"],
        json!({ "scheme": "Bearer", "credentials": "tok" })
    );
    assert_eq!(wire["configuration"]["returnImmediately"], true);
}

#[test]
fn results_are_found_wherever_agents_put_them() {
    let result = |artifacts: Value| progress_of(&task("TASK_STATE_COMPLETED", artifacts));
    let done = |value: Value| Progress::Done { result: value };
    let other = json!({ "artifactId": "x", "parts": [{ "data": { "other": 1 } }] });
    let named = json!({ "artifactId": "y", "name": "result", "parts": [{ "text": "see data" }, { "data": { "summary": "s" } }] });
    assert_eq!(
        result(json!([other, named])),
        done(json!({ "summary": "s" }))
    );
    assert_eq!(
        result(json!([{ "artifactId": "z", "parts": [{ "text": "t" }] }, other])),
        done(json!({ "other": 1 }))
    );
    assert_eq!(
        result(json!([{ "artifactId": "z", "parts": [{ "text": "{\"a\":1}" }] }])),
        done(json!({ "a": 1 }))
    );
    assert_eq!(
        result(json!([{ "artifactId": "z", "parts": [{ "text": "plain" }] }])),
        done(json!("plain"))
    );
    assert_eq!(result(json!([])), done(Value::Null));
}

#[test]
fn every_state_has_its_progress() {
    for state in [
        "TASK_STATE_SUBMITTED",
        "TASK_STATE_WORKING",
        "TASK_STATE_UNSPECIFIED",
    ] {
        assert_eq!(
            progress_of(&task(state, json!([]))),
            Progress::Working,
            "{state}"
        );
    }
    for state in [
        "TASK_STATE_FAILED",
        "TASK_STATE_CANCELED",
        "TASK_STATE_REJECTED",
    ] {
        assert_eq!(
            progress_of(&task(state, json!([]))),
            Progress::Failed {
                error: "words".into()
            },
            "{state}"
        );
    }
    for state in ["TASK_STATE_INPUT_REQUIRED", "TASK_STATE_AUTH_REQUIRED"] {
        assert!(
            matches!(
                progress_of(&task(state, json!([]))),
                Progress::Failed { .. }
            ),
            "{state}"
        );
    }
}

#[test]
fn cards_name_the_json_rpc_endpoint() {
    let card = json!({ "supportedInterfaces": [
        { "url": "http://a/rest", "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0" },
        { "url": "http://a/old", "protocolBinding": "JSONRPC", "protocolVersion": "0.3" },
        { "url": "http://a/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0" },
    ] });
    assert_eq!(json_rpc_endpoint(&card).as_deref(), Some("http://a/rpc"));
    assert_eq!(json_rpc_endpoint(&json!({ "url": "http://a" })), None);
}

#[tokio::test]
async fn an_agentcore_arn_is_a_clear_coded_error() {
    let agents = A2aAgents::new(Client::new(), "http://127.0.0.1:1".to_owned());
    let arn = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:agent-runtime/researcher";
    let error = agents
        .progress(arn, "t")
        .await
        .expect_err("no AgentCore in this build");
    assert_eq!(error.code, Some(AGENT_CORE_UNAVAILABLE));
    assert!(!error.kind.is_transient());
    let error = agents
        .progress("researcher", "t")
        .await
        .expect_err("nobody to ask for the address");
    assert!(error.kind.is_transient());
}

#[tokio::test]
async fn an_agent_that_is_down_has_its_code() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", closed.local_addr().expect("its address"));
    drop(closed);
    let agents = A2aAgents::new(Client::new(), address.clone());
    let error = agents.progress(&address, "t").await.expect_err("down");
    assert_eq!(error.code, Some("E0301"));
    assert!(error.kind.is_transient());
}

// With the clock paused, a runtime that only waits for the network jumps to the next timeout: thirty seconds pass at once.
#[tokio::test(start_paused = true)]
async fn an_agent_that_never_answers_has_its_code() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", silent.local_addr().expect("its address"));
    let agents = A2aAgents::new(Client::new(), address.clone());
    let error = agents.progress(&address, "t").await.expect_err("silent");
    assert_eq!(error.code, Some("E0303"));
    assert!(error.kind.is_transient());
}
