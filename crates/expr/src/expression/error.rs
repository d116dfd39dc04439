//! Why an expression gives no value, and how the service says so.

use super::Scope;
use crate::intrinsic::Failure;
use crate::path::PathError;
use std::sync::Arc;

/// Why an expression gives no value. The machine decides under which error name that fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A path by itself.
    #[error("Invalid path '{}' : {}", .0.query, .0.reason())]
    Path(Box<Missing>),
    /// A path among the arguments of an intrinsic function; `expression` is the whole of it, nested calls included.
    #[error("The function '{expression}' had the following error: {}", .missing.reason())]
    Argument {
        expression: Arc<str>,
        missing: Box<Missing>,
    },
    /// An intrinsic function that can't work with its arguments.
    #[error("The function '{expression}' had the following error: {failure}")]
    Intrinsic {
        expression: Arc<str>,
        failure: Failure,
    },
    #[error("The value of '{expression}' nests deeper than {limit} levels")]
    TooDeep { expression: Arc<str>, limit: usize },
    #[error("The text of the value of '{expression}' has more than {limit} bytes")]
    TooLong { expression: Arc<str>, limit: usize },
}

/// A path that gives no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// As it was written.
    pub query: Arc<str>,
    /// Whether the context object was searched.
    pub in_context: bool,
    /// `None` if the variable itself does not exist.
    pub path: Option<PathError>,
}

impl Missing {
    /// Whether there is nothing at the path, as opposed to a path that can't be applied.
    pub fn is_absent(&self) -> bool {
        match &self.path {
            None
            | Some(
                PathError::NoResults { .. }
                | PathError::OutOfRange { .. }
                | PathError::MissingProperty { .. }
                | PathError::NoNumbers { .. },
            ) => true,
            Some(PathError::NotAnArray { .. } | PathError::TooMuchWork { .. }) => false,
        }
    }

    /// Whether only the last index of the path is beyond the end of its array.
    pub fn is_last_index(&self) -> bool {
        matches!(self.path, Some(PathError::OutOfRange { is_last: true, .. }))
    }

    /// What the path alone can say.
    pub fn reason(&self) -> String {
        match &self.path {
            Some(path) => path.to_string(),
            None => format!("No results for path: {}", self.query),
        }
    }
}

impl Error {
    /// Whether it is a path by itself at which there is nothing.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Path(missing) if missing.is_absent())
    }

    /// Whether an intrinsic function failed with the arguments that it got.
    pub fn is_intrinsic_failure(&self) -> bool {
        matches!(self, Self::Intrinsic { .. })
    }

    /// What the service says of an expression in a field such as `value.$` or `ErrorPath`. InputPath and OutputPath are told apart from
    /// that: there it says what `Display` says.
    pub fn text_in_field(&self, field: &str, scope: &dyn Scope) -> String {
        match self {
            Self::Path(missing) if missing.is_absent() => {
                let searched = if missing.in_context {
                    scope.context()
                } else {
                    scope.input()
                };
                let query = &missing.query;
                format!(
                    "The JSONPath '{query}' specified for the field '{field}' could not be found in the input '{searched}'"
                )
            }
            Self::Argument {
                expression,
                missing,
            } if missing.is_absent() => {
                // Arguments name paths of the context object as if it were the input, and always the input as what was searched.
                let query = match missing.in_context {
                    true => missing.query.get(1..).unwrap_or_default(),
                    false => &missing.query,
                };
                let input = scope.input();
                format!(
                    "The function '{expression}' had the following error: The JsonPath argument for the field '{query}' could not be found in the input '{input}'"
                )
            }
            Self::Path(_)
            | Self::Argument { .. }
            | Self::Intrinsic { .. }
            | Self::TooDeep { .. }
            | Self::TooLong { .. } => self.to_string(),
        }
    }
}
