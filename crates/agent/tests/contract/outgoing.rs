//! Where calls go, how much they read, and how long they wait.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Redirect, Response};
use everstep_agent::{
    Addresses, Agent, Client, ClientOptions, Credentials, Dialect, Error, Link, Names, Network,
    Output, State,
};
use serde_json::json;

use crate::world::{Server, client, reference, task};

/// Answers a public address first and this machine afterwards.
#[derive(Debug, Default)]
struct Rebinding {
    asked: AtomicUsize,
    first: Option<IpAddr>,
}

impl Names for Rebinding {
    fn addresses(&self, _: &str) -> Addresses {
        let first = self.asked.fetch_add(1, Ordering::Relaxed) == 0;
        let here = IpAddr::from([127, 0, 0, 1]);
        let address = self.first.filter(|_| first).unwrap_or(here);
        Box::pin(async move { Ok(vec![address]) })
    }
}

fn named(names: Rebinding, allowed: &[Network]) -> (Client, Arc<Rebinding>) {
    let names = Arc::new(names);
    let client = Client::new(&ClientOptions {
        allowed: allowed.to_vec(),
        plain_http: true,
        names: Some(Arc::clone(&names) as Arc<dyn Names>),
    });
    (client, names)
}

fn port(server: &Server) -> &str {
    server.base.rsplit(':').next().expect("a port")
}

async fn code(client: &Client, agent: &Agent) -> Option<&'static str> {
    let error = client.send(agent, &task(), &()).await.expect_err("refused");
    assert!(!error.kind().is_transient(), "{error}");
    assert!(!error.may_have_begun(), "{error}");
    error.code()
}

#[tokio::test]
async fn addresses_that_are_not_public_are_not_called() {
    let server = Server::new().await;
    let guarded = Client::new(&ClientOptions::default());
    let hosts = [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
    ];
    for host in hosts {
        for scheme in ["http", "https"] {
            let address = format!("{scheme}://{host}:{}", port(&server));
            let mut agent = Agent::new("agent", address.parse().expect("an address"));
            for dialect in [None, Some(Dialect::Webhook), Some(Dialect::AgentCore)] {
                agent.dialect = dialect;
                assert_eq!(code(&guarded, &agent).await, Some("E0304"), "{address}");
            }
        }
    }
    assert!(server.asked().is_empty());
}

