//! What was tried on an execution's callbacks: by whom, when, and what came of it. Never with what.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use everstep_core::{Generation, Operation, Settlement};
use everstep_engine::{Attempt, Cursor, Snapshot};
use hyper::Request;
use serde::Serialize;
use serde_json::{Value, json};

use super::address::Address;
use super::proof;
use crate::errors::Code;
use crate::executions::find;
use crate::gateway;
use crate::http::App;
use crate::query::Query;
use crate::rest::{Problem, note, time};

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

/// Something that is, or was, settled from outside.
#[derive(Serialize)]
struct CallbackOut {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    kind: &'static str,
    status: &'static str,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_heartbeat_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Value>,
}

#[derive(Serialize)]
struct AttemptOut {
    callback: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    number: u64,
    time: String,
    /// Of the same thing again, without another between.
    last_at: String,
    times: u64,
    verb: &'static str,
    outcome: &'static str,
    status: u16,
    via: &'static str,
    source: Option<String>,
    who: Option<String>,
    token_hash: Option<String>,
    bytes: u64,
}

pub(super) async fn of_execution(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    shown(&app, &name, &Query::parse(query.as_deref())).await
}

/// The same under the name that the research workflow has for an execution, unless a function answers this address.
pub(super) async fn of_workflow(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    if let Some(answered) = gateway::serve(&app, &head, body).await {
        return answered;
    }
    shown(&app, &name, &Query::parse(head.uri.query())).await
}

async fn shown(app: &App, name: &str, query: &Query<'_>) -> Result<Response, Problem> {
    let id = find(app, name).await?;
    let page = app
        .handle
        .attempts(id, cursor(query)?, limit(query)?)
        .await?;
    let snapshot = app.handle.snapshot(id).await?;
    let names: BTreeMap<Operation, String> = snapshot
        .view
        .operations
        .iter()
        .filter(|operation| operation.kind == proof::CALLBACK)
        .filter_map(|operation| Some((operation.operation, operation.name.clone()?)))
        .collect();
    let attempts = page.rows.iter().map(|attempt| {
        let address = Address {
            execution: id,
            operation: attempt.operation,
            generation: attempt.generation,
        };
        tried(attempt, &address, names.get(&attempt.operation).cloned())
    });
    let attempts: Vec<_> = attempts.collect();
    let next = page.next.map(|next| URL_SAFE_NO_PAD.encode(&next.0));
    let callbacks = callbacks(&snapshot, &page.rows);
    let answer = json!({ "callbacks": callbacks, "attempts": attempts, "next": next });
    Ok(Json(answer).into_response())
}

/// Callbacks of a function, whatever became of them, and whatever else of an execution waits to be settled.
fn callbacks(snapshot: &Snapshot, attempts: &[Attempt]) -> Vec<CallbackOut> {
    let execution = snapshot.row.id;
    let wait = |operation: Operation| {
        let mut waits = snapshot.waits.iter();
        waits.find(|wait| wait.operation == operation)
    };
    let generation = |operation: Operation| {
        let of = attempts.iter().filter(|tried| tried.operation == operation);
        wait(operation)
            .map(|wait| wait.generation)
            .or_else(|| of.map(|tried| tried.generation).max())
            .unwrap_or(Generation(0))
    };
    let address = |operation: Operation| Address {
        execution,
        operation,
        generation: generation(operation),
    };
    let operations = snapshot.view.operations.iter();
    let known = operations.filter(|operation| operation.kind == proof::CALLBACK);
    let mut all: Vec<CallbackOut> = known
        .map(|operation| {
            let wait = wait(operation.operation);
            CallbackOut {
                id: address(operation.operation).to_string(),
                name: operation.name.clone(),
                kind: operation.kind,
                status: operation.status.as_str(),
                started_at: time(operation.started),
                ended_at: operation.ended.map(time),
                due_at: operation.due.map(time),
                last_heartbeat_at: wait.and_then(|wait| wait.last_beat).map(time),
                progress: wait.and_then(|wait| wait.note.as_ref()).map(note),
            }
        })
        .collect();
    let others = snapshot.waits.iter().filter(|wait| wait.is_open);
    let others = others.filter(|wait| {
        let mut operations = snapshot.view.operations.iter();
        snapshot.row.machine == everstep_engine::ASL
            && !operations
                .any(|known| known.kind == proof::CALLBACK && known.operation == wait.operation)
    });
    all.extend(others.map(|wait| CallbackOut {
        id: address(wait.operation).to_string(),
        name: None,
        kind: "TASK",
        status: "STARTED",
        started_at: time(wait.since),
        ended_at: None,
        due_at: wait.timeout.map(time),
        last_heartbeat_at: wait.last_beat.map(time),
        progress: wait.note.as_ref().map(note),
    }));
    all
}

fn tried(attempt: &Attempt, address: &Address, name: Option<String>) -> AttemptOut {
    let source = attempt.source.clone();
    AttemptOut {
        callback: address.to_string(),
        name,
        number: attempt.number,
        time: time(attempt.first),
        last_at: time(attempt.last),
        times: attempt.times,
        verb: attempt.verb.as_str(),
        outcome: attempt.outcome.as_str(),
        status: status(attempt.outcome),
        via: source.via.as_str(),
        source: source.peer,
        who: source.who,
        token_hash: source.token_hash,
        bytes: source.bytes,
    }
}

/// How our own routes answer this outcome.
const fn status(outcome: Settlement) -> u16 {
    match outcome {
        Settlement::Applied | Settlement::Duplicate => 200,
        Settlement::Conflict => 409,
        Settlement::TimedOut | Settlement::Closed | Settlement::Superseded => 410,
        Settlement::Unknown => 404,
    }
}

/// How many of a list are asked for.
///
/// # Errors
/// [`Code::InvalidParameter`].
pub(super) fn limit(query: &Query<'_>) -> Result<usize, Problem> {
    match query.get("limit").map(str::parse::<usize>) {
        None => Ok(PAGE_DEFAULT),
        Some(Ok(limit)) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        Some(_) => {
            let text = format!("limit must lie between 1 and {PAGE_MAX}");
            Err(Problem::new(Code::InvalidParameter, text))
        }
    }
}

/// Where a list is to go on.
///
/// # Errors
/// [`Code::InvalidParameter`].
pub(super) fn cursor(query: &Query<'_>) -> Result<Option<Cursor>, Problem> {
    let decoded = query.get("cursor").map(|cursor| {
        URL_SAFE_NO_PAD
            .decode(cursor)
            .map(|bytes| Cursor(Bytes::from(bytes)))
    });
    decoded.transpose().map_err(|_| {
        let text = "The cursor is none of this list";
        Problem::new(Code::InvalidParameter, text)
    })
}
