//! Finding, showing and stopping executions, and redriving them.

use axum::response::Response;
use everstep_asl::machine::{ErrorOutput, Event, Settings};
use everstep_core::{ExecutionId, Failure, Status};
use everstep_engine::catalogue::machine_definition;
use everstep_engine::{
    ALIAS_ATTRIBUTE, Direction, Error as EngineError, ExecutionRow, HistoryEvent, VERSION_ATTRIBUTE,
};
use serde::{Deserialize, Serialize};

use super::arn::{self, Arn, Resource, machine_arn, qualified_arn};
use super::constraints::Constraints;
use super::errors::Error;
use super::shown::{IncludedData, Revision};
use super::{Call, Seconds, answer, history};
use crate::executions::definition;
use crate::options::Options;

/// How long after its end an execution can be redriven, and how often.
const REDRIVABLE_MS: u64 = 14 * 24 * 60 * 60 * 1_000;
const REDRIVES_MAX: u32 = 1_000;

/// The Standard execution that an ARN names.
///
/// # Errors
/// [`Error::InvalidArn`], [`Error::NoExecution`], or the engine's.
pub(super) async fn find(call: &Call<'_>, arn: &str) -> Result<ExecutionId, Error> {
    let parsed = Arn::parse(arn)?;
    let ours = parsed.is_ours(call.options());
    let Resource::Execution { machine, name } = &parsed.resource else {
        return Err(parsed.not_here());
    };
    // Express executions have a colon in their names, and no ARN of this kind.
    let found = if ours && !name.contains(':') {
        call.handle()
            .find(&machine_definition(machine), name)
            .await?
    } else {
        None
    };
    found.ok_or_else(|| Error::NoExecution(arn.to_owned()))
}

/// Says of an execution that has gone that it is not there.
pub(super) fn unknown(error: EngineError, arn: &str) -> Error {
    match error {
        EngineError::UnknownExecution { .. } => Error::NoExecution(arn.to_owned()),
        other => other.into(),
    }
}

/// The row of a Standard execution.
pub(super) async fn row(call: &Call<'_>, arn: &str) -> Result<ExecutionRow, Error> {
    let id = find(call, arn).await?;
    let row = call.handle().row(id).await;
    match row {
        Ok(row) if row.status == Status::Deleting => Err(Error::NoExecution(arn.to_owned())),
        row => row.map_err(|error| unknown(error, arn)),
    }
}

/// How an execution began.
pub(super) struct Beginning {
    pub input: String,
    pub settings: std::sync::Arc<Settings>,
}

pub(super) async fn beginning(
    call: &Call<'_>,
    id: ExecutionId,
) -> Result<Option<Beginning>, EngineError> {
    let first = history::outermost(call, id, Direction::Forward).await?;
    Ok(first.and_then(|item| began(item.event)))
}

fn began(event: HistoryEvent) -> Option<Beginning> {
    match event {
        HistoryEvent::Asl(Event::ExecutionStarted {
            input, settings, ..
        }) => Some(Beginning {
            input: input.text().to_owned(),
            settings,
        }),
        _ => None,
    }
}

/// How an execution ended, as far as it did.
#[derive(Debug, Default)]
pub(super) struct End {
    pub output: Option<String>,
    pub error: Option<String>,
    pub cause: Option<String>,
}

impl End {
    fn of(event: &HistoryEvent) -> Self {
        let HistoryEvent::Asl(event) = event else {
            return Self::default();
        };
        match event {
            Event::ExecutionSucceeded { output, .. } => Self {
                output: Some(output.text().to_owned()),
                ..Self::default()
            },
            Event::ExecutionFailed { failure, .. } | Event::ExecutionAborted { failure } => {
                Self::failed(failure)
            }
            _ => Self::default(),
        }
    }

    fn failed(failure: &ErrorOutput) -> Self {
        let text = |part: &Option<std::sync::Arc<str>>| part.as_deref().map(str::to_owned);
        Self {
            output: None,
            error: text(&failure.error),
            cause: text(&failure.cause),
        }
    }
}

