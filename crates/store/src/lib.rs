//! Where executions live: the [`Store`] trait, its back ends, and the folder of blobs beside them.
//!
//! A store keeps opaque journal bytes and the few fields that it orders and finds rows by. It does not know what an event means, which
//! machine wrote it, or what time it is. Only this crate knows bytes on disk.
//!
//! Invariants
//! - [`Store::commit`] is the only write of executions. A commit is taken whole or not at all, and only under the shard's newest epoch.
//! - What `commit` called durable is there after a crash, and what is there reads back as it was written or is reported as damage.
//! - Reads see committed rows only.
//!
//! Read next: `write` (what a commit holds), `store` (the trait), `conformance` (what every back end has to prove).

pub mod blobs;
pub mod conformance;
mod cursor;
mod faulty;
mod fjall;
mod memory;
mod store;
mod write;

pub use faulty::{Call, Fault, Faults, Faulty};
pub use fjall::Fjall;
pub use memory::{Disk, Memory};
pub use store::{Committed, Cursor, Direction, Error, ListFilter, Page, Store};
pub use write::{
    AttemptRow, Commit, ExecutionRow, JournalRow, LetterRow, ListKey, Reopened, StartRow, TaskRow,
    TimerRow, Write,
};

/// The format that this build writes and the newest that it reads.
pub const FORMAT: u32 = 1;
