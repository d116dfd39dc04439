//! Cancelling an execution with what it has started.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::executions::Row;
use super::pauses::check_reason;
use super::{Problem, read_json_or_default};
use crate::approvals;
use crate::door::Caller;
use crate::executions::{Kind, find};
use crate::http::App;

#[derive(Deserialize)]
#[serde(default)]
struct CancelIn {
    /// For people: it stands in the history of all that end with it.
    reason: Option<String>,
    cascade: bool,
}

impl Default for CancelIn {
    fn default() -> Self {
        Self {
            reason: None,
            cascade: true,
        }
    }
}

/// It ends as stopped, and so do those which it has started and waits for, down to the last. Answers with its row; those below follow.
pub(super) async fn cancel(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    let id = find(&app, &name).await?;
    let asked: CancelIn = read_json_or_default(&app, body).await?;
    check_reason(asked.reason.as_deref())?;
    let row = match Kind::of(&app.handle.row(id).await?) {
        Kind::Approval => approvals::stop(&app, &caller, id, asked.reason.as_deref()).await?,
        Kind::Function | Kind::StateMachine => {
            app.handle.cancel(id, asked.reason, asked.cascade).await?
        }
    };
    Ok(Json(Row::of(&app, &row)).into_response())
}
