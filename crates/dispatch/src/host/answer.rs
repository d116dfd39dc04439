//! One invocation with its worker: what is handed over, and what comes of the answer.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::api::{Answer, Delivery, ErrorReport};
use super::function::{ErrorKind, FunctionError, FunctionSpec, Outcome};
use super::pool::Job;
use super::report::{self, Report};

/// An invocation that a worker holds.
pub(super) struct Running {
    pub job: Box<Job>,
    started: SystemTime,
    clock: Instant,
    /// When the process is killed for it.
    pub deadline: Instant,
    /// The time it was given.
    pub allowed: Duration,
    init: Option<Duration>,
    pub timed_out: bool,
    /// Tells this hand-over from every other; a process that takes several at once says it again in its answer.
    pub invocation_id: Option<String>,
}

/// Starts the clock of an invocation and words it for the worker.
pub(super) fn begin(job: Box<Job>, init: Option<Duration>, several: bool) -> (Running, Delivery) {
    let started = SystemTime::now();
    let clock = Instant::now();
    let invocation = &job.invocation;
    let left = invocation
        .deadline
        .map(|deadline| deadline.duration_since(started).unwrap_or_default());
    let allowed = left.map_or(job.spec.timeout, |left| left.min(job.spec.timeout));
    let ends = started + allowed;
    let ends_ms = ends
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let mut headers = vec![
        (
            "lambda-runtime-aws-request-id",
            invocation.request_id.clone(),
        ),
        ("lambda-runtime-deadline-ms", ends_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", job.spec.arn.clone()),
        (
            "lambda-runtime-trace-id",
            invocation.trace_id.clone().unwrap_or_else(made_up_trace),
        ),
    ];
    if let Some(context) = &invocation.client_context {
        headers.push(("lambda-runtime-client-context", context.clone()));
    }
    if let Some(tenant) = &invocation.tenant_id {
        headers.push(("lambda-runtime-aws-tenant-id", tenant.clone()));
    }
    let invocation_id = several.then(|| uuid::Uuid::new_v4().to_string());
    if let Some(id) = &invocation_id {
        headers.push(("lambda-runtime-invocation-id", id.clone()));
    }
    let delivery = Delivery {
        headers,
        payload: invocation.payload.clone(),
    };
    let running = Running {
        job,
        started,
        clock,
        deadline: clock + allowed,
        allowed,
        init,
        timed_out: false,
        invocation_id,
    };
    (running, delivery)
}

impl Running {
    /// Answers the caller; one that no longer waits is fine.
    pub(super) fn finish(self, result: Result<Bytes, FunctionError>, log_tail: Bytes) {
        let outcome = Outcome {
            result,
            log_tail,
            duration: self.clock.elapsed(),
            init_duration: self.init,
            started: self.started,
            ended: SystemTime::now(),
        };
        drop(self.job.reply.send(outcome));
    }
}

/// END and REPORT of an invocation that ends now.
pub(super) fn report_lines(
    spec: &FunctionSpec,
    running: &Running,
    result: &Result<Bytes, FunctionError>,
    memory_used_bytes: u64,
) -> Vec<String> {
    let status = match result.as_ref().map_err(|error| error.kind) {
        Ok(_) => "success",
        Err(ErrorKind::Timeout) => "timeout",
        Err(ErrorKind::Handler) => "error",
        Err(ErrorKind::Runtime | ErrorKind::Exit | ErrorKind::Init | ErrorKind::Host) => "failure",
    };
    report::end(
        spec.log_format,
        &Report {
            request_id: &running.job.invocation.request_id,
            duration: running.clock.elapsed(),
            init: running.init,
            memory_mb: spec.memory_mb,
            memory_used_bytes,
            status,
            error_type: result.as_ref().err().map(|error| error.error_type.as_str()),
        },
    )
}

/// What a worker's answer means for the caller.
pub(super) fn result(answer: Answer, response_limit: usize) -> Result<Bytes, FunctionError> {
    match answer {
        Answer::Response(body) => Ok(body),
        Answer::Error(report) => Err(function_error(&report, ErrorKind::Handler)),
        Answer::TooLarge(size) => Err(FunctionError::new(
            ErrorKind::Runtime,
            "Function.ResponseSizeTooLarge",
            &format!(
                "Response payload size ({size} bytes) exceeded maximum allowed payload size ({response_limit} bytes)."
            ),
        )),
    }
}

/// The runtime's own words, made sure to be a JSON object. An error of the handler with a type of the runtime is the runtime's.
pub(super) fn function_error(report: &ErrorReport, kind: ErrorKind) -> FunctionError {
    let object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&report.body);
    let said = object
        .as_ref()
        .ok()
        .and_then(|object| object.get("errorType"))
        .and_then(|value| value.as_str())
        .filter(|text| !text.is_empty());
    let error_type = said
        .or(report.error_type.as_deref())
        .unwrap_or("Runtime.Unknown")
        .to_owned();
    let body = match object {
        Ok(_) => report.body.clone(),
        Err(_) => {
            let text = String::from_utf8_lossy(&report.body);
            FunctionError::new(kind, &error_type, &text).body
        }
    };
    let of_runtime = error_type.starts_with("Runtime.") || error_type.starts_with("Function.");
    let kind = match kind {
        ErrorKind::Handler if of_runtime => ErrorKind::Runtime,
        other => other,
    };
    FunctionError {
        error_type,
        body,
        kind,
    }
}

/// The host ends; the invocation may be given to another one.
pub(super) fn host_closed() -> FunctionError {
    FunctionError::new(
        ErrorKind::Host,
        "Everstep.HostClosed",
        "The function host is shutting down",
    )
}

/// The runtimes expect a trace header; this one says that nothing is sampled.
pub(crate) fn made_up_trace() -> String {
    let root = uuid::Uuid::new_v4().simple().to_string();
    let parent = uuid::Uuid::new_v4().simple().to_string();
    let (time, rest) = root.split_at(8);
    format!(
        "Root=1-{time}-{};Parent={};Sampled=0",
        rest.get(..24).unwrap_or(rest),
        parent.get(..16).unwrap_or(&parent)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(error_type: Option<&str>, body: &'static str) -> ErrorReport {
        ErrorReport {
            error_type: error_type.map(str::to_owned),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn errors_keep_their_words_and_get_a_kind() {
        let handler = r#"{"errorMessage":"no","errorType":"ValueError","stackTrace":[]}"#;
        let error = function_error(&report(Some("Unhandled"), handler), ErrorKind::Handler);
        assert_eq!(
            (error.error_type.as_str(), error.kind),
            ("ValueError", ErrorKind::Handler)
        );
        assert_eq!(error.body, handler.as_bytes());

        let runtime = report(Some("Runtime.MarshalError"), r#"{"errorMessage":"x"}"#);
        let error = function_error(&runtime, ErrorKind::Handler);
        assert_eq!(
            (error.error_type.as_str(), error.kind),
            ("Runtime.MarshalError", ErrorKind::Runtime)
        );

        let error = function_error(&report(None, "not json"), ErrorKind::Init);
        assert_eq!(
            (error.error_type.as_str(), error.kind),
            ("Runtime.Unknown", ErrorKind::Init)
        );
        let body: serde_json::Value = serde_json::from_slice(&error.body).unwrap();
        assert_eq!(body["errorMessage"], "not json");
    }

    #[test]
    fn a_made_up_trace_has_the_form_of_x_ray() {
        let trace = made_up_trace();
        assert_eq!(
            trace.len(),
            "Root=1-".len() + 8 + 1 + 24 + ";Parent=".len() + 16 + ";Sampled=0".len()
        );
    }
}
