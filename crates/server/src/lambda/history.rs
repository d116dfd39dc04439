//! GetDurableExecutionHistory: the public events of an execution, in pages, both ways.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everstep_core::{EventId, Sequence};
use everstep_engine::{Direction, HistoryCursor};
use hyper::StatusCode;
use serde::Serialize;

use super::arn::execution_id;
use super::errors::Error;
use super::executions::of_execution;
use super::route::Name;
use super::{Call, reply};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    events: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

pub(super) async fn history(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let id = execution_id(&name.first)?;
    let limit = call.max_items(100, 1_000)?;
    let include = call.include_data()?;
    let direction = if call.flag("ReverseOrder") {
        Direction::Backward
    } else {
        Direction::Forward
    };
    let from = call
        .query
        .get("Marker")
        .filter(|marker| !marker.is_empty())
        .map(|marker| read_marker(marker, direction))
        .transpose()?;
    let page = call
        .app
        .handle
        .history(id, from, direction, limit)
        .await
        .map_err(|error| of_execution(error, &name.first))?;
    let next = page.next.map(|next| write_marker(next, direction));
    let events = crate::events::show(call.app, id, &page.items, include).await?;
    Ok(reply::json(
        StatusCode::OK,
        &Listed {
            events,
            next_marker: next,
        },
    ))
}

const fn letter(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "f",
        Direction::Backward => "b",
    }
}

fn write_marker(cursor: HistoryCursor, direction: Direction) -> String {
    STANDARD.encode(format!(
        "{}.{}.{}",
        letter(direction),
        cursor.sequence,
        cursor.event
    ))
}

fn read_marker(marker: &str, direction: Direction) -> Result<HistoryCursor, Error> {
    let read = || {
        let text = String::from_utf8(STANDARD.decode(marker).ok()?).ok()?;
        let mut parts = text.split('.');
        let right_way = parts.next()? == letter(direction);
        let cursor = HistoryCursor {
            sequence: Sequence(parts.next()?.parse().ok()?),
            event: EventId(parts.next()?.parse().ok()?),
        };
        (right_way && parts.next().is_none()).then_some(cursor)
    };
    read().ok_or_else(|| Error::invalid("Invalid marker"))
}
