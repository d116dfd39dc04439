//! Starting executions: StartExecution, and StartSyncExecution, which waits for the end.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use everstep_core::Status;
use everstep_engine::catalogue::StateMachineKind;
use everstep_engine::{
    ExecutionRow, ResolvedMachine, StartMachine, StartMachineError, StartedMachine,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::arn::{self, MachineName, check_name};
use super::constraints::Constraints;
use super::errors::Error;
use super::executions;
use super::shown::IncludedData;
use super::{Call, Seconds, answer, deletion, document};
use crate::trace;

/// Bytes of an input.
pub(crate) const INPUT_MAX: usize = 262_144;
const SYNC_PATIENCE: Duration = Duration::from_secs(5 * 60 + 5);

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StartIn {
    state_machine_arn: Option<String>,
    name: Option<String>,
    input: Option<String>,
    trace_header: Option<String>,
    included_data: Option<String>,
}

impl StartIn {
    fn read(call: &Call<'_>) -> Result<Self, Error> {
        let request: Self = call.input()?;
        let arn = request.state_machine_arn.as_ref();
        let trace = request.trace_header.as_ref();
        let mut constraints = Constraints::default();
        constraints
            .required("stateMachineArn", arn)
            .text("stateMachineArn", arn, 1, 256)
            .text("name", request.name.as_ref(), 1, 80)
            .payload("input", request.input.as_ref(), INPUT_MAX)
            .text("traceHeader", trace, 0, 256)
            .pattern("traceHeader", trace, r"\p{ASCII}*", str::is_ascii);
        IncludedData::check(request.included_data.as_ref(), &mut constraints);
        constraints.done()?;
        if let Some(name) = &request.name {
            check_name(name)?;
        }
        match request.input.as_deref() {
            None => {}
            Some(text) if text.trim().is_empty() => {
                return Err(Error::InvalidInput("Invalid execution input.".to_owned()));
            }
            Some(text) => document::check(text).map_err(Error::InvalidInput)?,
        }
        Ok(request)
    }

    /// As it was given, or made up.
    fn name(&self) -> String {
        let name = self.name.clone();
        name.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
    }

    fn arn(&self) -> &str {
        self.state_machine_arn.as_deref().unwrap_or_default()
    }
}

/// What a machine, a version or an alias means at this moment.
///
/// # Errors
/// [`Error::NoStateMachine`], [`Error::StateMachineDeleting`], or the engine's.
async fn resolve(call: &Call<'_>, name: &MachineName) -> Result<ResolvedMachine, Error> {
    if !name.ours {
        return Err(name.unknown());
    }
    let qualifier = name.qualifier.as_deref();
    let handle = call.handle();
    match handle
        .resolve_state_machine(&name.name, qualifier, None)
        .await
    {
        Ok(resolved) => Ok(resolved),
        Err(StartMachineError::Deleting) => {
            deletion::resume(handle, &name.name).await?;
            Err(Error::StateMachineDeleting(name.arn.clone()))
        }
        Err(error) => Err(refused(error, name)),
    }
}

fn refused(error: StartMachineError, name: &MachineName) -> Error {
    match error {
        StartMachineError::Unknown => name.unknown(),
        StartMachineError::Deleting => Error::StateMachineDeleting(name.arn.clone()),
        StartMachineError::NameTaken { arn, .. } => Error::ExecutionExists(arn),
        StartMachineError::Engine(error) => error.into(),
    }
}

/// Begins an execution of a machine.
async fn begin(
    call: &Call<'_>,
    name: &MachineName,
    machine: &ResolvedMachine,
    request: &StartIn,
    sync: bool,
) -> Result<StartedMachine, Error> {
    let input = request.input.clone().unwrap_or_else(|| "{}".to_owned());
    let mut attributes = BTreeMap::new();
    trace::inherit(&mut attributes);
    let start = StartMachine {
        home: arn::home(call.options()),
        name: request.name(),
        id: uuid::Uuid::new_v4().to_string(),
        input: Bytes::from(input),
        sync,
        trace: request.trace_header.clone().or_else(trace::x_ray),
        parent: None,
        attributes,
        repeated: false,
    };
    let started = call.handle().start_state_machine(machine, start);
    started.await.map_err(|error| refused(error, name))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    execution_arn: String,
    start_date: Seconds,
}

pub(super) async fn start(call: &Call<'_>) -> Result<Response, Error> {
    let request = StartIn::read(call)?;
    let name = MachineName::parse(request.arn(), call.options())?;
    let machine = resolve(call, &name).await?;
    let started = begin(call, &name, &machine, &request, false).await?;
    Ok(answer(&Started {
        execution_arn: started.arn,
        start_date: Seconds(started.started.0),
    }))
}

pub(super) async fn start_sync(call: &Call<'_>) -> Result<Response, Error> {
    let mut request = StartIn::read(call)?;
    let name = MachineName::parse(request.arn(), call.options())?;
    let machine = resolve(call, &name).await?;
    if machine.revision.kind != StateMachineKind::Express {
        return Err(Error::TypeNotSupported);
    }
    let execution = request.name();
    request.name = Some(execution.clone());
    let started = begin(call, &name, &machine, &request, true).await?;
    let execution_arn = started.arn;
    let ended = tokio::time::timeout(SYNC_PATIENCE, call.handle().wait(started.id)).await;
    let row = match ended {
        Ok(row) => row?,
        Err(_) => return Err(Error::StillRunning(execution_arn)),
    };
    let data = IncludedData::read(request.included_data.as_deref());
    let mut body = json!({
        "executionArn": execution_arn,
        "stateMachineArn": arn::machine_arn(call.options(), &name.name),
        "name": execution,
    });
    let shown = finished(call, &row, request.input.as_deref(), data).await?;
    if let (Some(body), Value::Object(shown)) = (body.as_object_mut(), shown) {
        body.extend(shown);
        if let Some(trace) = request.trace_header {
            body.insert("traceHeader".to_owned(), trace.into());
        }
    }
    Ok(answer(&body))
}

/// How an Express execution ended.
async fn finished(
    call: &Call<'_>,
    row: &ExecutionRow,
    input: Option<&str>,
    data: IncludedData,
) -> Result<Value, Error> {
    let end = executions::end(call, row).await?;
    let stopped = row.closed.unwrap_or(row.started).0;
    let took = stopped.saturating_sub(row.started.0).max(1);
    let included = data == IncludedData::All;
    let status = match row.status {
        Status::Succeeded => "SUCCEEDED",
        Status::TimedOut => "TIMED_OUT",
        _ => "FAILED",
    };
    let mut shown = json!({
        "startDate": Seconds(row.started.0),
        "stopDate": Seconds(stopped),
        "status": status,
        "inputDetails": { "included": included },
        "outputDetails": { "included": included },
        "billingDetails": {
            "billedMemoryUsedInMB": 64,
            "billedDurationInMilliseconds": took.div_ceil(100) * 100,
        },
    });
    if let Some(shown) = shown.as_object_mut() {
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                shown.insert(name.to_owned(), value.into());
            }
        };
        put("error", end.error);
        put("cause", end.cause);
        if included {
            put("input", Some(input.unwrap_or("{}").to_owned()));
            put("output", end.output);
        }
    }
    Ok(shown)
}