pub(super) async fn end(call: &Call<'_>, row: &ExecutionRow) -> Result<End, Error> {
    if row.status == Status::Quarantined {
        return quarantined(call, row).await;
    }
    let last = history::outermost(call, row.id, Direction::Backward).await?;
    Ok(last.map_or_else(End::default, |item| End::of(&item.event)))
}

/// Our own fault, told as such: the backtrace stays in our own history.
async fn quarantined(call: &Call<'_>, row: &ExecutionRow) -> Result<End, Error> {
    let reason = call.handle().quarantine_reason(row.id).await?;
    let line = reason.as_deref().and_then(|reason| reason.lines().next());
    Ok(End {
        output: None,
        error: Some("States.Runtime".to_owned()),
        cause: line.map(str::to_owned),
    })
}

/// AWS's word for where an execution stands.
pub(super) const fn status(status: Status) -> &'static str {
    match status {
        Status::Running | Status::Pausing | Status::Paused => "RUNNING",
        Status::Succeeded => "SUCCEEDED",
        Status::Failed | Status::Quarantined => "FAILED",
        Status::TimedOut => "TIMED_OUT",
        Status::Stopped | Status::Cancelled | Status::Deleting => "ABORTED",
    }
}

/// Whether an execution can be redriven; otherwise, why not.
fn redrivable(row: &ExecutionRow, now_ms: u64) -> Result<(), String> {
    match status(row.status) {
        "FAILED" | "TIMED_OUT" | "ABORTED" => {}
        other => return Err(format!("Execution is {other} and cannot be redriven")),
    }
    let ended = row.closed.unwrap_or(row.started).0;
    if now_ms.saturating_sub(ended) > REDRIVABLE_MS {
        return Err(
            "Execution is past the redrivable period of 14 days and cannot be redriven".to_owned(),
        );
    }
    let count = row.reopened.map_or(0, |reopened| reopened.count);
    if count >= REDRIVES_MAX {
        return Err(format!(
            "Execution has been redriven {count} times and cannot be redriven"
        ));
    }
    Ok(())
}

/// What the lists and the description show alike.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    execution_arn: String,
    state_machine_arn: String,
    name: String,
    status: &'static str,
    start_date: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<String>,
    redrive_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<Seconds>,
}

