//! AWS Lambda's API, as botocore 1.44.5 models it (`lambda/2015-03-31`): functions, Invoke, and durable executions.
//!
//! Paths are matched before they are decoded, because an execution's ARN is one percent-encoded segment for AWS's SDKs and several plain ones for
//! people; see `route`.

mod account;
mod aliases;
pub(crate) mod arn;
mod async_invokes;
mod callbacks;
mod chained;
mod checkpoint;
mod code;
mod concurrency;
mod configuration;
mod errors;
mod executions;
mod functions;
mod history;
mod invoke;
mod layers;
mod pauses;
mod permission;
mod policy;
mod render;
mod reply;
mod response_stream;
mod route;
mod shown;
mod tags;
mod urls;
mod versions;

use axum::response::{IntoResponse as _, Response};
use hyper::Request;
use hyper::header::HeaderMap;

use crate::door::{Caller, Need};
use crate::http::{self, App};
use crate::query::Query;
use crate::server::Peer;
pub(crate) use configuration::{EXECUTION_TIMEOUT_S_MAX, RETENTION_DAYS_MAX};
use errors::Error;
pub(crate) use pauses::REASON_CHARACTERS_MAX;
use route::{Operation, Target};

/// A request of the Lambda API, found and read.
pub(crate) struct Call<'a> {
    app: &'a App,
    headers: &'a HeaderMap,
    caller: &'a Caller,
    peer: Option<Peer>,
    query: Query<'a>,
    body: bytes::Bytes,
}

impl Call<'_> {
    /// Whether the caller is shown variables and code: whoever may change functions is, other functions' workers are not.
    fn sees_secrets(&self) -> bool {
        self.caller.may(Need::Administer)
    }
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
                        caller: permission::caller(&head),
                        peer: head.extensions.get().copied(),
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
        Operation::InvokeWithResponseStream => response_stream::invoke(name, &call).await,
        Operation::InvokeAsync => invoke::invoke_async(name, &call).await,
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
        Operation::Unserved(operation) => Err(errors::unserved(operation)),
        other => of_settings(other, name, call).await,
    }
}

/// What is said of functions beside their code and configuration.
async fn of_settings(
    operation: Operation,
    name: &route::Name,
    call: Call<'_>,
) -> Result<Response, Error> {
    match operation {
        Operation::AddPermission => policy::add_to_function(name, &call).await,
        Operation::GetPolicy => policy::get_of_function(name, &call).await,
        Operation::RemovePermission => policy::remove_from_function(name, &call).await,
        Operation::PutFunctionConcurrency => concurrency::put(name, &call).await,
        Operation::GetFunctionConcurrency => concurrency::get(name, &call).await,
        Operation::DeleteFunctionConcurrency => concurrency::delete(name, &call).await,
        Operation::PutProvisionedConcurrencyConfig => concurrency::provision(name, &call).await,
        Operation::GetProvisionedConcurrencyConfig => {
            concurrency::get_provisioned(name, &call).await
        }
        Operation::DeleteProvisionedConcurrencyConfig => {
            concurrency::unprovision(name, &call).await
        }
        Operation::PutFunctionEventInvokeConfig => async_invokes::put(name, &call).await,
        Operation::UpdateFunctionEventInvokeConfig => async_invokes::update(name, &call).await,
        Operation::GetFunctionEventInvokeConfig => async_invokes::get(name, &call).await,
        Operation::DeleteFunctionEventInvokeConfig => async_invokes::delete(name, &call).await,
        Operation::ListFunctionEventInvokeConfigs => async_invokes::list(name, &call).await,
        Operation::CreateFunctionUrlConfig => urls::create(name, &call).await,
        Operation::GetFunctionUrlConfig => urls::get(name, &call).await,
        Operation::UpdateFunctionUrlConfig => urls::update(name, &call).await,
        Operation::DeleteFunctionUrlConfig => urls::delete(name, &call).await,
        Operation::ListFunctionUrlConfigs => urls::list(name, &call).await,
        Operation::TagResource => tags::tag(name, &call).await,
        Operation::UntagResource => tags::untag(name, &call).await,
        Operation::ListTags => tags::list(name, &call).await,
        Operation::GetAccountSettings => account::settings(&call).await,
        Operation::PutFunctionRecursionConfig => account::put_recursion(name, &call).await,
        Operation::GetFunctionRecursionConfig => account::get_recursion(name, &call).await,
        Operation::PutRuntimeManagementConfig => account::put_runtime_updates(name, &call).await,
        Operation::GetRuntimeManagementConfig => account::get_runtime_updates(name, &call).await,
        Operation::GetFunctionCodeSigningConfig => account::code_signing(name, &call).await,
        Operation::ListEventSourceMappings => Ok(account::no_event_sources()),
        other => of_layers(other, name, call).await,
    }
}

async fn of_layers(
    operation: Operation,
    name: &route::Name,
    call: Call<'_>,
) -> Result<Response, Error> {
    match operation {
        Operation::PublishLayerVersion => layers::publish(name, &call).await,
        Operation::ListLayers => layers::list(&call).await,
        Operation::ListLayerVersions => layers::list_versions(name, &call).await,
        Operation::GetLayerVersion => layers::get_version(name, &call).await,
        Operation::DeleteLayerVersion => layers::delete_version(name, &call).await,
        Operation::AddLayerVersionPermission => layers::add_permission(name, &call).await,
        Operation::GetLayerVersionPolicy => layers::get_policy(name, &call).await,
        Operation::RemoveLayerVersionPermission => layers::remove_permission(name, &call).await,
        // Every operation is in one of the lists; the test over AWS's model sees one that is not.
        other => Err(errors::unserved(&other.name())),
    }
}