/// AWS's SDK makes connections of its own.
#[cfg(feature = "aws")]
#[tokio::test]
async fn an_endpoint_of_agentcore_is_looked_at_like_any_other_address() {
    let server = Server::new().await;
    let arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/r-1";
    let mut agent = Agent::new("agent", arn.parse().expect("an ARN"));
    agent.credentials = Credentials::Aws {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "secret".to_owned().into(),
        session_token: None,
    };
    for host in ["127.0.0.1", "localhost", "10.0.0.1", "agents.example.com"] {
        for scheme in ["http", "https"] {
            let endpoint = format!("{scheme}://{host}:{}", port(&server));
            agent.endpoint = Some(endpoint.parse().expect("a URL"));
            let (guarded, _) = named(Rebinding::default(), &[]);
            assert_eq!(code(&guarded, &agent).await, Some("E0304"), "{endpoint}");
        }
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_here_later_is_still_checked() {
    let server = Server::new().await;
    let address = format!("http://agents.example.com:{}", port(&server));
    let agent = Agent::new("agent", address.parse().expect("an address"));
    // Whatever a name led to before, each connection goes to an address that was looked at for it.
    let (client, names) = named(Rebinding::default(), &[]);
    assert_eq!(code(&client, &agent).await, Some("E0304"));
    assert_eq!(code(&client, &agent).await, Some("E0304"));
    assert_eq!(names.asked.load(Ordering::Relaxed), 2);
    // One that is allowed is looked up once for its connection.
    server.status(404).status(404);
    let (client, names) = named(Rebinding::default(), &Network::loopback());
    assert_eq!(code(&client, &agent).await, Some("E0310"));
    assert_eq!(names.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_public_network_is_not_called_without_encryption() {
    let public = IpAddr::from([93, 184, 216, 34]);
    let names = Arc::new(Rebinding {
        asked: AtomicUsize::new(0),
        first: Some(public),
    });
    let client = Client::new(&ClientOptions {
        names: Some(names),
        ..ClientOptions::default()
    });
    let agent = |address: &str| Agent::new("agent", address.parse().expect("an address"));
    assert_eq!(
        code(&client, &agent("http://agents.example.com")).await,
        Some("E0305")
    );
    assert_eq!(
        code(&client, &agent("http://93.184.216.34")).await,
        Some("E0305")
    );
}

#[tokio::test]
async fn a_redirect_of_a_call_is_not_followed() {
    let server = Server::new().await;
    server.answer(|_| Redirect::temporary("/elsewhere").into_response());
    let agent = server.agent(Some(Dialect::Webhook));
    assert_eq!(code(&client(), &agent).await, Some("E0307"));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn links_in_results_are_followed_with_care() {
    let server = Server::new().await;
    let mut agent = server.agent(Some(Dialect::A2a));
    agent.credentials = Credentials::Bearer("secret".to_owned().into());
    let link = |url: String| {
        Output::Link(Link {
            name: None,
            media_type: Some("application/json".to_owned()),
            url: url.parse().expect("a URL"),
        })
    };
    let here = || link(format!("{}/file", server.base));
    server
        .answer(|_| Redirect::temporary("/moved").into_response())
        .answer(|_| "[1]".into_response());
    let mut body = client().open(&agent, here()).await.expect("a file");
    assert_eq!(&*body.rest().await.expect("its bytes"), b"[1]");
    let asked = server.asked();
    assert_eq!(asked[0].header("authorization"), "Bearer secret");
    assert_eq!(
        (&*asked[1].path, asked[1].header("authorization")),
        ("/moved", "")
    );

    // To where it may not, for ever, and out of the agent's own house.
    server.answer(|_| Redirect::temporary("http://169.254.169.254/latest").into_response());
    let error = client().open(&agent, here()).await.expect_err("guarded");
    assert_eq!(error.code(), Some("E0304"));
    for _ in 0..4 {
        server.answer(|_| Redirect::temporary("/again").into_response());
    }
    let error = client().open(&agent, here()).await.expect_err("a circle");
    assert_eq!(error.code(), Some("E0307"));
    let other = Server::new().await;
    other.answer(|_| "2".into_response());
    let elsewhere = link(format!("{}/file", other.base));
    client().open(&agent, elsewhere).await.expect("a file");
    assert_eq!(other.last().header("authorization"), "");

    agent.link_bytes_max = 10;
    server.answer(|_| "longer than ten".into_response());
    let error = client().open(&agent, here()).await.expect_err("too long");
    assert_eq!(error.code(), Some("E0308"));
}

/// Bytes without end, so many at a time.
fn endless(piece: usize) -> Response {
    let stream =
        futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(vec![b' '; piece]));
    Body::from_stream(stream).into_response()
}

#[tokio::test]
async fn answers_are_read_only_so_far() {
    let server = Server::new().await;
    let mut agent = server.agent(Some(Dialect::Webhook));
    agent.reply_bytes_max = 1_000_000;
    server.answer(|_| endless(64 * 1024));
    let error = client()
        .send(&agent, &task(), &())
        .await
        .expect_err("too long");
    assert_eq!(error.code(), Some("E0308"));
    assert!(error.may_have_begun());
    // A card that is no page.
    server.answer(|_| endless(64 * 1024));
    let error = client()
        .profile(&server.agent(None))
        .await
        .expect_err("too long");
    assert_eq!(error.code(), Some("E0308"));
}

#[tokio::test]
async fn what_is_packed_is_not_unpacked() {
    let server = Server::new().await;
    // A few bytes that would be a megabyte of zeros, and so on: nobody unpacks them.
    server.answer(|_| ([("content-encoding", "gzip")], vec![0x1f, 0x8b, 8, 0]).into_response());
    let agent = server.agent(Some(Dialect::Webhook));
    let error = client()
        .send(&agent, &task(), &())
        .await
        .expect_err("packed");
    assert_eq!(error.code(), Some("E0302"));
    assert_eq!(server.last().header("accept-encoding"), "identity");
}

#[tokio::test]
async fn a_slow_body_is_waited_for_only_so_long() {
    let server = Server::new().await;
    let mut agent = server.agent(Some(Dialect::Webhook));
    agent.call_timeout = Duration::from_millis(300);
    server.answer(|_| {
        let first = futures_util::stream::iter([Ok::<_, std::io::Error>("{")]);
        let stream = futures_util::StreamExt::chain(first, futures_util::stream::pending());
        Body::from_stream(stream).into_response()
    });
    let error = client()
        .send(&agent, &task(), &())
        .await
        .expect_err("silent");
    assert_eq!(error.code(), Some("E0303"));
    assert!(error.may_have_begun());
}

#[tokio::test]
async fn refusals_have_their_kinds() {
    let server = Server::new().await;
    let agent = server.agent(Some(Dialect::Webhook));
    for (status, code, transient, begun) in [
        (401, Some("E0306"), false, false),
        (403, Some("E0306"), false, false),
        (404, None, false, false),
        (429, None, true, false),
        (500, None, true, true),
        (503, None, true, true),
    ] {
        server.status(status);
        let error = client()
            .send(&agent, &task(), &())
            .await
            .expect_err("refused");
        assert_eq!(error.code(), code, "{status}");
        assert_eq!(error.kind().is_transient(), transient, "{status}");
        assert_eq!(error.may_have_begun(), begun, "{status}");
    }
    server.answer(|_| {
        (
            axum::http::StatusCode::TOO_MANY_REQUESTS,
            [("retry-after", "7")],
        )
            .into_response()
    });
    let error = client()
        .send(&agent, &task(), &())
        .await
        .expect_err("refused");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn nobody_who_listens_has_not_begun() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", closed.local_addr().expect("its address"));
    drop(closed);
    let agent = Agent::new("agent", address.parse().expect("an address"));
    let error = client().send(&agent, &task(), &()).await.expect_err("down");
    assert_eq!(
        (error.code(), error.may_have_begun()),
        (Some("E0301"), false)
    );
}

#[tokio::test]
async fn a_card_does_not_lead_credentials_elsewhere() {
    let server = Server::new().await;
    let card = json!({ "supportedInterfaces": [{ "url": "http://127.0.0.1:1/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0" }] });
    let mut agent = server.agent(None);
    server.json(card.clone());
    assert!(client().profile(&agent).await.is_ok());
    agent.credentials = Credentials::Bearer("secret".to_owned().into());
    server.json(card);
    let error = client().profile(&agent).await.expect_err("elsewhere");
    assert_eq!(error.code(), Some("E0310"));
    assert!(!error.to_string().contains("secret"));
}

#[tokio::test]
async fn a_card_is_read_again_when_it_does_not_hold_any_more() {
    let server = Server::new().await;
    let card = json!({ "supportedInterfaces": [{ "url": format!("{}/rpc", server.base), "protocolBinding": "JSONRPC", "protocolVersion": "1.0" }] });
    let agent = server.agent(None);
    let with = |card: serde_json::Value, control: &'static str| {
        move |_: &crate::world::Asked| {
            (
                [("cache-control", control), ("etag", "\"1\"")],
                axum::Json(card),
            )
                .into_response()
        }
    };
    let client = client();
    server.answer(with(card.clone(), "max-age=0"));
    let first = client.profile(&agent).await.expect("a card");
    // Not changed, and then kept.
    server.answer(|_| {
        (
            axum::http::StatusCode::NOT_MODIFIED,
            [("cache-control", "max-age=600")],
        )
            .into_response()
    });
    assert_eq!(client.profile(&agent).await.expect("the same card"), first);
    assert_eq!(server.last().header("if-none-match"), "\"1\"");
    assert_eq!(client.profile(&agent).await.expect("the same card"), first);
    assert_eq!(server.asked().len(), 2);
    // An agent that breaks down may be another one afterwards.
    server.status(503).answer(with(card, "max-age=600"));
    let error = client.get(&agent, &reference(Dialect::A2a)).await;
    assert!(error.expect_err("down").kind().is_transient());
    client.profile(&agent).await.expect("a card");
    assert_eq!(server.asked().len(), 4);
}

/// Nothing was handed over yet: the task is not in doubt, whatever became of the question for the card.
#[tokio::test]
async fn a_card_that_can_not_be_had_has_not_begun_a_task() {
    let server = Server::new().await;
    let agent = server.agent(None);
    for status in [502, 503, 408] {
        server.status(status);
        let error = client().send(&agent, &task(), &()).await.expect_err("down");
        assert!(error.kind().is_transient(), "{error}");
        assert!(!error.may_have_begun(), "{error}");
    }
}

/// Another task of the agent makes the card be forgotten while this one asks whether it has changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_card_that_has_not_changed_is_the_one_that_was_asked_about() {
    let server = Server::new().await;
    let card = json!({ "supportedInterfaces": [{ "url": format!("{}/rpc", server.base), "protocolBinding": "JSONRPC", "protocolVersion": "1.0" }] });
    let agent = server.agent(None);
    let client = client();
    server.answer(move |_| {
        (
            [("cache-control", "max-age=0"), ("etag", "\"1\"")],
            axum::Json(card),
        )
            .into_response()
    });
    let first = client.profile(&agent).await.expect("a card");
    let (asked, hears) = std::sync::mpsc::channel::<()>();
    let (go, goes) = std::sync::mpsc::channel::<()>();
    let unchanged = || {
        (
            axum::http::StatusCode::NOT_MODIFIED,
            [("cache-control", "max-age=600")],
        )
            .into_response()
    };
    server.answer(move |_| {
        // The others of the runtime go on.
        tokio::task::block_in_place(|| {
            asked.send(()).expect("the test waits");
            goes.recv().expect("the test goes on");
        });
        unchanged()
    });
    let asks = {
        let (client, agent) = (client.clone(), agent.clone());
        tokio::spawn(async move { client.profile(&agent).await })
    };
    tokio::task::spawn_blocking(move || hears.recv().expect("a question"))
        .await
        .expect("it was asked");
    server.answer(move |_| unchanged()).status(503);
    let other = client.get(&agent, &reference(Dialect::A2a)).await;
    assert!(other.expect_err("down").kind().is_transient());
    go.send(()).expect("the agent answers");
    let again = asks.await.expect("no panic").expect("the same card");
    assert_eq!(again, first);
    assert_eq!(client.profile(&agent).await.expect("kept"), first);
}

#[tokio::test]
async fn without_the_feature_runtimes_are_called_by_bearer_token_only() {
    let server = Server::new().await;
    let arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/r-1";
    let mut agent = Agent::new("agent", arn.parse().expect("an ARN"));
    agent.endpoint = Some(server.base.parse().expect("a URL"));
    if !cfg!(feature = "aws") {
        assert_eq!(code(&client(), &agent).await, Some("E0311"));
    }
    agent.credentials = Credentials::Bearer("jwt".to_owned().into());
    server.json(json!({ "a": 1 }));
    let said = client().send(&agent, &task(), &()).await.expect("a result");
    assert!(matches!(said.state, State::Done(Output::Json(text)) if &*text == br#"{"a":1}"#));
    let asked = server.last();
    assert_eq!(
        asked.path,
        "/runtimes/arn%3Aaws%3Abedrock%2Dagentcore%3Aus%2Deast%2D1%3A123456789012%3Aruntime%2Fr%2D1/invocations"
    );
    assert_eq!(
        (&*asked.query, asked.header("authorization")),
        ("qualifier=DEFAULT", "Bearer jwt")
    );
    assert!(
        asked
            .header("x-amzn-bedrock-agentcore-runtime-session-id")
            .len()
            >= 33
    );
    assert!(matches!(
        client().find(&agent, &task()).await,
        Ok(everstep_agent::Found::Unable)
    ));
    let error = Error::AgentCore;
    assert_eq!(error.code(), Some("E0311"));
}
