//! PauseDurableExecution, ResumeDurableExecution and DeleteDurableExecution.

use axum::response::Response;
use bytes::Bytes;
use everstep_core::ExecutionId;
use everstep_durable::{Pause, Request};
use everstep_engine::APPROVAL;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::Call;
use super::arn::execution_id;
use super::checkpoint::{CLIENT_TOKEN_MAX, ask};
use super::errors::{Error, Exception};
use super::executions::of_execution;
use super::reply::{self, Seconds};
use super::route::Name;

/// The longest reason for a pause or its end.
pub(crate) const REASON_CHARACTERS_MAX: usize = 1_024;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PauseIn {
    client_token: Option<String>,
    reason: Option<String>,
    execution_timeout_paused: Option<bool>,
}

/// A pause as GetDurableExecution shows it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PauseDetails {
    pause_request_timestamp: Seconds,
    execution_timeout_paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl PauseDetails {
    pub(super) fn of(pause: &Pause, include_data: bool) -> Self {
        Self {
            pause_request_timestamp: Seconds(pause.requested),
            execution_timeout_paused: pause.timeout_paused,
            reason: pause
                .reason
                .as_deref()
                .filter(|_| include_data)
                .map(str::to_owned),
        }
    }
}

pub(super) async fn pause(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let asked = read(call)?;
    let request = Request::Pause {
        client_token: asked.client_token,
        reason: asked.reason,
        timeout_paused: asked.execution_timeout_paused.unwrap_or(true),
    };
    answer(name, call, request).await
}

pub(super) async fn resume(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let asked = read(call)?;
    let request = Request::Resume {
        client_token: asked.client_token,
        reason: asked.reason,
    };
    answer(name, call, request).await
}

fn read(call: &Call<'_>) -> Result<PauseIn, Error> {
    let asked: PauseIn = if call.body.is_empty() {
        PauseIn::default()
    } else {
        call.json()?
    };
    let token = asked.client_token.as_deref().unwrap_or("-");
    if token.is_empty() || token.len() > CLIENT_TOKEN_MAX {
        return Err(Error::invalid("ClientToken must have 1 to 64 characters"));
    }
    let reason = asked.reason.as_deref().unwrap_or_default();
    if reason.chars().count() > REASON_CHARACTERS_MAX {
        return Err(Error::invalid("Reason must have at most 1024 characters"));
    }
    Ok(asked)
}

async fn answer(name: &Name, call: &Call<'_>, request: Request) -> Result<Response, Error> {
    let id = known(name, call).await?;
    ask(call, id, request).await?;
    Ok(accepted(Bytes::from_static(b"{}")))
}

/// An execution that is not there is told by its ARN; one that is being deleted takes nothing any more.
async fn known(name: &Name, call: &Call<'_>) -> Result<ExecutionId, Error> {
    let id = execution_id(&name.first)?;
    let row = call.app.handle.row(id).await;
    let row = row.map_err(|error| of_execution(error, &name.first))?;
    if row.status == everstep_core::Status::Deleting {
        let text = "The durable execution is being deleted";
        return Err(Error::new(Exception::ResourceConflict, text));
    }
    Ok(id)
}

fn accepted(body: Bytes) -> Response {
    reply::bytes_as_json(StatusCode::ACCEPTED, body)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Deleted {
    deletion_request_timestamp: Seconds,
}

pub(super) async fn delete(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let id = execution_id(&name.first)?;
    let known = call.app.handle.row(id).await;
    let known = known.map_err(|error| of_execution(error, &name.first))?;
    if known.machine == APPROVAL {
        // As for its stop: what people are asked is no function's.
        let error = everstep_engine::Error::UnknownExecution { id };
        return Err(of_execution(error, &name.first));
    }
    let deleted = call.app.handle.delete(id).await;
    deleted.map_err(|error| match error {
        everstep_engine::Error::Refused { .. } => Error::new(
            Exception::ResourceConflict,
            "The durable execution has not ended: only one in a terminal state can be deleted",
        ),
        other => of_execution(other, &name.first),
    })?;
    let deletion_request_timestamp = Seconds(call.app.handle.clock().now());
    Ok(reply::json(
        StatusCode::ACCEPTED,
        &Deleted {
            deletion_request_timestamp,
        },
    ))
}
