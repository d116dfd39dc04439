//! What a failed call of an SDK means for whoever made it.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::error::Kind;

/// Codes by which AWS's services ask for patience, whatever their HTTP status.
const THROTTLED: [&str; 8] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// A failure as its kind and a sentence that holds no credential.
pub(super) fn fault<E>(error: &SdkError<E, HttpResponse>) -> (Kind, String)
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let SdkError::ServiceError(answer) = error else {
        return (Kind::Transient, DisplayErrorContext(error).to_string());
    };
    let meta = answer.err().meta();
    let code = meta.code().unwrap_or_default();
    let status = answer.raw().status().as_u16();
    let kind = match code {
        "ConditionalCheckFailedException" | "PreconditionFailed" => Kind::Conflict,
        "NoSuchKey" | "ResourceNotFoundException" => Kind::NotFound,
        _ if THROTTLED.contains(&code) => Kind::Throttled,
        // A request of ours that is refused is nothing that our caller could mend, and no word of it is for them.
        _ => match Kind::of_status(status) {
            Kind::Invalid => Kind::Corrupt,
            kind => kind,
        },
    };
    let sentence = match (code, meta.message()) {
        ("", None) => format!("the service answered {status}"),
        ("", Some(said)) => said.to_owned(),
        (code, None) => code.to_owned(),
        (code, Some(said)) => format!("{code}: {said}"),
    };
    (kind, sentence)
}
