//! Letters: what is still to be told to the outside while nobody waits for it, and what could not be told or was not wanted.
//!
//! A letter is written with what it tells of, delivered at least once, and dead when that fails for good. Whoever gets it knows a repetition by
//! its id.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_core::{ExecutionId, LetterId, Operation, Payload, Timestamp};

use crate::input::Input;
use crate::{Dispatcher, Handle, Source, cancel};

/// The topics that the engine itself knows. Those that begin with `callback.` are dead from their beginning: they are sent again by settling.
pub mod topic {
    /// To a sink of notifications. Its body names the sink and the event.
    pub const NOTIFY: &str = "notify";
    /// To an agent that works on something nobody waits for any more. Its body has the agent's address and the note that its task had.
    pub const AGENT_CANCEL: &str = "agent.cancel";
    /// To an execution whose parent was cancelled. Its body names the child and the parent.
    pub const EXECUTION_CANCEL: &str = "execution.cancel";
    /// A result for something that is not waited for any more.
    pub const CALLBACK_LATE: &str = "callback.late";
    /// A result for nothing that is known here.
    pub const CALLBACK_ORPHAN: &str = "callback.orphan";
    /// A result other than the one that was taken.
    pub const CALLBACK_CONFLICT: &str = "callback.conflict";
    /// A step that has used up its attempts.
    pub const TASK_FAILED: &str = "task.failed";

    /// Whether a letter under this topic is only kept: nothing delivers it.
    #[must_use]
    pub fn is_kept(topic: &str) -> bool {
        topic.starts_with("callback.") || topic == TASK_FAILED
    }
}

/// A letter's body has at most this many bytes.
pub(crate) const BODY_BYTES_MAX: usize = 256 * 1024;

/// One letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub id: LetterId,
    pub topic: String,
    pub state: LetterState,
    /// What it is about.
    pub execution: Option<ExecutionId>,
    pub operation: Option<Operation>,
    pub created: Timestamp,
    pub source: Option<Source>,
    /// JSON.
    pub body: Bytes,
    /// What came with it; its bytes come from [`Handle::letter_payload`].
    pub payload: Option<Payload>,
    /// The execution that keeps the payload if it is large; else the letter does.
    pub(crate) keeper: Option<ExecutionId>,
}

/// Where a letter stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterState {
    Waiting {
        due: Timestamp,
        /// How often its delivery has failed, and why it did at last.
        tries: u32,
        error: Option<String>,
    },
    Dead {
        since: Timestamp,
        tries: u32,
        reason: String,
    },
}

/// A letter that is to be posted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewLetter {
    pub topic: String,
    /// Why it is dead from its beginning, if it is.
    pub dead: Option<String>,
    pub execution: Option<ExecutionId>,
    pub operation: Option<Operation>,
    pub source: Option<Source>,
    /// JSON.
    pub body: Bytes,
    pub payload: Option<Bytes>,
}

/// Which letters are listed. All parts must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Only the dead, or only those that wait; `None` is both, those that wait first.
    pub dead: Option<bool>,
    /// The whole topic, or with a dot at its end the beginning of it.
    pub topic: Option<String>,
    pub execution: Option<ExecutionId>,
}

impl LetterFilter {
    pub(crate) fn matches(&self, letter: &Letter) -> bool {
        let topic = self.topic.as_ref().is_none_or(|topic| {
            letter.topic == *topic || (topic.ends_with('.') && letter.topic.starts_with(topic))
        });
        topic && (self.execution.is_none() || self.execution == letter.execution)
    }
}

/// A letter was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not delivered: {reason}")]
pub struct Undelivered {
    /// It may pass: another try is worth while.
    pub again: bool,
    pub reason: String,
}

/// How letters are delivered and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterOptions {
    /// A letter that could not be delivered this often is dead.
    pub tries_max: u32,
    /// Letters of one topic on their way at a time.
    pub in_flight_max: usize,
    /// A delivery that takes longer has failed.
    pub timeout_ms: u64,
    /// How long the dead are kept, and how many with how many bytes: beyond that the oldest go.
    pub dead_retention_ms: u64,
    pub dead_max: usize,
    pub dead_bytes_max: u64,
    /// Of those, answers for nobody: anybody may send them, so they must not push out the others.
    pub orphans_max: usize,
    pub orphan_bytes_max: u64,
}

impl Default for LetterOptions {
    fn default() -> Self {
        Self {
            tries_max: 20,
            in_flight_max: 32,
            timeout_ms: 60_000,
            dead_retention_ms: 14 * 24 * 3_600_000,
            dead_max: 10_000,
            dead_bytes_max: 256 * 1024 * 1024,
            orphans_max: 1_000,
            orphan_bytes_max: 32 * 1024 * 1024,
        }
    }
}

