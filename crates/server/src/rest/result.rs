//! What an execution came to, alone: as it is, or with what a reference in its place leads to.

use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use everstep_core::Status;
use hyper::HeaderMap;
use serde::Deserialize;

use super::Problem;
use crate::artifacts;
use crate::door::Caller;
use crate::errors::Code;
use crate::executions::{self, find};
use crate::http::App;
use crate::query::Query;

/// A claim check: what was too large lies in the artifacts, and this in its place.
#[derive(Deserialize)]
struct Reference {
    artifact_type: String,
    s3_uri: String,
}

impl Reference {
    fn place(&self) -> Option<(&str, &str)> {
        let place = self.s3_uri.strip_prefix("s3://")?.split_once('/')?;
        (self.artifact_type == "s3_reference").then_some(place)
    }
}

pub(super) async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref());
    let resolve = match query.get("resolve") {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            let text = format!("resolve is true or false, not {other}");
            return Err(Problem::new(Code::InvalidParameter, text));
        }
    };
    let id = find(&app, &name).await?;
    let row = app.handle.row(id).await?;
    if row.status != Status::Succeeded {
        let text = format!("The execution is {}: it has no result", row.status.as_str());
        return Err(Problem::new(Code::Conflict, text));
    }
    let result = executions::outcome(&app, &row).await?.result;
    let result = result.unwrap_or_default();
    if resolve
        && let Ok(reference) = Reference::deserialize(&result)
        && let Some((bucket, key)) = reference.place()
    {
        return artifacts::read(&app, &caller, (bucket, key), &headers).await;
    }
    Ok(Json(result).into_response())
}
