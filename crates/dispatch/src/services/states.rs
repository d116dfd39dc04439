//! Nested executions: `states:startExecution`, which ends with the start, with the nested execution's end (`.sync`, `.sync:2`), or by a token.
//!
//! Of the end of a nested execution the engine tells the machine, as it does between any parent and child.

use std::collections::BTreeMap;

use bytes::Bytes;
use everstep_core::{Failure, Timestamp};
use everstep_engine::catalogue::has_plain_characters;
use everstep_engine::{Error, Handle, StartMachine, StartMachineError, StartedMachine};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::metadata::{Answered, SdkHttpMetadata, SdkResponseMetadata, http_date};
use super::resource::Pattern;
use super::{Errand, Fault, Service, Wording, document, lambda};

const STATES: Service = Service {
    prefix: "StepFunctions",
    name: "AWSStepFunctions",
    wording: Wording::Coded,
};
const NAME_MAX: usize = 80;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Arguments<'a> {
    state_machine_arn: String,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    name: Option<String>,
    trace_header: Option<String>,
}

/// Starts an execution; `None` when it could not be begun.
pub(super) async fn start_execution(
    errand: &Errand<'_>,
    pattern: Pattern,
) -> Result<Option<Bytes>, Fault> {
    match begin(errand, pattern, &STATES).await? {
        Some(started) => output(&started, errand.handle.clock().now(), &errand.key).map(Some),
        None => Ok(None),
    }
}

/// Begins the execution that a task's arguments describe, as the service says it; `None` when it could not be begun.
pub(super) async fn begin(
    errand: &Errand<'_>,
    pattern: Pattern,
    service: &Service,
) -> Result<Option<StartedMachine>, Fault> {
    let arguments: Arguments<'_> = errand.arguments()?;
    let arn = &arguments.state_machine_arn;
    let (name, qualifier) = machine(errand, arn, service)?;
    let handle = errand.handle;
    let resolved = handle
        .resolve_state_machine(name, qualifier, Some(&errand.key))
        .await
        .map_err(|error| refused(&error, arn, service))?;
    let id = lambda::request_id(&errand.key);
    let start = StartMachine {
        home: home(&errand.call.state_machine_arn),
        name: match arguments.name {
            Some(name) => checked(name, service)?,
            None => id.clone(),
        },
        id,
        input: document(arguments.input),
        sync: false,
        trace: arguments.trace_header.or_else(|| errand.call.trace.clone()),
        parent: (pattern == Pattern::Sync)
            .then(|| errand.waiting.clone())
            .flatten(),
        attributes: BTreeMap::new(),
        repeated: errand.repeated,
    };
    match handle.start_state_machine(&resolved, start).await {
        // Somebody else's execution tells its end to nobody here.
        Ok(started) if started.existing && pattern == Pattern::Sync && !errand.repeated => {
            Err(already_exists(&started.arn, service))
        }
        Ok(started) => Ok(Some(started)),
        Err(StartMachineError::Engine(Error::Ended)) => Ok(None),
        Err(error) => Err(refused(&error, arn, service)),
    }
}

/// The name and the qualifier in the ARN of a state machine that could be here.
fn machine<'a>(
    errand: &Errand<'_>,
    arn: &'a str,
    service: &Service,
) -> Result<(&'a str, Option<&'a str>), Fault> {
    let here = home(&errand.call.state_machine_arn);
    let resource = arn.strip_prefix(&*here);
    let named = resource.and_then(|resource| resource.strip_prefix(":stateMachine:"));
    match named {
        Some(named) => Ok(match named.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (named, None),
        }),
        None if arn.contains(":stateMachine:") => {
            Err(refused(&StartMachineError::Unknown, arn, service))
        }
        None => Err(service.refused(400, "InvalidArn", &format!("Invalid Arn: '{arn}'"))),
    }
}

/// `arn:PARTITION:states:REGION:ACCOUNT`
pub(super) fn home(arn: &str) -> String {
    let parts: Vec<&str> = arn.split(':').take(5).collect();
    parts.join(":")
}

fn checked(name: String, service: &Service) -> Result<String, Fault> {
    if !(1..=NAME_MAX).contains(&name.chars().count()) || !has_plain_characters(&name) {
        return Err(service.refused(400, "InvalidName", &format!("Invalid Name: '{name}'")));
    }
    Ok(name)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    execution_arn: &'a str,
    sdk_http_metadata: SdkHttpMetadata,
    sdk_response_metadata: SdkResponseMetadata,
    start_date: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    execution_arn: &'a str,
    start_date: f64,
}

fn output(started: &StartedMachine, now: Timestamp, key: &str) -> Result<Bytes, Fault> {
    let unwritten = |error: serde_json::Error| Fault::runtime(error.to_string());
    let body = Body {
        execution_arn: &started.arn,
        // Exact: milliseconds of this age are far below 2^53.
        start_date: started.started.0 as f64 / 1000.0,
    };
    let length = serde_json::to_vec(&body).map_err(unwritten)?.len();
    let request_id = lambda::request_id(key);
    let headers = vec![
        ("x-amzn-RequestId", request_id.clone()),
        ("connection", "keep-alive".to_owned()),
        ("Content-Length", length.to_string()),
        ("Date", http_date(now)),
        ("Content-Type", "application/x-amz-json-1.0".to_owned()),
    ];
    let (sdk_http_metadata, sdk_response_metadata) =
        Answered::new(200, request_id, headers).metadata();
    let output = Output {
        execution_arn: &started.arn,
        sdk_http_metadata,
        sdk_response_metadata,
        start_date: started.started.0,
    };
    let output = serde_json::to_vec(&output).map_err(unwritten)?;
    Ok(output.into())
}

fn already_exists(arn: &str, service: &Service) -> Fault {
    service.refused(
        400,
        "ExecutionAlreadyExists",
        &format!("Execution Already Exists: '{arn}'"),
    )
}

fn refused(error: &StartMachineError, arn: &str, service: &Service) -> Fault {
    match error {
        StartMachineError::Unknown => service.refused(
            400,
            "StateMachineDoesNotExist",
            &format!("State Machine Does Not Exist: '{arn}'"),
        ),
        StartMachineError::Deleting => service.refused(
            400,
            "StateMachineDeleting",
            &format!("State Machine is being deleted: '{arn}'"),
        ),
        StartMachineError::NameTaken { arn, .. } => already_exists(arn, service),
        StartMachineError::Engine(Error::Overloaded { .. }) => {
            service.refused(429, "ThrottlingException", "Rate exceeded")
        }
        StartMachineError::Engine(error) => {
            service.refused(500, "InternalServerException", &error.to_string())
        }
    }
}

/// Stops the execution with this ARN; one that is gone has stopped.
pub(super) async fn stop(handle: &Handle, arn: &str) -> Result<(), Error> {
    let Some(id) = handle.find_machine_execution(arn).await? else {
        return Ok(());
    };
    match handle.stop(id, None::<Failure>).await {
        Ok(_) | Err(Error::UnknownExecution { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