/// How many letters there are, and what became of those since the engine began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LetterFigures {
    pub waiting: u64,
    pub dead: u64,
    /// Of the dead, with their payloads.
    pub dead_bytes: u64,
    pub delivered: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Letters that died, and of the dead those that went before their time because there were too many.
    pub died: u64,
    pub dropped: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub waiting: AtomicU64,
    pub dead: AtomicU64,
    pub dead_bytes: AtomicU64,
    pub delivered: AtomicU64,
    pub failed: AtomicU64,
    pub died: AtomicU64,
    pub dropped: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> LetterFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LetterFigures {
            waiting: read(&self.waiting),
            dead: read(&self.dead),
            dead_bytes: read(&self.dead_bytes),
            delivered: read(&self.delivered),
            failed: read(&self.failed),
            died: read(&self.died),
            dropped: read(&self.dropped),
        }
    }
}

impl Letter {
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        matches!(self.state, LetterState::Dead { .. })
    }

    /// Whether its payload is a blob of its own.
    pub(crate) const fn keeps_blob(&self) -> bool {
        self.keeper.is_none() && matches!(self.payload, Some(Payload::Blob { .. }))
    }

    /// Bytes that it takes, about.
    pub(crate) fn weight(&self) -> u64 {
        let payload = self.payload.as_ref().map_or(0, Payload::len);
        (self.topic.len() + self.body.len() + payload + 128) as u64
    }

    pub(crate) fn encode(&self) -> Bytes {
        let mut to = Writer::versioned();
        to.str(&self.topic);
        match &self.state {
            LetterState::Waiting { due, tries, error } => {
                to.u8(1);
                to.u64(due.0);
                to.u32(*tries);
                to.option(error.as_ref(), |to, error| to.str(error));
            }
            LetterState::Dead {
                since,
                tries,
                reason,
            } => {
                to.u8(2);
                to.u64(since.0);
                to.u32(*tries);
                to.str(reason);
            }
        }
        let raw = |to: &mut Writer, id: &ExecutionId| to.raw(id.as_bytes());
        to.option(self.execution.as_ref(), raw);
        to.option(self.operation.as_ref(), |to, operation| to.u32(operation.0));
        to.u64(self.created.0);
        to.option(self.source.as_ref(), |to, source| source.encode(to));
        to.bytes(&self.body);
        to.option(self.payload.as_ref(), |to, payload| payload.encode(to));
        to.option(self.keeper.as_ref(), raw);
        to.finish()
    }

    pub(crate) fn decode(id: LetterId, bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut from = Reader::versioned(bytes)?;
        let from = &mut from;
        let topic = from.str()?;
        let state = match from.u8()? {
            1 => LetterState::Waiting {
                due: Timestamp(from.u64()?),
                tries: from.u32()?,
                error: from.option(Reader::str)?,
            },
            2 => LetterState::Dead {
                since: Timestamp(from.u64()?),
                tries: from.u32()?,
                reason: from.str()?,
            },
            tag => return Err(Corrupt::tag("state of a letter", tag)),
        };
        let raw = |from: &mut Reader<'_>| Ok(ExecutionId::from_bytes(from.raw()?));
        Ok(Self {
            id,
            topic,
            state,
            execution: from.option(raw)?,
            operation: from.option(|from| Ok(Operation(from.u32()?)))?,
            created: Timestamp(from.u64()?),
            source: from.option(Source::decode)?,
            body: from.bytes()?,
            payload: from.option(Payload::decode)?,
            keeper: from.option(raw)?,
        })
    }
}

/// Sends a letter on its way and brings back what came of it; returns at once.
pub(crate) fn send(dispatcher: &Arc<dyn Dispatcher>, handle: &Handle, letter: Letter) {
    let id = letter.id;
    let patience = Duration::from_millis(handle.options().letters.timeout_ms);
    let (owned, sender) = (handle.clone(), Arc::clone(dispatcher));
    handle.runtime().spawn(async move {
        let sending = owned.clone();
        let delivery = tokio::spawn(async move {
            // Executions are told by the engine itself.
            if letter.topic == topic::EXECUTION_CANCEL {
                return cancel::deliver(sending, letter).await;
            }
            // The dispatcher may panic before there is anything to wait for.
            let pending = catch_unwind(AssertUnwindSafe(|| sender.deliver(&sending, letter)));
            match pending {
                Ok(pending) => pending.await,
                Err(panic) => Err(again(crate::panics::describe(panic.as_ref()))),
            }
        });
        let abort = delivery.abort_handle();
        let outcome = match tokio::time::timeout(patience, delivery).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(again(format!("the delivery crashed: {error}"))),
            Err(_) => {
                abort.abort();
                Err(again("the delivery took too long".to_owned()))
            }
        };
        owned.send_unshed(Input::Delivered {
            letter: id,
            outcome,
        });
    });
}

const fn again(reason: String) -> Undelivered {
    Undelivered {
        again: true,
        reason,
    }
}

#[cfg(test)]
mod tests;
