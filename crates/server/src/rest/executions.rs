//! Executions: list, one of them, its history, stop.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use everstep_core::{EventId, Failure, Sequence, Status, Timestamp, ViewOperation};
use everstep_engine::catalogue::machine_definition;
use everstep_engine::{Cursor, Direction, ExecutionRow, HistoryCursor, ListFilter, Snapshot};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::waiting::{last_beat, waiting};
use super::{Problem, time};
use crate::approvals;
use crate::claims;
use crate::door::Caller;
use crate::errors::Code;
use crate::executions::{self, Kind, find};
use crate::http::{self, App};
use crate::query::Query;

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

/// An execution as lists show it.
#[derive(Serialize)]
pub(super) struct Row {
    id: String,
    arn: String,
    /// `FUNCTION` or `STATE_MACHINE`, and its name.
    kind: &'static str,
    definition: String,
    /// The name once more, under what it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine: Option<String>,
    version: String,
    name: String,
    status: &'static str,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
}

impl Row {
    pub(super) fn of(app: &App, row: &ExecutionRow) -> Self {
        let kind = Kind::of(row);
        let definition = executions::definition(row).to_owned();
        Self {
            id: row.id.to_string(),
            arn: executions::arn(&app.options, row),
            kind: kind.as_str(),
            function: (kind == Kind::Function).then(|| definition.clone()),
            state_machine: (kind == Kind::StateMachine).then(|| definition.clone()),
            definition,
            version: row.version.clone(),
            name: row.name.clone(),
            status: row.status.as_str(),
            started_at: time(row.started),
            ended_at: row.closed.map(time),
            attributes: row.attributes.clone(),
        }
    }
}

fn limit(query: &Query<'_>) -> Result<usize, Problem> {
    match query.get("limit").map(str::parse::<usize>) {
        None => Ok(PAGE_DEFAULT),
        Some(Ok(limit)) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::new(
            Code::InvalidParameter,
            format!("limit must lie between 1 and {PAGE_MAX}"),
        )),
    }
}

fn bad_cursor() -> Problem {
    Problem::new(Code::InvalidParameter, "The cursor is none of this list")
}

/// A time of this API: RFC 3339.
fn moment(name: &str, value: &str) -> Result<Timestamp, Problem> {
    let parsed = value.parse::<jiff::Timestamp>().ok();
    parsed
        .and_then(|at| u64::try_from(at.as_millisecond()).ok())
        .map(Timestamp)
        .ok_or_else(|| {
            let detail = format!("{name} is a time such as 2026-11-21T09:00:00Z, not {value}");
            Problem::new(Code::InvalidParameter, detail)
        })
}

/// `KEY=VALUE`.
fn attribute(text: &str) -> Result<(String, String), Problem> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or_else(|| {
        Problem::new(
            Code::InvalidParameter,
            format!("An attribute is KEY=VALUE, not {text}"),
        )
    })?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(super) async fn list(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref());
    let mut filter = ListFilter::default();
    for (name, value) in query.pairs() {
        match name {
            "status" => {
                let status = Status::ALL
                    .into_iter()
                    .find(|status| status.as_str() == value.to_ascii_uppercase());
                filter.statuses.push(status.ok_or_else(|| {
                    Problem::new(
                        Code::InvalidParameter,
                        format!("There is no status {value}"),
                    )
                })?);
            }
            "function" => filter.definition = Some(value.to_owned()),
            "state_machine" => filter.definition = Some(machine_definition(value)),
            "name" => filter.name = Some(value.to_owned()),
            "name_prefix" => filter.name_prefix = Some(value.to_owned()),
            "version" => filter.version = Some(value.to_owned()),
            "started_after" => filter.started_after = Some(moment(name, value)?),
            "started_before" => filter.started_before = Some(moment(name, value)?),
            "attribute" => filter.attributes.push(attribute(value)?),
            "order" if value == "oldest" => filter.oldest_first = true,
            "order" if value == "newest" => filter.oldest_first = false,
            "cursor" | "limit" => {}
            _ => {
                return Err(Problem::new(
                    Code::InvalidParameter,
                    format!("Executions can't be listed by {name}={value}"),
                ));
            }
        }
    }
    let cursor = query.get("cursor").map(|cursor| {
        URL_SAFE_NO_PAD
            .decode(cursor)
            .map(|bytes| Cursor(Bytes::from(bytes)))
    });
    let cursor = cursor.transpose().map_err(|_| bad_cursor())?;
    let page = app.handle.list(filter, cursor, limit(&query)?).await?;
    let executions: Vec<Row> = page.rows.iter().map(|row| Row::of(&app, row)).collect();
    let next = page.next.map(|next| URL_SAFE_NO_PAD.encode(&next.0));
    Ok(Json(json!({ "executions": executions, "next": next })).into_response())
}

