//! Map runs. Distributed maps run within their execution here: there are no runs to look at or to change.

use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::arn::{Arn, Resource};
use super::constraints::Constraints;
use super::errors::Error;
use super::page::PageIn;
use super::{Call, answer, executions};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListIn {
    execution_arn: Option<String>,
    #[serde(flatten)]
    page: PageIn,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    map_runs: [(); 0],
}

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    let request: ListIn = call.input()?;
    let arn = request.execution_arn.as_ref();
    let arn = request.page.below("executionArn", arn)?;
    let id = executions::find(call, arn).await?;
    request.page.place(call, &format!("map runs {id}"))?;
    Ok(answer(&Listed { map_runs: [] }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RunIn {
    map_run_arn: Option<String>,
    max_concurrency: Option<i64>,
    tolerated_failure_count: Option<i64>,
}

/// DescribeMapRun and UpdateMapRun.
pub(super) fn unknown(call: &Call<'_>) -> Result<Response, Error> {
    let request: RunIn = call.input()?;
    let arn = request.map_run_arn.as_ref();
    Constraints::default()
        .required("mapRunArn", arn)
        .text("mapRunArn", arn, 1, 2000)
        .number("maxConcurrency", request.max_concurrency, 0, i64::MAX)
        .number(
            "toleratedFailureCount",
            request.tolerated_failure_count,
            0,
            i64::MAX,
        )
        .done()?;
    let arn = arn.map_or("", String::as_str);
    let parsed = Arn::parse(arn)?;
    match parsed.resource {
        Resource::MapRun { .. } => Err(Error::NoResource(arn.to_owned())),
        _ => Err(parsed.not_here()),
    }
}
