//! Starting functions and state machines.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Problem, read_json};
use crate::executions::{self, Definition, Kind, Start};
use crate::http::App;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartIn {
    /// Starting twice with the same name and input is one execution.
    name: Option<String>,
    /// Kept as it was written.
    input: Option<Box<RawValue>>,
    /// What it is found by.
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// Of a function or a state machine: `NAME`, `NAME:QUALIFIER` or an ARN.
pub(super) async fn start(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let request: StartIn = read_json(&app, body).await?;
    let definition = Definition::find(&app.handle, &name).await?;
    begin(&app, &definition, request).await
}

/// `NAME` or `NAME:QUALIFIER`.
pub(super) async fn start_function(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let request: StartIn = read_json(&app, body).await?;
    begin(&app, &Definition::of(Kind::Function, &name), request).await
}

async fn begin(app: &App, definition: &Definition, request: StartIn) -> Result<Response, Problem> {
    let input = request.input.map_or(Bytes::from_static(b"{}"), |input| {
        Bytes::from(String::from(Box::<str>::from(input)))
    });
    let start = Start {
        name: request.name,
        input,
        attributes: request.attributes,
    };
    let running = executions::start(app, definition, start).await?;
    let status = if running.existing {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let answer =
        json!({ "id": running.id.to_string(), "arn": running.arn, "existing": running.existing });
    Ok((status, Json(answer)).into_response())
}
