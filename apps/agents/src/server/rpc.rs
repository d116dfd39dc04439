//! A2A 1.0 over JSON-RPC.

mod push_configs;
mod read;

use std::sync::Arc;

use a2a::{
    A2AError, CancelTaskRequest, GetTaskRequest, JsonRpcId, JsonRpcRequest, JsonRpcResponse,
    ListTasksRequest, ListTasksResponse, SendMessageRequest, SendMessageResponse, Task, TaskState,
    TypedDetail, methods,
};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) use read::{id_of, read_body};

use super::jobs::{Agent, Order};
use super::tasks::{Begun, Changed, Record};
use super::work;

/// Outside the range that A2A gives meanings to, inside the one JSON-RPC leaves to servers.
const BUSY: i32 = -32_050;
const RETRY_AFTER_SECONDS: &str = "5";
const PAGE_DEFAULT: usize = 50;
const PAGE_MAX: usize = 100;
const INVALID_PAYLOAD: &str = "No valid payload found in request";

/// `POST /`
pub(super) async fn handle(
    State(agent): State<Arc<Agent>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match read_body(&headers, body, agent.options.body_bytes_max).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let request = match read::request(&body) {
        Ok(request) => request,
        Err(failure) => return error(id_of(&body), &failure),
    };
    let id = request.id.clone();
    // An unknown method is named as such whatever version its caller speaks; that is how old clients find out.
    if !methods::is_valid(&request.method) {
        return error(id, &A2AError::method_not_found(&request.method));
    }
    if let Err(failure) = read::version(&headers) {
        return error(id, &failure);
    }
    match call(&agent, request).await {
        Ok(result) => Json(JsonRpcResponse::success(id, result)).into_response(),
        Err(failure) if failure.code == BUSY => busy(id),
        Err(failure) => error(id, &failure),
    }
}

async fn call(agent: &Arc<Agent>, request: JsonRpcRequest) -> Result<Value, A2AError> {
    let params = request.params.unwrap_or(Value::Null);
    match request.method.as_str() {
        methods::SEND_MESSAGE => to_value(&send_message(agent, read_params(params)?).await?),
        methods::GET_TASK => to_value(&get_task(agent, read_params(params)?).await?),
        methods::LIST_TASKS => to_value(&list_tasks(agent, read_params(params)?).await?),
        methods::CANCEL_TASK => to_value(&cancel_task(agent, read_params(params)?).await?),
        methods::CREATE_PUSH_CONFIG => push_configs::create(agent, read_params(params)?).await,
        methods::GET_PUSH_CONFIG => push_configs::get(agent, read_params(params)?).await,
        methods::LIST_PUSH_CONFIGS => push_configs::list(agent, read_params(params)?).await,
        methods::DELETE_PUSH_CONFIG => push_configs::delete(agent, read_params(params)?).await,
        other => Err(A2AError::unsupported_operation(format!(
            "{other} is not offered; see the capabilities in the agent card"
        ))),
    }
}

async fn send_message(
    agent: &Arc<Agent>,
    request: SendMessageRequest,
) -> Result<SendMessageResponse, A2AError> {
    let message = request.message;
    if message.message_id.is_empty() {
        return Err(A2AError::invalid_params(
            "message.messageId must not be empty",
        ));
    }
    if let Some(task_id) = &message.task_id {
        return Err(match agent.tasks.get(task_id).await {
            None => A2AError::task_not_found(task_id),
            Some(_) => {
                A2AError::unsupported_operation("this agent takes no further messages for a task")
            }
        });
    }
    let payload = work::payload_of(&message)
        .ok_or_else(|| no_payload("no part holds an object or a text"))?;
    work::read(agent.options.kind, &payload).map_err(|reason| no_payload(&reason))?;
    let callback = work::callback_of(&payload).map_err(|reason| no_payload(&reason))?;
    let configuration = request.configuration;
    let push = configuration
        .as_ref()
        .and_then(|configuration| configuration.task_push_notification_config.clone());
    let push = match push {
        None => Vec::new(),
        Some(config) => vec![push_configs::check(config)?],
    };
    let order = Order {
        message_id: message.message_id,
        context_id: message.context_id,
        payload,
        push,
        callback,
    };
    let begun = agent
        .begin(order)
        .await
        .map_err(|reason| storage(&reason))?;
    let record = match begun {
        Begun::New(record) | Begun::Known(record) => record,
        Begun::Full => return Err(A2AError::new(BUSY, "Too many unfinished tasks")),
    };
    let immediately = configuration
        .and_then(|configuration| configuration.return_immediately)
        .unwrap_or(false);
    if immediately {
        return Ok(SendMessageResponse::Task(record.task));
    }
    let id = record.task.id.clone();
    tokio::select! {
        finished = agent.tasks.finished(&id) => {
            let record = finished.ok_or_else(|| A2AError::task_not_found(&id))?;
            Ok(SendMessageResponse::Task(record.task))
        }
        () = agent.stopping.cancelled() => Ok(SendMessageResponse::Task(record.task)),
    }
}

