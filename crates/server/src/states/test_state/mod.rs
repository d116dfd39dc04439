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
    let (level, reveals_secrets) = (asked.level(), asked.reveals_secrets());
    let surroundings = surroundings(call);
    let test = apart(move || Test::new(&asked.request(), surroundings)).await?;
    let report = run(call, test.map_err(refused)?, reveals_secrets).await?;
    Ok(answer(&report::shown(&report.at(level))))
}

async fn run(call: &Call<'_>, mut test: Test, reveal_secrets: bool) -> Result<Report, Error> {
    let (step, test) = apart(move || (test.begin(), test)).await?;
    match step.map_err(refused)? {
        Step::Done(report) => Ok(*report),
        Step::Wait { until } => wait(call, test, until).await,
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
                Ok(answered) => called(test, answered?).await,
                Err(_) => apart(move || test.called(Err(timed_out()))).await,
            }
        }
    }
}

/// Evaluates expressions where they hold up nobody else.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::Engine(everstep_engine::Error::Ended))
}

/// Waits as the state does, which no test does for longer than its own time.
async fn wait(call: &Call<'_>, test: Test, until: Timestamp) -> Result<Report, Error> {
    let time = Duration::from_millis(until.since_ms(Timestamp(call.now_ms())));
    tokio::time::sleep(time.min(PATIENCE)).await;
    if time > PATIENCE {
        return apart(move || test.called(Err(timed_out()))).await;
    }
    apart(move || test.waited()).await
}

async fn called(mut test: Test, answered: ServiceAnswer) -> Result<Report, Error> {
    test.show_http(answered.request, answered.response);
    apart(move || match answered.result {
        Ok(output) => test.called(Ok(&String::from_utf8_lossy(&output))),
        Err(failure) => test.called(Err(error_output(failure))),
    })
    .await
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
