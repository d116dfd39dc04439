//! Sinks against listeners on this machine.

use std::time::Duration;

use everstep_agent::Signer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

fn webhook(url: &str) -> Sink {
    Sink::Webhook(Webhook {
        url: http_url(url).expect("a URL"),
        signer: Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key"),
    })
}

fn sinks(sink: Sink, allowed: &[Network]) -> Sinks {
    Sinks::new([("ops".to_owned(), sink)].into(), allowed)
}

/// Answers one request, and gives what it was.
async fn answering(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut read = Vec::new();
        let mut piece = [0; 4_096];
        // The test's bodies end with a brace that closes them.
        while !read.ends_with(b"}}") {
            let count = stream.read(&mut piece).await.expect("a request");
            assert!(count > 0, "the request broke off");
            read.extend_from_slice(&piece[..count]);
        }
        stream.write_all(answer.as_bytes()).await.expect("answered");
        String::from_utf8(read).expect("text")
    });
    (url, task)
}

async fn told(answer: &'static str) -> Result<(), Undelivered> {
    let (url, task) = answering(answer).await;
    let sinks = sinks(webhook(&url), &Network::loopback());
    let event = case("execution.failed", r#"{"execution":{"id":"e"}}"#);
    let told = tokio::time::timeout(
        Duration::from_secs(30),
        sinks.tell("ops", &event, 1_700_000_000),
    );
    let told = told.await.expect("in time");
    let request = task.await.expect("a request");
    assert!(request.contains("webhook-id: letter-1\r\n"), "{request}");
    told
}

#[tokio::test]
async fn an_answer_says_whether_to_try_again() {
    let ok = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    assert_eq!(told(ok).await, Ok(()));
    let busy =
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbusy";
    let undelivered = told(busy).await.expect_err("busy");
    assert_eq!(
        undelivered,
        not_yet("it answered 503 Service Unavailable: busy")
    );
    let gone = "HTTP/1.1 410 Gone\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert!(!told(gone).await.expect_err("gone").again);
    // A redirect may lead to where the guard would not let it go.
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert!(!told(moved).await.expect_err("moved").again);
}

#[tokio::test]
async fn addresses_of_this_machine_and_its_network_are_guarded() {
    for url in [
        "http://127.0.0.1:9/x",
        "http://[::1]:9/x",
        "http://localhost:9/x",
        "http://169.254.169.254/x",
    ] {
        let sinks = sinks(webhook(url), &[]);
        let event = case("execution.failed", "{}");
        let undelivered = sinks.tell("ops", &event, 1).await.expect_err(url);
        assert!(
            undelivered.reason.contains("no public address"),
            "{url}: {}",
            undelivered.reason
        );
    }
}

#[tokio::test]
async fn a_sink_that_nobody_answers_at_is_tried_again_and_its_address_stays_unsaid() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let url = format!("http://{address}/secret-path");
    let slack = Sink::Slack(Slack::new(url.into()).expect("a sink"));
    let sinks = sinks(slack, &Network::loopback());
    let undelivered = sinks.tell("ops", &case("execution.failed", "{}"), 1).await;
    let undelivered = undelivered.expect_err("nobody there");
    assert!(undelivered.again);
    assert!(
        !undelivered.reason.contains("secret-path"),
        "{}",
        undelivered.reason
    );
}

#[tokio::test]
async fn a_file_takes_one_event_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let sinks = sinks(Sink::File(File { path: path.clone() }), &[]);
    for name in ["execution.started", "execution.succeeded"] {
        let event = case(name, r#"{"workflow_id":"w"}"#);
        sinks.tell("ops", &event, 1).await.expect("told");
    }
    let text = std::fs::read_to_string(path).expect("a file");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["type"], "execution.succeeded");
    assert_eq!(lines[1]["data"]["workflow_id"], "w");
}

#[tokio::test]
async fn a_sink_that_is_not_there_is_not_tried_again() {
    let undelivered = Sinks::default()
        .tell("ops", &case("execution.failed", "{}"), 1)
        .await;
    assert!(!undelivered.expect_err("no sink").again);
}
