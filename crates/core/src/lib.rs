//! The kernel's words and rules.
//!
//! An execution is a journal. A [`Machine`] says what is appended next; everything that leaves the journal is a [`Task`]; everything that
//! comes back is a settle. This crate holds those words, the state that the kernel keeps for every execution whatever its machine
//! ([`Execution`]), and the turn in which a command becomes one journal [`Batch`] ([`Cell::turn`]).
//!
//! It does not know: Lambda, Step Functions, AFL, HTTP, disks, clocks, chance. Time and chance arrive in [`Input`].
//!
//! Invariants
//! - The same journal gives the same state: [`Cell::replay`] of the batches that [`Cell::turn`] returned rebuilds the cell exactly.
//! - `now` never goes back within an execution.
//! - Due timers fire before any command, by (due, operation), in the same batch.
//! - The first settle of an operation's generation wins; what a later one is told does not depend on a restart.
//!
//! Read next: `cell` (the turn), `turn` (what a machine can do), `journal` (what is persisted).

mod cell;
pub mod codec;
mod error;
mod execution;
mod failure;
mod id;
mod input;
mod journal;
mod letter;
mod machine;
mod note;
mod payload;
mod retry;
mod status;
mod task;
mod time;
mod timer;
pub mod token;
mod turn;
mod view;

pub use cell::Cell;
pub use error::Kind;
pub use execution::{Execution, Settlement};
pub use failure::Failure;
pub use id::{
    Epoch, EventId, ExecutionId, Generation, InvalidExecutionId, Operation, SHARDS, Sequence,
    Shard, StartKey,
};
pub use input::{Answer, Input};
pub use journal::{Batch, Cause, Definition, Entry, Fork, KernelEvent, Parent, Start};
pub use letter::{InvalidLetterId, LetterId};
pub use machine::{Command, Event, Machine, Outcome, Reply, Stamp};
pub use note::{NOTE_BYTES_MAX, Note, Watch};
pub use payload::{BLOB_THRESHOLD_BYTES, Digest, Payload};
pub use retry::Backoff;
pub use status::Status;
pub use task::{Recovery, Target, TargetKind, Task, TaskPayload};
pub use time::Timestamp;
pub use timer::{Timer, TimerKind};
pub use turn::Turn;
pub use view::{OperationStatus, View, ViewOperation};
