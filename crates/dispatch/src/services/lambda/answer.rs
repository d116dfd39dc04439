//! One invocation for a state machine: a plain function on the host or elsewhere, a durable one as an execution whose end is waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use everstep_core::{Digest, Kind, Parent};
use everstep_durable::FunctionArn;
use everstep_engine::catalogue::{FunctionName, Resolved};
use everstep_engine::{Code, Error, execution_name};
use serde::Deserialize;

use super::LAMBDA;
use crate::agents::{self, End, Seat};
use crate::host::{ErrorKind, Invocation, made_up_trace};
use crate::services::{Errand, Fault, account, region};
use crate::trace;

/// How often it is said that a task only waits: its lease may have been renewed meanwhile.
const SAID_AGAIN: Duration = Duration::from_secs(600);
const THROTTLED: &str = "TooManyRequestsException";

/// What a function is asked.
pub(super) struct Request {
    pub function: FunctionName,
    /// JSON.
    pub payload: Bytes,
    /// JSON text.
    pub client_context: Option<String>,
}

/// What it has answered.
pub(super) struct Answer {
    pub result: Bytes,
    pub version: String,
    pub request_id: String,
    pub trace: String,
    /// The last 4 KiB of its log.
    pub log_tail: Bytes,
}

impl Request {
    /// The function as it is now.
    pub(super) async fn resolve(&self, errand: &Errand<'_>) -> Result<Resolved, Fault> {
        let function = &self.function;
        let (name, qualifier) = (&function.name, function.qualifier.as_deref());
        let key = execution_name(&errand.key);
        let resolved = errand.handle.route(name, qualifier, Some(&key)).await;
        let resolved = resolved.map_err(|error| match error {
            Error::UnknownEntry { .. } => LAMBDA.refused(
                404,
                "ResourceNotFoundException",
                &format!("Function not found: {}", self.arn(errand).qualified()),
            ),
            error => unavailable(&error),
        })?;
        if resolved.revision.config.durable.is_some() && qualifier.is_none() {
            return Err(LAMBDA.refused(
                400,
                "InvalidParameterValueException",
                "You cannot invoke a durable function using an unqualified ARN.",
            ));
        }
        Ok(resolved)
    }

    /// Invokes the function and waits for its answer; `None` when it could not be begun.
    pub(super) async fn answer(&self, errand: &Errand<'_>) -> Result<Option<Answer>, Fault> {
        let resolved = self.resolve(errand).await?;
        let trace = errand.call.trace.clone();
        // Lambda makes one up where the caller has none, and tells it.
        let trace = trace.unwrap_or_else(made_up_trace);
        let is_agent = matches!(resolved.revision.code, Code::Agent(_));
        let answered = match &errand.waiting {
            Some(waiting) if is_agent => self.hand_over(errand, &resolved, waiting).await,
            _ if is_agent || resolved.revision.config.durable.is_some() => {
                self.run(errand, &resolved).await?
            }
            _ => self.call(errand, &resolved, &trace).await?,
        };
        let Some((result, log_tail)) = answered else {
            return Ok(None);
        };
        Ok(Some(Answer {
            result: result.map_err(|document| function_error(&document))?,
            version: resolved.version,
            request_id: request_id(&errand.key),
            trace,
            log_tail,
        }))
    }

    /// Calls the function and does not wait; the request's id, or `None` when it could not be begun.
    pub(super) async fn begin(&self, errand: &Errand<'_>) -> Result<Option<String>, Fault> {
        let resolved = self.resolve(errand).await?;
        let begun = self.start(errand, &resolved).await?;
        Ok(begun.map(|_| request_id(&errand.key)))
    }

    async fn call(
        &self,
        errand: &Errand<'_>,
        resolved: &Resolved,
        trace: &str,
    ) -> Result<Option<(Result<Bytes, Bytes>, Bytes)>, Fault> {
        let (inner, handle) = (errand.inner, errand.handle);
        let revision = &resolved.revision;
        let place = inner.concurrency.take(handle, &revision.function);
        let _place = place.ok_or_else(throttled)?;
        let arn = self.arn(errand);
        let arn = match self.function.qualifier {
            Some(_) => arn.qualified(),
            None => arn.unqualified(),
        };
        let spec = inner
            .spec(handle, revision, arn, resolved.version.clone())
            .await
            .map_err(|error| unavailable(&error))?;
        let invocation = Invocation {
            trace_id: Some(trace.to_owned()),
            client_context: self.client_context.clone(),
            ..Invocation::new(request_id(&errand.key), self.payload.clone())
        };
        let outcome = inner.perform(revision, &spec, invocation).await;
        match outcome.result {
            Ok(result) => Ok(Some((Ok(result), outcome.log_tail))),
            Err(error) if error.kind == ErrorKind::Host && error.error_type == THROTTLED => {
                Err(throttled())
            }
            Err(error) if error.kind == ErrorKind::Host => Ok(None),
            Err(error) => Ok(Some((Err(error.body), outcome.log_tail))),
        }
    }

