//! Reading, listing and stopping durable executions.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everstep_core::{ExecutionId, Failure, Payload, Timestamp};
use everstep_durable::{ExecutionSnapshot, Reply, Request};
use everstep_engine::catalogue::DurableConfig;
use everstep_engine::{APPROVAL, Cursor, ListFilter};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::arn::{execution_arn, execution_id, function_arn, unknown_execution};
use super::configuration::DurableConfigWire;
use super::errors::Error;
use super::pauses::PauseDetails;
use super::render::ErrorObject;
use super::reply::{self, Seconds};
use super::route::Name;
use super::{Call, checkpoint};

/// What the fields of a stop's error may have together, in UTF-8; as AWS's API reference says.
const ERROR_BYTES_MAX: usize = 1 << 20;

impl Call<'_> {
    /// Whether payloads are asked for; they are, unless it is said that they are not.
    pub(super) fn include_data(&self) -> Result<bool, Error> {
        match self.query.get("IncludeExecutionData") {
            None | Some("true" | "True") => Ok(true),
            Some("false" | "False") => Ok(false),
            Some(other) => Err(Error::invalid(format!(
                "IncludeExecutionData is neither true nor false: {other}"
            ))),
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.query
            .get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// AWS names the ARN of what it does not find.
pub(super) fn of_execution(error: everstep_engine::Error, arn: &str) -> Error {
    match error {
        everstep_engine::Error::UnknownExecution { .. } => unknown_execution(arn),
        other => other.into(),
    }
}

pub(super) async fn describe(call: &Call<'_>, id: ExecutionId) -> Result<ExecutionSnapshot, Error> {
    match checkpoint::ask(call, id, Request::Describe).await? {
        Reply::Described(snapshot) => Ok(*snapshot),
        Reply::Checkpoint { .. }
        | Reply::State { .. }
        | Reply::Identified(_)
        | Reply::Finished
        | Reply::Redriven { .. }
        | Reply::Recording { .. }
        | Reply::Refused(_) => Err(checkpoint::unexpected()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    durable_execution_arn: String,
    durable_execution_name: String,
    function_arn: String,
    status: &'static str,
    start_timestamp: Seconds,
    version: String,
    execution_data_included: bool,
    durable_config: DurableConfigWire,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_timestamp: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<XAmzn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_execution_timeout_timestamp: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_details: Option<PauseDetails>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct XAmzn {
    x_amzn_trace_id: String,
}

pub(super) async fn get(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let id = execution_id(&name.first)?;
    let include = call.include_data()?;
    // The row first: an execution that is not there is told by its ARN.
    let row = call.app.handle.row(id).await;
    let row = row.map_err(|error| of_execution(error, &name.first))?;
    let found = describe(call, id).await?;
    let durable = DurableConfig {
        execution_timeout_s: found.execution_timeout_s,
        retention_days: found.retention_days,
    };
    let answer = Described {
        durable_execution_arn: found.arn,
        durable_execution_name: found.name,
        function_arn: found.function.qualified(),
        // A deletion stands in the row alone.
        status: reply::status(match row.status {
            everstep_core::Status::Deleting => row.status,
            _ => found.status,
        }),
        start_timestamp: Seconds(found.started),
        version: found.function.version,
        execution_data_included: include,
        durable_config: DurableConfigWire::of(durable),
        end_timestamp: found.closed.map(Seconds),
        input_payload: text(call, id, found.input.filter(|_| include)).await?,
        result: text(call, id, found.result.filter(|_| include)).await?,
        error: found.error.filter(|_| include).map(Into::into),
        trace_header: found
            .trace_header
            .map(|x_amzn_trace_id| XAmzn { x_amzn_trace_id }),
        expected_execution_timeout_timestamp: found.times_out.map(Seconds),
        pause_details: found.pause.map(|pause| PauseDetails::of(&pause, include)),
    };
    Ok(reply::json(StatusCode::OK, &answer))
}

async fn text(
    call: &Call<'_>,
    id: ExecutionId,
    payload: Option<Payload>,
) -> Result<Option<String>, Error> {
    let Some(payload) = payload else {
        return Ok(None);
    };
    let bytes = call.app.handle.payload(id, &payload).await?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stopped {
    stop_timestamp: Seconds,
}

/// AWS's ErrorObject and nothing beside it: an error that is wrapped in a member of its own would be lost without a word.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
struct StopIn {
    error_message: Option<String>,
    error_type: Option<String>,
    error_data: Option<String>,
    stack_trace: Vec<String>,
}

fn read_error(call: &Call<'_>) -> Result<Option<Failure>, Error> {
    let asked = call.json::<StopIn>();
    let asked = asked.map_err(|error| Error::invalid(error.message))?;
    let failure = Failure {
        kind: asked.error_type,
        message: asked.error_message,
        data: asked.error_data,
        stack: asked.stack_trace,
    };
    let fields = [&failure.kind, &failure.message, &failure.data];
    let texts = fields.into_iter().flatten().chain(&failure.stack);
    if texts.map(String::len).sum::<usize>() > ERROR_BYTES_MAX {
        return Err(Error::invalid(format!(
            "The fields of Error must have at most {ERROR_BYTES_MAX} bytes together"
        )));
    }
    Ok(Some(failure).filter(|failure| !failure.is_empty()))
}

/// The body is the error object itself. A closed execution stays as it is.
pub(super) async fn stop(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let id = execution_id(&name.first)?;
    let failure = read_error(call)?;
    let known = call.app.handle.row(id).await;
    let known = known.map_err(|error| of_execution(error, &name.first))?;
    if known.machine == APPROVAL {
        // What people are asked is no function's, and no function takes it back.
        let error = everstep_engine::Error::UnknownExecution { id };
        return Err(of_execution(error, &name.first));
    }
    let row = call
        .app
        .handle
        .stop(id, failure)
        .await
        .map_err(|error| of_execution(error, &name.first))?;
    let stop_timestamp = Seconds(row.closed.unwrap_or_else(|| call.app.handle.clock().now()));
    Ok(reply::json(StatusCode::OK, &Stopped { stop_timestamp }))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    durable_executions: Vec<ListedExecution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedExecution {
    durable_execution_arn: String,
    durable_execution_name: String,
    function_arn: String,
    status: &'static str,
    start_timestamp: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_timestamp: Option<Seconds>,
}

pub(super) async fn list(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let limit = call.max_items(100, 1_000)?;
    let resolved = call.resolve(&function).await?;
    let mut statuses = Vec::new();
    for word in call.query.all("Statuses") {
        statuses.extend(
            reply::statuses(word)
                .ok_or_else(|| Error::invalid(format!("Invalid status: {word}")))?,
        );
    }
    let none_can_match = statuses.is_empty() && call.query.get("Statuses").is_some();
    if none_can_match || resolved.revision.config.durable.is_none() {
        return Ok(reply::json(
            StatusCode::OK,
            &Listed {
                durable_executions: Vec::new(),
                next_marker: None,
            },
        ));
    }
    let filter = ListFilter {
        definition: Some(function.name),
        statuses,
        name: call.query.get("DurableExecutionName").map(str::to_owned),
        name_prefix: None,
        version: function.qualifier.is_some().then_some(resolved.version),
        started_after: moment(call, "StartedAfter")?,
        started_before: moment(call, "StartedBefore")?,
        oldest_first: call.flag("ReverseOrder"),
        attributes: Vec::new(),
    };
    let cursor = match call.query.get("Marker").filter(|marker| !marker.is_empty()) {
        None => None,
        Some(marker) => Some(Cursor(Bytes::from(
            STANDARD
                .decode(marker)
                .map_err(|_| Error::invalid("Invalid marker"))?,
        ))),
    };
    let page = call.app.handle.list(filter, cursor, limit).await?;
    let durable_executions = page.rows.iter().map(|row| ListedExecution {
        durable_execution_arn: execution_arn(&call.app.options, row),
        durable_execution_name: row.name.clone(),
        function_arn: function_arn(&call.app.options, &row.definition, &row.version).qualified(),
        status: reply::status(row.status),
        start_timestamp: Seconds(row.started),
        end_timestamp: row.closed.map(Seconds),
    });
    let answer = Listed {
        durable_executions: durable_executions.collect(),
        next_marker: page.next.map(|next| STANDARD.encode(&next.0)),
    };
    Ok(reply::json(StatusCode::OK, &answer))
}

/// Query strings carry ISO 8601.
fn moment(call: &Call<'_>, name: &str) -> Result<Option<Timestamp>, Error> {
    let Some(text) = call.query.get(name) else {
        return Ok(None);
    };
    let parsed = text
        .parse::<jiff::Timestamp>()
        .ok()
        .and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
    parsed
        .map(|ms| Some(Timestamp(ms)))
        .ok_or_else(|| Error::invalid(format!("{name} is not an ISO 8601 time: {text}")))
}
