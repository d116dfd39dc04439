//! What an execution was started with and what it came to, alone: as it is, or with what a reference in its place leads to.

use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use everstep_core::Status;
use everstep_engine::claim;
use hyper::HeaderMap;
use serde_json::Value;

use super::Problem;
use crate::artifacts;
use crate::door::Caller;
use crate::errors::Code;
use crate::executions::{self, find};
use crate::http::App;
use crate::query::Query;

pub(super) async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let resolve = resolves(query.as_deref())?;
    let id = find(&app, &name).await?;
    let row = app.handle.row(id).await?;
    if row.status != Status::Succeeded {
        let text = format!("The execution is {}: it has no result", row.status.as_str());
        return Err(Problem::new(Code::Conflict, text));
    }
    let result = executions::outcome(&app, &row).await?.result;
    answer(&app, &caller, &headers, result, resolve).await
}

/// What an execution was started with.
pub(super) async fn input(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let resolve = resolves(query.as_deref())?;
    let id = find(&app, &name).await?;
    let row = app.handle.row(id).await?;
    let input = executions::outcome(&app, &row).await?.input;
    answer(&app, &caller, &headers, input, resolve).await
}

/// Whether what a reference leads to is asked for in its place.
fn resolves(query: Option<&str>) -> Result<bool, Problem> {
    match Query::parse(query).get("resolve") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            let text = format!("resolve is true or false, not {other}");
            Err(Problem::new(Code::InvalidParameter, text))
        }
    }
}

async fn answer(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    value: Option<Value>,
    resolve: bool,
) -> Result<Response, Problem> {
    let value = value.unwrap_or_default();
    if resolve && let Some((bucket, key)) = claim::place(&value) {
        return artifacts::read(app, caller, (&bucket, &key), headers).await;
    }
    Ok(Json(value).into_response())
}
