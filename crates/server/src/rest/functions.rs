//! Starting functions, and their logs.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Problem, read_json};
use crate::errors::Code;
use crate::http::App;
use crate::lambda::arn::{execution_arn, is_word};
use crate::logs;
use crate::query::Query;
use crate::start::{Start, start as start_execution};

const LINES_DEFAULT: usize = 1_000;
const LINES_MAX: usize = 10_000;

#[derive(Deserialize)]
struct StartIn {
    /// Starting twice with the same name and input is one execution.
    name: Option<String>,
    /// Kept as it was written.
    input: Option<Box<RawValue>>,
}

/// `NAME` or `NAME:QUALIFIER`.
pub(super) async fn start(
    State(app): State<App>,
    Path(function): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let request: StartIn = read_json(&app, body).await?;
    if request.name.as_ref().is_some_and(|name| !is_word(name, 64)) {
        return Err(Problem::new(
            Code::InvalidParameter,
            "A name has 1 to 64 letters, digits, hyphens and underscores",
        ));
    }
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
        Err(everstep_engine::Error::NameTaken { id }) => {
            let arn = execution_arn(&app.options, &app.handle.row(id).await?);
            Err(Problem::new(
                Code::Conflict,
                format!("The name is taken by {arn}, which was started with something else"),
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// The last lines of a function's log, or those behind `after`, a number of lines.
pub(super) async fn logs(
    State(app): State<App>,
    Path(function): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref());
    let number = |name: &str| -> Result<Option<usize>, Problem> {
        let parsed = query.get(name).map(str::parse).transpose();
        parsed.map_err(|_| Problem::new(Code::InvalidParameter, format!("{name} is not a number")))
    };
    let limit = number("limit")?
        .unwrap_or(LINES_DEFAULT)
        .clamp(1, LINES_MAX);
    let after = number("after")?;
    let request_id = query.get("request_id").map(str::to_owned);
    // A function that does not exist has no log, whatever file lies there.
    app.handle.function(&function).await?;
    let mut lines = match app.options.logs.clone() {
        None => Vec::new(),
        Some(folder) => {
            let read = tokio::task::spawn_blocking(move || logs::read(&folder, &function)).await;
            let read = read.map_err(std::io::Error::other).and_then(|read| read);
            read.map_err(|error| Problem::inside(Code::StoreUnavailable, &error))?
                .unwrap_or_default()
        }
    };
    let total = lines.len();
    let first = after.unwrap_or(total.saturating_sub(limit)).min(total);
    let last = first.saturating_add(limit).min(total);
    lines.truncate(last);
    lines.drain(..first);
    if let Some(request_id) = request_id {
        lines.retain(|line| line.request_id.as_ref() == Some(&request_id));
    }
    Ok(Json(json!({ "lines": lines, "next": last })).into_response())
}
