//! What the host is asked to run, and what it answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use everstep_core::ExecutionId;
use everstep_engine::AnswerPart;
use tokio::sync::mpsc;

/// One immutable revision of a function: code and configuration.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    /// Qualified ARN, handed to the function as `Lambda-Runtime-Invoked-Function-Arn`.
    pub arn: String,
    /// Unqualified name; also names the log file.
    pub name: String,
    /// `$LATEST` or a version number.
    pub version: String,
    /// Identity of code and configuration. Together with `arn` it is the key of the pool: a changed function must carry another revision,
    /// or warm workers go on with the old one.
    pub revision: String,
    pub runtime: Runtime,
    /// `module.function` for Python and Node; handed through to an executable.
    pub handler: String,
    /// Unpacked code directory. The host only reads it; the interpreter may write its byte-code cache there.
    pub code: PathBuf,
    /// The layers, laid over each other in one folder; what AWS has at `/opt`.
    pub layers: Option<PathBuf>,
    /// The user's variables; they win over those of the host except for the few in [`super::environment::RESERVED`].
    pub environment: BTreeMap<String, String>,
    /// From the moment a worker takes the invocation; a cold start does not count.
    pub timeout: Duration,
    /// Told to the function and shown in the REPORT line, MiB.
    pub memory_mb: u32,
    pub log_format: LogFormat,
    pub scaling: Scaling,
}

/// How many processes a function has, and how many invocations each of them serves at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scaling {
    /// Workers that are kept although nothing is to do, once the function is known.
    pub workers_min: usize,
    /// A lower limit than the host's for one function.
    pub workers_max: Option<usize>,
    /// Invocations that one process takes at once. A variable `AWS_LAMBDA_MAX_CONCURRENCY` of the function's own comes first.
    pub concurrency: Option<usize>,
}

/// Upper bound of invocations in one process: AWS's figure.
const CONCURRENCY_MAX: usize = 1_600;

impl FunctionSpec {
    /// How many invocations one worker may hold at once: `AWS_LAMBDA_MAX_CONCURRENCY` among the user's variables, else what the scaling says,
    /// else 1. At most 1,600.
    #[must_use]
    pub fn concurrency_per_worker(&self) -> usize {
        self.environment
            .get("AWS_LAMBDA_MAX_CONCURRENCY")
            .and_then(|text| text.parse::<usize>().ok())
            .or(self.scaling.concurrency)
            .map_or(1, |count| count.clamp(1, CONCURRENCY_MAX))
    }
}

/// How the process is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    Python,
    Node,
    /// An executable named `bootstrap` in the code directory.
    Provided,
}

/// Lambda's two log formats, for the platform's own lines and for the runtime's logger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogFormat {
    /// The value of `AWS_LAMBDA_LOG_FORMAT`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LogFormat::Text => "Text",
            LogFormat::Json => "JSON",
        }
    }
}

/// One call of the handler.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Unique among the invocations in flight; reaches the function as its request id.
    pub request_id: String,
    /// The event, JSON text, handed over byte for byte.
    pub payload: Bytes,
    /// X-Ray header; one is made up when absent, because the runtimes expect it.
    pub trace_id: Option<String>,
    /// JSON text of the client context, already decoded.
    pub client_context: Option<String>,
    pub tenant_id: Option<String>,
    /// Where the parts of a streamed answer go.
    pub parts: Option<mpsc::Sender<AnswerPart>>,
    /// What the worker's credentials are good for while it runs this: the execution that the invocation belongs to. The host only carries it.
    pub execution: Option<ExecutionId>,
    /// Ends the invocation even when the function's own timeout is later, and ends the wait for a worker.
    pub deadline: Option<SystemTime>,
}

impl Invocation {
    /// A call of which nothing more is known.
    #[must_use]
    pub fn new(request_id: impl Into<String>, payload: Bytes) -> Self {
        Self {
            request_id: request_id.into(),
            payload,
            trace_id: None,
            client_context: None,
            tenant_id: None,
            parts: None,
            execution: None,
            deadline: None,
        }
    }
}

/// How an invocation ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the function returned, byte for byte, or why there is nothing.
    pub result: Result<Bytes, FunctionError>,
    /// The last lines of the log up to the end of this invocation, at most 4 KiB.
    pub log_tail: Bytes,
    /// From hand-over to answer; zero when no worker took the invocation.
    pub duration: Duration,
    /// Start of the process to its first request for work, if this invocation was the first of its worker.
    pub init_duration: Option<Duration>,
    pub started: SystemTime,
    pub ended: SystemTime,
}

impl Outcome {
    /// An outcome without any run: nothing was handed to a worker.
    pub(crate) fn unserved(error: FunctionError) -> Outcome {
        let now = SystemTime::now();
        Outcome {
            result: Err(error),
            log_tail: Bytes::new(),
            duration: Duration::ZERO,
            init_duration: None,
            started: now,
            ended: now,
        }
    }
}

/// A failed invocation as Lambda would report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// For example `ValueError`, `Sandbox.Timedout`, `Runtime.ExitError`.
    pub error_type: String,
    /// A JSON object with `errorMessage` and `errorType`, and `stackTrace` and `requestId` where the runtime sent them.
    pub body: Bytes,
    pub kind: ErrorKind,
}

/// Who is to blame, which decides how the caller retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The handler raised or rejected.
    Handler,
    /// The runtime or the size of its answer: `Runtime.*`, `Function.*`.
    Runtime,
    /// The time was up and the process was killed.
    Timeout,
    /// The process ended while it held the invocation, or was ended because it took more memory than it may.
    Exit,
    /// The process never became ready: failed import, missing interpreter, exit or silence before its first request for work.
    Init,
    /// The host did not try or gave up: queue full, no worker before the deadline, shutdown. Never the function's fault.
    Host,
}

impl FunctionError {
    pub(crate) fn new(kind: ErrorKind, error_type: &str, message: &str) -> FunctionError {
        let body = serde_json::json!({ "errorMessage": message, "errorType": error_type });
        FunctionError {
            error_type: error_type.to_owned(),
            body: Bytes::from(body.to_string()),
            kind,
        }
    }

    /// Lambda's wording for errors that the platform reports about a request.
    pub(crate) fn of_request(
        kind: ErrorKind,
        error_type: &str,
        request_id: &str,
        reason: &str,
    ) -> FunctionError {
        FunctionError::new(
            kind,
            error_type,
            &format!("RequestId: {request_id} Error: {reason}"),
        )
    }

    pub(crate) fn timed_out(request_id: &str, after: Duration) -> FunctionError {
        FunctionError::of_request(
            ErrorKind::Timeout,
            "Sandbox.Timedout",
            request_id,
            &timeout_text(after),
        )
    }
}

/// `Task timed out after 3.00 seconds`
pub(super) fn timeout_text(after: Duration) -> String {
    format!("Task timed out after {:.2} seconds", after.as_secs_f64())
}
