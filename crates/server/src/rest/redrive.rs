//! Redrive: a failed execution goes on.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use everstep_core::{Operation, ViewOperation};
use serde_json::json;

use super::Problem;
use super::executions::{Row, show};
use crate::executions::find;
use crate::http::App;

/// Answers with what runs again.
pub(super) async fn redrive(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let id = find(&app, &name).await?;
    let again = app.handle.redrive(id).await?;
    let snapshot = app.handle.snapshot(id).await?;
    let operations: Vec<_> = snapshot
        .view
        .operations
        .iter()
        .filter(|operation| runs_again(&again, operation))
        .map(|operation| show(&snapshot, operation))
        .collect();
    let answer = json!({ "execution": Row::of(&app, &snapshot.row), "operations": operations });
    Ok(Json(answer).into_response())
}

/// What was undone, by its name; a state machine goes on in the states that it had entered and not left.
fn runs_again(undone: &[Operation], operation: &ViewOperation) -> bool {
    if undone.is_empty() {
        !operation.status.is_closed() && operation.parent.is_some()
    } else {
        undone.contains(&operation.operation)
    }
}