impl Summary {
    pub(super) fn of(options: &Options, row: &ExecutionRow) -> Self {
        let machine = definition(row);
        let qualified = |attribute: &str| {
            let qualifier = row.attributes.get(attribute)?;
            Some(qualified_arn(options, machine, qualifier))
        };
        Self {
            execution_arn: arn::arn(options, &format!("execution:{machine}:{}", row.name)),
            state_machine_arn: machine_arn(options, machine),
            name: row.name.clone(),
            status: status(row.status),
            start_date: Seconds(row.started.0),
            stop_date: row.closed.map(|closed| Seconds(closed.0)),
            state_machine_version_arn: qualified(VERSION_ATTRIBUTE),
            state_machine_alias_arn: qualified(ALIAS_ATTRIBUTE),
            redrive_count: row.reopened.map_or(0, |reopened| reopened.count),
            redrive_date: row.reopened.map(|reopened| Seconds(reopened.last.0)),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExecutionIn {
    execution_arn: Option<String>,
    included_data: Option<String>,
    error: Option<String>,
    cause: Option<String>,
    client_token: Option<String>,
}

impl ExecutionIn {
    fn read(call: &Call<'_>) -> Result<(Self, String), Error> {
        let mut request: Self = call.input()?;
        let arn = request.execution_arn.as_ref();
        let token = request.client_token.as_ref();
        let visible = |token: &str| token.bytes().all(|byte| byte.is_ascii_graphic());
        let mut constraints = Constraints::default();
        constraints
            .required("executionArn", arn)
            .text("executionArn", arn, 1, 256)
            .secret("error", request.error.as_ref(), 0, 256)
            .secret("cause", request.cause.as_ref(), 0, 32_768)
            .text("clientToken", token, 1, 64)
            .pattern("clientToken", token, "[!-~]+", visible);
        IncludedData::check(request.included_data.as_ref(), &mut constraints);
        constraints.done()?;
        let arn = request.execution_arn.take().unwrap_or_default();
        Ok((request, arn))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    input_details: DataDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_details: Option<DataDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_header: Option<String>,
    redrive_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_status_reason: Option<String>,
}

#[derive(Clone, Copy, Serialize)]
struct DataDetails {
    included: bool,
}

pub(super) async fn describe(call: &Call<'_>) -> Result<Response, Error> {
    let (request, arn) = ExecutionIn::read(call)?;
    let row = row(call, &arn).await?;
    let began = beginning(call, row.id)
        .await
        .map_err(|error| unknown(error, &arn))?;
    let end = if row.status.is_closed() {
        end(call, &row).await?
    } else {
        End::default()
    };
    let included = IncludedData::read(request.included_data.as_deref()) == IncludedData::All;
    let (input, trace) = match began {
        Some(began) => (Some(began.input), began.settings.trace.clone()),
        None => (None, None),
    };
    let redrivable = redrivable(&row, call.now_ms());
    let succeeded = end.output.is_some();
    Ok(answer(&Described {
        summary: Summary::of(call.options(), &row),
        input: input.filter(|_| included),
        input_details: DataDetails { included },
        output: end.output.filter(|_| included),
        output_details: succeeded.then_some(DataDetails { included }),
        error: end.error,
        cause: end.cause,
        trace_header: trace,
        redrive_status: if redrivable.is_ok() {
            "REDRIVABLE"
        } else {
            "NOT_REDRIVABLE"
        },
        redrive_status_reason: redrivable.err(),
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MachineOf {
    state_machine_arn: String,
    name: String,
    update_date: Seconds,
    #[serde(flatten)]
    revision: Revision,
}

/// DescribeStateMachineForExecution: the revision that the execution runs, whatever became of its machine.
pub(super) async fn machine_of(call: &Call<'_>) -> Result<Response, Error> {
    let (request, arn) = ExecutionIn::read(call)?;
    let row = row(call, &arn).await?;
    let name = definition(&row);
    let revision = call.handle().machine_revision(name, &row.version).await?;
    let data = IncludedData::read(request.included_data.as_deref());
    Ok(answer(&MachineOf {
        state_machine_arn: machine_arn(call.options(), name),
        name: name.to_owned(),
        update_date: Seconds(revision.modified_ms),
        revision: Revision::of(call, &revision, data).await?,
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stopped {
    stop_date: Seconds,
}

/// One that has ended stays as it is.
pub(super) async fn stop(call: &Call<'_>) -> Result<Response, Error> {
    let (request, arn) = ExecutionIn::read(call)?;
    let id = find(call, &arn).await?;
    let failure = Failure {
        kind: request.error,
        message: request.cause,
        ..Failure::default()
    };
    let failure = Some(failure).filter(|failure| !failure.is_empty());
    let row = call.handle().stop(id, failure).await;
    let row = row.map_err(|error| unknown(error, &arn))?;
    let stopped = row.closed.map_or_else(|| call.now_ms(), |closed| closed.0);
    Ok(answer(&Stopped {
        stop_date: Seconds(stopped),
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Redriven {
    redrive_date: Seconds,
}

pub(super) async fn redrive(call: &Call<'_>) -> Result<Response, Error> {
    let (request, arn) = ExecutionIn::read(call)?;
    let before = row(call, &arn).await?;
    let token = request.client_token.as_deref();
    let now_ms = call.now_ms();
    if let Some(at) = call.app.redrives.repeated(before.id, token, now_ms) {
        return Ok(answer(&Redriven {
            redrive_date: Seconds(at),
        }));
    }
    redrivable(&before, now_ms).map_err(Error::NotRedrivable)?;
    match call.handle().redrive(before.id).await {
        Ok(_) => {}
        Err(EngineError::NotRedrivable { why, .. }) => {
            return Err(Error::NotRedrivable(format!(
                "Execution cannot be redriven: {why}"
            )));
        }
        Err(error) => return Err(unknown(error, &arn)),
    }
    let after = row(call, &arn).await?;
    let at = after.reopened.map_or(now_ms, |reopened| reopened.last.0);
    call.app.redrives.note(before.id, token, at);
    Ok(answer(&Redriven {
        redrive_date: Seconds(at),
    }))
}