    /// An agent, which has the state machine's own task.
    async fn hand_over(
        &self,
        errand: &Errand<'_>,
        resolved: &Resolved,
        waiting: &Parent,
    ) -> Option<(Result<Bytes, Bytes>, Bytes)> {
        let seat = Seat {
            execution: waiting.execution,
            operation: waiting.operation,
            generation: waiting.generation,
        };
        let agents = &errand.inner.agents;
        let work = agents::Errand {
            seat,
            agent: self.function.name.clone(),
            version: resolved.version.clone(),
            content: agents::Content::Here(self.payload.clone()),
            trace: trace::context(errand.handle, seat.execution, errand.call.trace.as_deref())
                .await,
            note: errand.note.clone(),
            timeout_ms: None,
        };
        let result = match agents.run(errand.handle, &work).await {
            End::Succeeded(value) => Ok(value),
            End::Failed(failure) | End::TimedOut(failure) => Err(agents::document(&failure)),
            End::Gone | End::NotYet => return None,
        };
        Some((result, Bytes::new()))
    }

    /// A durable function: its execution has a name that a repetition finds again.
    async fn run(
        &self,
        errand: &Errand<'_>,
        resolved: &Resolved,
    ) -> Result<Option<(Result<Bytes, Bytes>, Bytes)>, Fault> {
        let Some(id) = self.start(errand, resolved).await? else {
            return Ok(None);
        };
        let answer = loop {
            errand.only_waits();
            let answer = errand.handle.function_answer(id);
            if let Ok(answer) = tokio::time::timeout(SAID_AGAIN, answer).await {
                break answer;
            }
        };
        match answer {
            Ok(answer) => Ok(Some((answer, Bytes::new()))),
            Err(Error::Ended) => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn start(
        &self,
        errand: &Errand<'_>,
        resolved: &Resolved,
    ) -> Result<Option<everstep_core::ExecutionId>, Fault> {
        let mut settings = resolved.settings(self.arn(errand));
        settings.trace_header.clone_from(&errand.call.trace);
        let name = execution_name(&errand.key);
        let payload = self.payload.clone();
        let started = errand
            .handle
            .start_function(&settings, Some(name), payload, BTreeMap::new());
        match started.await {
            Ok(started) => Ok(Some(started.id)),
            // It was begun before, by a version that is not the latest any more.
            Err(Error::NameTaken { id }) => Ok(Some(id)),
            Err(Error::Ended) => Ok(None),
            Err(Error::Overloaded { .. }) => Err(throttled()),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// The ARN under which the function was named.
    fn arn(&self, errand: &Errand<'_>) -> FunctionArn {
        let home = &errand.call.state_machine_arn;
        let qualifier = self.function.qualifier.as_deref();
        FunctionArn {
            partition: home.split(':').nth(1).unwrap_or("aws").to_owned(),
            region: region(home).to_owned(),
            account: account(home).to_owned(),
            name: self.function.name.clone(),
            version: qualifier.unwrap_or("$LATEST").to_owned(),
        }
    }
}

/// The error document's type, with the document as the cause.
fn function_error(document: &[u8]) -> Fault {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        error_type: Option<String>,
    }
    let text = String::from_utf8_lossy(document).into_owned();
    let named = serde_json::from_slice::<Document>(document).ok();
    match named.and_then(|document| document.error_type) {
        Some(error) if !error.is_empty() => Fault::new(error, text),
        Some(_) | None => Fault::new(
            "Lambda.Unknown",
            format!(
                "The cause could not be determined because Lambda did not return an error type. Returned payload: {text}"
            ),
        ),
    }
}

fn throttled() -> Fault {
    LAMBDA.refused(429, THROTTLED, "Rate Exceeded.")
}

pub(super) fn unavailable(error: &Error) -> Fault {
    match error.kind() {
        Kind::Throttled => throttled(),
        _ => LAMBDA.refused(500, "ServiceException", &error.to_string()),
    }
}

/// A repetition of the attempt is the same request.
pub(in crate::services) fn request_id(key: &str) -> String {
    uuid_of(key).to_string()
}

fn uuid_of(key: &str) -> uuid::Uuid {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = Digest::of(key.as_bytes()).0;
    uuid::Builder::from_custom_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_the_documents_type_and_the_cause_the_document() {
        let document = r#"{"errorMessage":"no","errorType":"CustomException","stackTrace":[]}"#;
        assert_eq!(
            function_error(document.as_bytes()),
            Fault::new("CustomException", document)
        );
        for nameless in [
            "{\"errorMessage\":\"no\"}",
            "no",
            "",
            "{\"errorType\":\"\"}",
        ] {
            let fault = function_error(nameless.as_bytes());
            assert_eq!(fault.error, "Lambda.Unknown");
            assert!(fault.cause.is_some_and(|cause| cause.ends_with(nameless)));
        }
    }

    #[test]
    fn a_repetition_has_the_same_request_id_and_name_and_a_retry_others() {
        let id = "0190f5fe-0000-7000-8000-000000000001";
        let of = |generation: u32| format!("{id}/{}/{generation}", u32::MAX);
        assert_eq!(request_id(&of(0)), request_id(&of(0)));
        assert_ne!(request_id(&of(0)), request_id(&of(1)));
        assert!(everstep_engine::catalogue::is_word(
            &execution_name(&of(u32::MAX)),
            64
        ));
    }
}
