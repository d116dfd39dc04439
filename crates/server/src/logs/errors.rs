//! How everything that goes wrong is told to CloudWatch Logs' clients.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use everstep_logs::{insights, pattern};
use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::json;

use super::respond;
use crate::errors::Code;
use crate::http::BodyError;

/// An error answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{reason}")]
    Invalid { reason: Cow<'static, str> },
    #[error("Invalid filter pattern: {0}")]
    Pattern(#[from] pattern::Error),
    #[error("{}", .0.message)]
    Query(#[from] insights::Error),
    #[error("The specified log group does not exist.")]
    NoGroup,
    #[error("The specified log stream does not exist.")]
    NoStream,
    #[error("Query with id {id} doesn't exist")]
    NoQuery { id: String },
    #[error("There is no such log record any more.")]
    NoRecord,
    #[error("The specified log group already exists")]
    GroupExists,
    #[error("{active} queries are under way: wait until one has ended")]
    TooManyQueries { active: usize },
    #[error("A resource has at most {max} tags")]
    TooManyTags { max: usize },
    #[error("{reason}")]
    Malformed { reason: String },
    #[error("Everstep does not know the operation {target}")]
    UnknownOperation { target: String },
    #[error("{reason}")]
    NotReceived { reason: String },
    #[error("The log can't be read")]
    Unreadable { source: std::io::Error },
}

impl Error {
    pub(super) fn invalid(reason: impl Into<Cow<'static, str>>) -> Error {
        Error::Invalid {
            reason: reason.into(),
        }
    }

    pub(super) fn of_body(error: BodyError) -> Error {
        match error {
            BodyError::TooLong { .. } => Error::invalid(error.to_string()),
            BodyError::TooSlow { .. } | BodyError::BrokenOff => Error::NotReceived {
                reason: error.to_string(),
            },
        }
    }

    /// AWS's name, and our code.
    const fn names(&self) -> (&'static str, Code) {
        match self {
            Error::Invalid { .. } => ("InvalidParameterException", Code::InvalidParameter),
            Error::Pattern(_) => ("InvalidParameterException", Code::MalformedPattern),
            Error::Query(_) => ("MalformedQueryException", Code::MalformedQuery),
            Error::NoGroup | Error::NoStream | Error::NoQuery { .. } | Error::NoRecord => {
                ("ResourceNotFoundException", Code::UnknownLog)
            }
            Error::GroupExists => ("ResourceAlreadyExistsException", Code::Conflict),
            Error::TooManyQueries { .. } => ("LimitExceededException", Code::Overloaded),
            Error::TooManyTags { .. } => ("TooManyTagsException", Code::InvalidParameter),
            Error::Malformed { .. } => ("SerializationException", Code::MalformedJson),
            Error::UnknownOperation { .. } => ("UnknownOperationException", Code::UnknownRoute),
            Error::NotReceived { .. } => ("RequestNotReceivedException", Code::TooSlow),
            Error::Unreadable { .. } => ("ServiceUnavailableException", Code::StoreUnavailable),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (name, code) = self.names();
        let mut status = StatusCode::BAD_REQUEST;
        if let Error::Unreadable { source } = &self {
            tracing::error!(error = %source, %code, "a log can't be read or written");
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        let mut body = json!({ "__type": name, "message": self.to_string() });
        if let (Error::Query(error), Some(body)) = (&self, body.as_object_mut()) {
            let place = json!({ "startCharOffset": error.start, "endCharOffset": error.end });
            body.insert(
                "queryCompileError".to_owned(),
                json!({ "location": place, "message": error.message }),
            );
        }
        let mut response = respond(status, &body);
        response
            .headers_mut()
            .insert("x-everstep-error", HeaderValue::from_static(code.as_str()));
        response
    }
}
