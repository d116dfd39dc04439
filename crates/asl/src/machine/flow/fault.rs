//! Why a step gives no value.

use everstep_core::EventId;
use everstep_expr::{expression, jsonata, template};

use super::environment::Paths;

/// Why a step gives no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A path finds nothing, a value is of the wrong type.
    #[error("{detail}")]
    Runtime { detail: String },
    /// An intrinsic function can't work with its arguments.
    #[error("{detail}")]
    Intrinsic { detail: String },
    /// A JSONata program has no value, or one that the field can't have. `location` is the field, where there is one.
    #[error("{detail}")]
    Query {
        detail: String,
        location: Option<String>,
    },
    /// A result can't be put where `ResultPath` says.
    #[error("{detail}")]
    ResultPath { detail: String },
    /// No rule of a Choice state holds, and there is no default.
    #[error("{detail}")]
    NoChoice { detail: String },
    /// A value is larger than the service's limit.
    #[error(
        "The state/task '{of}' returned a result with a size exceeding the maximum number of bytes service limit."
    )]
    DataLimit {
        /// The state or the resource.
        of: String,
    },
}

impl Fault {
    pub(crate) fn runtime(detail: impl Into<String>) -> Self {
        Self::Runtime {
            detail: detail.into(),
        }
    }

    pub(crate) fn of_template(error: &template::Error, scope: &Paths<'_, '_>) -> Self {
        let detail = error.text(scope);
        match error {
            template::Error::Field { error, .. } if error.is_intrinsic_failure() => {
                Self::Intrinsic { detail }
            }
            _ => Self::Runtime { detail },
        }
    }

    /// Of the value of a field such as `ErrorPath`.
    pub(crate) fn of_field(error: &expression::Error, field: &str, scope: &Paths<'_, '_>) -> Self {
        let detail = error.text_in_field(field, scope);
        if error.is_intrinsic_failure() {
            Self::Intrinsic { detail }
        } else {
            Self::Runtime { detail }
        }
    }

    pub(crate) fn of_query(error: &jsonata::TemplateError, field: &str) -> Self {
        Self::Query {
            detail: error.cause(field),
            location: Some(error.location(field)),
        }
    }

    /// The error's name.
    #[must_use]
    pub const fn error(&self) -> &'static str {
        match self {
            Self::Runtime { .. } => "States.Runtime",
            Self::Intrinsic { .. } => "States.IntrinsicFailure",
            Self::Query { .. } => "States.QueryEvaluationError",
            Self::ResultPath { .. } => "States.ResultPathMatchFailure",
            Self::NoChoice { .. } => "States.NoChoiceMatched",
            Self::DataLimit { .. } => "States.DataLimitExceeded",
        }
    }

    /// What the history says of it: in an execution, with the state and its entry.
    #[must_use]
    pub fn cause(&self, state: &str, entered: EventId) -> String {
        match self {
            Self::DataLimit { .. } => self.to_string(),
            Self::Runtime { .. }
            | Self::Intrinsic { .. }
            | Self::Query { .. }
            | Self::ResultPath { .. }
            | Self::NoChoice { .. } => format!(
                "An error occurred while executing the state '{state}' (entered at the event id #{entered}). {self}"
            ),
        }
    }
}
