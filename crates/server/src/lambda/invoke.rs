//! Invoke: a plain function at once, a durable one as an execution.

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everstep_core::ExecutionId;
use everstep_engine::catalogue::{Code, Resolved};
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::arn::{FunctionName, execution_arn, is_word};
use super::errors::{Error, Exception};
use super::route::Name;
use super::{Call, reply};
use crate::attributes;
use crate::start::{Running, Start, start};

const TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
const EXECUTION_NAME: HeaderName = HeaderName::from_static("x-amz-durable-execution-name");
const EXECUTION_ARN: HeaderName = HeaderName::from_static("x-amz-durable-execution-arn");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const LOG_TYPE: HeaderName = HeaderName::from_static("x-amz-log-type");
const CLIENT_CONTEXT: HeaderName = HeaderName::from_static("x-amz-client-context");
const TENANT_ID: HeaderName = HeaderName::from_static("x-amz-tenant-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

const EXECUTION_NAME_MAX: usize = 64;

/// How Invoke is asked to answer.
pub(super) enum InvocationType {
    RequestResponse,
    Event,
    DryRun,
}

/// Whether the payload limit of asynchronous calls is the one that counts.
pub(super) fn is_event(headers: &HeaderMap) -> bool {
    headers.get(TYPE).is_some_and(|kind| kind == "Event")
}

impl Call<'_> {
    fn header(&self, name: HeaderName) -> Result<Option<&str>, Error> {
        let value = self.headers.get(&name).map(HeaderValue::to_str).transpose();
        value.map_err(|_| Error::invalid(format!("The header {name} is not plain text")))
    }

    fn owned_header(&self, name: HeaderName) -> Result<Option<String>, Error> {
        self.header(name).map(|value| value.map(str::to_owned))
    }
}

pub(super) async fn invoke(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.called(name).await?;
    let kind = call.invocation_type()?;
    let execution_name = call.owned_header(EXECUTION_NAME)?;
    let resolved = call.route(&function, execution_name.as_deref()).await?;
    let durable = resolved.revision.config.durable.is_some();
    // An agent may take hours: its call is an execution, too.
    let is_execution = durable || matches!(resolved.revision.code, Code::Agent(_));
    if durable && function.qualifier.is_none() {
        return Err(Error::invalid(
            "You cannot invoke a durable function using an unqualified ARN.",
        ));
    }
    match &execution_name {
        Some(_) if !is_execution => {
            return Err(Error::invalid(
                "A durable execution name can only be given to a durable function.",
            ));
        }
        Some(name) if !is_word(name, EXECUTION_NAME_MAX) => {
            return Err(Error::invalid(format!(
                "Invalid durable execution name: {name}"
            )));
        }
        Some(_) | None => {}
    }
    let payload = payload(&call.body)?;
    match kind {
        InvocationType::DryRun => Ok(reply::empty(StatusCode::NO_CONTENT)),
        InvocationType::RequestResponse if !is_execution => {
            call_plain(call, &function, &resolved, payload).await
        }
        InvocationType::Event | InvocationType::RequestResponse => {
            let running = start_execution(call, &resolved, execution_name, payload).await?;
            if matches!(kind, InvocationType::Event) {
                return Ok(accepted(&resolved, is_execution, &running));
            }
            let mut response = outcome(call, running.id).await?;
            describe(response.headers_mut(), &resolved, &running);
            if call.header(LOG_TYPE)? == Some("Tail") {
                let tail = execution_tail(call, &resolved, running.id).await;
                log_result(response.headers_mut(), &tail);
            }
            Ok(response)
        }
    }
}

/// The old way to call asynchronously.
pub(super) async fn invoke_async(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.called(name).await?;
    let resolved = call.route(&function, None).await?;
    if resolved.revision.config.durable.is_some() {
        return Err(Error::new(
            Exception::ResourceConflict,
            "A durable function is invoked by Invoke, with a qualifier.",
        ));
    }
    start_execution(call, &resolved, None, payload(&call.body)?).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &serde_json::json!({})))
}

/// No payload is an empty object, as AWS hands it to functions.
pub(super) fn payload(body: &Bytes) -> Result<Bytes, Error> {
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(|error| Error::json(&error))?;
    Ok(body.clone())
}

async fn start_execution(
    call: &Call<'_>,
    resolved: &Resolved,
    name: Option<String>,
    input: Bytes,
) -> Result<Running, Error> {
    let trace_header = call.owned_header(TRACE_ID)?;
    let tenant_id = call.owned_header(TENANT_ID)?;
    let attributes = call.owned_header(attributes::HEADER)?;
    let attributes =
        attributes::parse(attributes.as_deref().unwrap_or_default()).map_err(Error::invalid)?;
    match start(
        call.app,
        resolved,
        Start {
            name,
            input,
            trace_header,
            tenant_id,
            attributes,
            ..Start::default()
        },
    )
    .await
    {
        Ok(running) => Ok(running),
        Err(everstep_engine::Error::NameTaken { id }) => {
            let arn = execution_arn(&call.app.options, &call.app.handle.row(id).await?);
            Err(Error::new(
                Exception::DurableExecutionAlreadyStarted,
                format!("Execution already started: {arn}"),
            ))
        }
        Err(error) => Err(error.into()),
    }
}

