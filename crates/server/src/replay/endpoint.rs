//! The endpoint of a replay: the two calls that a durable function's worker makes. Everything else is refused, so that nothing leaves.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Method, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::session::{Answer, Ended, Session};

const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What an update says of an operation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Asked {
    #[serde(default)]
    pub id: String,
    #[serde(rename = "ParentId")]
    pub parent: Option<String>,
    pub name: Option<String>,
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(rename = "SubType")]
    pub sub_kind: Option<String>,
    pub action: String,
    payload: Option<String>,
    error: Option<super::RecordedError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Checkpoint {
    checkpoint_token: String,
    #[serde(default)]
    updates: Vec<Asked>,
}

impl Asked {
    pub(super) fn title(&self) -> String {
        let kind = self.kind.to_ascii_lowercase().replace('_', " ");
        match &self.name {
            Some(name) => format!("{kind} ({name})"),
            None => format!("{kind} without a name"),
        }
    }

    /// How an update of the execution ends it.
    pub(super) fn end(&self) -> Ended {
        if self.action == "SUCCEED" {
            Ended::Succeeded(self.payload.clone())
        } else {
            let error = self.error.clone().unwrap_or_default();
            Ended::Failed(error.error_type, error.error_message)
        }
    }
}

/// Serves the session that `current` holds until the future is dropped.
pub async fn serve(listener: TcpListener, current: watch::Receiver<Arc<Session>>) {
    let router = Router::new().fallback(answer).with_state(current);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the replay's endpoint has ended");
    }
}

async fn answer(
    State(current): State<watch::Receiver<Arc<Session>>>,
    request: Request<Body>,
) -> Response {
    let session = Arc::clone(&current.borrow());
    let path = request.uri().path().to_owned();
    let is_post = request.method() == Method::POST;
    if is_post && path.ends_with("/checkpoint") {
        return match to_bytes(request.into_body(), BODY_BYTES_MAX).await {
            Ok(body) => checkpoint(&session, &body),
            Err(error) => refused(&error.to_string()),
        };
    }
    if request.method() == Method::GET && path.ends_with("/state") {
        // All of it stood in the event.
        return Json(json!({ "Operations": [] })).into_response();
    }
    refused("Everstep replay: nothing but the calls of a durable function's worker is answered")
}

fn checkpoint(session: &Session, body: &[u8]) -> Response {
    let Ok(checkpoint) = serde_json::from_slice::<Checkpoint>(body) else {
        return refused("Everstep replay: the checkpoint can't be read");
    };
    if checkpoint.checkpoint_token != session.token {
        return refused("Everstep replay: this run is over");
    }
    match session.checkpoint(&checkpoint.updates) {
        Answer::Taken(operations) => Json(json!({
            "CheckpointToken": session.token,
            "NewExecutionState": { "Operations": operations },
        }))
        .into_response(),
        // Without a token the invocation has to end.
        Answer::Over => Json(json!({ "NewExecutionState": { "Operations": Vec::<Value>::new() } }))
            .into_response(),
        Answer::Refused(why) => refused(&why),
    }
}

fn refused(why: &str) -> Response {
    let body = Json(json!({ "Type": "User", "message": why }));
    let error = [("x-amzn-errortype", "InvalidParameterValueException")];
    (StatusCode::BAD_REQUEST, error, body).into_response()
}
