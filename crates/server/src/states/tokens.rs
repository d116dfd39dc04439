//! Answers to task tokens, and the long poll that gives the tokens of activities out.

use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use everstep_asl::machine;
use everstep_core::token::Purpose;
use everstep_core::{Failure, Settlement};
use everstep_engine::{Error as EngineError, Late, SettleWith, Source, Via};
use serde::{Deserialize, Serialize};

use super::constraints::Constraints;
use super::errors::Error;
use super::{Call, activities, answer, document, nothing};
use crate::door::Caller;

/// Bytes of a result.
const OUTPUT_MAX: usize = 262_144;
/// How long a poll waits for a task.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TokenIn {
    task_token: Option<String>,
    output: Option<String>,
    error: Option<String>,
    cause: Option<String>,
}

impl TokenIn {
    fn read(call: &Call<'_>, constraints: &mut Constraints) -> Result<(Self, String), Error> {
        let mut request: Self = call.input()?;
        let token = request.task_token.as_ref();
        constraints
            .required("taskToken", token)
            .text("taskToken", token, 1, 2048)
            .payload("output", request.output.as_ref(), OUTPUT_MAX)
            .secret("error", request.error.as_ref(), 0, 256)
            .secret("cause", request.cause.as_ref(), 0, 32_768);
        let token = request.task_token.take().unwrap_or_default();
        Ok((request, token))
    }
}

pub(super) async fn succeed(call: &Call<'_>) -> Result<Response, Error> {
    let mut constraints = Constraints::default();
    let (request, token) = TokenIn::read(call, &mut constraints)?;
    constraints
        .required("output", request.output.as_ref())
        .done()?;
    let output = request.output.unwrap_or_default();
    document::check(&output).map_err(Error::InvalidOutput)?;
    let with = SettleWith::Succeeded(Some(Bytes::from(output)));
    settle(call, &token, with).await
}

pub(super) async fn fail(call: &Call<'_>) -> Result<Response, Error> {
    let mut constraints = Constraints::default();
    let (request, token) = TokenIn::read(call, &mut constraints)?;
    constraints.done()?;
    let failure = Failure {
        kind: request.error,
        message: request.cause,
        ..Failure::default()
    };
    settle(call, &token, SettleWith::Failed(failure)).await
}

pub(super) async fn heartbeat(call: &Call<'_>) -> Result<Response, Error> {
    let mut constraints = Constraints::default();
    let (_, token) = TokenIn::read(call, &mut constraints)?;
    constraints.done()?;
    let beat = call
        .handle()
        .heartbeat_from(Purpose::Task, &token, source(call));
    told(beat.await)
}

async fn settle(call: &Call<'_>, token: &str, with: SettleWith) -> Result<Response, Error> {
    let settle = call
        .handle()
        .settle_from(Purpose::Task, token, with, source(call));
    told(settle.await)
}

fn source(call: &Call<'_>) -> Source {
    let caller = call.caller.as_ref().unwrap_or(&Caller::Nobody);
    caller.source(Via::States, call.peer, call.body.len())
}

/// A token is good once: a repetition hears that its task is over, as from the service.
fn told(settled: Result<Settlement, EngineError>) -> Result<Response, Error> {
    match settled {
        Ok(Settlement::Applied) => Ok(nothing()),
        Ok(
            Settlement::Duplicate
            | Settlement::Conflict
            | Settlement::TimedOut
            | Settlement::Closed
            | Settlement::Superseded,
        ) => Err(Error::TaskOver),
        Ok(Settlement::Unknown) | Err(EngineError::UnknownExecution { .. }) => Err(Error::NoTask),
        Err(EngineError::InvalidToken) => Err(Error::InvalidToken),
        Err(error) => Err(error.into()),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PollIn {
    activity_arn: Option<String>,
    worker_name: Option<String>,
}

/// Nothing in it when no task came.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Polled {
    task_token: Option<String>,
    input: Option<String>,
}

pub(super) async fn poll(call: &Call<'_>) -> Result<Response, Error> {
    let request: PollIn = call.input()?;
    let arn = request.activity_arn.as_ref();
    Constraints::default()
        .required("activityArn", arn)
        .text("activityArn", arn, 1, 256)
        .text("workerName", request.worker_name.as_ref(), 1, 80)
        .done()?;
    let arn = arn.map_or("", String::as_str);
    activities::find(call, arn).await?;
    let by = request.worker_name.unwrap_or_default();
    let claimed = call.handle().poll(arn, by, PATIENCE).await?;
    let polled = match claimed.map(|claimed| *claimed.work) {
        Some(Late::Asl(machine::Late::Call(work))) => Polled {
            task_token: work.token,
            input: Some(work.arguments.as_ref().to_owned()),
        },
        Some(_) | None => Polled::default(),
    };
    Ok(answer(&polled))
}
