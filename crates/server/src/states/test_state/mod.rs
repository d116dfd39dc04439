//! TestState: one state without an execution.

mod report;
mod request;

use std::time::Duration;

use axum::response::Response;
use everstep_asl::machine::{ErrorOutput, Limits};
use everstep_asl::test_state::{Refusal, Report, Step, Surroundings, Test};
use everstep_core::{Failure, Timestamp};
use everstep_engine::{ServiceAnswer, ServiceCall};

use super::arn::{arn, machine_arn};
use super::errors::Error;
use super::permission::REVEAL_SECRETS;
use super::{Call, answer};
use crate::door::{self, Need};
use request::TestIn;

/// A test takes no longer.
const PATIENCE: Duration = Duration::from_secs(300);
const TIMEOUT: &str = "States.Timeout";

pub(super) async fn test(call: &Call<'_>) -> Result<Response, Error> {
    let asked: TestIn = call.input()?;
    asked.check()?;
    if asked.reveals_secrets()
        && let Some(caller) = &call.caller
        && let Err(refusal) = caller.must(Need::Administer, REVEAL_SECRETS)
    {
        return Ok(door::refuse_json(&refusal));
    }
    let test = Test::new(&asked.request(), surroundings(call)).map_err(refused)?;
    let report = run(call, test, asked.reveals_secrets()).await?;
    Ok(answer(&report::shown(&report.at(asked.level()))))
}

async fn run(call: &Call<'_>, mut test: Test, reveal_secrets: bool) -> Result<Report, Error> {
    match test.begin().map_err(refused)? {
        Step::Done(report) => Ok(*report),
        Step::Wait { until } => Ok(wait(call, test, until).await),
        Step::Call {
            call: service,
            timeout_s,
        } => {
            let patience = timeout_s.map_or(PATIENCE, Duration::from_secs);
            let service = ServiceCall {
                call: service,
                reveal_secrets,
            };
            let performed = call.handle().perform(service);
            match tokio::time::timeout(patience.min(PATIENCE), performed).await {
                Ok(answered) => Ok(called(test, answered?)),
                Err(_) => Ok(test.called(Err(timed_out()))),
            }
        }
    }
}

/// Waits as the state does, which no test does for longer than its own time.
async fn wait(call: &Call<'_>, test: Test, until: Timestamp) -> Report {
    let time = until.since_ms(Timestamp(call.now_ms()));
    let time = Duration::from_millis(time);
    tokio::time::sleep(time.min(PATIENCE)).await;
    if time > PATIENCE {
        return test.called(Err(timed_out()));
    }
    test.waited()
}

fn called(mut test: Test, answered: ServiceAnswer) -> Report {
    test.show_http(answered.request, answered.response);
    match answered.result {
        Ok(output) => test.called(Ok(&String::from_utf8_lossy(&output))),
        Err(failure) => test.called(Err(error_output(failure))),
    }
}

fn error_output(failure: Failure) -> ErrorOutput {
    ErrorOutput {
        error: failure.kind.map(Into::into),
        cause: failure.message.map(Into::into),
    }
}

fn timed_out() -> ErrorOutput {
    ErrorOutput {
        error: Some(TIMEOUT.into()),
        cause: None,
    }
}

/// What the context object says of an execution that there is not.
fn surroundings(call: &Call<'_>) -> Surroundings {
    let (machine, name) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    Surroundings {
        now: Timestamp(call.now_ms()),
        seeds: uuid::Uuid::new_v4().as_u64_pair(),
        execution_arn: arn(call.options(), &format!("express:{machine}:{name}")),
        state_machine_arn: machine_arn(call.options(), &machine.to_string()),
        limits: Limits::default(),
    }
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Input { reason } => Error::InvalidInput(reason),
        refusal if refusal.is_of_definition() => Error::InvalidDefinition(refusal.to_string()),
        refusal => Error::validation(refusal.to_string()),
    }
}
