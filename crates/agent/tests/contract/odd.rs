//! Replies as peers of all kinds have made them, or might: each comes to a state or to an error, and none to a panic.

use axum::response::IntoResponse as _;
use everstep_agent::Dialect;
use serde::Deserialize;
use serde_json::Value;

use crate::world::{Server, client, reference, task};

#[derive(Deserialize)]
struct Case {
    what: String,
    reply: Value,
    /// How the state's debug text begins.
    state: Option<String>,
    error: Option<String>,
    kind: Option<String>,
}

#[tokio::test]
async fn every_reply_comes_to_a_state_or_to_an_error() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("odd.json")).expect("cases");
    let server = Server::new().await;
    let agent = server.with_card("JSONRPC", "1.0");
    let client = client();
    for case in cases {
        // An error may make the agent's card be read again.
        let known = client.profile(&agent).await;
        if known.is_err() {
            server.with_card("JSONRPC", "1.0");
        }
        server.json(case.reply);
        match client.send(&agent, &task(), &()).await {
            Ok(said) => {
                let state = format!("{:?}", said.state);
                let expected = case
                    .state
                    .unwrap_or_else(|| panic!("{}: {state}", case.what));
                assert!(state.starts_with(&expected), "{}: {state}", case.what);
            }
            Err(error) => {
                assert!(case.state.is_none(), "{}: {error}", case.what);
                assert_eq!(
                    error.code(),
                    case.error.as_deref(),
                    "{}: {error}",
                    case.what
                );
                if let Some(kind) = case.kind {
                    assert_eq!(format!("{:?}", error.kind()), kind, "{}", case.what);
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_json_is_nonsense_in_every_dialect() {
    let server = Server::new().await;
    for (binding, version, dialect) in [
        ("JSONRPC", "1.0", Dialect::A2a),
        ("HTTP+JSON", "1.0", Dialect::A2aRest),
        ("JSONRPC", "0.3.0", Dialect::A2a03),
    ] {
        let agent = server.with_card(binding, version);
        let client = client();
        assert_eq!(
            client.profile(&agent).await.expect("a card").dialect,
            dialect
        );
        for text in ["", "<html>", "{\"result\":", "\u{feff}{}"] {
            server.answer(move |_| text.into_response());
            let error = client
                .get(&agent, &reference(dialect))
                .await
                .expect_err("nonsense");
            assert_eq!(error.code(), Some("E0302"), "{dialect} {text}");
        }
    }
}

#[tokio::test]
async fn a_page_in_place_of_a_card_is_none() {
    let server = Server::new().await;
    for text in ["<html>welcome</html>", "", "\"", "{"] {
        server.answer(move |_| text.into_response());
        let error = client()
            .profile(&server.agent(None))
            .await
            .expect_err("no card");
        assert_eq!(error.code(), Some("E0310"), "{text}");
    }
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    server.answer(move |_| deep.into_response());
    let error = client()
        .profile(&server.agent(None))
        .await
        .expect_err("no card");
    assert_eq!(error.code(), Some("E0310"));
}
