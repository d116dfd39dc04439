//! SAM CLI's hook for an emulator outside of it: with `DURABLE_EXECUTIONS_EXTERNAL_EMULATOR_PORT` it sends its starts here.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Problem, not_begun, read_json};
use crate::errors::Code;
use crate::http::App;
use crate::lambda::arn::is_word;
use crate::lambda::{EXECUTION_TIMEOUT_S_MAX, RETENTION_DAYS_MAX};
use crate::start::{Start, start as start_execution};

/// Members that SAM CLI sends beside these, `AccountId` among them, are not looked at: one server is one account.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartIn {
    function_name: String,
    /// `$LATEST` unless told.
    function_qualifier: Option<String>,
    /// Starting twice with the same name and input is one execution.
    execution_name: Option<String>,
    /// Instead of the function's.
    execution_timeout_seconds: Option<u32>,
    execution_retention_period_days: Option<u16>,
    tenant_id: Option<String>,
    /// JSON as text; an empty object unless told.
    input: Option<String>,
}

impl StartIn {
    fn check(&self) -> Result<(), String> {
        let name = self.execution_name.as_ref();
        if name.is_some_and(|name| !is_word(name, 64)) {
            return Err(
                "ExecutionName has 1 to 64 letters, digits, hyphens and underscores".into(),
            );
        }
        let timeout = self.execution_timeout_seconds;
        if timeout.is_some_and(|seconds| !(1..=EXECUTION_TIMEOUT_S_MAX).contains(&seconds)) {
            return Err(format!(
                "ExecutionTimeoutSeconds is 1 to {EXECUTION_TIMEOUT_S_MAX}"
            ));
        }
        let days = self.execution_retention_period_days;
        if days.is_some_and(|days| !(1..=RETENTION_DAYS_MAX).contains(&days)) {
            return Err(format!(
                "ExecutionRetentionPeriodDays is 1 to {RETENTION_DAYS_MAX}"
            ));
        }
        let input = self.input.as_deref().unwrap_or("{}");
        serde_json::from_str::<serde::de::IgnoredAny>(input)
            .map(|_| ())
            .map_err(|error| format!("Input is not JSON: {error}"))
    }
}

/// `POST /start-durable-execution`: 200 and the execution's ARN.
pub(super) async fn start(State(app): State<App>, body: Body) -> Result<Response, Problem> {
    let request: StartIn = read_json(&app, body).await?;
    let invalid = |message: String| Problem::new(Code::InvalidParameter, message);
    request.check().map_err(invalid)?;
    let qualifier = request.function_qualifier.as_deref().unwrap_or("$LATEST");
    let resolved = app
        .handle
        .route(
            &request.function_name,
            Some(qualifier),
            request.execution_name.as_deref(),
        )
        .await?;
    if resolved.revision.config.durable.is_none() {
        let message = format!("{} is not a durable function", request.function_name);
        return Err(invalid(message));
    }
    let started = start_execution(
        &app,
        &resolved,
        Start {
            name: request.execution_name,
            input: request.input.map_or(Bytes::from_static(b"{}"), Bytes::from),
            tenant_id: request.tenant_id,
            execution_timeout_s: request.execution_timeout_seconds,
            retention_days: request.execution_retention_period_days,
            ..Start::default()
        },
    )
    .await;
    match started {
        Ok(running) => {
            let answer = json!({ "ExecutionArn": running.arn });
            Ok((StatusCode::OK, Json(answer)).into_response())
        }
        Err(error) => Err(not_begun(&app, error).await),
    }
}
