//! Starting executions: StartExecution, and StartSyncExecution, which waits for the end.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use everstep_asl::machine::{Kind, LogLevel, Logging, Settings};
use everstep_core::{Definition, ExecutionId, Status};
use everstep_engine::catalogue::{
    self, MachineLogging, StateMachineKind, StateMachineRevision, machine_definition,
};
use everstep_engine::{ASL, Error as EngineError, ExecutionRow, StartExecution};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::arn::{self, MachineName, check_name};
use super::constraints::Constraints;
use super::errors::Error;
use super::executions::{self, ALIAS, VERSION};
use super::shown::IncludedData;
use super::{Call, Seconds, answer, document};

/// Characters of an input.
const INPUT_MAX: usize = 262_144;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Names are taken for so long, and histories kept.
const STANDARD_KEPT_MS: u64 = 90 * DAY_MS;
/// Nobody can ask for them; the lists of our own show them for a while.
const EXPRESS_KEPT_MS: u64 = DAY_MS;
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
            .secret("input", request.input.as_ref(), 0, INPUT_MAX)
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

    fn arn(&self) -> &str {
        self.state_machine_arn.as_deref().unwrap_or_default()
    }
}

/// What a machine, a version or an alias means at this moment.
pub(super) struct Target {
    pub machine: String,
    pub revision: StateMachineRevision,
    pub version: Option<u32>,
    pub alias: Option<String>,
}

/// # Errors
/// [`Error::NoStateMachine`], [`Error::StateMachineDeleting`], or the engine's.
pub(super) async fn target(call: &Call<'_>, name: &MachineName) -> Result<Target, Error> {
    let record = call.machine(name).await?;
    if record.deleting {
        return Err(Error::StateMachineDeleting(name.arn.clone()));
    }
    let (version, alias) = match name.qualifier.as_deref() {
        None => (None, None),
        Some(qualifier) => match record.aliases.get(qualifier) {
            Some(alias) => (alias.route(fastrand()), Some(qualifier.to_owned())),
            None => (qualifier.parse().ok(), None),
        },
    };
    let revision = match (&name.qualifier, version) {
        (None, _) => Some(&record.latest),
        (Some(_), version) => version
            .and_then(|version| record.versions.get(&version))
            .map(|version| &version.revision),
    };
    let revision = revision.ok_or_else(|| name.unknown())?;
    Ok(Target {
        revision: call
            .handle()
            .machine_revision(&record.name, revision)
            .await?,
        machine: record.name,
        version,
        alias,
    })
}

/// Chance for the shares of an alias.
fn fastrand() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}

impl Target {
    /// How an execution of it begins.
    fn start(&self, call: &Call<'_>, name: &str, sync: bool, request: &StartIn) -> Begin {
        let options = call.options();
        let machine = &self.machine;
        let express = self.revision.kind == StateMachineKind::Express;
        let (resource, engine_name) = if express {
            let name = format!("{name}:{}", uuid::Uuid::new_v4());
            (format!("express:{machine}:{name}"), name)
        } else {
            (format!("execution:{machine}:{name}"), name.to_owned())
        };
        let execution_arn = arn::arn(options, &resource);
        let qualified = |qualifier: &str| arn::qualified_arn(options, machine, qualifier);
        let version = self.version.map(|version| version.to_string());
        let settings = Settings {
            definition: self.revision.definition,
            state_machine_arn: arn::machine_arn(options, machine),
            version_arn: version.as_deref().map(qualified),
            alias_arn: self.alias.as_deref().map(qualified),
            execution_arn: execution_arn.clone(),
            role_arn: self.revision.role.clone(),
            kind: if express {
                Kind::Express
            } else {
                Kind::Standard
            },
            sync,
            logging: logging(&self.revision.logging),
            trace: request.trace_header.clone(),
        };
        let attributes = [(VERSION, &version), (ALIAS, &self.alias)];
        let attributes = attributes
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
        let input = request.input.clone().unwrap_or_else(|| "{}".to_owned());
        Begin {
            execution_arn,
            start: StartExecution {
                definition: Definition {
                    machine: ASL,
                    name: machine_definition(machine),
                    version: self.revision.revision.clone(),
                },
                name: Some(engine_name),
                input: Some(Bytes::from(input)),
                settings: settings.encode(),
                retention_ms: if express {
                    EXPRESS_KEPT_MS
                } else {
                    STANDARD_KEPT_MS
                },
                parent: None,
                attributes: attributes.collect::<BTreeMap<_, _>>(),
            },
        }
    }
}

/// A start in the making.
struct Begin {
    execution_arn: String,
    start: StartExecution,
}

fn logging(logging: &MachineLogging) -> Option<Logging> {
    let level = match logging.level {
        catalogue::LogLevel::All => LogLevel::All,
        catalogue::LogLevel::Error => LogLevel::Error,
        catalogue::LogLevel::Fatal => LogLevel::Fatal,
        catalogue::LogLevel::Off => return None,
    };
    Some(Logging {
        level,
        include_execution_data: logging.include_execution_data,
        groups: logging.destinations.clone().unwrap_or_default(),
    })
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
    let target = target(call, &name).await?;
    let execution = request.name.clone();
    let execution = execution.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let Begin {
        execution_arn,
        start,
    } = target.start(call, &execution, false, &request);
    let input = start.input.clone();
    let row = match call.handle().start(start).await {
        Ok(started) => {
            let row = call.handle().row(started.id).await?;
            // The name is free again when the execution is gone, not when it has ended.
            if started.existing && row.status.is_closed() {
                return Err(Error::ExecutionExists(execution_arn));
            }
            row
        }
        // Another revision of the machine is no other start: the name and the input count.
        Err(EngineError::NameTaken { id }) => same(call, id, input.as_deref())
            .await?
            .ok_or(Error::ExecutionExists(execution_arn.clone()))?,
        Err(error) => return Err(error.into()),
    };
    Ok(answer(&Started {
        execution_arn,
        start_date: Seconds(row.started.0),
    }))
}

/// The execution that has a name, when it runs with this input.
async fn same(
    call: &Call<'_>,
    id: ExecutionId,
    input: Option<&[u8]>,
) -> Result<Option<ExecutionRow>, EngineError> {
    let row = call.handle().row(id).await?;
    if row.status.is_closed() {
        return Ok(None);
    }
    let began = executions::beginning(call, id).await?;
    Ok(began
        .filter(|began| Some(began.input.as_bytes()) == input)
        .map(|_| row))
}

pub(super) async fn start_sync(call: &Call<'_>) -> Result<Response, Error> {
    let request = StartIn::read(call)?;
    let name = MachineName::parse(request.arn(), call.options())?;
    let target = target(call, &name).await?;
    if target.revision.kind != StateMachineKind::Express {
        return Err(Error::TypeNotSupported);
    }
    let execution = request.name.clone();
    let execution = execution.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let Begin {
        execution_arn,
        start,
    } = target.start(call, &execution, true, &request);
    let started = call.handle().start(start).await?;
    let ended = tokio::time::timeout(SYNC_PATIENCE, call.handle().wait(started.id)).await;
    let row = match ended {
        Ok(row) => row?,
        Err(_) => return Err(Error::StillRunning(execution_arn)),
    };
    let data = IncludedData::read(request.included_data.as_deref());
    let mut body = json!({
        "executionArn": execution_arn,
        "stateMachineArn": arn::machine_arn(call.options(), &target.machine),
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
