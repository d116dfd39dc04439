//! Everything that can wake the engine's loop: one closed list.

use bytes::Bytes;
use everstep_core::{
    Answer, ExecutionId, Failure, Fork, Generation, LetterId, Note, Operation, Outcome, Settlement,
    Start, StartKey, Target, Timestamp, View,
};
use everstep_store::ExecutionRow;
use tokio::sync::oneshot;

use crate::figures::Figures;
use crate::letter::{Letter, Undelivered};
use crate::registry::Taken;
use crate::{Error, Late, Reply, Request, Source};

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
    /// What it waits for, by operation.
    pub waits: Vec<Wait>,
}

/// Something that an execution waits for: an operation that is to be settled, a task that is out, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    pub operation: Operation,
    pub generation: Generation,
    pub since: Timestamp,
    /// It can be settled.
    pub is_open: bool,
    /// The receiver of its task, if one is out.
    pub target: Option<Target>,
    /// The last sign of life, as far as it is known.
    pub last_beat: Option<Timestamp>,
    /// The last note.
    pub note: Option<Note>,
    /// When it is given up.
    pub timeout: Option<Timestamp>,
    /// When it is given up without another sign of life.
    pub heartbeat_timeout: Option<Timestamp>,
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

/// What somebody outside asks for, and where that came from.
pub(crate) struct Outside {
    pub operation: Operation,
    pub generation: Generation,
    pub what: What,
    pub source: Source,
}

pub(crate) enum What {
    Settle(Outcome),
    Beat,
    Note(Bytes),
}

impl What {
    pub(crate) const fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Settle(outcome) => Some(outcome),
            Self::Beat | Self::Note(_) => None,
        }
    }
}

/// How an execution is to be cancelled.
pub(crate) struct Cancelling {
    pub failure: Failure,
    /// What the first of a chain was cancelled for.
    pub reason: Option<String>,
    /// Whether it reaches what the execution has started.
    pub cascades: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Discard,
    Retry,
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
    /// Stops an execution with what it has started.
    Cancel {
        execution: ExecutionId,
        asked: Box<Cancelling>,
        reply: ReplyTo<Answer<Reply>>,
    },
    /// Something from outside that leaves a trace.
    Outside {
        execution: ExecutionId,
        asked: Box<Outside>,
        reply: ReplyTo<Settlement>,
    },
    /// Answers once all that is known of an execution's attempts is durable.
    Attempts {
        execution: ExecutionId,
        reply: ReplyTo<()>,
    },
    Post {
        letter: Box<Letter>,
        reply: ReplyTo<()>,
    },
    /// What came of a letter that was sent.
    Delivered {
        letter: LetterId,
        outcome: Result<(), Undelivered>,
    },
    /// Takes a letter away, or sends a dead one again.
    ChangeLetter {
        letter: LetterId,
        change: Change,
        reply: ReplyTo<()>,
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
        /// It waits for somebody outside: a clock that skips waits with it.
        is_away: bool,
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
            | Self::Cancel { execution, .. }
            | Self::Outside { execution, .. }
            | Self::Attempts { execution, .. }
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
            | Self::Post { .. }
            | Self::Delivered { .. }
            | Self::ChangeLetter { .. }
            | Self::Figures { .. }
            | Self::Committed { .. }
            | Self::Shutdown => None,
        }
    }
}
