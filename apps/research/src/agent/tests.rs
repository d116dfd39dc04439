use super::client::fault;
use super::*;
use crate::error::Kind;
use everstep_agent::Error;

#[test]
fn faults_have_the_words_and_the_kinds_of_the_seed() {
    let cases = [
        (
            Error::Refused {
                code: -32602,
                message: "no payload".to_owned(),
            },
            "Agent dispatch error: no payload (-32602)",
            Kind::Invalid,
        ),
        (
            Error::Refused {
                code: -32603,
                message: "broken".to_owned(),
            },
            "Agent dispatch error: broken (-32603)",
            Kind::Transient,
        ),
        (
            Error::Status {
                host: "a".to_owned(),
                status: 429,
                text: "later".to_owned(),
                retry_after: None,
            },
            "Failed to invoke agent: a answered 429: later",
            Kind::Throttled,
        ),
    ];
    for (error, message, kind) in cases {
        let fault = fault(&error);
        assert_eq!((fault.message.as_str(), fault.kind), (message, kind));
    }
}

#[tokio::test]
async fn what_names_no_agent_is_told_as_such() {
    let agents = A2aAgents::new(reqwest::Client::new(), "http://127.0.0.1:1".to_owned());
    let error = agents
        .progress("arn:aws:lambda:eu-west-1:1:function:f", "t")
        .await
        .expect_err("no agent");
    assert_eq!((error.code, error.kind), (Some("E0313"), Kind::Invalid));
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
    let agents = A2aAgents::new(reqwest::Client::new(), address.clone());
    let error = agents.progress(&address, "t").await.expect_err("down");
    assert_eq!(error.code, Some("E0301"));
    assert!(error.kind.is_transient());
}

// With the clock paused, a runtime that only waits for the network jumps to the next timeout: thirty seconds pass at once.
#[tokio::test(start_paused = true)]
async fn an_agent_that_never_answers_has_its_code() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", silent.local_addr().expect("its address"));
    let agents = A2aAgents::new(reqwest::Client::new(), address.clone());
    let error = agents.progress(&address, "t").await.expect_err("silent");
    assert_eq!(error.code, Some("E0303"));
    assert!(error.kind.is_transient());
}

/// An agent of before A2A, which can't be asked whether it has a task, takes it and loses its answer.
#[tokio::test]
async fn a_task_that_may_have_begun_is_not_begun_again() {
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = std::sync::Arc::clone(&sent);
    let app = axum::Router::new()
        .route(
            "/.well-known/agent-card.json",
            axum::routing::get(|| async { axum::Json(serde_json::json!({ "capabilities": {} })) }),
        )
        .fallback(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            async { axum::http::StatusCode::BAD_GATEWAY }
        });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let agents = A2aAgents::new(reqwest::Client::new(), "http://127.0.0.1:1".to_owned());
    let dispatch = Dispatch {
        agent: address,
        message_id: "m-1".to_owned(),
        context_id: "c-1".to_owned(),
        payload: serde_json::json!({ "task": "research" }),
        callback_url: "http://127.0.0.1:1/callbacks/w-1".to_owned(),
        callback_token: "token".to_owned(),
    };
    let dispatched = agents.dispatch(&dispatch).await.expect("it may have begun");
    assert_eq!(dispatched.progress, Progress::Working);
    assert_eq!(dispatched.task_id, None, "only its callback tells of it");
    assert_eq!(sent.load(std::sync::atomic::Ordering::SeqCst), 1);
}
