//! AWS Lambda's API, as botocore 1.44.5 models it (`lambda/2015-03-31`): functions, Invoke, and durable executions.
//!
//! Paths are matched before they are decoded, because an execution's ARN is one percent-encoded segment for AWS's SDKs and several plain ones for
//! people; see `route`.

mod aliases;
pub(crate) mod arn;
mod callbacks;
mod chained;
mod checkpoint;
mod configuration;
mod errors;
mod executions;
mod functions;
mod history;
mod invoke;
mod pauses;
mod permission;
mod render;
mod reply;
mod route;
mod versions;

use axum::response::{IntoResponse as _, Response};
use hyper::Request;
use hyper::header::HeaderMap;

use crate::http::{self, App};
use crate::query::Query;
use errors::Error;
use route::{Operation, Target};

/// A request of the Lambda API, found and read.
pub(crate) struct Call<'a> {
    app: &'a App,
    headers: &'a HeaderMap,
    query: Query<'a>,
    body: bytes::Bytes,
}

/// Whether a request is for AWS Lambda's API: its paths begin with a date.
pub(crate) fn speaks(request: &Request<axum::body::Body>) -> bool {
    let path = request.uri().path().as_bytes();
    matches!(path, [b'/', a, b, c, d, b'-', _, _, b'-', _, _, ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()))
}

pub(crate) async fn serve(app: App, request: Request<axum::body::Body>) -> Response {
    let (head, body) = request.into_parts();
    let answer = match route::find(&head.method, head.uri.path()) {
        Ok(Target { operation, name }) => {
            if let Some(refused) = permission::refused(&head, operation, &name) {
                return refused;
            }
            let limits = &app.options.limits;
            let body = http::read(
                body,
                operation.body_bytes_max(limits, &head.headers),
                limits.body_timeout,
            )
            .await;
            match body {
                Ok(body) => {
                    let call = Call {
                        app: &app,
                        headers: &head.headers,
                        query: Query::parse(head.uri.query()),
                        body,
                    };
                    dispatch(operation, &name, call).await
                }
                Err(error) => Err(Error::of_body(error, operation)),
            }
        }
        Err(error) => Err(error),
    };
    answer.unwrap_or_else(|error| {
        tracing::debug!(error = error.exception.name(), code = %error.code, "a request was refused");
        error.spelled_for(&head.headers).into_response()
    })
}

async fn dispatch(
    operation: Operation,
    name: &route::Name,
    call: Call<'_>,
) -> Result<Response, Error> {
    match operation {
        Operation::CheckpointDurableExecution => checkpoint::checkpoint(name, &call).await,
        Operation::GetDurableExecutionState => checkpoint::state(name, &call).await,
        Operation::GetDurableExecution => executions::get(name, &call).await,
        Operation::GetDurableExecutionHistory => history::history(name, &call).await,
        Operation::PauseDurableExecution => pauses::pause(name, &call).await,
        Operation::ResumeDurableExecution => pauses::resume(name, &call).await,
        Operation::DeleteDurableExecution => pauses::delete(name, &call).await,
        Operation::StopDurableExecution => executions::stop(name, &call).await,
        Operation::ListDurableExecutionsByFunction => executions::list(name, &call).await,
        Operation::SendDurableExecutionCallbackSuccess => callbacks::succeed(name, &call).await,
        Operation::SendDurableExecutionCallbackFailure => callbacks::fail(name, &call).await,
        Operation::SendDurableExecutionCallbackHeartbeat => callbacks::heartbeat(name, &call).await,
        Operation::Invoke => invoke::invoke(name, &call).await,
        Operation::CreateFunction => functions::create(&call).await,
        Operation::ListFunctions => functions::list(&call).await,
        Operation::GetFunction => functions::get(name, &call).await,
        Operation::GetFunctionConfiguration => functions::get_configuration(name, &call).await,
        Operation::UpdateFunctionCode => functions::update_code(name, &call).await,
        Operation::UpdateFunctionConfiguration => {
            functions::update_configuration(name, &call).await
        }
        Operation::DeleteFunction => functions::delete(name, &call).await,
        Operation::PublishVersion => versions::publish(name, &call).await,
        Operation::ListVersionsByFunction => versions::list(name, &call).await,
        Operation::CreateAlias => aliases::create(name, &call).await,
        Operation::ListAliases => aliases::list(name, &call).await,
        Operation::GetAlias => aliases::get(name, &call).await,
        Operation::UpdateAlias => aliases::update(name, &call).await,
        Operation::DeleteAlias => aliases::delete(name, &call).await,
    }
}
