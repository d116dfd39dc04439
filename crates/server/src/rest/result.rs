//! What an execution was started with and what it came to, alone: as it is, or with what a reference in its place leads to.

use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use everstep_core::Status;
use everstep_engine::{ExecutionRow, claim};
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
    let (row, resolve) = asked(&app, &name, query.as_deref()).await?;
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
    let (row, resolve) = asked(&app, &name, query.as_deref()).await?;
    let input = executions::outcome(&app, &row).await?.input;
    answer(&app, &caller, &headers, input, resolve).await
}

/// Which execution is asked about, and whether what a reference leads to is wanted in its place.
async fn asked(
    app: &App,
    name: &str,
    query: Option<&str>,
) -> Result<(ExecutionRow, bool), Problem> {
    let resolve = match Query::parse(query).get("resolve") {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            let text = format!("resolve is true or false, not {other}");
            return Err(Problem::new(Code::InvalidParameter, text));
        }
    };
    let id = find(app, name).await?;
    Ok((app.handle.row(id).await?, resolve))
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
