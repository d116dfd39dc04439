//! The trait that every back end implements.

use bytes::Bytes;
use everstep_core::{
    Epoch, ExecutionId, Kind, LetterId, Operation, Sequence, Shard, StartKey, Status, Timestamp,
};

use crate::{AttemptRow, Commit, ExecutionRow, JournalRow, LetterRow, StartRow, TaskRow, TimerRow};

/// How a shard's commit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is on disk. The number is that of the synced write; it grows with each of them, and the commits of one group share it.
    Durable(u64),
    /// A newer epoch owns the shard; nothing was written.
    Fenced,
    /// It can't be said whether it was written.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

/// An opaque place in a listing: hand it back to go on behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub Bytes);

/// Rows, and where the next ones begin if there are more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    pub next: Option<Cursor>,
}

/// Which executions are listed. All parts must hold; `Default` is every execution, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    pub definition: Option<String>,
    /// Empty: any.
    pub statuses: Vec<Status>,
    pub name: Option<String>,
    pub name_prefix: Option<String>,
    pub version: Option<String>,
    /// Each of these has this value. The first one is looked up, the others are compared.
    pub attributes: Vec<(String, String)>,
    /// Started at this time or later.
    pub started_after: Option<Timestamp>,
    /// Started at this time or earlier.
    pub started_before: Option<Timestamp>,
    pub oldest_first: bool,
}

impl ListFilter {
    /// Whether a row belongs to the listing.
    #[must_use]
    pub fn matches(&self, row: &ExecutionRow) -> bool {
        self.definition
            .as_ref()
            .is_none_or(|definition| *definition == row.definition)
            && (self.statuses.is_empty() || self.statuses.contains(&row.status))
            && self.name.as_ref().is_none_or(|name| *name == row.name)
            && self
                .name_prefix
                .as_ref()
                .is_none_or(|prefix| row.name.starts_with(prefix.as_str()))
            && self
                .version
                .as_ref()
                .is_none_or(|version| *version == row.version)
            && self
                .attributes
                .iter()
                .all(|(key, value)| row.attributes.get(key) == Some(value))
            && self.started_after.is_none_or(|after| row.started >= after)
            && self
                .started_before
                .is_none_or(|before| row.started <= before)
    }
}

/// What went wrong in a store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the store was written by a later version (format {found}, this build reads {known}): use that version, or another data folder"
    )]
    Newer { found: u32, known: u32 },
    #[error("the store is damaged: {detail}")]
    Damaged { detail: String },
    #[error("another process uses this store: {detail}")]
    InUse { detail: String },
    #[error("the store can't be read or written: {detail}")]
    Io { detail: String },
    #[error("not a cursor of this list")]
    InvalidCursor,
    #[error("the catalogue entry was changed by somebody else")]
    RevisionConflict { found: Option<u64> },
}

impl Error {
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Newer { .. } | Self::InvalidCursor => Kind::Invalid,
            Self::Damaged { .. } => Kind::Corrupt,
            Self::InUse { .. } | Self::RevisionConflict { .. } => Kind::Conflict,
            Self::Io { .. } => Kind::Transient,
        }
    }
}

/// A store. Every call blocks until it is done; callers run it on a thread of its own. Reads see what was committed before they began.
pub trait Store: Send + Sync + 'static {
    /// Takes a shard over: raises its epoch durably, so that every commit of an earlier owner is fenced.
    fn acquire(&self, shards: &[Shard]) -> Result<Vec<(Shard, Epoch)>, Error>;

    /// Makes each shard's commit durable, all in one synced write; answers in the order of `group`. A shard stands in a group once.
    fn commit(&self, group: Vec<Commit>) -> Vec<Committed>;

    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, Error>;

    /// Batches from `from` on (including it), going `direction`, at most `limit`.
    fn journal(
        &self,
        id: ExecutionId,
        from: Sequence,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<JournalRow>, Error>;

    /// The last batch's sequence.
    fn last_sequence(&self, id: ExecutionId) -> Result<Option<Sequence>, Error>;

    fn start(&self, key: StartKey) -> Result<Option<StartRow>, Error>;

    /// Timers of a shard due at `until` or earlier, in order, behind `after`.
    fn timers(
        &self,
        shard: Shard,
        until: Timestamp,
        after: Option<TimerRow>,
        limit: usize,
    ) -> Result<Vec<TimerRow>, Error>;

    /// Every task row of a shard, in pages.
    fn tasks(
        &self,
        shard: Shard,
        after: Option<(ExecutionId, Operation)>,
        limit: usize,
    ) -> Result<Vec<TaskRow>, Error>;

    /// One page of the executions that `filter` names, by start and then by id. A selective filter may end a page early, so that one call
    /// reads a bounded number of rows: the listing has ended when `next` is `None`, not when a page is short.
    fn list(
        &self,
        filter: &ListFilter,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<ExecutionRow>, Error>;

    /// Executions of a shard that may be purged at `now`.
    fn expired(
        &self,
        shard: Shard,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, ExecutionId)>, Error>;

    /// An execution's attempts by operation and index, behind `after`.
    fn attempts(
        &self,
        id: ExecutionId,
        after: Option<(Operation, u32)>,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, Error>;

    /// The attempt of an operation with the highest index.
    fn last_attempt(
        &self,
        id: ExecutionId,
        operation: Operation,
    ) -> Result<Option<AttemptRow>, Error>;

    fn letter(&self, id: LetterId) -> Result<Option<LetterRow>, Error>;

    /// The letters that wait, or those that are dead, by id, behind `after` in this direction.
    fn letters(
        &self,
        is_dead: bool,
        after: Option<LetterId>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<LetterRow>, Error>;

    /// Reads a catalogue entry and its revision (from 1).
    fn catalogue(&self, key: &str) -> Result<Option<(u64, Bytes)>, Error>;

    /// Every catalogue entry whose key begins with `prefix`, in key order.
    fn catalogue_scan(&self, prefix: &str) -> Result<Vec<(String, u64, Bytes)>, Error>;

    /// Writes (or with `None` deletes) a catalogue entry durably if it still has the revision `expected` (`None`: does not exist); returns the
    /// new revision: one more than the old one, from 1. An entry that was deleted begins at 1 again.
    fn catalogue_put(
        &self,
        key: &str,
        expected: Option<u64>,
        value: Option<Bytes>,
    ) -> Result<u64, Error>;

    /// Bytes of disk in use, where that can be said.
    fn disk_bytes(&self) -> u64;

    /// How many synced writes there were since the store was opened.
    fn syncs(&self) -> u64;
}
