use std::time::Duration;

use everstep_agents::{Error, Kind, serve_until};
use serde_json::{Value, json};

use crate::peer::{Peer, message, options, research_payload};

#[tokio::test]
async fn each_bad_request_has_its_code() {
    let peer = Peer::of(Kind::Researcher).await;
    let cases: Vec<Value> = serde_json::from_str(include_str!("errors.json")).unwrap();
    for case in &cases {
        let name = &case["name"];
        let body = match (case["raw"].as_str(), case.get("payload")) {
            (Some(raw), _) => raw.to_owned(),
            (None, Some(payload)) => {
                let params = message("p", payload.clone());
                json!({"jsonrpc": "2.0", "id": 9, "method": "SendMessage", "params": params}).to_string()
            }
            (None, None) => {
                json!({"jsonrpc": "2.0", "id": 9, "method": case["method"], "params": case["params"]}).to_string()
            }
        };
        let mut request = peer
            .http
            .post(&peer.url)
            .header("content-type", "application/json")
            .body(body);
        match case["version"].as_str() {
            Some("") => {}
            version => request = request.header("A2A-Version", version.unwrap_or("1.0")),
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["code"], case["code"], "{name}: {answer}");
        if let Some(text) = case["message"].as_str() {
            assert_eq!(answer["error"]["message"], text, "{name}");
        }
        if let Some(reason) = case["reason"].as_str() {
            let details = answer["error"]["data"].as_array().unwrap();
            let told = details
                .iter()
                .any(|detail| detail["metadata"]["reason"] == reason);
            assert!(told, "{name}: {answer}");
        }
    }
    assert_eq!(
        peer.call("ListTasks", json!({})).await["totalSize"],
        0,
        "a bad request began a task"
    );
}

#[tokio::test]
async fn a_body_is_taken_at_the_limit_and_refused_one_byte_above() {
    let mut options = options(Kind::Researcher);
    options.body_bytes_max = 2_000;
    let peer = Peer::start(options).await;
    let empty = json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": message("m", json!({"topic": ""}))});
    let room = 2_000 - empty.to_string().len();
    for (extra, status) in [(0, 200), (1, 413)] {
        let topic = "x".repeat(room + extra);
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": message("m", json!({"topic": topic}))});
        let request = peer
            .http
            .post(&peer.url)
            .header("A2A-Version", "1.0")
            .json(&body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
}

#[tokio::test]
async fn a_web_page_cannot_drive_an_agent_with_a_plain_form() {
    let peer = Peer::of(Kind::Researcher).await;
    for path in ["", "invocations"] {
        let body = json!({"topic": "x"}).to_string();
        let request = peer
            .http
            .post(format!("{}{path}", peer.url))
            .header("content-type", "text/plain")
            .body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 415);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["code"], -32005);
    }
}

async fn start_error(options: everstep_agents::Options) -> Error {
    let serve = serve_until(options, |_| {}, tokio::time::sleep(Duration::from_secs(10)));
    serve.await.expect_err("the agent must not start")
}

#[tokio::test]
async fn a_wrong_setting_is_named_at_the_start() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut with_port = options(Kind::Writer);
    with_port.listen = taken.local_addr().unwrap();
    assert!(matches!(start_error(with_port).await, Error::Listen { .. }));

    let mut with_sources = options(Kind::Researcher);
    with_sources.sources = Some("/nowhere/at/all".into());
    assert!(matches!(start_error(with_sources).await, Error::Sources(_)));

    for url in [
        "ftp://127.0.0.1/artifacts/b",
        "http://127.0.0.1/",
        "nonsense",
    ] {
        let mut with_artifacts = options(Kind::Researcher);
        with_artifacts.artifact_url = Some(url.to_owned());
        assert!(
            matches!(start_error(with_artifacts).await, Error::BadUrl { .. }),
            "{url}"
        );
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let mut with_state = options(Kind::Writer);
    with_state.state = Some(file);
    assert!(matches!(start_error(with_state).await, Error::State { .. }));

    let mut first = options(Kind::Writer);
    first.state = Some(folder.path().join("state"));
    let _first = Peer::start(first.clone()).await;
    assert!(matches!(start_error(first).await, Error::StateInUse { .. }));
}

#[tokio::test]
async fn a_stopped_agent_hands_back_its_port_and_state() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(Kind::Researcher);
    options.state = Some(folder.path().to_owned());
    let peer = Peer::start(options.clone()).await;
    peer.work("m", research_payload()).await;
    options.listen = peer
        .url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()
        .unwrap();
    peer.stop().await;
    let again = Peer::start(options).await;
    assert_eq!(again.call("ListTasks", json!({})).await["totalSize"], 1);
}
