//! What is kept of every callback: who was awaited, what came first, and what came too late.

use crate::artifact::Pending;
use crate::error::{Kind, WorkflowStateError};
use serde::Serialize;
use serde_json::Value;

/// A wait that an agent was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The workflow that waits.
    pub workflow_id: String,
    /// Name of the wait.
    pub step: String,
}

/// Where an outcome lies.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// In the item.
    Inline(Value),
    /// Too large for an item, or nothing that an item can hold.
    Location {
        /// `s3://bucket/key`.
        uri: String,
        /// Length of the text there.
        bytes: usize,
    },
}

/// What is to be kept of a callback.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// SHA-256 of the token in hexadecimal: the key, and all that is kept of it.
    pub token_hash: String,
    /// The workflow, when anything says which.
    pub workflow_id: Option<String>,
    /// `SUCCESS` or `FAILURE`.
    pub status: &'static str,
    /// Result or error.
    pub content: Content,
    /// SHA-256 of the outcome: the same again is a repetition, anything else a contradiction.
    pub digest: String,
    /// Now, ISO 8601.
    pub timestamp: String,
    /// Now, in seconds since 1970: the item goes 14 days later.
    pub seconds: i64,
}

/// What keeping an outcome led to.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// Nothing was there before.
    First,
    /// The same was there before.
    Again {
        /// Whether the workflow has been told.
        delivered: bool,
    },
    /// Another outcome was there before, and stays; this one is kept beside it.
    Contradicts {
        /// The other one, when the workflow has not been told of it yet.
        untold: Option<Box<Received>>,
    },
}

/// What became of a kept outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It settled its wait.
    Delivered,
    /// The wait had ended.
    Late,
    /// Nobody waits for this token.
    Orphan,
}

impl Delivery {
    /// As it stands in the item.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Late => "late",
            Self::Orphan => "orphan",
        }
    }
}

/// A page of a workflow's callbacks, oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CallbackPage {
    /// The items as they are kept, without keys of the table.
    pub callbacks: Vec<Value>,
    /// Opaque; nothing means the last page.
    pub next: Option<String>,
}

/// Where callbacks are kept.
pub trait CallbackItems: Send + Sync {
    /// Notes who waits, before the agent hears of the token. The same wait may be noted again.
    fn expect<'a>(
        &'a self,
        token_hash: &'a str,
        wait: &'a Wait,
    ) -> Pending<'a, Result<(), WorkflowStateError>>;

    /// Who waits for this token.
    fn awaited<'a>(
        &'a self,
        token_hash: &'a str,
    ) -> Pending<'a, Result<Option<Wait>, WorkflowStateError>>;

    /// Whether an item can hold the value as it is.
    fn holds(&self, value: &Value) -> bool;

    /// Keeps an outcome; what came first is never overwritten.
    fn keep<'a>(&'a self, received: &'a Received) -> Pending<'a, Result<Kept, WorkflowStateError>>;

    /// Notes what became of the outcome that was kept first.
    fn mark<'a>(
        &'a self,
        token_hash: &'a str,
        delivery: Delivery,
    ) -> Pending<'a, Result<(), WorkflowStateError>>;

    /// The callbacks of a workflow.
    fn list<'a>(
        &'a self,
        workflow_id: &'a str,
        cursor: Option<&'a str>,
    ) -> Pending<'a, Result<CallbackPage, WorkflowStateError>>;
}

/// For servers that receive callbacks themselves, as Everstep does: nothing has to be noted, and nothing is here to be read.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeptByServer;

impl KeptByServer {
    fn elsewhere<T>() -> Result<T, WorkflowStateError> {
        Err(WorkflowStateError {
            kind: Kind::NotFound,
            message: "callbacks are kept by the server that receives them".to_owned(),
        })
    }
}

impl CallbackItems for KeptByServer {
    fn expect<'a>(
        &'a self,
        _: &'a str,
        _: &'a Wait,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        Box::pin(async { Ok(()) })
    }

    fn awaited<'a>(&'a self, _: &'a str) -> Pending<'a, Result<Option<Wait>, WorkflowStateError>> {
        Box::pin(async { Ok(None) })
    }

    fn holds(&self, _: &Value) -> bool {
        true
    }

    fn keep<'a>(&'a self, _: &'a Received) -> Pending<'a, Result<Kept, WorkflowStateError>> {
        Box::pin(async { Self::elsewhere() })
    }

    fn mark<'a>(&'a self, _: &'a str, _: Delivery) -> Pending<'a, Result<(), WorkflowStateError>> {
        Box::pin(async { Self::elsewhere() })
    }

    fn list<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a str>,
    ) -> Pending<'a, Result<CallbackPage, WorkflowStateError>> {
        Box::pin(async { Self::elsewhere() })
    }
}
