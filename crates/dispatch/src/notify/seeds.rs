//! The research workflow's own messages and events: the shapes that its consumers on SNS and EventBridge know.

use serde_json::{Map, Value, json};

use super::Event;

/// What every event of the workflow is said to come from.
pub(super) const SOURCE: &str = "agent.orchestration";

/// The message of an approval request.
fn approval(event: &Event) -> Value {
    let id = event.workflow_id();
    let summary = event.text(&[
        "analysis_summary",
        "details/analysis_summary",
        "details/summary",
        "summary",
        "title",
    ]);
    let review = event.text(&["review_url", "details/review_url", "artifacts/0/url"]);
    let callback = event.text(&["callback_url", "details/callback_url", "url", "page"]);
    json!({
        "workflow_id": id,
        "status": "approval_required",
        "analysis_summary": summary.unwrap_or("No summary available"),
        "review_url": review,
        "callback_url": callback,
        "requested_at": event.text(&["requested_at", "detail/at"]).unwrap_or(&event.at),
    })
}

/// The message for people: that of an approval request has its own shape, any other event is told as it is.
pub(super) fn message(event: &Event) -> Value {
    if event.name == "approval.requested" {
        return approval(event);
    }
    let mut all = Map::new();
    all.insert("event".to_owned(), event.name.clone().into());
    all.insert("workflow_id".to_owned(), event.workflow_id().into());
    all.insert("at".to_owned(), event.at.clone().into());
    for (name, value) in &event.data {
        all.entry(name.clone()).or_insert_with(|| value.clone());
    }
    all.into()
}

/// `DetailType` and `Detail` of an event.
pub(super) fn detail(event: &Event) -> (String, Value) {
    match event.name.as_str() {
        "approval.requested" => ("ApprovalRequested".to_owned(), approval(event)),
        "execution.succeeded" => ("WorkflowCompleted".to_owned(), completed(event)),
        "WorkflowStateChanged" => (event.name.clone(), changed(event)),
        name if name.starts_with("execution.") => {
            ("WorkflowStateChanged".to_owned(), changed(event))
        }
        name => (camel(name), message(event)),
    }
}

fn completed(event: &Event) -> Value {
    json!({
        "workflow_id": event.workflow_id(),
        "report_url": event.find(&["report_url", "result/report_url"]),
        "completed_at": event.text(&["completed_at", "result/completed_at"]).unwrap_or(&event.at),
    })
}

fn changed(event: &Event) -> Value {
    let status = event.name.strip_prefix("execution.");
    let to = event.text(&["to", "status", "execution/status"]);
    let to = to.map_or_else(
        || status.unwrap_or_default().to_ascii_uppercase(),
        str::to_owned,
    );
    json!({
        "workflow_id": event.workflow_id(),
        "from": from(event),
        "to": to,
        "current_step": event.find(&["current_step", "operation"]),
        "at": event.at,
    })
}

/// What it was before, where the event does not say: only what runs can end.
fn from(event: &Event) -> Option<&str> {
    let said = event.text(&["from"]);
    said.or(match event.name.as_str() {
        "execution.running" => Some("PAUSED"),
        "execution.paused" => Some("PAUSING"),
        "execution.started" | "execution.reopened" | "WorkflowStateChanged" => None,
        _ => Some("RUNNING"),
    })
}

/// `callback.processed` is `CallbackProcessed` there.
fn camel(name: &str) -> String {
    let words = name.split(['.', '_', '-', ' ']);
    words
        .flat_map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::case;

    #[test]
    fn every_change_of_state_is_told_in_the_workflows_shape() {
        let event = case(
            "execution.failed",
            r#"{"execution":{"id":"e","name":"w-1","status":"FAILED"},"from":"RUNNING"}"#,
        );
        let (kind, detail) = detail(&event);
        assert_eq!(kind, "WorkflowStateChanged");
        assert_eq!(
            detail.to_string(),
            r#"{"workflow_id":"w-1","from":"RUNNING","to":"FAILED","current_step":null,"at":"2026-01-02T03:04:05Z"}"#
        );
    }

    #[test]
    fn an_event_of_ours_has_a_name_of_their_kind() {
        let (kind, detail) = detail(&case("callback.processed", r#"{"workflow_id":"w","x":1}"#));
        assert_eq!(kind, "CallbackProcessed");
        assert_eq!(
            detail.to_string(),
            r#"{"event":"callback.processed","workflow_id":"w","at":"2026-01-02T03:04:05Z","x":1}"#
        );
    }
}
