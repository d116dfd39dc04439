//! Redrive: a failed execution goes on, and its history says so.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use everstep_durable::Event;
use everstep_engine::{HistoryEvent, HistoryItem};
use serde_json::{Value, json};

use super::Problem;
use super::executions::{Row, id, show};
use crate::http::App;

/// Answers with what runs again.
pub(super) async fn redrive(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let id = id(&name)?;
    let again = app.handle.redrive(id).await?;
    let snapshot = app.handle.snapshot(id).await?;
    let operations: Vec<_> = snapshot
        .view
        .operations
        .iter()
        .filter(|operation| again.contains(&operation.operation))
        .map(|operation| show(&snapshot, operation))
        .collect();
    let answer = json!({ "execution": Row::of(&app, &snapshot.row), "operations": operations });
    Ok(Json(answer).into_response())
}

/// AWS's history has no redrive and shows the nearest event that it has; ours names the thing, and what runs again.
pub(super) fn in_own_words(items: &[HistoryItem], events: &mut [Value]) {
    for (item, event) in items.iter().zip(events) {
        let (HistoryEvent::Durable(Event::Redriven { operations }), Some(event)) =
            (&item.event, event.as_object_mut())
        else {
            continue;
        };
        let numbers: Vec<u32> = operations.iter().map(|operation| operation.0).collect();
        event.remove("ExecutionResumedDetails");
        event.insert("EventType".to_owned(), json!("ExecutionRedriven"));
        event.insert(
            "ExecutionRedrivenDetails".to_owned(),
            json!({ "Operations": numbers }),
        );
    }
}
