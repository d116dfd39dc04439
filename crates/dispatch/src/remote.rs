//! Functions that run elsewhere: anything that answers Lambda's Invoke, such as the runtime interface emulator, SAM, or AWS itself.
//!
//! What does not come to an answer of the function is an error of its invocation, which the machine repeats as any other: no connection,
//! no answer in time, a status that is none of Invoke's.

mod answer;
mod sign;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everstep_engine::catalogue::Remote;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Semaphore;

use crate::host::{ErrorKind, FunctionError, FunctionSpec, Invocation, Outcome};

/// What a path segment shows as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// For a connection; the answer has the function's timeout.
const CONNECT: Duration = Duration::from_secs(5);

/// Connections to the functions' servers.
#[derive(Default)]
pub(crate) struct Remotes {
    client: Mutex<Option<reqwest::Client>>,
    signer: sign::Signer,
    /// By revision: functions that take only so many calls at once.
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Remotes {
    /// Calls the function once. The time of `spec` counts from here, as there is no start of a process to be left out.
    pub(crate) async fn invoke(
        &self,
        remote: &Remote,
        spec: &FunctionSpec,
        invocation: Invocation,
    ) -> Outcome {
        // A closed semaphore does not exist here: none is ever closed.
        let _place = match self.places(spec) {
            Some(places) => places.acquire_owned().await.ok(),
            None => None,
        };
        let (started, clock) = (SystemTime::now(), Instant::now());
        let request_id = invocation.request_id.clone();
        let call = self.call(remote, spec, invocation);
        let called = tokio::time::timeout(spec.timeout, call).await;
        let (result, log_tail) = match called {
            Ok(Ok(answered)) => answered,
            Ok(Err(error)) => (Err(error), Bytes::new()),
            Err(_) => (
                Err(FunctionError::timed_out(&request_id, spec.timeout)),
                Bytes::new(),
            ),
        };
        Outcome {
            result,
            log_tail,
            duration: clock.elapsed(),
            init_duration: None,
            started,
            ended: SystemTime::now(),
        }
    }

    async fn call(
        &self,
        remote: &Remote,
        spec: &FunctionSpec,
        invocation: Invocation,
    ) -> Result<answer::Answered, FunctionError> {
        let url = address(remote, spec);
        let mut headers = headers(&invocation);
        if let Some(region) = sign::region(remote, &url) {
            let body = &invocation.payload;
            self.signer
                .sign(remote, spec, &region, &url, &mut headers, body)
                .await
                .map_err(|reason| unreachable("Everstep.NotSigned", &invocation, &reason))?;
        }
        let response = self
            .client()
            .map_err(|reason| unreachable("Everstep.NoConnection", &invocation, &reason))?
            .request(Method::POST, &url)
            .headers(headers)
            .body(invocation.payload.clone())
            .send()
            .await
            .map_err(|error| {
                unreachable("Everstep.NoConnection", &invocation, &describe(&error))
            })?;
        answer::read(response).await.map_err(|reason| {
            let kind = reason.kind;
            unreachable(kind, &invocation, &reason.text)
        })
    }

    fn client(&self) -> Result<reqwest::Client, String> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        // No proxy of the environment, and nowhere else to: a function's address is meant as it is written, and what goes there, too.
        let built = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| describe(&error))?;
        Ok(client.insert(built).clone())
    }

    fn places(&self, spec: &FunctionSpec) -> Option<Arc<Semaphore>> {
        let most = spec.scaling.workers_max?;
        let mut all = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = all.entry(format!("{} {}", spec.arn, spec.revision));
        Some(Arc::clone(
            entry.or_insert_with(|| Arc::new(Semaphore::new(most.max(1)))),
        ))
    }
}

/// The call's URL: as it is given, or Lambda's path below it.
fn address(remote: &Remote, spec: &FunctionSpec) -> String {
    if remote.url.ends_with("/invocations") {
        return remote.url.clone();
    }
    let name = remote.function.as_deref().unwrap_or(&spec.name);
    format!(
        "{}/2015-03-31/functions/{}/invocations",
        remote.url.trim_end_matches('/'),
        utf8_percent_encode(name, SEGMENT)
    )
}

fn headers(invocation: &Invocation) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let context = invocation.client_context.as_ref();
    let context = context.map(|text| STANDARD.encode(text));
    let all = [
        ("content-type", Some("application/json")),
        ("x-amz-invocation-type", Some("RequestResponse")),
        ("x-amz-log-type", Some("Tail")),
        ("x-amz-client-context", context.as_deref()),
        ("x-amzn-trace-id", invocation.trace_id.as_deref()),
        ("x-amz-tenant-id", invocation.tenant_id.as_deref()),
    ];
    for (name, value) in all {
        // What cannot be a header is worth less than the invocation.
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// An error that is not the function's own. It counts as the handler's, so that it is repeated with pauses between.
fn unreachable(error_type: &str, invocation: &Invocation, reason: &str) -> FunctionError {
    FunctionError::of_request(
        ErrorKind::Handler,
        error_type,
        &invocation.request_id,
        reason,
    )
}

/// An error with its causes: the first alone says only that sending failed.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

#[cfg(test)]
#[path = "remote/tests.rs"]
mod tests;
