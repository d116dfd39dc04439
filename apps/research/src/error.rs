//! The seed's four errors, each with the kind that decides whether to retry.

use aws_durable_execution_sdk::{BoxError, StepError, TypedError};
use serde_json::{Value, json};

/// The code of a failure that an agent reports, as the specification has it.
pub const AGENT_EXECUTION_ERROR: &str = "AgentExecutionError";

/// What kind of failure it is; retry follows from it and from nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request can never succeed as it stands.
    Invalid,
    /// What was asked for does not exist.
    NotFound,
    /// Another writer or another execution was there first.
    Conflict,
    /// The other side asks for patience.
    Throttled,
    /// The other side was out of reach or broke down; the same request may succeed later.
    Transient,
    /// What was read is not what was written, or a service refuses what we ask it for.
    Corrupt,
}

impl Kind {
    /// Whether the same call may succeed when it is made again.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::Transient)
    }

    /// The kind that an HTTP status from a peer stands for.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            404 => Self::NotFound,
            408 | 500..=599 => Self::Transient,
            409 | 412 => Self::Conflict,
            429 => Self::Throttled,
            _ => Self::Invalid,
        }
    }
}

/// An agent could not be reached, refused the task, or failed at it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct AgentInvocationError {
    /// Decides about a retry.
    pub kind: Kind,
    /// A stable word for the cases that a program may want to tell apart.
    pub code: Option<&'static str>,
    /// The sentence for people; holds no credential.
    pub message: String,
}

/// The artifact store failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ArtifactStorageError {
    /// Decides about a retry.
    pub kind: Kind,
    /// The sentence for people.
    pub message: String,
}

/// A workflow record could not be read or written, or the step is not allowed in its state.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct WorkflowStateError {
    /// Decides about a retry.
    pub kind: Kind,
    /// The sentence for people.
    pub message: String,
}

/// Base of the family: everything that a workflow function can fail with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WorkflowError {
    /// See [`AgentInvocationError`].
    #[error(transparent)]
    Agent(#[from] AgentInvocationError),
    /// See [`ArtifactStorageError`].
    #[error(transparent)]
    Artifact(#[from] ArtifactStorageError),
    /// See [`WorkflowStateError`].
    #[error(transparent)]
    State(#[from] WorkflowStateError),
    /// A value that the caller sent is not acceptable (the seed's `ValueError`).
    #[error("{0}")]
    Invalid(String),
    /// A workflow-level failure with the seed's sentence; `kind` is that of its cause.
    #[error("{message}")]
    Failed {
        /// Kind of the cause.
        kind: Kind,
        /// For example `Failed to request approval: …`.
        message: String,
    },
}

impl WorkflowError {
    /// Decides about a retry.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Agent(error) => error.kind,
            Self::Artifact(error) => error.kind,
            Self::State(error) => error.kind,
            Self::Invalid(_) => Kind::Invalid,
            Self::Failed { kind, .. } => *kind,
        }
    }

    /// The seed's class name.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Agent(_) => "AgentInvocationError",
            Self::Artifact(_) => "ArtifactStorageError",
            Self::State(_) => "WorkflowStateError",
            Self::Invalid(_) => "ValueError",
            Self::Failed { .. } => "WorkflowError",
        }
    }

    /// As the error of a durable step: the seed's class name becomes the `ErrorType`.
    #[must_use]
    pub fn boxed(self) -> BoxError {
        Box::new(TypedError::with_type(self.type_name(), self))
    }

    /// The same failure under the seed's sentence for the operation that met it.
    #[must_use]
    pub fn within(self, sentence: &str) -> Self {
        Self::Failed {
            kind: self.kind(),
            message: format!("{sentence}: {self}"),
        }
    }
}

/// The seed's `sanitize_error`: what may be stored and shown of an error.
#[must_use]
pub fn sanitize_error(error_type: &str, message: &str) -> Value {
    json!({ "error_type": error_type, "error_message": message, "error_module": "everstep_research" })
}

/// The workflow error inside a failed step, when there is one.
#[must_use]
pub fn cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a WorkflowError> {
    let mut link = Some(error);
    while let Some(current) = link {
        if let Some(found) = current.downcast_ref::<WorkflowError>() {
            return Some(found);
        }
        link = current.source();
    }
    None
}

/// Whether a failed step may be tried again; anything that is not ours is final.
#[must_use]
pub fn is_transient(error: &StepError) -> bool {
    cause(error).is_some_and(|found| found.kind().is_transient())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_survives_the_boxes_of_the_sdk() {
        let error = WorkflowError::from(AgentInvocationError {
            kind: Kind::Transient,
            code: None,
            message: "Failed to invoke agent: connection refused".to_owned(),
        });
        let boxed = error.boxed();
        let found = cause(&*boxed).expect("the chain holds our error");
        assert_eq!(found.type_name(), "AgentInvocationError");
        assert!(found.kind().is_transient());
    }

    #[test]
    fn statuses_of_peers_have_kinds() {
        for (status, kind) in [
            (404, Kind::NotFound),
            (412, Kind::Conflict),
            (429, Kind::Throttled),
            (503, Kind::Transient),
            (400, Kind::Invalid),
        ] {
            assert_eq!(Kind::of_status(status), kind, "{status}");
        }
    }
}
