//! Fork: an execution that begins with what another one had done before an operation.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use everstep_core::{Operation, OperationStatus, ViewOperation};
use everstep_durable::Mode;
use everstep_engine::{ForkExecution, ForkVersion, Snapshot};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::executions::Row;
use super::{Problem, check_name, not_begun, of_functions_alone, read_json, time};
use crate::attributes;
use crate::errors::Code;
use crate::executions::{Kind, find};
use crate::http::App;
use crate::start;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForkIn {
    /// Number, id or name of the first operation that is not taken over.
    at: String,
    name: Option<String>,
    /// Kept as it was written; without it the source's.
    input: Option<Box<RawValue>>,
    /// A version or an alias of the source's function; without it the code that the source runs.
    version: Option<String>,
    /// Beside the source's.
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

pub(super) async fn fork(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let source = find(&app, &name).await?;
    let request: ForkIn = read_json(&app, body).await?;
    check(&app, &request)?;
    let snapshot = app.handle.snapshot(source).await?;
    if Kind::of(&snapshot.row) != Kind::Function {
        return Err(of_functions_alone("forked"));
    }
    let at = operation(&snapshot, &request.at)?;
    let version = match &request.version {
        Some(version) => Some(another(&app, &snapshot, version).await?),
        None => None,
    };
    let fork = ForkExecution {
        source,
        at,
        name: request.name,
        input: request
            .input
            .map(|input| Bytes::from(String::from(Box::<str>::from(input)))),
        version,
        attributes: request.attributes,
    };
    let forked = match app.handle.fork(fork).await {
        Ok(forked) => forked,
        Err(error) => return Err(not_begun(&app, error).await),
    };
    let begun = app.handle.snapshot(forked.id).await?;
    let row = Row::of(&app, &begun.row);
    let status = if forked.existing {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let answer = json!({
        "execution": row,
        "existing": forked.existing,
        "forked_from": { "execution": source.to_string(), "operation": at.0 },
        "in_flight": begun.view.operations.iter().filter_map(in_flight).collect::<Vec<_>>(),
    });
    Ok((status, Json(answer)).into_response())
}

fn check(app: &App, request: &ForkIn) -> Result<(), Problem> {
    let invalid = |detail: String| Problem::new(Code::InvalidParameter, detail);
    check_name(request.name.as_deref())?;
    attributes::check(&request.attributes).map_err(invalid)?;
    let limit = app.options.limits.invoke_bytes_max;
    match &request.input {
        Some(input) if input.get().len() > limit => Err(Problem::new(
            Code::TooLarge,
            format!("An input has at most {limit} bytes"),
        )),
        _ => Ok(()),
    }
}

/// The operation that is meant: by its number, by its id, or by a name that no other one has.
fn operation(snapshot: &Snapshot, text: &str) -> Result<Operation, Problem> {
    let operations = &snapshot.view.operations;
    let by_number = text.parse().ok().map(Operation);
    let exact = operations
        .iter()
        .find(|found| by_number == Some(found.operation) || found.id == text);
    if let Some(found) = exact {
        return Ok(found.operation);
    }
    let named: Vec<Operation> = operations
        .iter()
        .filter(|found| found.name.as_deref() == Some(text))
        .map(|found| found.operation)
        .collect();
    match named.as_slice() {
        [one] => Ok(*one),
        [] => Err(Problem::new(
            Code::UnknownOperation,
            format!("The execution has no operation {text}"),
        )),
        several => {
            let numbers: Vec<String> = several.iter().map(ToString::to_string).collect();
            let numbers = numbers.join(", ");
            Err(Problem::new(
                Code::AmbiguousOperation,
                format!("Operations {numbers} are all called {text}: give the number"),
            ))
        }
    }
}

/// Another version of the source's function.
async fn another(app: &App, source: &Snapshot, version: &str) -> Result<ForkVersion, Problem> {
    let resolved = app
        .handle
        .resolve(&source.row.definition, Some(version))
        .await?;
    let settings = start::settings(app, &resolved, None, None);
    if settings.mode != Mode::Durable {
        return Err(Problem::new(
            Code::InvalidParameter,
            format!("Version {version} is no durable function"),
        ));
    }
    Ok(ForkVersion {
        version: resolved.version.clone(),
        settings: settings.encode(),
        retention_ms: start::retention_ms(&settings),
    })
}

/// What becomes of an operation that was under way where the fork was cut.
fn in_flight(operation: &ViewOperation) -> Option<Value> {
    let what = match (operation.kind, operation.status) {
        ("STEP", OperationStatus::Started) => "interrupted: its handler repeats or fails it",
        ("STEP", OperationStatus::Ready) => "runs again",
        ("STEP", OperationStatus::Pending) => "is tried again at its time",
        ("WAIT", OperationStatus::Started) => "waits for its time",
        ("CALLBACK", OperationStatus::Started) => "is asked for under an id of the fork",
        ("CHAINED_INVOKE", OperationStatus::Started) => "is invoked for the fork",
        _ => return None,
    };
    Some(json!({
        "number": operation.operation.0,
        "kind": operation.kind,
        "name": operation.name,
        "what": what,
        "due_at": operation.due.map(time),
    }))
}
