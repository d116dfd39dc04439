//! A server whose answers are what a test says, and who calls it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use everstep_agent::{Agent, Client, ClientOptions, Dialect, Network, Push, Task, TaskRef};
use serde_json::Value;

/// One call as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self
            .headers
            .get(name)
            .map(|value| value.to_str().expect("text"));
        value.unwrap_or_default()
    }
}

type Answer = Box<dyn FnOnce(&Asked) -> Response + Send>;

#[derive(Clone, Default)]
pub struct Server {
    pub base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

async fn take(State(server): State<Server>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let asked = Asked {
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body,
    };
    server.asked.lock().expect("no panic").push(asked.clone());
    let answer = server.answers.lock().expect("no panic").pop_front();
    match answer {
        Some(answer) => answer(&asked),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Server {
    pub async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Self {
            base,
            ..Self::default()
        };
        let app = Router::new().fallback(take).with_state(server.clone());
        let app = app.layer(axum::extract::DefaultBodyLimit::max(64 * 1024 * 1024));
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    /// What the next call that has no answer yet is answered.
    pub fn answer(&self, answer: impl FnOnce(&Asked) -> Response + Send + 'static) -> &Self {
        self.answers
            .lock()
            .expect("no panic")
            .push_back(Box::new(answer));
        self
    }

    pub fn json(&self, body: Value) -> &Self {
        self.answer(move |_| axum::Json(body).into_response())
    }

    /// The result of a call of JSON-RPC.
    pub fn result(&self, result: Value) -> &Self {
        self.json(serde_json::json!({ "jsonrpc": "2.0", "id": "1", "result": result }))
    }

    pub fn status(&self, status: u16) -> &Self {
        let status = StatusCode::from_u16(status).expect("a status");
        self.answer(move |_| status.into_response())
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }

    pub fn last(&self) -> Asked {
        self.asked().pop().expect("it was called")
    }

    /// The agent of this server, in a dialect that needs no card.
    pub fn agent(&self, dialect: Option<Dialect>) -> Agent {
        let address = self.base.parse().expect("an address");
        let mut agent = Agent::new("agent", address);
        agent.dialect = dialect;
        agent.call_timeout = Duration::from_secs(20);
        agent.run_timeout = Duration::from_secs(20);
        agent
    }

    /// The same with the card of an agent that speaks this, at `/rpc`.
    pub fn with_card(&self, binding: &str, version: &str) -> Agent {
        let url = format!("{}/rpc", self.base);
        self.json(serde_json::json!({ "name": "odd", "supportedInterfaces": [{ "url": url, "protocolBinding": binding, "protocolVersion": version }],
            "capabilities": { "streaming": true, "pushNotifications": true } }));
        self.agent(None)
    }
}

/// A client that reaches this machine.
pub fn client() -> Client {
    Client::new(&ClientOptions {
        allowed: Network::loopback().to_vec(),
        ..ClientOptions::default()
    })
}

pub fn task() -> Task {
    Task {
        message_id: "m-1".to_owned(),
        context_id: "c-1".to_owned(),
        payload: r#"{"topic":"storage","n":1}"#.into(),
        push: None,
        traceparent: None,
        previous: None,
    }
}

pub fn push() -> Push {
    Push {
        id: "p-1".to_owned(),
        url: "https://everstep.example.com/a2a/push/cb"
            .parse()
            .expect("a URL"),
        token: "push-secret".to_owned().into(),
    }
}

pub fn reference(dialect: Dialect) -> TaskRef {
    TaskRef {
        dialect,
        id: "t/1".to_owned(),
        context_id: Some("c-1".to_owned()),
    }
}
