//! The worker's calls: CheckpointDurableExecution and GetDurableExecutionState. The hot path of a server.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use everstep_core::token::Purpose;
use everstep_core::{ExecutionId, Operation};
use everstep_durable::{
    Action, ChainedInvokeOptions, Identity, OperationKind, Position, Refusal, Reply, Request,
    Update, UpdateOptions,
};
use hyper::StatusCode;
use serde::Deserialize;

use super::arn::execution_id;
use super::errors::{Error, Exception};
use super::render::{self, ErrorObject};
use super::route::Name;
use super::{Call, reply};
use crate::errors::Code;
use crate::http::App;

pub(super) const CLIENT_TOKEN_MAX: usize = 64;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CheckpointIn {
    checkpoint_token: String,
    updates: Vec<UpdateIn>,
    client_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateIn {
    id: String,
    parent_id: Option<String>,
    name: Option<String>,
    r#type: String,
    sub_type: Option<String>,
    action: String,
    payload: Option<String>,
    error: Option<ErrorObject>,
    #[serde(default)]
    context_options: ContextOptions,
    #[serde(default)]
    step_options: StepOptions,
    #[serde(default)]
    wait_options: WaitOptions,
    #[serde(default)]
    callback_options: CallbackOptions,
    chained_invoke_options: Option<InvokeOptions>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ContextOptions {
    replay_children: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct StepOptions {
    next_attempt_delay_seconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WaitOptions {
    wait_seconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CallbackOptions {
    timeout_seconds: Option<i64>,
    heartbeat_timeout_seconds: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InvokeOptions {
    function_name: String,
    tenant_id: Option<String>,
    x_amzn_trace_id: Option<String>,
}

pub(super) async fn checkpoint(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let id = execution_id(&name.first)?;
    let request: CheckpointIn = call.json()?;
    let position = position(call.app, id, &request.checkpoint_token)?;
    if request
        .client_token
        .as_ref()
        .is_some_and(|token| token.is_empty() || token.len() > CLIENT_TOKEN_MAX)
    {
        return Err(Error::invalid("ClientToken must have 1 to 64 characters"));
    }
    let mut updates = Vec::with_capacity(request.updates.len());
    for update in request.updates {
        updates.push(read_update(call.app, id, update).await?);
    }
    let request = Request::Checkpoint {
        position,
        client_token: request.client_token,
        updates,
    };
    let Reply::Checkpoint {
        next,
        operations,
        next_marker,
    } = ask(call, id, request).await?
    else {
        return Err(unexpected());
    };
    let token = next.map(|next| token(call.app, id, next));
    let body = render::checkpoint(
        call.app,
        id,
        token.as_deref(),
        operations,
        next_marker.as_deref(),
    )
    .await?;
    Ok(reply::bytes_as_json(StatusCode::OK, body))
}

pub(super) async fn state(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let id = execution_id(&name.first)?;
    let position = position(
        call.app,
        id,
        call.query.get("CheckpointToken").unwrap_or_default(),
    )?;
    let max_items = call.max_items(0, 1_000)?;
    let marker = call
        .query
        .get("Marker")
        .filter(|marker| !marker.is_empty())
        .map(str::to_owned);
    let request = Request::State {
        position,
        marker,
        max_items: max_items as u32,
    };
    let Reply::State {
        operations,
        next_marker,
    } = ask(call, id, request).await?
    else {
        return Err(unexpected());
    };
    let body = render::state(call.app, id, operations, next_marker.as_deref()).await?;
    Ok(reply::bytes_as_json(StatusCode::OK, body))
}

/// Hands the machine a request; what it refuses is an error.
pub(super) async fn ask(
    call: &Call<'_>,
    id: ExecutionId,
    request: Request,
) -> Result<Reply, Error> {
    let everstep_engine::Reply::Durable(reply) = call
        .app
        .handle
        .request(id, everstep_engine::Request::Durable(request))
        .await?
    else {
        return Err(unexpected());
    };
    match reply {
        Reply::Refused(refusal) => {
            if let Refusal::Diverged { divergence, .. } = &refusal {
                tracing::warn!(execution = %id, %divergence, "the function's code is not what it was");
            }
            Err(refusal.into())
        }
        Reply::Checkpoint { .. }
        | Reply::State { .. }
        | Reply::Described(_)
        | Reply::Identified(_)
        | Reply::Redriven { .. }
        | Reply::Recording { .. }
        | Reply::Finished => Ok(reply),
    }
}

/// The machine answered another question: a mistake of ours.
pub(super) fn unexpected() -> Error {
    Error::coded(
        Exception::Service,
        Code::Crashed,
        "The execution's machine answered another question",
    )
}

/// A token that was not made here, or for another execution, is as stale as one that was used: SDKs end the invocation then.
fn position(app: &App, id: ExecutionId, token: &str) -> Result<Position, Error> {
    match app.handle.verify(Purpose::Position, token) {
        Ok(token) if token.execution == id => Ok(Position {
            generation: token.generation,
            sequence: token.position,
        }),
        Ok(_) | Err(_) => Err(Error::token(Code::InvalidToken)),
    }
}

fn token(app: &App, id: ExecutionId, position: Position) -> String {
    app.handle.token(
        Purpose::Position,
        id,
        Operation(0),
        position.generation,
        position.sequence,
    )
}

async fn read_update(app: &App, id: ExecutionId, update: UpdateIn) -> Result<Update, Error> {
    let kind =
        OperationKind::parse(&update.r#type).ok_or_else(|| not_valid("type", &update.r#type))?;
    let action =
        Action::parse(&update.action).ok_or_else(|| not_valid("action", &update.action))?;
    let payload = match update.payload {
        Some(text) => Some(app.handle.put_payload(id, Bytes::from(text)).await?),
        None => None,
    };
    let chained_invoke = match update.chained_invoke_options {
        Some(options) => Some(ChainedInvokeOptions {
            target: super::chained::target(app, &options.function_name).await?,
            function_name: options.function_name,
            tenant_id: options.tenant_id,
            trace_id: options.x_amzn_trace_id,
        }),
        None => None,
    };
    Ok(Update {
        identity: Identity {
            id: word("id", update.id, 64)?,
            parent: update
                .parent_id
                .map(|parent| word("parentId", parent, 64))
                .transpose()?,
            name: update.name.map(printable).transpose()?,
            sub_kind: update
                .sub_type
                .map(|kind| word("subType", kind, 32))
                .transpose()?,
        },
        kind,
        action,
        payload,
        error: update.error.map(Into::into),
        options: UpdateOptions {
            replay_children: update.context_options.replay_children,
            next_attempt_delay_s: seconds(
                "nextAttemptDelaySeconds",
                update.step_options.next_attempt_delay_seconds,
            )?,
            wait_s: seconds("waitSeconds", update.wait_options.wait_seconds)?,
            callback_timeout_s: seconds("timeoutSeconds", update.callback_options.timeout_seconds)?,
            callback_heartbeat_s: seconds(
                "heartbeatTimeoutSeconds",
                update.callback_options.heartbeat_timeout_seconds,
            )?,
            chained_invoke,
        },
    })
}

fn not_valid(member: &str, value: &str) -> Error {
    Error::invalid(format!(
        "1 validation error detected: Value '{value}' at 'updates.{member}' failed to satisfy constraint"
    ))
}

fn word(member: &str, value: String, max: usize) -> Result<Arc<str>, Error> {
    if super::arn::is_word(&value, max) {
        Ok(value.into())
    } else {
        Err(not_valid(member, &value))
    }
}

fn printable(value: String) -> Result<Arc<str>, Error> {
    let fits =
        (1..=256).contains(&value.len()) && value.bytes().all(|b| (0x20..=0x7e).contains(&b));
    if fits {
        Ok(value.into())
    } else {
        Err(not_valid("name", &value))
    }
}

fn seconds(member: &str, value: Option<i64>) -> Result<Option<u32>, Error> {
    value
        .map(|value| u32::try_from(value).map_err(|_| not_valid(member, &value.to_string())))
        .transpose()
}
