//! Errors as problem documents (RFC 9457), each with its code.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde::Serialize;

use crate::errors::Code;
use crate::http::BodyError;

/// What a request is refused with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} ({code})")]
pub(crate) struct Problem {
    pub code: Code,
    pub detail: Cow<'static, str>,
    pub retry_after_s: Option<u32>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after_s: None,
        }
    }

    /// A fault whose details are for the operator alone.
    pub(crate) fn inside(code: Code, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, %code, "a request failed");
        Self::new(code, "The server's log says more")
    }

    pub(crate) const fn status(&self) -> StatusCode {
        match self.code {
            Code::MalformedJson
            | Code::InvalidParameter
            | Code::Unserved
            | Code::MalformedPattern
            | Code::MalformedQuery
            | Code::StaleToken
            | Code::WrongDefinition
            | Code::InvalidAgent
            | Code::TooDeep
            | Code::WrongForm
            | Code::Unnamed
            | Code::InvalidToken => StatusCode::BAD_REQUEST,
            Code::InvalidLink
            | Code::NotSigned
            | Code::NotAllowed
            | Code::NotAsked
            | Code::WrongSignature
            | Code::ClockSkew => StatusCode::FORBIDDEN,
            Code::MissingCredentials
            | Code::MalformedCredentials
            | Code::UnknownKey
            | Code::ExpiredKey => StatusCode::UNAUTHORIZED,
            Code::AmbiguousRequest => StatusCode::BAD_REQUEST,
            Code::UnknownFunction
            | Code::UnknownExecution
            | Code::UnknownOperation
            | Code::UnknownLog
            | Code::UnknownLetter
            | Code::UnknownStateMachine
            | Code::UnknownRoute
            | Code::UnknownArtifact
            | Code::UnknownApproval
            | Code::UnknownCallback
            | Code::UnknownAgent => StatusCode::NOT_FOUND,
            Code::TooSlow | Code::StillRunning => StatusCode::REQUEST_TIMEOUT,
            Code::StaleDecision
            | Code::Decided
            | Code::NotHandedOn
            | Code::Conflict
            | Code::CallbackAnswered
            | Code::NotRedrivable
            | Code::AmbiguousOperation => StatusCode::CONFLICT,
            Code::CallbackClosed | Code::SpentLink => StatusCode::GONE,
            Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::UnusableEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::Overloaded | Code::ConcurrencyReached | Code::TooManyRequests => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Code::DamagedStore
            | Code::Crashed
            | Code::PortInUse
            | Code::FolderInUse
            | Code::NewerStore
            | Code::UnsafeListen
            | Code::WrongSettings
            | Code::UnusableArtifacts
            | Code::UnusableKeys => StatusCode::INTERNAL_SERVER_ERROR,
            Code::UnsatisfiableRange => StatusCode::RANGE_NOT_SATISFIABLE,
            Code::FunctionFailed => StatusCode::BAD_GATEWAY,
            Code::StoreUnavailable | Code::Ended => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<everstep_engine::Error> for Problem {
    fn from(error: everstep_engine::Error) -> Self {
        let code = Code::of(&error);
        let retry_after_s = match error {
            everstep_engine::Error::Overloaded { retry_after_s, .. } => Some(retry_after_s),
            _ => None,
        };
        let mut problem = Self::new(code, error.to_string());
        problem.retry_after_s = retry_after_s;
        if problem.status().is_server_error() {
            Self::inside(code, &error)
        } else {
            problem
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let code = match error {
            BodyError::TooLong { .. } => Code::TooLarge,
            BodyError::TooSlow { .. } | BodyError::BrokenOff => Code::TooSlow,
        };
        Self::new(code, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let document = Document {
            r#type: format!("urn:everstep:error:{}", self.code),
            title: self.code.title(),
            status: status.as_u16(),
            code: self.code.as_str(),
            detail: &self.detail,
        };
        let mut response = (status, axum::Json(document)).into_response();
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
