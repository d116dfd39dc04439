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

use super::{Problem, object};
use crate::claims::{self, Input};
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
    let (request, input) = read(&app, body).await?;
    let definition = match Definition::find(&app.handle, &name).await {
        Ok(definition) => definition,
        Err(problem) => {
            input.release(&app).await;
            return Err(problem);
        }
    };
    begin(&app, &definition, request, input).await
}

/// `NAME` or `NAME:QUALIFIER`.
pub(super) async fn start_function(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let (request, input) = read(&app, body).await?;
    let definition = Definition::of(Kind::Function, &name);
    begin(&app, &definition, request, input).await
}

/// A request, and its input apart from it: a large one is among the artifacts already.
async fn read(app: &App, body: Body) -> Result<(StartIn, Input), Problem> {
    let (members, large) = claims::request(app, body).await?;
    let mut request: StartIn = match object(&members) {
        Ok(request) => request,
        Err(problem) => {
            if let Some(large) = large {
                large.discard(app).await;
            }
            return Err(problem);
        }
    };
    let held = request.input.take();
    let input = match (large, held) {
        (Some(large), _) => Input::Staged(large),
        (None, Some(held)) => Input::Held(String::from(Box::<str>::from(held)).into()),
        (None, None) => Input::Held(Bytes::from_static(b"{}")),
    };
    Ok((request, input))
}

async fn begin(
    app: &App,
    definition: &Definition,
    request: StartIn,
    input: Input,
) -> Result<Response, Problem> {
    let start = Start {
        name: request.name,
        input: &input,
        attributes: request.attributes,
    };
    let running = executions::start(app, definition, start).await;
    input.release(app).await;
    let running = running?;
    let status = if running.existing {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let answer =
        json!({ "id": running.id.to_string(), "arn": running.arn, "existing": running.existing });
    Ok((status, Json(answer)).into_response())
}
