//! How everything that goes wrong is told to AWS's clients: the one place where their exceptions are chosen.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use everstep_core::Kind;
use everstep_durable::Refusal;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};

use super::route::Operation;
use crate::errors::Code;
use crate::http::BodyError;

/// What Python's and JavaScript's SDKs compare with.
const STALE_TOKEN: &str = "Invalid checkpoint token";

/// The exceptions of the service model that are raised, and two of our own for what the model has no word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exception {
    InvalidParameterValue,
    InvalidRequestContent,
    RequestTooLarge,
    ResourceNotFound,
    ResourceConflict,
    PreconditionFailed,
    ProvisionedConcurrencyConfigNotFound,
    DurableExecutionAlreadyStarted,
    CallbackTimeout,
    TooManyRequests,
    Service,
    /// Not in the model: AWS's services answer so for a path that they do not know.
    UnknownOperation,
    /// Not in the model: a synchronous invoke gave up waiting, its execution goes on.
    ExecutionStillRunning,
    /// Not in the model: the body did not arrive.
    RequestNotReceived,
}

impl Exception {
    /// The value of `x-amzn-ErrorType`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::InvalidParameterValue => "InvalidParameterValueException",
            Self::InvalidRequestContent => "InvalidRequestContentException",
            Self::RequestTooLarge => "RequestTooLargeException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::ResourceConflict => "ResourceConflictException",
            Self::PreconditionFailed => "PreconditionFailedException",
            Self::ProvisionedConcurrencyConfigNotFound => {
                "ProvisionedConcurrencyConfigNotFoundException"
            }
            Self::DurableExecutionAlreadyStarted => "DurableExecutionAlreadyStartedException",
            Self::CallbackTimeout => "CallbackTimeoutException",
            Self::TooManyRequests => "TooManyRequestsException",
            Self::Service => "ServiceException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::ExecutionStillRunning => "ExecutionStillRunningException",
            Self::RequestNotReceived => "RequestNotReceivedException",
        }
    }

    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::InvalidParameterValue
            | Self::InvalidRequestContent
            | Self::CallbackTimeout
            | Self::RequestNotReceived => StatusCode::BAD_REQUEST,
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ResourceNotFound
            | Self::ProvisionedConcurrencyConfigNotFound
            | Self::UnknownOperation => StatusCode::NOT_FOUND,
            Self::ResourceConflict | Self::DurableExecutionAlreadyStarted => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Service => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ExecutionStillRunning => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// The member that carries the text differs from shape to shape.
    const fn message_member(self) -> &'static str {
        match self {
            Self::ResourceNotFound
            | Self::DurableExecutionAlreadyStarted
            | Self::CallbackTimeout
            | Self::Service => "Message",
            Self::InvalidParameterValue
            | Self::InvalidRequestContent
            | Self::RequestTooLarge
            | Self::ResourceConflict
            | Self::PreconditionFailed
            | Self::ProvisionedConcurrencyConfigNotFound
            | Self::TooManyRequests
            | Self::UnknownOperation
            | Self::ExecutionStillRunning
            | Self::RequestNotReceived => "message",
        }
    }

    /// Our code, where the exception alone decides it.
    const fn code(self) -> Code {
        match self {
            Self::InvalidParameterValue => Code::InvalidParameter,
            Self::InvalidRequestContent => Code::MalformedJson,
            Self::RequestTooLarge => Code::TooLarge,
            Self::ResourceNotFound | Self::ProvisionedConcurrencyConfigNotFound => {
                Code::UnknownFunction
            }
            Self::ResourceConflict | Self::DurableExecutionAlreadyStarted => Code::Conflict,
            Self::PreconditionFailed => Code::PreconditionFailed,
            Self::CallbackTimeout => Code::CallbackClosed,
            Self::TooManyRequests => Code::Overloaded,
            Self::Service => Code::Crashed,
            Self::UnknownOperation => Code::UnknownRoute,
            Self::ExecutionStillRunning => Code::StillRunning,
            Self::RequestNotReceived => Code::TooSlow,
        }
    }
}

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Error {
    pub exception: Exception,
    pub message: Cow<'static, str>,
    pub code: Code,
    pub retry_after_s: Option<u32>,
    /// Of TooManyRequestsException: which limit it was.
    pub reason: &'static str,
}

impl Error {
    pub(super) fn new(exception: Exception, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            exception,
            message: message.into(),
            code: exception.code(),
            retry_after_s: None,
            reason: "CallerRateLimitExceeded",
        }
    }

    pub(super) fn coded(
        exception: Exception,
        code: Code,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code,
            ..Self::new(exception, message)
        }
    }

    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Exception::InvalidParameterValue, message)
    }

    /// The text is protocol: SDKs take a message that begins so for a stale token, and end the invocation rather than the execution.
    pub(super) fn token(code: Code) -> Self {
        Self::coded(Exception::InvalidParameterValue, code, STALE_TOKEN)
    }

    /// The same error in the words that the caller's SDK compares: the Rust SDK spells the prefix of a stale token with capitals, and
    /// fails the whole execution when it reads the others' spelling.
    pub(super) fn spelled_for(mut self, headers: &HeaderMap) -> Self {
        let agent = headers
            .get(USER_AGENT)
            .and_then(|agent| agent.to_str().ok());
        if self.message == STALE_TOKEN && agent.is_some_and(|agent| agent.contains("aws-sdk-rust/"))
        {
            self.message = "Invalid Checkpoint Token".into();
        }
        self
    }

    pub(super) fn json(error: &serde_json::Error) -> Self {
        Self::new(
            Exception::InvalidRequestContent,
            format!("Could not parse request body into json: {error}"),
        )
    }

    pub(super) fn of_body(error: BodyError, operation: Operation) -> Self {
        match error {
            BodyError::TooLong { limit } => {
                let text = format!(
                    "Request must be smaller than {limit} bytes for the {} operation",
                    operation.name()
                );
                Self::new(Exception::RequestTooLarge, text)
            }
            BodyError::TooSlow { .. } | BodyError::BrokenOff => {
                Self::new(Exception::RequestNotReceived, error.to_string())
            }
        }
    }
}