/// One operation of the tree, in the order of starts; `parent` is the number of another one.
#[derive(Serialize)]
pub(super) struct OperationOut<'a> {
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<u32>,
    id: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    status: &'static str,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_heartbeat_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureOut>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct FailureOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stack: Vec<String>,
}

impl From<Failure> for FailureOut {
    fn from(failure: Failure) -> Self {
        Self {
            kind: failure.kind,
            message: failure.message,
            data: failure.data,
            stack: failure.stack,
        }
    }
}

pub(super) async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let id = find(&app, &name).await?;
    let snapshot = app.handle.snapshot(id).await?;
    let outcome = executions::outcome(&app, &snapshot.row).await?;
    let operations: Vec<_> = snapshot
        .view
        .operations
        .iter()
        .map(|operation| show(&snapshot, operation))
        .collect();
    let waiting = waiting(&snapshot, app.handle.clock().now());
    let forked_from = snapshot.fork.map(
        |fork| json!({ "execution": fork.execution.to_string(), "operation": fork.operation.0 }),
    );
    let input = claims::shown(&app, &caller, outcome.input.as_ref()).await;
    let result = claims::shown(&app, &caller, outcome.result.as_ref()).await;
    let mut answer = json!({
        "execution": Row::of(&app, &snapshot.row),
        "forked_from": forked_from,
        "input": outcome.input,
        "result": outcome.result,
        "error": outcome.error.map(FailureOut::from),
        "divergence": outcome.divergence,
        "operations": operations,
        "waiting_for": waiting,
    });
    for (member, artifact) in [("input_artifact", input), ("result_artifact", result)] {
        if let (Some(artifact), Some(answer)) = (artifact, answer.as_object_mut()) {
            answer.insert(member.to_owned(), json!(artifact));
        }
    }
    Ok(Json(answer).into_response())
}

pub(super) fn show<'a>(snapshot: &Snapshot, operation: &'a ViewOperation) -> OperationOut<'a> {
    OperationOut {
        number: operation.operation.0,
        parent: operation.parent.map(|parent| parent.0),
        id: &operation.id,
        kind: operation.kind,
        sub_kind: operation.sub_kind.as_deref(),
        name: operation.name.as_deref(),
        status: operation.status.as_str(),
        started_at: time(operation.started),
        ended_at: operation.ended.map(time),
        attempts: operation.attempts,
        due_at: operation.due.map(time),
        last_heartbeat_at: last_beat(snapshot, operation.operation).map(time),
        error: operation.failure.clone().map(Into::into),
    }
}

pub(super) async fn history(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref());
    let id = find(&app, &name).await?;
    let direction = match query.get("order") {
        None | Some("oldest") => Direction::Forward,
        Some("newest") => Direction::Backward,
        Some(other) => {
            return Err(Problem::new(
                Code::InvalidParameter,
                format!("order is oldest or newest, not {other}"),
            ));
        }
    };
    let from = query
        .get("cursor")
        .map(|cursor| read_cursor(cursor).ok_or_else(bad_cursor))
        .transpose()?;
    let include = query.get("data") != Some("false");
    let page = app
        .handle
        .history(id, from, direction, limit(&query)?)
        .await?;
    let row = app.handle.row(id).await?;
    let events = executions::show(&app, &row, &page.items, include).await?;
    let next = page
        .next
        .map(|next| format!("{}-{}", next.sequence, next.event));
    Ok(Json(json!({ "events": events, "next": next })).into_response())
}

pub(super) fn read_cursor(cursor: &str) -> Option<HistoryCursor> {
    let (sequence, event) = cursor.split_once('-')?;
    Some(HistoryCursor {
        sequence: Sequence(sequence.parse().ok()?),
        event: EventId(event.parse().ok()?),
    })
}

/// The body, if there is one, is the error: kind, message, data, stack.
pub(super) async fn stop(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    let id = find(&app, &name).await?;
    let limits = app.options.limits;
    let bytes = http::read(body, limits.body_bytes_max, limits.body_timeout).await?;
    let error = if bytes.is_empty() {
        Ok(FailureOut::default())
    } else {
        serde_json::from_slice(&bytes)
    };
    let error = error.map_err(|error| {
        Problem::new(
            Code::MalformedJson,
            format!("The body can't be read: {error}"),
        )
    })?;
    let failure = Failure {
        kind: error.kind,
        message: error.message,
        data: error.data,
        stack: error.stack,
    };
    let row = match Kind::of(&app.handle.row(id).await?) {
        Kind::Approval => approvals::stop(&app, &caller, id, failure.message.as_deref()).await?,
        Kind::Function | Kind::StateMachine => {
            let failure = Some(failure).filter(|failure| !failure.is_empty());
            app.handle.stop(id, failure).await?
        }
    };
    Ok(Json(Row::of(&app, &row)).into_response())
}