fn describe(headers: &mut HeaderMap, resolved: &Resolved, running: &Running) {
    if let Ok(arn) = HeaderValue::from_str(&running.arn) {
        headers.insert(EXECUTION_ARN, arn);
    }
    executed(headers, resolved);
}

pub(super) fn executed(headers: &mut HeaderMap, resolved: &Resolved) {
    if let Ok(version) = HeaderValue::from_str(&resolved.version) {
        headers.insert(EXECUTED_VERSION, version);
    }
}

fn accepted(resolved: &Resolved, is_execution: bool, running: &Running) -> Response {
    let mut response = reply::empty(StatusCode::ACCEPTED);
    if is_execution {
        describe(response.headers_mut(), resolved, running);
    }
    response
}

/// Waits for an execution's end, as long as AWS does, and answers with what came of it.
async fn outcome(call: &Call<'_>, id: ExecutionId) -> Result<Response, Error> {
    let limit = call.app.options.limits.invoke_timeout;
    match tokio::time::timeout(limit, call.app.handle.function_answer(id)).await {
        Ok(Ok(Ok(result))) => Ok(answer(result, false)),
        Ok(Ok(Err(error))) => Ok(answer(error, true)),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => {
            let text = format!(
                "The execution has not ended in {} s; it goes on",
                limit.as_secs()
            );
            Err(Error::new(Exception::ExecutionStillRunning, text))
        }
    }
}

fn answer(body: Bytes, failed: bool) -> Response {
    let mut response = reply::bytes_as_json(StatusCode::OK, Bytes::new());
    *response.body_mut() = Body::from(body);
    if failed {
        response
            .headers_mut()
            .insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
    }
    response
}

impl Call<'_> {
    pub(super) fn invocation_type(&self) -> Result<InvocationType, Error> {
        match self.header(TYPE)? {
            None | Some("RequestResponse") => Ok(InvocationType::RequestResponse),
            Some("Event") => Ok(InvocationType::Event),
            Some("DryRun") => Ok(InvocationType::DryRun),
            Some(other) => Err(Error::invalid(format!("Invalid invocation type: {other}"))),
        }
    }

    pub(super) fn wants_tail(&self) -> Result<bool, Error> {
        Ok(self.header(LOG_TYPE)? == Some("Tail"))
    }

    /// The call that the request asks for.
    pub(super) fn plain_call(
        &self,
        function: &FunctionName,
        resolved: &Resolved,
        payload: Bytes,
    ) -> Result<everstep_engine::Call, Error> {
        let request_id = uuid::Uuid::new_v4().to_string();
        Ok(everstep_engine::Call {
            trace_id: self.owned_header(TRACE_ID)?,
            client_context: self.client_context()?,
            tenant_id: self.owned_header(TENANT_ID)?,
            ..everstep_engine::Call::new(resolved, self.arn(function), request_id, payload)
        })
    }

    fn client_context(&self) -> Result<Option<String>, Error> {
        let Some(text) = self.header(CLIENT_CONTEXT)? else {
            return Ok(None);
        };
        let decoded = STANDARD
            .decode(text)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let refused = || {
            Error::new(
                Exception::InvalidRequestContent,
                "Client context must be a valid Base64-encoded JSON object.",
            )
        };
        decoded.map(Some).ok_or_else(refused)
    }
}

async fn call_plain(
    call: &Call<'_>,
    function: &FunctionName,
    resolved: &Resolved,
    payload: Bytes,
) -> Result<Response, Error> {
    let plain = call.plain_call(function, resolved, payload)?;
    let called = call.app.handle.call(plain).await?;
    let failed = called.result.is_err();
    let mut response = answer(called.result.unwrap_or_else(|error| error), failed);
    executed(response.headers_mut(), resolved);
    if call.wants_tail()? {
        log_result(response.headers_mut(), &called.log_tail);
    }
    Ok(response)
}

fn log_result(headers: &mut HeaderMap, tail: &[u8]) {
    if let Ok(tail) = HeaderValue::from_str(&STANDARD.encode(tail)) {
        headers.insert(LOG_RESULT, tail);
    }
}

/// The end of what all invocations of an execution printed. A log that can't be read does not fail the call.
async fn execution_tail(call: &Call<'_>, resolved: &Resolved, id: ExecutionId) -> Vec<u8> {
    let logs = call.app.options.logs.as_ref();
    match logs
        .map(|logs| crate::logs::execution_tail(logs, &resolved.revision.function, id.to_string()))
    {
        Some(tail) => tail.await,
        None => Vec::new(),
    }
}
