//! What the agents of the original workflow offered beside A2A: `/ping`, `/health` and `/invocations`.

use std::sync::Arc;

use a2a::{A2AError, Message};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::deliver::outcome;
use super::jobs::{Agent, Order};
use super::rpc;
use super::tasks::{Begun, Record};
use super::work;

/// `GET /ping`: without `time_of_last_update` the platform ends busy sessions, and a time that moves with every ping keeps
/// idle ones for ever; so it is the time of the last change.
pub(super) async fn ping(State(agent): State<Arc<Agent>>) -> Json<Value> {
    let status = if agent.tasks.has_unfinished().await {
        "HealthyBusy"
    } else {
        "Healthy"
    };
    Json(json!({"status": status, "time_of_last_update": agent.changed_s()}))
}

/// `GET /health`
pub(super) async fn health(State(agent): State<Arc<Agent>>) -> Json<Value> {
    Json(json!({
        "status": "healthy",
        "agent": agent.options.kind.name(),
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

/// `POST /invocations`: JSON-RPC `tasks/send`, or the payload itself. With a callback address it answers at once, without
/// one it answers the result.
pub(super) async fn invoke(
    State(agent): State<Arc<Agent>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match rpc::read_body(&headers, body, agent.options.body_bytes_max).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let id = rpc::id_of(&body);
    let refuse = |reason: &str| rpc::error(id.clone(), &rpc::no_payload(reason));
    let Some(call) = read(&body) else {
        return refuse("neither a tasks/send message with a text or data part nor a JSON object");
    };
    let call = match call {
        Ok(call) => call,
        Err(error) => return rpc::error(id, &error),
    };
    if let Err(reason) = work::read(agent.options.kind, &call.payload) {
        return refuse(&reason);
    }
    let callback = match work::callback_of(&call.payload) {
        Ok(callback) => callback,
        Err(reason) => return refuse(&reason),
    };
    let workflow_id = work::workflow_of(&call.payload).map(str::to_owned);
    let is_asynchronous = callback.is_some();
    let order = Order {
        message_id: call.message_id,
        context_id: None,
        payload: call.payload,
        push: Vec::new(),
        callback,
    };
    let record = match agent.begin(order).await {
        Ok(Begun::New(record) | Begun::Known(record)) => record,
        Ok(Begun::Full) => return rpc::busy(id),
        Err(reason) => return rpc::error(id, &A2AError::internal(reason.to_string())),
    };
    if is_asynchronous {
        let mut accepted =
            json!({"status": "accepted", "message": "Task queued for async execution"});
        if let (Some(workflow_id), Value::Object(members)) = (workflow_id, &mut accepted) {
            members.insert("workflow_id".to_owned(), json!(workflow_id));
        }
        return Json(accepted).into_response();
    }
    tokio::select! {
        record = agent.tasks.finished(&record.task.id) => answer(record),
        () = agent.stopping.cancelled() => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": "The agent is stopping"}))).into_response()
        }
    }
}

struct Call {
    payload: Value,
    message_id: String,
}

/// Nothing when the body holds no payload at all.
fn read(body: &[u8]) -> Option<Result<Call, A2AError>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let fresh = || format!("invocation:{}", uuid::Uuid::new_v4());
    let Some(method) = value.get("method").and_then(Value::as_str) else {
        let payload = value.is_object().then_some(value)?;
        return Some(Ok(Call {
            payload,
            message_id: fresh(),
        }));
    };
    if method != "tasks/send" {
        return Some(Err(A2AError::method_not_found(method)));
    }
    let message = value.get("params")?.get("message")?;
    let given = message.get("messageId").and_then(Value::as_str);
    let message_id = given.map_or_else(fresh, |id| format!("invocation:{id}"));
    let payload = payload_of(message)?;
    Some(Ok(Call {
        payload,
        message_id,
    }))
}

/// Legacy parts carry a `kind` and legacy roles are lower case, so the message is read by hand where A2A's own type refuses it.
fn payload_of(message: &Value) -> Option<Value> {
    if let Ok(message) = serde_json::from_value::<Message>(message.clone()) {
        return work::payload_of(&message);
    }
    let parts = message.get("parts")?.as_array()?;
    let data = parts
        .iter()
        .filter_map(|part| part.get("data"))
        .find(|data| data.is_object());
    data.cloned().or_else(|| {
        parts
            .iter()
            .find_map(|part| part.get("text")?.as_str())
            .and_then(work::payload_of_text)
    })
}

fn answer(record: Option<Record>) -> Response {
    let Some(record) = record else {
        return (
            StatusCode::INTERNAL_SERVER_ERROR,
            Json(json!({"error": "The task is gone"})),
        )
            .into_response();
    };
    match outcome(&record.task) {
        Ok(result) => Json(result).into_response(),
        Err((kind, text)) => {
            let body = json!({"error": text, "error_type": kind});
            (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
        }
    }
}
