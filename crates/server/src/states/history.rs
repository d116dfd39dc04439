//! GetExecutionHistory, and how every event of a history is written.

use axum::response::Response;
use everstep_core::{EventId, ExecutionId, Sequence};
use everstep_engine::{Direction, HistoryCursor, HistoryEvent, HistoryItem};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::errors::Error;
use super::executions;
use super::page::{self, PageIn};
use super::{Call, Seconds, answer};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HistoryIn {
    execution_arn: Option<String>,
    reverse_order: bool,
    include_execution_data: Option<bool>,
    #[serde(flatten)]
    page: PageIn,
}

pub(super) async fn get(call: &Call<'_>) -> Result<Response, Error> {
    let request: HistoryIn = call.input()?;
    let arn = request.execution_arn.as_ref();
    let arn = request.page.below("executionArn", arn)?;
    let id = executions::find(call, arn).await?;
    let direction = if request.reverse_order {
        Direction::Backward
    } else {
        Direction::Forward
    };
    let list = format!("history {id} {direction:?}");
    let from = match request.page.place(call, &list)? {
        None => None,
        Some(place) => Some(read_place(&place).ok_or(Error::InvalidToken)?),
    };
    let limit = request.page.limit();
    let history = call.handle().history(id, from, direction, limit).await;
    let history = history.map_err(|error| executions::unknown(error, arn))?;
    let includes = request.include_execution_data.unwrap_or(true);
    let events: Vec<Value> = history
        .items
        .iter()
        .filter_map(|item| event(item, includes))
        .collect();
    let mut body = json!({ "events": events });
    let next = history.next.as_ref();
    let token = next.and_then(|next| page::token(call, &list, &write_place(next)));
    if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
        body.insert("nextToken".to_owned(), token.into());
    }
    Ok(answer(&body))
}

fn write_place(cursor: &HistoryCursor) -> Vec<u8> {
    let sequence = cursor.sequence.0.to_be_bytes();
    [sequence.as_slice(), &cursor.event.0.to_be_bytes()].concat()
}

fn read_place(place: &[u8]) -> Option<HistoryCursor> {
    let (sequence, event) = place.split_first_chunk()?;
    Some(HistoryCursor {
        sequence: Sequence(u32::from_be_bytes(*sequence)),
        event: EventId(u32::from_be_bytes(event.try_into().ok()?)),
    })
}

/// An event as the service shows it; without data, inputs and outputs are left out.
pub(crate) fn event(item: &HistoryItem, includes: bool) -> Option<Value> {
    let HistoryEvent::Asl(event) = &item.event else {
        return None;
    };
    let mut shown = Map::new();
    shown.insert("timestamp".to_owned(), json!(Seconds(item.at.0)));
    shown.insert("type".to_owned(), event.history_type()?.into());
    shown.insert("id".to_owned(), item.id.0.into());
    shown.insert("previousEventId".to_owned(), event.previous().0.into());
    if let Some((name, details)) = event.details(includes) {
        shown.insert(name.to_owned(), details.into());
    }
    Some(Value::Object(shown))
}

/// An execution's first event (forward) or its last (backward).
pub(super) async fn outermost(
    call: &Call<'_>,
    id: ExecutionId,
    direction: Direction,
) -> Result<Option<HistoryItem>, everstep_engine::Error> {
    let page = call.handle().history(id, None, direction, 1).await?;
    Ok(page.items.into_iter().next())
}
