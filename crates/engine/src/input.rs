//! Everything that can wake the engine's loop: one closed list.

use everstep_core::{
    Answer, ExecutionId, Fork, Generation, Operation, Settlement, Start, StartKey, Target, View,
};
use everstep_store::ExecutionRow;
use tokio::sync::oneshot;

use crate::figures::Figures;
use crate::registry::Taken;
use crate::{Error, Late, Reply, Request};

pub(crate) type ReplyTo<T> = oneshot::Sender<Result<T, Error>>;

/// A start that was taken, or the execution that already had the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    pub id: ExecutionId,
    /// An earlier start with the same content had the name.
    pub existing: bool,
}

/// What stands in memory of an execution.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub row: ExecutionRow,
    /// What it was forked from, if it was.
    pub fork: Option<Fork>,
    pub view: View,
    /// Operations whose last sign of life is known, in milliseconds since 1970.
    pub beats: Vec<(Operation, u64)>,
}

/// A task that somebody claimed from its queue.
#[derive(Debug)]
pub struct Claimed {
    pub execution: ExecutionId,
    pub operation: Operation,
    pub generation: Generation,
    pub work: Box<Late>,
}

/// A fork that is to be made.
pub(crate) struct Forking {
    pub id: ExecutionId,
    pub key: StartKey,
    pub digest: [u8; 32],
    pub start: Start,
    pub taken: Taken,
}

pub(crate) enum Input {
    Start {
        id: ExecutionId,
        key: StartKey,
        digest: [u8; 32],
        start: Start,
        reply: ReplyTo<Started>,
    },
    /// A start whose journal begins with a part of another one's.
    Fork {
        wanted: Box<Forking>,
        reply: ReplyTo<Started>,
    },
    Turn {
        execution: ExecutionId,
        input: everstep_core::Input<Request>,
        reply: ReplyTo<Answer<Reply>>,
    },
    /// A sign of life of an operation or task: kept in memory alone.
    Beat {
        execution: ExecutionId,
        operation: Operation,
        generation: Generation,
        reply: ReplyTo<Settlement>,
    },
    /// Whoever has a task only waits for something of this server: it takes no place at its target. Answers nothing.
    Park {
        execution: ExecutionId,
        operation: Operation,
        generation: Generation,
    },
    /// Answers with what stands in memory once it is durable.
    Snapshot {
        execution: ExecutionId,
        reply: ReplyTo<Snapshot>,
    },
    /// Answers with the execution's row once it is durable: a gate for reads of the store.
    Row {
        execution: ExecutionId,
        reply: ReplyTo<ExecutionRow>,
    },
    /// Marks a closed execution for deletion and answers with its row once that is durable.
    Delete {
        execution: ExecutionId,
        reply: ReplyTo<ExecutionRow>,
    },
    /// Answers once the execution is closed and that is durable.
    Watch {
        execution: ExecutionId,
        reply: ReplyTo<ExecutionRow>,
    },
    /// Waits for a task of a queue and claims it.
    Poll {
        target: Target,
        ticket: u64,
        by: String,
        reply: ReplyTo<Claimed>,
    },
    /// Waits no longer.
    Withdraw {
        target: Target,
        ticket: u64,
    },
    /// Answers with the name's owner once that is durable.
    Find {
        key: StartKey,
        reply: ReplyTo<Option<ExecutionId>>,
    },
    /// Answers with what is counted, durable or not.
    Figures {
        reply: oneshot::Sender<Figures>,
    },
    Committed {
        group: u64,
        outcome: Result<(), Error>,
    },
    Shutdown,
}

impl Input {
    /// The execution that has to be in memory for this.
    pub(crate) const fn execution(&self) -> Option<ExecutionId> {
        match self {
            Self::Turn { execution, .. }
            | Self::Beat { execution, .. }
            | Self::Snapshot { execution, .. }
            | Self::Row { execution, .. }
            | Self::Delete { execution, .. }
            | Self::Watch { execution, .. } => Some(*execution),
            Self::Start { .. }
            | Self::Fork { .. }
            | Self::Poll { .. }
            | Self::Withdraw { .. }
            | Self::Find { .. }
            | Self::Park { .. }
            | Self::Figures { .. }
            | Self::Committed { .. }
            | Self::Shutdown => None,
        }
    }
}