async fn get_task(agent: &Agent, request: GetTaskRequest) -> Result<Task, A2AError> {
    let record = agent.tasks.get(&request.id).await;
    record
        .map(|record| record.task)
        .ok_or_else(|| A2AError::task_not_found(&request.id))
}

async fn cancel_task(agent: &Arc<Agent>, request: CancelTaskRequest) -> Result<Task, A2AError> {
    let changed = agent
        .cancel(&request.id)
        .await
        .map_err(|reason| storage(&reason))?;
    match changed {
        None => Err(A2AError::task_not_found(&request.id)),
        Some(Changed::Done(record)) => Ok(record.task),
        // Cancelling twice is no error, cancelling what has ended otherwise is.
        Some(Changed::Refused(record)) if record.task.status.state == TaskState::Canceled => {
            Ok(record.task)
        }
        Some(Changed::Refused(_)) => Err(A2AError::task_not_cancelable(&request.id)),
    }
}

/// Newest first. The page token is the id of the last task of the page before.
async fn list_tasks(
    agent: &Agent,
    request: ListTasksRequest,
) -> Result<ListTasksResponse, A2AError> {
    let page_size = match request.page_size {
        None | Some(0) => PAGE_DEFAULT,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| *size <= PAGE_MAX)
            .ok_or_else(|| A2AError::invalid_params("pageSize must be between 1 and 100"))?,
    };
    let mut records = agent.tasks.all().await;
    records.reverse();
    let matches = |record: &Record| {
        let task = &record.task;
        request
            .context_id
            .as_ref()
            .is_none_or(|context| *context == task.context_id)
            && request
                .status
                .as_ref()
                .is_none_or(|state| *state == task.status.state)
            && request
                .status_timestamp_after
                .is_none_or(|after| task.status.timestamp.is_some_and(|at| at > after))
    };
    records.retain(matches);
    let total = records.len();
    let start = match request
        .page_token
        .as_deref()
        .filter(|token| !token.is_empty())
    {
        None => 0,
        Some(token) => records
            .iter()
            .position(|record| record.task.id == token)
            .map(|place| place + 1)
            .ok_or_else(|| A2AError::invalid_params("pageToken is not one of this list"))?,
    };
    let with_artifacts = request.include_artifacts.unwrap_or(false);
    let tasks: Vec<Task> = records
        .into_iter()
        .skip(start)
        .take(page_size)
        .map(|record| Task {
            artifacts: record.task.artifacts.filter(|_| with_artifacts),
            ..record.task
        })
        .collect();
    let is_last = start + tasks.len() >= total;
    let next_page_token = tasks
        .last()
        .filter(|_| !is_last)
        .map(|task| task.id.clone())
        .unwrap_or_default();
    Ok(ListTasksResponse {
        page_size: i32::try_from(page_size).unwrap_or(i32::MAX),
        total_size: i32::try_from(total).unwrap_or(i32::MAX),
        next_page_token,
        tasks,
    })
}

/// The one text for every payload that cannot be worked on; the reason travels as a detail.
pub(super) fn no_payload(reason: &str) -> A2AError {
    let metadata = [("reason".to_owned(), reason.to_owned())].into();
    let detail = TypedDetail::error_info(
        "INVALID_PARAMS",
        a2a::errordetails::PROTOCOL_DOMAIN,
        Some(metadata),
    );
    A2AError::invalid_params(INVALID_PAYLOAD).with_details(vec![detail])
}

/// A JSON-RPC error; the HTTP exchange itself succeeded.
pub(super) fn error(id: JsonRpcId, failure: &A2AError) -> Response {
    Json(JsonRpcResponse::error(id, failure.to_jsonrpc_error())).into_response()
}

/// The answer of an agent that has too much to do.
pub(super) fn busy(id: JsonRpcId) -> Response {
    let failure = A2AError::new(BUSY, "Too many unfinished tasks");
    let body = Json(JsonRpcResponse::error(id, failure.to_jsonrpc_error()));
    let wait = [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)];
    (StatusCode::TOO_MANY_REQUESTS, wait, body).into_response()
}

fn storage(reason: &std::io::Error) -> A2AError {
    tracing::error!(%reason, "task_not_recorded");
    A2AError::internal("the task could not be recorded")
}

fn read_params<T: DeserializeOwned>(params: Value) -> Result<T, A2AError> {
    serde_json::from_value(params).map_err(|reason| A2AError::invalid_params(reason.to_string()))
}

fn to_value(value: &impl serde::Serialize) -> Result<Value, A2AError> {
    serde_json::to_value(value).map_err(|reason| A2AError::internal(reason.to_string()))
}
