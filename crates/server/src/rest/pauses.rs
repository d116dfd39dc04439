//! Pause, resume, delete.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use everstep_durable as durable;
use everstep_engine as engine;
use serde::Deserialize;

use super::executions::Row;
use super::{Problem, of_functions_alone, read_json_or_default};
use crate::approvals;
use crate::door::Caller;
use crate::errors::Code;
use crate::executions::{Kind, find};
use crate::http::App;
use crate::lambda::REASON_CHARACTERS_MAX;

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReasonIn {
    /// For people: it stands in the history.
    reason: Option<String>,
}

/// While it is paused the function is not invoked and the execution's timeout stands still. Answers with the row: what runs goes on to its next
/// checkpoint, and until then the status is `PAUSING`.
pub(super) async fn pause(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let request = durable::Request::Pause {
        client_token: None,
        reason: reason(&app, body).await?,
        timeout_paused: true,
    };
    ask(&app, &name, request).await
}

pub(super) async fn resume(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let request = durable::Request::Resume {
        client_token: None,
        reason: reason(&app, body).await?,
    };
    ask(&app, &name, request).await
}

/// Only what has ended is deleted. Answers with its row, which is gone soon after.
pub(super) async fn delete(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let id = find(&app, &name).await?;
    approvals::may_delete(&app, &caller, id).await?;
    let row = app.handle.delete(id).await?;
    Ok(Json(Row::of(&app, &row)).into_response())
}

async fn reason(app: &App, body: Body) -> Result<Option<String>, Problem> {
    let asked: ReasonIn = read_json_or_default(app, body).await?;
    check_reason(asked.reason.as_deref())?;
    Ok(asked.reason)
}

/// Refuses a reason that is too long to be shown.
pub(super) fn check_reason(reason: Option<&str>) -> Result<(), Problem> {
    let characters = reason.unwrap_or_default().chars().count();
    if characters > REASON_CHARACTERS_MAX {
        let detail = format!("A reason has at most {REASON_CHARACTERS_MAX} characters");
        return Err(Problem::new(Code::InvalidParameter, detail));
    }
    Ok(())
}

async fn ask(app: &App, name: &str, request: durable::Request) -> Result<Response, Problem> {
    let id = find(app, name).await?;
    if Kind::of(&app.handle.row(id).await?) != Kind::Function {
        return Err(of_functions_alone("paused or resumed"));
    }
    let asked = engine::Request::Durable(request);
    let reply = app.handle.request(id, asked).await?;
    if let engine::Reply::Durable(durable::Reply::Refused(refusal)) = reply {
        return Err(Problem::new(Code::Conflict, refusal.to_string()));
    }
    let row = app.handle.row(id).await?;
    Ok(Json(Row::of(app, &row)).into_response())
}
