//! A history in one form for every kind of execution: `EventId`, `EventType`, `EventTimestamp`, `Name`, and details of the type's own.

use everstep_durable::Event;
use everstep_engine::{ExecutionRow, HistoryEvent, HistoryItem};
use serde_json::{Map, Value, json};

use super::Kind;
use crate::http::App;
use crate::rest::Problem;

/// Shows events in their order; without `include` their payloads and errors stay out.
pub(crate) async fn show(
    app: &App,
    row: &ExecutionRow,
    items: &[HistoryItem],
    include: bool,
) -> Result<Vec<Value>, Problem> {
    match Kind::of(row) {
        Kind::Function => {
            let mut events = crate::events::show(app, row.id, items, include).await?;
            in_own_words(items, &mut events);
            Ok(events)
        }
        Kind::Approval => {
            let shown = items
                .iter()
                .filter_map(|item| crate::approvals::history_event(item, include));
            Ok(shown.collect())
        }
        Kind::StateMachine => {
            let shown = items
                .iter()
                .filter_map(|item| crate::states::history_event(item, include));
            Ok(shown.map(in_common_form).collect())
        }
    }
}

/// The history of Lambda's API has no redrive and shows the nearest event that it has; ours names the thing, and what runs again.
fn in_own_words(items: &[HistoryItem], events: &mut [Value]) {
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

/// An event of Step Functions' history under the names that all of ours have. A state's name is the event's; the details stay as they are.
fn in_common_form(event: Value) -> Value {
    let Value::Object(event) = event else {
        return event;
    };
    let kind = event.get("type").and_then(Value::as_str).unwrap_or("");
    let details = format!("{kind}Details");
    let mut shown = Map::new();
    for (key, value) in &event {
        let key = match key.as_str() {
            "id" => "EventId",
            "type" => "EventType",
            "timestamp" => "EventTimestamp",
            "previousEventId" => "PreviousEventId",
            _ => {
                if let Some(name) = value.get("name") {
                    shown.insert("Name".to_owned(), name.clone());
                }
                &details
            }
        };
        shown.insert(key.to_owned(), value.clone());
    }
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_state_machines_have_the_common_names() {
        let entered = json!({
            "timestamp": 1.5, "type": "TaskStateEntered", "id": 2, "previousEventId": 0,
            "stateEnteredEventDetails": { "name": "Charge", "input": "{}" },
        });
        let shown = json!({
            "EventTimestamp": 1.5, "EventType": "TaskStateEntered", "EventId": 2, "PreviousEventId": 0, "Name": "Charge",
            "TaskStateEnteredDetails": { "name": "Charge", "input": "{}" },
        });
        assert_eq!(in_common_form(entered), shown);
    }
}
