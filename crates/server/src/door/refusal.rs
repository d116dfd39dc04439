//! Why a request is not admitted, and how each protocol's clients are told.

use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use serde_json::json;

use crate::aws_json;
use crate::callbacks::TooMany;
use crate::errors::Code;
use crate::http::BodyError;
use crate::rest::Problem;
use crate::{Limits, lambda};

/// What is wrong with a request before anybody looks at what it wants. No text of it repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("Missing Authentication Token")]
    Missing,
    #[error("{0}")]
    Incomplete(String),
    #[error(
        "The Authorization header has a scheme that is not known here; Bearer and AWS4-HMAC-SHA256 are"
    )]
    Scheme,
    #[error("The security token included in the request is invalid.")]
    Unknown,
    #[error("The security token included in the request is expired")]
    Expired,
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Signature,
    #[error("{0}")]
    Skew(String),
    #[error("User: {who} is not authorized to perform: {action}")]
    Denied { who: String, action: String },
    #[error(
        "Without a key only this machine's own programs are let in, and no page of another site"
    )]
    Foreign,
    #[error("{0}")]
    Ambiguous(&'static str),
    #[error("{0}")]
    Body(BodyError),
    #[error("Rate exceeded: too many wrong credentials")]
    TooMany(TooMany),
}

impl Refusal {
    pub(super) fn incomplete(text: impl Into<String>) -> Self {
        Self::Incomplete(text.into())
    }

    /// Whether somebody tried credentials that are not good.
    pub(super) const fn is_wrong_credential(&self) -> bool {
        matches!(self, Self::Unknown | Self::Signature)
    }

    pub(super) const fn is_of_signature(&self) -> bool {
        matches!(self, Self::Incomplete(_))
    }

    /// AWS's name.
    const fn name(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) | Self::Scheme => "IncompleteSignatureException",
            Self::Unknown => "UnrecognizedClientException",
            Self::Expired => "ExpiredTokenException",
            Self::Signature | Self::Skew(_) => "InvalidSignatureException",
            Self::Denied { .. } | Self::Foreign => "AccessDeniedException",
            Self::Ambiguous(_) => "InvalidRequestException",
            Self::Body(BodyError::TooLong { .. }) => "RequestTooLargeException",
            Self::TooMany(_) => "ThrottlingException",
            Self::Body(_) => "RequestNotReceivedException",
        }
    }

    const fn code(&self) -> Code {
        match self {
            Self::Missing => Code::MissingCredentials,
            Self::Incomplete(_) | Self::Scheme => Code::MalformedCredentials,
            Self::Unknown => Code::UnknownKey,
            Self::Expired => Code::ExpiredKey,
            Self::Signature => Code::WrongSignature,
            Self::Skew(_) => Code::ClockSkew,
            Self::Denied { .. } | Self::Foreign => Code::NotAllowed,
            Self::Ambiguous(_) => Code::AmbiguousRequest,
            Self::Body(BodyError::TooLong { .. }) => Code::TooLarge,
            Self::TooMany(_) => Code::TooManyRequests,
            Self::Body(_) => Code::TooSlow,
        }
    }
}

/// Which protocol's clients a request's sender is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    /// AWS's REST protocol.
    Aws,
    /// AWS's JSON protocol: the name of an error stands in the body.
    AwsJson,
    /// Ours.
    Rest,
}

impl Surface {
    pub(super) fn of(request: &Request) -> Self {
        if aws_json::speaks(request) {
            Self::AwsJson
        } else if lambda::speaks(request) {
            Self::Aws
        } else {
            Self::Rest
        }
    }

    /// AWS's storage takes three times as long as its other services.
    pub(super) const fn skew(self, skew: Duration) -> Duration {
        match self {
            Self::Aws | Self::AwsJson => skew,
            Self::Rest => skew.saturating_mul(3),
        }
    }

    /// How much of a signed body is read before its signature is known to be right.
    pub(super) fn signed_bytes_max(self, head: &Parts, limits: &Limits) -> usize {
        let path = head.uri.path();
        let holds_code = self == Self::Aws
            && (path.trim_end_matches('/').ends_with("/functions")
                || path.ends_with("/code")
                || path.contains("/layers/"));
        if holds_code {
            limits.code_bytes_max
        } else {
            limits.body_bytes_max.max(limits.invoke_bytes_max)
        }
    }

    pub(super) fn answer(self, refusal: &Refusal) -> Response {
        let mut response = match self {
            Self::Rest => {
                let mut response =
                    Problem::new(refusal.code(), refusal.to_string()).into_response();
                if response.status() == StatusCode::UNAUTHORIZED {
                    let bearer = HeaderValue::from_static("Bearer realm=\"everstep\"");
                    response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
                }
                response
            }
            Self::Aws | Self::AwsJson => self.aws(refusal),
        };
        if let Refusal::TooMany(too_many) = refusal {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, too_many.retry_after_s.into());
        }
        if matches!(refusal, Refusal::Ambiguous(_)) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response
    }

    fn aws(self, refusal: &Refusal) -> Response {
        let status = match refusal {
            Refusal::Ambiguous(_) => StatusCode::BAD_REQUEST,
            Refusal::Body(BodyError::TooLong { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Body(_) => StatusCode::BAD_REQUEST,
            Refusal::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::FORBIDDEN,
        };
        let mut body = json!({ "Type": "User", "message": refusal.to_string() });
        if self == Self::AwsJson
            && let Some(body) = body.as_object_mut()
        {
            body.insert("__type".to_owned(), refusal.name().into());
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        let kind = match self {
            Self::AwsJson => "application/x-amz-json-1.1",
            Self::Aws | Self::Rest => "application/json",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert("x-amzn-errortype", HeaderValue::from_static(refusal.name()));
        headers.insert(
            "x-everstep-error",
            HeaderValue::from_static(refusal.code().as_str()),
        );
        if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
            headers.insert("x-amzn-requestid", id);
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}
