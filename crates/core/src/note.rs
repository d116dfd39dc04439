//! What the other side leaves at an operation while it is waited for, and who hears when it is not any more.

use bytes::Bytes;

use crate::codec::{Corrupt, Reader, Writer};
use crate::{
    ExecutionId, Generation, KernelEvent, Machine, Operation, Outcome, Parent, Payload, Recovery,
    Settlement, Target, TargetKind, Task, TaskPayload, Timestamp, Turn,
};

/// A note has at most this many bytes.
pub const NOTE_BYTES_MAX: usize = 8 * 1024;

/// What was last noted at an open gate or an outgoing task: it goes with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub generation: Generation,
    pub at: Timestamp,
    pub bytes: Bytes,
}

/// Somebody who is told when a gate closes: an open operation of another execution, which is settled then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    pub operation: Operation,
    pub generation: Generation,
    /// The number of the task that tells the watcher. Machines count their operations from the other end.
    pub teller: Operation,
    pub watcher: Parent,
}

impl Parent {
    pub(crate) fn encode(&self, to: &mut Writer) {
        to.raw(self.execution.as_bytes());
        to.u32(self.operation.0);
        to.u32(self.generation.0);
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            execution: ExecutionId::from_bytes(from.raw()?),
            operation: Operation(from.u32()?),
            generation: Generation(from.u32()?),
        })
    }
}

impl Watch {
    pub(crate) fn encode(&self, to: &mut Writer) {
        to.u32(self.operation.0);
        to.u32(self.generation.0);
        to.u32(self.teller.0);
        self.watcher.encode(to);
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            operation: Operation(from.u32()?),
            generation: Generation(from.u32()?),
            teller: Operation(from.u32()?),
            watcher: Parent::decode(from)?,
        })
    }

    /// The task that tells the watcher how the gate has closed.
    fn tell(&self, settlement: Settlement) -> Task {
        let mut to = Writer::versioned();
        self.watcher.encode(&mut to);
        to.u8(settlement.number());
        Task {
            operation: self.teller,
            generation: Generation(0),
            target: Target {
                kind: TargetKind::Watcher,
                address: self.watcher.execution.to_string(),
            },
            payload: TaskPayload::Stored(Payload::Inline(to.finish())),
            timeout_ms: None,
            heartbeat_ms: None,
            recovery: Recovery::Repeat,
        }
    }
}

impl Task {
    /// A task that settles an operation of another execution, which is named by [`crate::token::Token::address`]. It is repeated until it was taken, and tells back nothing. To be
    /// started after [`Turn::close`] by a machine whose end it is.
    #[must_use]
    pub fn settling(operation: Operation, address: String, outcome: &Outcome) -> Self {
        let mut to = Writer::versioned();
        outcome.encode(&mut to);
        Self {
            operation,
            generation: Generation(0),
            target: Target {
                kind: TargetKind::Token,
                address,
            },
            payload: TaskPayload::Stored(Payload::Inline(to.finish())),
            timeout_ms: None,
            heartbeat_ms: None,
            recovery: Recovery::Repeat,
        }
    }

    /// The outcome that [`Task::settling`] brings.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are none.
    pub fn decode_outcome(payload: &[u8]) -> Result<Outcome, Corrupt> {
        Outcome::decode(&mut Reader::versioned(payload)?)
    }

    /// Whom a [`TargetKind::Watcher`] task tells, and how the gate has closed.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are no such task's.
    pub fn decode_watcher(payload: &[u8]) -> Result<(Parent, Settlement), Corrupt> {
        let mut from = Reader::versioned(payload)?;
        Ok((
            Parent::decode(&mut from)?,
            Settlement::from_number(from.u8()?)?,
        ))
    }
}

impl<M: Machine> Turn<'_, M> {
    pub(crate) fn note(
        &mut self,
        operation: Operation,
        generation: Generation,
        note: Bytes,
    ) -> Settlement {
        let settlement = self.execution.reached(operation, generation);
        let same = self.execution.note(operation);
        if settlement == Settlement::Applied && same.is_none_or(|same| same.bytes != note) {
            self.record(KernelEvent::Noted {
                operation,
                generation,
                note,
            });
        }
        settlement
    }

    pub(crate) fn watched(
        &mut self,
        operation: Operation,
        generation: Generation,
        watcher: Parent,
    ) -> Settlement {
        let settlement = self.execution.settlement(operation, generation, None);
        let known = self.execution.watches().any(|watch| {
            (watch.operation, watch.generation) == (operation, generation)
                && watch.watcher == watcher
        });
        if settlement == Settlement::Applied && !known {
            self.record(KernelEvent::Watched(Watch {
                operation,
                generation,
                teller: self.execution.next_teller(),
                watcher,
            }));
        }
        settlement
    }

    /// Asks to be told when the operation at this [`crate::token::Token::address`] is closed, by whomever. `operation`, which this opens, is
    /// settled then: with the name of the settlement that the token would get.
    pub fn watch(&mut self, operation: Operation, generation: Generation, address: String) {
        self.open(operation, generation);
        self.start_task(Task {
            operation,
            generation,
            target: Target {
                kind: TargetKind::Watch,
                address,
            },
            payload: TaskPayload::Stored(Payload::Inline(Bytes::new())),
            timeout_ms: None,
            heartbeat_ms: None,
            recovery: Recovery::Repeat,
        });
    }

    /// Tells the outside of something once this turn is durable: a letter under this topic, or an event that letters are made of for who has
    /// subscribed to it. `body` is JSON.
    pub fn post(&mut self, topic: impl Into<String>, body: Bytes) {
        self.record(KernelEvent::Posted {
            topic: topic.into(),
            body,
        });
    }

    /// Hands out what tells the watchers of a gate that has just closed.
    pub(crate) fn tell_watchers(&mut self, closed: Vec<Watch>) {
        for watch in closed {
            let settlement = self
                .execution
                .settlement(watch.operation, watch.generation, None);
            self.start_task(watch.tell(settlement));
        }
    }
}

impl Outcome {
    pub(crate) fn encode(&self, to: &mut Writer) {
        let (number, failure) = match self {
            Self::Succeeded(payload) => {
                to.u8(1);
                to.option(payload.as_ref(), |to, payload| payload.encode(to));
                return;
            }
            Self::Failed(failure) => (2, failure),
            Self::TimedOut(failure) => (3, failure),
            Self::Stopped(failure) => (4, failure),
        };
        to.u8(number);
        failure.encode(to);
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        use crate::Failure;
        Ok(match from.u8()? {
            1 => Self::Succeeded(from.option(Payload::decode)?),
            2 => Self::Failed(Failure::decode(from)?),
            3 => Self::TimedOut(Failure::decode(from)?),
            4 => Self::Stopped(Failure::decode(from)?),
            tag => return Err(Corrupt::tag("outcome", tag)),
        })
    }
}

#[cfg(test)]
mod tests;
