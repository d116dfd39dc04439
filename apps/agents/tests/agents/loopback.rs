//! A server on loopback that notes what it is sent and answers what the test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::mpsc;

/// One request as it came in.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

pub type Answer = Arc<dyn Fn(&Seen, usize) -> Reply + Send + Sync>;

/// What to answer; `Never` keeps the caller waiting.
pub enum Reply {
    Status(u16),
    Json(Value),
    Never,
}

pub struct Loopback {
    pub url: String,
    pub seen: mpsc::UnboundedReceiver<Seen>,
    count: Arc<Mutex<usize>>,
}

#[derive(Clone)]
struct Shared {
    answer: Answer,
    sender: mpsc::UnboundedSender<Seen>,
    count: Arc<Mutex<usize>>,
    stored: Arc<Mutex<HashMap<String, Bytes>>>,
}

impl Loopback {
    /// Answers with `answer`, which is told the request and how many came before. PUT stores and GET finds again.
    pub async fn start(answer: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let count = Arc::new(Mutex::new(0));
        let shared = Shared {
            answer: Arc::new(answer),
            sender,
            count: count.clone(),
            stored: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(handle).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen, count }
    }

    pub async fn ok() -> Self {
        Self::start(|_, _| Reply::Status(200)).await
    }

    /// A server that takes requests and never answers.
    pub async fn silent() -> Self {
        Self::start(|_, _| Reply::Never).await
    }

    pub async fn next(&mut self) -> Seen {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), self.seen.recv());
        next.await.expect("a request within 20 s").unwrap()
    }

    pub fn count(&self) -> usize {
        *self.count.lock().unwrap()
    }
}

async fn handle(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    if method == Method::GET {
        let stored = shared.stored.lock().unwrap().get(&path).cloned();
        return stored.map_or(
            StatusCode::NOT_FOUND.into_response(),
            IntoResponse::into_response,
        );
    }
    if method == Method::PUT {
        shared
            .stored
            .lock()
            .unwrap()
            .insert(path.clone(), body.clone());
    }
    let seen = Seen {
        path,
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    let before = {
        let mut count = shared.count.lock().unwrap();
        *count += 1;
        *count - 1
    };
    let reply = (shared.answer)(&seen, before);
    let _ = shared.sender.send(seen);
    match reply {
        Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Reply::Json(value) => axum::Json(value).into_response(),
        Reply::Never => std::future::pending().await,
    }
}