impl From<everstep_engine::Error> for Error {
    fn from(error: everstep_engine::Error) -> Self {
        use everstep_engine::Error as Engine;
        let code = Code::of(&error);
        let exception = match &error {
            Engine::UnknownExecution { .. }
            | Engine::UnknownOperation { .. }
            | Engine::UnknownEntry { .. }
            | Engine::UnknownLetter { .. } => Exception::ResourceNotFound,
            Engine::NameTaken { .. } => Exception::DurableExecutionAlreadyStarted,
            Engine::InvalidToken
            | Engine::Store {
                kind: Kind::Invalid,
                ..
            } => Exception::InvalidParameterValue,
            Engine::Refused { .. }
            | Engine::LetterRefused { .. }
            | Engine::NotRedrivable { .. }
            | Engine::EntryExists { .. } => Exception::ResourceConflict,
            Engine::EntryChanged { .. } => Exception::PreconditionFailed,
            Engine::Overloaded { .. } | Engine::ConcurrencyReached { .. } => {
                Exception::TooManyRequests
            }
            Engine::Crashed { .. }
            | Engine::Damaged { .. }
            | Engine::Store { .. }
            | Engine::Payload { .. }
            | Engine::Ended => Exception::Service,
        };
        let message = match &error {
            // What went wrong inside is for the operator.
            _ if exception == Exception::Service => {
                tracing::error!(%error, %code, "a request failed");
                format!("{} ({code})", code.title())
            }
            Engine::EntryExists {
                what: "function",
                name,
            } => {
                format!("Function already exist: {name}")
            }
            Engine::EntryChanged { what, .. } => stale(what),
            Engine::ConcurrencyReached { .. } => "Rate Exceeded.".to_owned(),
            _ => error.to_string(),
        };
        let retry_after_s = match error {
            Engine::Overloaded { retry_after_s, .. } => Some(retry_after_s),
            _ => None,
        };
        let reason = match error {
            Engine::ConcurrencyReached { .. } => {
                "ReservedFunctionConcurrentInvocationLimitExceeded"
            }
            _ => "CallerRateLimitExceeded",
        };
        Self {
            exception,
            message: message.into(),
            code,
            retry_after_s,
            reason,
        }
    }
}

/// An operation of AWS's that has no counterpart here.
pub(super) fn unserved(operation: &str) -> Error {
    let why = match operation {
        _ if operation.ends_with("EventSourceMapping") => {
            "nothing polls queues or streams here; let their consumer invoke the function"
        }
        _ if operation.contains("CapacityProvider") || operation.contains("ScalingConfig") => {
            "functions run as processes of this machine"
        }
        _ if operation.contains("CodeSigning") => "signatures of code are not checked here",
        _ => "it has no counterpart here",
    };
    Error::coded(
        Exception::InvalidParameterValue,
        Code::Unserved,
        format!("Everstep does not serve {operation}: {why}"),
    )
}

/// AWS's text for a RevisionId that has been overtaken.
pub(super) fn stale(what: &str) -> String {
    let how = match what {
        "function" => "GetFunction/GetAlias",
        "alias" => "GetAlias",
        _ => "GetPolicy",
    };
    format!(
        "The RevisionId provided does not match the latest RevisionId. Call the {how} API to retrieve the latest RevisionId"
    )
}

impl From<everstep_engine::blobs::Error> for Error {
    fn from(error: everstep_engine::blobs::Error) -> Self {
        let code = match error.kind() {
            Kind::Corrupt => Code::DamagedStore,
            Kind::Invalid
            | Kind::NotFound
            | Kind::Conflict
            | Kind::Throttled
            | Kind::Transient
            | Kind::Bug => Code::StoreUnavailable,
        };
        tracing::error!(%error, %code, "a request failed");
        Self::coded(
            Exception::Service,
            code,
            format!("{} ({code})", code.title()),
        )
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::InvalidToken => Self::token(Code::StaleToken),
            Refusal::InvalidMarker => Self::invalid("Invalid marker"),
            Refusal::InvalidUpdate { message } => Self::invalid(message),
            Refusal::Diverged { message, .. } => Self::invalid(message),
            Refusal::StaleInvocation
            | Refusal::NotRunning
            | Refusal::Paused
            | Refusal::NotPaused => Self::new(Exception::ResourceConflict, refusal.to_string()),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let fault = if self.exception.status().is_server_error() {
            "Service"
        } else {
            "User"
        };
        let mut body = serde_json::Map::new();
        body.insert("Type".to_owned(), fault.into());
        body.insert(
            self.exception.message_member().to_owned(),
            (*self.message).into(),
        );
        if self.exception == Exception::TooManyRequests {
            body.insert("Reason".to_owned(), self.reason.into());
        }
        let mut response = super::reply::json(self.exception.status(), &body);
        let headers = response.headers_mut();
        headers.insert(
            "x-amzn-errortype",
            HeaderValue::from_static(self.exception.name()),
        );
        headers.insert(
            "x-everstep-error",
            HeaderValue::from_static(self.code.as_str()),
        );
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
