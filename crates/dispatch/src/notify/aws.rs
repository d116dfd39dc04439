//! What sinks on AWS have in common: whose account it is, and what an error means.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use super::{Undelivered, never, not_yet};

/// Where a service is and whose credentials reach it; without any of it the environment says so, as AWS's tools have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub region: Option<String>,
    pub profile: Option<String>,
    /// Another address of the service than AWS's.
    pub endpoint: Option<String>,
}

impl Account {
    pub(crate) async fn load(&self) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &self.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        loader.load().await
    }
}

/// AWS takes 128 letters, digits and punctuation.
pub(super) fn id(text: &str) -> String {
    let letters = text.chars().map(|letter| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    });
    letters.take(128).collect()
}

/// What the service refuses stays refused, but for what its names say is passing; what did not arrive may do so later.
pub(super) fn undelivered<E, R>(error: &SdkError<E, R>) -> Undelivered
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let reason = DisplayErrorContext(error).to_string();
    let SdkError::ServiceError(refused) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => never(reason),
            _ => not_yet(reason),
        };
    };
    match refused.err().code() {
        Some(
            "NotFound"
            | "InvalidParameter"
            | "InvalidParameterValue"
            | "ValidationError"
            | "ResourceNotFoundException"
            | "ValidationException",
        ) => never(reason),
        _ => not_yet(reason),
    }
}
