//! What does the work of a Task state.

use std::sync::Arc;

/// What does the work of a Task state, a reader or a writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// As written.
    pub arn: Arc<str>,
    /// What kind of thing it is.
    pub kind: ResourceKind,
}

/// The kinds of resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// `arn:aws:states:<region>:<account>:activity:<name>`: workers fetch it.
    Activity,
    /// `arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>]`: gets the payload as it is.
    Function,
    /// `arn:aws:states:::<service>:<action>[.<pattern>]`.
    Integration {
        /// `lambda`, `sqs`, `aws-sdk:dynamodb`, ...
        service: Arc<str>,
        /// `invoke`, `sendMessage`, ...
        action: Arc<str>,
        /// When the state goes on.
        pattern: Pattern,
    },
    /// An ARN of another kind.
    Other,
}

/// When a state goes on that called a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// When the service has answered.
    RequestResponse,
    /// When the job that it began is done: `.sync`.
    Sync,
    /// The same, and the output is JSON rather than a string of it: `.sync:2`.
    SyncJson,
    /// When someone returns the token: `.waitForTaskToken`.
    WaitForTaskToken,
}

impl Resource {
    /// Reads an ARN. `None` if it is none.
    #[must_use]
    pub fn parse(arn: &str) -> Option<Resource> {
        let mut parts = arn.splitn(6, ':');
        let (prefix, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, _account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        if prefix != "arn" || partition.is_empty() || service.is_empty() || resource.is_empty() {
            return None;
        }
        let kind = match service {
            "states" if resource.starts_with("activity:") => ResourceKind::Activity,
            "states" if region.is_empty() => integration(resource)?,
            "lambda" if resource.starts_with("function:") => ResourceKind::Function,
            _ => ResourceKind::Other,
        };
        Some(Resource {
            arn: Arc::from(arn),
            kind,
        })
    }
}

fn integration(resource: &str) -> Option<ResourceKind> {
    let (called, pattern) = if let Some(called) = resource.strip_suffix(".sync:2") {
        (called, Pattern::SyncJson)
    } else if let Some(called) = resource.strip_suffix(".sync") {
        (called, Pattern::Sync)
    } else if let Some(called) = resource.strip_suffix(".waitForTaskToken") {
        (called, Pattern::WaitForTaskToken)
    } else {
        (resource, Pattern::RequestResponse)
    };
    let (service, action) = called.rsplit_once(':')?;
    if service.is_empty() || action.is_empty() {
        return None;
    }
    Some(ResourceKind::Integration {
        service: Arc::from(service),
        action: Arc::from(action),
        pattern,
    })
}
