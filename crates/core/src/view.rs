//! The common operation tree that every machine projects, for waterfall, CLI and search.

use crate::{Failure, Operation, Timestamp};

/// An operation's status, in AWS's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationStatus {
    Started,
    Pending,
    Ready,
    Succeeded,
    Failed,
    Cancelled,
    TimedOut,
    Stopped,
}

impl OperationStatus {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::TimedOut => "TIMED_OUT",
            Self::Stopped => "STOPPED",
        }
    }

    #[must_use]
    pub const fn is_closed(self) -> bool {
        !matches!(self, Self::Started | Self::Pending | Self::Ready)
    }
}

/// One operation of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewOperation {
    pub operation: Operation,
    pub parent: Option<Operation>,
    /// The protocol's own id of the operation.
    pub id: String,
    /// EXECUTION, CONTEXT, STEP, WAIT, CALLBACK or CHAINED_INVOKE.
    pub kind: &'static str,
    pub sub_kind: Option<String>,
    pub name: Option<String>,
    pub status: OperationStatus,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// Finished tries.
    pub attempts: u32,
    /// When it wakes by itself, if it is waiting for a time.
    pub due: Option<Timestamp>,
    pub failure: Option<Failure>,
}

/// An execution's operations in the order of their start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub operations: Vec<ViewOperation>,
}
