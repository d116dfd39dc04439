//! AWS Step Functions' API (JSON 1.0, `POST /` with `X-Amz-Target: AWSStepFunctions.OPERATION`), as botocore 1.44.5 models it.
//!
//! State machines and activities lie in the catalogue, executions are the engine's. StartSyncExecution and TestState may come to a host that
//! begins with `sync-`: any host is taken.

mod activities;
mod aliases;
mod arn;
mod configuration;
mod constraints;
mod definitions;
mod deletion;
mod document;
mod errors;
mod executions;
mod history;
mod lists;
mod machines;
mod map_runs;
mod page;
mod permission;
mod redrives;
mod routing;
mod shown;
mod starts;
mod tags;
mod test_state;
mod tokens;
mod updates;
mod versions;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use everstep_engine::Handle;
use hyper::{Request, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::aws_json;
use crate::door::Caller;
use crate::http::{self, App};
use crate::options::Options;
use crate::server::Peer;
pub(crate) use arn::{execution_arn, home, is_name};
use errors::Error;
pub(crate) use history::event as history_event;
pub(crate) use permission::need;
pub(crate) use redrives::Redrives;
pub(crate) use starts::INPUT_MAX;

const MEDIA_TYPE: &str = "application/x-amz-json-1.0";
/// What the names of this service's operations begin with.
pub(crate) const SERVICE: &str = "AWSStepFunctions.";

/// Whether a request names an operation of this service.
pub(crate) fn speaks(request: &Request<Body>) -> bool {
    request.uri().path() == "/" && aws_json::target(request.headers()).starts_with(SERVICE)
}

/// A request of this API.
struct Call<'a> {
    app: &'a App,
    body: Bytes,
    /// Who asks, where the door was asked.
    caller: Option<Caller>,
    peer: Option<Peer>,
}

pub(crate) async fn serve(app: App, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let operation = aws_json::target(&head.headers).strip_prefix(SERVICE);
    let caller = head.extensions.get::<Caller>().cloned();
    let limits = &app.options.limits;
    let answer = match http::read(body, limits.body_bytes_max, limits.body_timeout).await {
        Ok(body) => {
            let call = Call {
                app: &app,
                body,
                caller,
                peer: head.extensions.get().copied(),
            };
            dispatch(operation.unwrap_or_default(), call).await
        }
        Err(error) => Err(Error::of_body(error)),
    };
    answer.unwrap_or_else(|error| {
        tracing::debug!(%error, "a request was refused");
        error.into_response()
    })
}

async fn dispatch(operation: &str, call: Call<'_>) -> Result<Response, Error> {
    match operation {
        "CreateActivity" => activities::create(&call).await,
        "CreateStateMachine" => machines::create(&call).await,
        "CreateStateMachineAlias" => aliases::create(&call).await,
        "DeleteActivity" => activities::delete(&call).await,
        "DeleteStateMachine" => machines::delete(&call).await,
        "DeleteStateMachineAlias" => aliases::delete(&call).await,
        "DeleteStateMachineVersion" => versions::delete(&call).await,
        "DescribeActivity" => activities::describe(&call).await,
        "DescribeExecution" => executions::describe(&call).await,
        "DescribeMapRun" | "UpdateMapRun" => map_runs::unknown(&call),
        "DescribeStateMachine" => machines::describe(&call).await,
        "DescribeStateMachineAlias" => aliases::describe(&call).await,
        "DescribeStateMachineForExecution" => executions::machine_of(&call).await,
        "GetActivityTask" => tokens::poll(&call).await,
        "GetExecutionHistory" => history::get(&call).await,
        "ListActivities" => activities::list(&call).await,
        "ListExecutions" => lists::executions(&call).await,
        "ListMapRuns" => map_runs::list(&call).await,
        "ListStateMachineAliases" => aliases::list(&call).await,
        "ListStateMachineVersions" => versions::list(&call).await,
        "ListStateMachines" => machines::list(&call).await,
        "ListTagsForResource" => tags::list(&call).await,
        "PublishStateMachineVersion" => versions::publish(&call).await,
        "RedriveExecution" => executions::redrive(&call).await,
        "SendTaskFailure" => tokens::fail(&call).await,
        "SendTaskHeartbeat" => tokens::heartbeat(&call).await,
        "SendTaskSuccess" => tokens::succeed(&call).await,
        "StartExecution" => starts::start(&call).await,
        "StartSyncExecution" => starts::start_sync(&call).await,
        "StopExecution" => executions::stop(&call).await,
        "TagResource" => tags::tag(&call).await,
        "TestState" => test_state::test(&call).await,
        "UntagResource" => tags::untag(&call).await,
        "UpdateStateMachine" => updates::update(&call).await,
        "UpdateStateMachineAlias" => aliases::update(&call).await,
        "ValidateStateMachineDefinition" => definitions::validate(&call),
        _ => Err(Error::UnknownOperation),
    }
}

impl Call<'_> {
    fn input<Input: DeserializeOwned>(&self) -> Result<Input, Error> {
        aws_json::input(&self.body).map_err(|reason| Error::Malformed { reason })
    }

    fn handle(&self) -> &Handle {
        &self.app.handle
    }

    fn options(&self) -> &Options {
        &self.app.options
    }

    fn now_ms(&self) -> u64 {
        self.app.handle.clock().now().0
    }
}

/// AWS's time in JSON: seconds since 1970 with milliseconds behind the point.
#[derive(Clone, Copy, Debug)]
struct Seconds(u64);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.0 as f64 / 1000.0)
    }
}

fn answer(body: &impl Serialize) -> Response {
    respond(StatusCode::OK, body)
}

/// `{}`
fn nothing() -> Response {
    answer(&serde_json::Map::new())
}

fn respond(status: StatusCode, body: &impl Serialize) -> Response {
    aws_json::respond(MEDIA_TYPE, status, body)
}
