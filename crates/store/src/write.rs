//! What a commit holds.

use std::collections::BTreeMap;

use bytes::Bytes;
use everstep_core::{
    Epoch, ExecutionId, Generation, LetterId, Operation, Sequence, Shard, StartKey, Status,
    TimerKind, Timestamp,
};

/// The writes of one shard that become durable together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub shard: Shard,
    pub epoch: Epoch,
    pub writes: Vec<Write>,
}

/// One write. Later writes of a commit win over earlier ones of the same row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Appends a journal batch. A sequence is written once.
    Journal(JournalRow),
    /// Writes the state row and moves its list entries from `was` (its place before this commit, if it existed).
    Execution {
        row: ExecutionRow,
        was: Option<ListKey>,
    },
    /// Claims a name for an execution.
    Start(StartRow),
    SetTimer(TimerRow),
    ClearTimer {
        due: Timestamp,
        execution: ExecutionId,
        operation: Operation,
        kind: TimerKind,
    },
    PutTask(TaskRow),
    DeleteTask {
        execution: ExecutionId,
        operation: Operation,
    },
    /// Writes one of an execution's attempts, over an earlier one with the same index.
    PutAttempt(AttemptRow),
    PutLetter(LetterRow),
    DeleteLetter {
        id: LetterId,
        is_dead: bool,
    },
    /// Notes when a closed execution may be purged.
    Expire {
        at: Timestamp,
        execution: ExecutionId,
    },
    Unexpire {
        at: Timestamp,
        execution: ExecutionId,
    },
    /// Deletes every row of an execution: state, lists, journal, timers, tasks, attempts, its name, its expiry.
    Purge {
        row: ExecutionRow,
        start: StartKey,
        expires: Option<Timestamp>,
    },
}

/// One batch of an execution's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    pub execution: ExecutionId,
    pub sequence: Sequence,
    pub batch: Bytes,
}

/// What is known of an execution without reading its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionRow {
    pub id: ExecutionId,
    /// The definition's name without version.
    pub definition: String,
    pub version: String,
    /// The registry's number of the machine.
    pub machine: u8,
    pub name: String,
    pub status: Status,
    pub started: Timestamp,
    pub closed: Option<Timestamp>,
    /// What it is found by, beside its name. Only its machine changes them.
    pub attributes: BTreeMap<String, String>,
    /// How often it was reopened after its end.
    pub reopened: Option<Reopened>,
}

/// That an execution went on after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reopened {
    pub count: u32,
    pub last: Timestamp,
}

impl ExecutionRow {
    #[must_use]
    pub fn list_key(&self) -> ListKey {
        ListKey {
            status: self.status,
            definition: self.definition.clone(),
            started: self.started,
            id: self.id,
            attributes: self.attributes.clone(),
        }
    }
}

/// Where an execution stands in the lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListKey {
    pub status: Status,
    pub definition: String,
    pub started: Timestamp,
    pub id: ExecutionId,
    pub attributes: BTreeMap<String, String>,
}

/// A name that is taken. `digest` tells a repeated start from a different one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRow {
    pub key: StartKey,
    pub execution: ExecutionId,
    pub digest: [u8; 32],
}

/// A durable wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerRow {
    pub due: Timestamp,
    pub execution: ExecutionId,
    pub operation: Operation,
    pub kind: TimerKind,
    /// See [`everstep_core::Timer`].
    pub heartbeat_ms: Option<u64>,
}

/// A task that is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRow {
    pub execution: ExecutionId,
    pub operation: Operation,
    pub generation: Generation,
    /// The task in the kernel's encoding.
    pub task: Bytes,
}

/// One try from outside to change an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    pub execution: ExecutionId,
    pub operation: Operation,
    /// Its place among the operation's attempts, from 0.
    pub index: u32,
    /// The attempt in the engine's encoding.
    pub attempt: Bytes,
}

/// Something to be told to the outside, or something that could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterRow {
    pub id: LetterId,
    /// The dead are kept apart from those that wait.
    pub is_dead: bool,
    /// The letter in the engine's encoding.
    pub letter: Bytes,
}
