//! Starting functions.

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

use super::{Problem, check_name, not_begun, read_json};
use crate::attributes;
use crate::errors::Code;
use crate::http::App;
use crate::start::{Start, start as start_execution};

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

/// `NAME` or `NAME:QUALIFIER`.
pub(super) async fn start(
    State(app): State<App>,
    Path(function): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let request: StartIn = read_json(&app, body).await?;
    check_name(request.name.as_deref())?;
    attributes::check(&request.attributes)
        .map_err(|detail| Problem::new(Code::InvalidParameter, detail))?;
    let input = request.input.map_or(Bytes::from_static(b"{}"), |input| {
        Bytes::from(String::from(Box::<str>::from(input)))
    });
    let limit = app.options.limits.invoke_bytes_max;
    if input.len() > limit {
        return Err(Problem::new(
            Code::TooLarge,
            format!("An input has at most {limit} bytes"),
        ));
    }
    let (name, qualifier) = function
        .split_once(':')
        .map_or((function.as_str(), None), |(name, qualifier)| {
            (name, Some(qualifier))
        });
    let key = request.name.as_deref();
    let resolved = app.handle.route(name, qualifier, key).await?;
    match start_execution(
        &app,
        &resolved,
        Start {
            name: request.name,
            input,
            attributes: request.attributes,
            ..Start::default()
        },
    )
    .await
    {
        Ok(running) => {
            let status = if running.existing {
                StatusCode::OK
            } else {
                StatusCode::CREATED
            };
            let answer = json!({ "id": running.id.to_string(), "arn": running.arn, "existing": running.existing });
            Ok((status, Json(answer)).into_response())
        }
        Err(error) => Err(not_begun(&app, error).await),
    }
}
