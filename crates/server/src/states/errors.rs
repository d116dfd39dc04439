//! How everything that goes wrong is told to Step Functions' clients.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use everstep_core::Kind;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::json;

use super::respond;
use crate::errors::Code;
use crate::http::BodyError;

/// What a ValidationException gives as its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    LabeledArn,
    MissingParameter,
    Routing,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::LabeledArn => "API_DOES_NOT_SUPPORT_LABELED_ARNS",
            Self::MissingParameter => "MISSING_REQUIRED_PARAMETER",
            Self::Routing => "INVALID_ROUTING_CONFIGURATION",
        }
    }
}

/// An error answer. Names in quotes are as the request gave them.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{text}")]
    Validation {
        text: Cow<'static, str>,
        reason: Option<Reason>,
    },
    #[error("Invalid Arn: '{0}'")]
    InvalidArn(String),
    #[error("Invalid Role Arn: '{0}'")]
    InvalidRole(String),
    #[error("Invalid Name: '{0}'")]
    InvalidName(String),
    #[error("{0}")]
    InvalidDefinition(String),
    #[error("Invalid Logging Configuration: {0}")]
    InvalidLogging(&'static str),
    #[error("Invalid Encryption Configuration: {0}")]
    InvalidEncryption(&'static str),
    #[error("Invalid Token: 'Invalid token'")]
    InvalidToken,
    #[error(
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
    )]
    NothingToUpdate,
    #[error("Invalid State Machine Execution Input: '{0}'")]
    InvalidInput(String),
    #[error("Invalid Output: '{0}'")]
    InvalidOutput(String),
    #[error("Execution Does Not Exist: '{0}'")]
    NoExecution(String),
    #[error("Execution Already Exists: '{0}'")]
    ExecutionExists(String),
    #[error("{0}")]
    NotRedrivable(String),
    #[error("Execution has not ended in the time that a call waits: '{0}'")]
    StillRunning(String),
    #[error("This operation is not supported by this type of state machine")]
    TypeNotSupported,
    #[error("Task Timed Out: 'Provided task does not exist anymore'")]
    TaskOver,
    #[error("Task Does Not Exist: 'Task not found'")]
    NoTask,
    #[error("State Machine Does Not Exist: '{0}'")]
    NoStateMachine(String),
    #[error("State Machine Already Exists: '{0}'")]
    StateMachineExists(String),
    #[error("State Machine Is Being Deleted: '{0}'")]
    StateMachineDeleting(String),
    #[error("Activity Does Not Exist: '{0}'")]
    NoActivity(String),
    #[error("Activity Already Exists: '{0}'")]
    ActivityExists(String),
    #[error("Resource not found: '{0}'")]
    NoResource(String),
    #[error("Request references a resource that does not exist.")]
    NoReference,
    #[error("{0}")]
    Conflict(String),
    #[error("{what} are limited to {max}")]
    Quota { what: &'static str, max: usize },
    #[error("A resource has at most {max} tags: '{arn}'")]
    TooManyTags { arn: String, max: usize },
    #[error("{reason}")]
    Malformed { reason: String },
    #[error("Everstep does not know this operation")]
    UnknownOperation,
    #[error("{reason}")]
    NotReceived { reason: String },
    #[error("{0}")]
    Engine(#[from] everstep_engine::Error),
}

impl Error {
    pub(super) fn validation(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Validation {
            text: text.into(),
            reason: None,
        }
    }

    pub(super) fn because(reason: Reason, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Validation {
            text: text.into(),
            reason: Some(reason),
        }
    }

    pub(super) fn of_body(error: BodyError) -> Self {
        match error {
            BodyError::TooLong { .. } => Self::validation(error.to_string()),
            BodyError::TooSlow { .. } | BodyError::BrokenOff => Self::NotReceived {
                reason: error.to_string(),
            },
        }
    }

    /// AWS's name, and our code.
    fn names(&self) -> (&'static str, Code) {
        match self {
            Self::Validation { .. } => ("ValidationException", Code::InvalidParameter),
            Self::InvalidArn(_) | Self::InvalidRole(_) => ("InvalidArn", Code::InvalidParameter),
            Self::InvalidName(_) => ("InvalidName", Code::InvalidParameter),
            Self::InvalidDefinition(_) => ("InvalidDefinition", Code::WrongDefinition),
            Self::InvalidLogging(_) => ("InvalidLoggingConfiguration", Code::InvalidParameter),
            Self::InvalidEncryption(_) => {
                ("InvalidEncryptionConfiguration", Code::InvalidParameter)
            }
            Self::InvalidToken => ("InvalidToken", Code::InvalidToken),
            Self::NothingToUpdate => ("MissingRequiredParameter", Code::InvalidParameter),
            Self::InvalidInput(_) => ("InvalidExecutionInput", Code::InvalidParameter),
            Self::InvalidOutput(_) => ("InvalidOutput", Code::InvalidParameter),
            Self::NoExecution(_) => ("ExecutionDoesNotExist", Code::UnknownExecution),
            Self::ExecutionExists(_) => ("ExecutionAlreadyExists", Code::Conflict),
            Self::NotRedrivable(_) => ("ExecutionNotRedrivable", Code::NotRedrivable),
            Self::StillRunning(_) => ("ServiceUnavailable", Code::StillRunning),
            Self::TypeNotSupported => ("StateMachineTypeNotSupported", Code::InvalidParameter),
            Self::TaskOver => ("TaskTimedOut", Code::CallbackClosed),
            Self::NoTask => ("TaskDoesNotExist", Code::UnknownExecution),
            Self::NoStateMachine(_) => ("StateMachineDoesNotExist", Code::UnknownStateMachine),
            Self::StateMachineExists(_) => ("StateMachineAlreadyExists", Code::Conflict),
            Self::StateMachineDeleting(_) => ("StateMachineDeleting", Code::Conflict),
            Self::NoActivity(_) => ("ActivityDoesNotExist", Code::UnknownStateMachine),
            Self::ActivityExists(_) => ("ActivityAlreadyExists", Code::Conflict),
            Self::NoResource(_) | Self::NoReference => {
                ("ResourceNotFound", Code::UnknownStateMachine)
            }
            Self::Conflict(_) => ("ConflictException", Code::Conflict),
            Self::Quota { .. } => ("ServiceQuotaExceededException", Code::Conflict),
            Self::TooManyTags { .. } => ("TooManyTags", Code::InvalidParameter),
            Self::Malformed { .. } => ("SerializationException", Code::MalformedJson),
            Self::UnknownOperation => ("UnknownOperationException", Code::UnknownRoute),
            Self::NotReceived { .. } => ("RequestNotReceivedException", Code::TooSlow),
            Self::Engine(error) => (engine_name(error).0, Code::of(error)),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Engine(error) => engine_name(error).1,
            Self::StillRunning(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// What is told: faults of ours are for the operator alone.
    fn message(&self, code: Code) -> String {
        match self {
            Self::Engine(error) if error.kind() != Kind::Throttled => {
                format!("{} ({code})", code.title())
            }
            told => told.to_string(),
        }
    }
}

/// What the engine refuses where no operation says it better.
const fn engine_name(error: &everstep_engine::Error) -> (&'static str, StatusCode) {
    match error.kind() {
        Kind::Throttled => ("ThrottlingException", StatusCode::TOO_MANY_REQUESTS),
        Kind::Transient => ("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE),
        Kind::Invalid | Kind::NotFound | Kind::Conflict | Kind::Corrupt | Kind::Bug => {
            ("InternalServerError", StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (name, code) = self.names();
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = %self, %code, "a request could not be served");
        }
        let mut body = json!({ "__type": name, "message": self.message(code) });
        let added = match &self {
            Self::Validation {
                reason: Some(reason),
                ..
            } => Some(("reason", reason.as_str())),
            Self::NoResource(arn) | Self::TooManyTags { arn, .. } => {
                Some(("resourceName", arn.as_str()))
            }
            _ => None,
        };
        if let (Some((key, value)), Some(body)) = (added, body.as_object_mut()) {
            body.insert(key.to_owned(), value.into());
        }
        let mut response = respond(status, &body);
        let headers = response.headers_mut();
        headers.insert("x-amzn-errortype", HeaderValue::from_static(name));
        headers.insert("x-everstep-error", HeaderValue::from_static(code.as_str()));
        if let Self::Engine(everstep_engine::Error::Overloaded { retry_after_s, .. }) = &self {
            headers.insert("retry-after", HeaderValue::from(*retry_after_s));
        }
        response
    }
}
