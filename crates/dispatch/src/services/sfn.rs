//! `aws-sdk:sfn`: what a state machine asks Step Functions for as any client of its API would: starts, answers to task tokens, and the
//! work of an activity. Results have the members of the API's answers and nothing beside them.

use std::time::Duration;

use bytes::Bytes;
use everstep_asl::machine;
use everstep_core::token::Purpose;
use everstep_core::{Failure, Settlement, Timestamp};
use everstep_engine::{Error, Late, SettleWith, Source, Via};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::resource::Pattern;
use super::{Errand, Fault, Service, Wording, states};

const SFN: Service = Service {
    prefix: "Sfn",
    name: "Sfn",
    wording: Wording::Counted,
};

/// How long a poll waits for a task, as in the API.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a result.
const OUTPUT_MAX: usize = 262_144;
const TASK_OVER: &str = "Task Timed Out: 'Provided task does not exist anymore'";

/// Does the action; `None` where there is no such action.
pub(super) async fn call(
    errand: &Errand<'_>,
    action: &str,
) -> Option<Result<Option<Bytes>, Fault>> {
    Some(match action {
        "startExecution" => start_execution(errand).await,
        "getActivityTask" => poll(errand).await.map(Some),
        "sendTaskSuccess" => succeed(errand).await.map(Some),
        "sendTaskFailure" => fail(errand).await.map(Some),
        "sendTaskHeartbeat" => heartbeat(errand).await.map(Some),
        _ => return None,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Started {
    execution_arn: String,
    start_date: String,
}

async fn start_execution(errand: &Errand<'_>) -> Result<Option<Bytes>, Fault> {
    let Some(started) = states::begin(errand, Pattern::RequestResponse, &SFN).await? else {
        return Ok(None);
    };
    written(&Started {
        start_date: shown(started.started),
        execution_arn: started.arn,
    })
    .map(Some)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PollArguments {
    activity_arn: String,
    worker_name: Option<String>,
}

/// Nothing in it when no task came.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Polled {
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_token: Option<String>,
}

async fn poll(errand: &Errand<'_>) -> Result<Bytes, Fault> {
    let PollArguments {
        activity_arn: arn,
        worker_name,
    } = errand.arguments()?;
    let here = states::home(&errand.call.state_machine_arn);
    let resource = arn.strip_prefix(&*here);
    let name = resource.and_then(|resource| resource.strip_prefix(":activity:"));
    let missing = || {
        let message = format!("Activity Does Not Exist: '{arn}'");
        SFN.refused(400, "ActivityDoesNotExist", &message)
    };
    match errand.handle.activity(name.ok_or_else(missing)?).await {
        Ok(_) => {}
        Err(Error::UnknownEntry { .. }) => return Err(missing()),
        Err(error) => return Err(broken(&error)),
    }
    errand.only_waits();
    let by = worker_name.unwrap_or_default();
    let claimed = errand.handle.poll(&arn, by, PATIENCE).await;
    let claimed = claimed.map_err(|error| broken(&error))?;
    let polled = match claimed.map(|claimed| *claimed.work) {
        Some(Late::Asl(machine::Late::Call(work))) => Polled {
            input: Some(work.arguments.as_ref().to_owned()),
            task_token: work.token,
        },
        Some(_) | None => Polled::default(),
    };
    written(&polled)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SuccessArguments {
    task_token: String,
    /// The text of a document, or the document.
    output: Value,
}

async fn succeed(errand: &Errand<'_>) -> Result<Bytes, Fault> {
    let SuccessArguments { task_token, output } = errand.arguments()?;
    let output = match output {
        Value::String(text) => text,
        document => document.to_string(),
    };
    // The service looks at the token before it looks at the output.
    if errand.handle.verify(Purpose::Task, &task_token).is_err() {
        return told(Err(Error::InvalidToken));
    }
    let why = if output.len() > OUTPUT_MAX {
        Some(format!("The output is longer than {OUTPUT_MAX} bytes"))
    } else {
        let read = serde_json::from_str::<IgnoredAny>(&output);
        read.err().map(|error| error.to_string())
    };
    if let Some(why) = why {
        return Err(SFN.refused(400, "InvalidOutput", &format!("Invalid Output: '{why}'")));
    }
    let with = SettleWith::Succeeded(Some(output.into()));
    told(settle(errand, &task_token, with).await)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FailureArguments {
    task_token: String,
    error: Option<String>,
    cause: Option<String>,
}

async fn fail(errand: &Errand<'_>) -> Result<Bytes, Fault> {
    let FailureArguments {
        task_token,
        error,
        cause,
    } = errand.arguments()?;
    let failure = Failure {
        kind: error,
        message: cause,
        ..Failure::default()
    };
    let with = SettleWith::Failed(failure);
    told(settle(errand, &task_token, with).await)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct HeartbeatArguments {
    task_token: String,
}

async fn heartbeat(errand: &Errand<'_>) -> Result<Bytes, Fault> {
    let HeartbeatArguments { task_token } = errand.arguments()?;
    let beat = errand
        .handle
        .heartbeat_from(Purpose::Task, &task_token, source(errand));
    told(beat.await)
}

async fn settle(errand: &Errand<'_>, token: &str, with: SettleWith) -> Result<Settlement, Error> {
    let settle = errand
        .handle
        .settle_from(Purpose::Task, token, with, source(errand));
    settle.await
}

/// A state machine of this server.
fn source(errand: &Errand<'_>) -> Source {
    Source {
        who: errand.waiting.as_ref().map(|by| by.execution.to_string()),
        ..Source::new(Via::States)
    }
}

/// A token is good once. What was recorded before a crash is not refused when its task is sent again: its repetition has succeeded, too.
fn told(settled: Result<Settlement, Error>) -> Result<Bytes, Fault> {
    let (code, message) = match settled {
        Ok(Settlement::Applied | Settlement::Duplicate) => return Ok(Bytes::from_static(b"{}")),
        Ok(
            Settlement::Conflict
            | Settlement::TimedOut
            | Settlement::Closed
            | Settlement::Superseded,
        ) => ("TaskTimedOut", TASK_OVER),
        Ok(Settlement::Unknown) | Err(Error::UnknownExecution { .. }) => {
            ("TaskDoesNotExist", "Task Does Not Exist: 'Task not found'")
        }
        Err(Error::InvalidToken) => ("InvalidToken", "Invalid Token: 'Invalid token'"),
        Err(error) => return Err(broken(&error)),
    };
    Err(SFN.refused(400, code, message))
}

fn broken(error: &Error) -> Fault {
    match error {
        Error::Overloaded { .. } => SFN.refused(429, "ThrottlingException", "Rate exceeded"),
        error => SFN.refused(500, "InternalServerException", &error.to_string()),
    }
}

fn written(answer: &impl Serialize) -> Result<Bytes, Fault> {
    let text = serde_json::to_vec(answer).map_err(|error| Fault::runtime(error.to_string()))?;
    Ok(text.into())
}

/// A time as the SDK writes it.
fn shown(at: Timestamp) -> String {
    let moment = i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_before_is_not_refused_and_what_came_too_late_is() {
        let error = |settled| told(settled).err().map(|fault| fault.error);
        assert_eq!(error(Ok(Settlement::Applied)), None);
        assert_eq!(error(Ok(Settlement::Duplicate)), None);
        let late = Some("Sfn.TaskTimedOutException".to_owned());
        assert_eq!(error(Ok(Settlement::Conflict)), late);
        assert_eq!(error(Ok(Settlement::TimedOut)), late);
        assert_eq!(
            error(Ok(Settlement::Unknown)).as_deref(),
            Some("Sfn.TaskDoesNotExistException")
        );
        let fault = told(Err(Error::InvalidToken)).expect_err("it is refused");
        assert_eq!(fault.error, "Sfn.InvalidTokenException");
        let cause = fault.cause.unwrap_or_default();
        assert!(
            cause.starts_with(
                "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: "
            ) && cause.ends_with(") (SDK Attempt Count: 1)"),
            "{cause}"
        );
    }

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(
            shown(Timestamp(1_795_276_800_000)),
            "2026-11-21T16:00:00.000Z"
        );
    }
}
