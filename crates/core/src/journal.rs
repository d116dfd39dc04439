//! What is persisted of an execution: batches, one for each turn that emitted.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::codec::{Corrupt, Reader, Writer};
use crate::{
    Digest, Event, EventId, ExecutionId, Generation, Operation, Payload, Sequence, Settlement,
    Status, Task, Timer, TimerKind, Timestamp, Watch,
};

/// What an execution runs: an immutable revision of something in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Definition {
    /// The registry's number of the machine.
    pub machine: u8,
    /// The name without version: names of executions are unique below it.
    pub name: String,
    pub version: String,
}

/// The execution and operation that wait for an execution's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    pub execution: ExecutionId,
    pub operation: Operation,
    pub generation: Generation,
}

/// Where a fork left the execution that it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    pub execution: ExecutionId,
    /// The first operation that was not taken over.
    pub operation: Operation,
}

/// How an execution begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub definition: Definition,
    pub name: String,
    pub input: Option<Payload>,
    /// What the machine needs to know of the definition and of this start, in the machine's own encoding.
    pub settings: Bytes,
    /// How long it is kept after its end.
    pub retention_ms: u64,
    pub parent: Option<Parent>,
    /// What it is found by, beside its name.
    pub attributes: BTreeMap<String, String>,
    pub fork: Option<Fork>,
}

/// An event of the kernel: the same for every machine. The numbers in the codec are persisted and never reused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelEvent {
    Started(Box<Start>),
    TimerSet(Timer),
    /// Fired or no longer wanted.
    TimerCleared {
        operation: Operation,
        kind: TimerKind,
        due: Timestamp,
    },
    /// From here on the operation can be settled.
    Opened {
        operation: Operation,
        generation: Generation,
    },
    /// It was, by an outcome with this digest.
    Settled {
        operation: Operation,
        generation: Generation,
        digest: Digest,
    },
    /// It can't be any more, and this is why.
    Shut {
        operation: Operation,
        generation: Generation,
        settlement: Settlement,
    },
    TaskStarted(Task),
    TaskEnded {
        operation: Operation,
    },
    Closed {
        status: Status,
    },
    Reopened,
    /// Still open, with this status: running, pausing or paused.
    Marked {
        status: Status,
    },
    Quarantined {
        reason: String,
    },
    /// The one that has the operation's task, or is to settle it, left this; the last one stands.
    Noted {
        operation: Operation,
        generation: Generation,
        note: Bytes,
    },
    /// Something to be told to the outside.
    Posted {
        topic: String,
        body: Bytes,
    },
    /// Somebody is told when an open operation closes.
    Watched(Watch),
}

/// What led to a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Start = 1,
    Settle = 2,
    Timer = 3,
    TaskLost = 4,
    Stop = 5,
    Pause = 6,
    Resume = 7,
    Redrive = 8,
    Request = 9,
    Quarantine = 10,
    Accepted = 11,
    Claimed = 12,
    Note = 13,
    Watch = 14,
}

impl Cause {
    const ALL: [Self; 14] = [
        Self::Start,
        Self::Settle,
        Self::Timer,
        Self::TaskLost,
        Self::Stop,
        Self::Pause,
        Self::Resume,
        Self::Redrive,
        Self::Request,
        Self::Quarantine,
        Self::Accepted,
        Self::Claimed,
        Self::Note,
        Self::Watch,
    ];
}

/// One entry of a batch, in the order in which things happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<E> {
    Kernel(KernelEvent),
    Machine(E),
}

/// One turn, as it is journaled.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<E> {
    pub sequence: Sequence,
    pub cause: Cause,
    pub at: Timestamp,
    /// The number that the first public event of this batch has, or that the next one of a later batch will have.
    pub first_event: EventId,
    pub entries: Vec<Entry<E>>,
}

impl<E: Event> Batch<E> {
    /// The persisted form, beginning with the format version. The sequence is the key's and not repeated.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut to = Writer::versioned();
        to.u8(self.cause as u8);
        to.u64(self.at.0);
        to.u32(self.first_event.0);
        to.list(&self.entries, |to, entry| match entry {
            Entry::Kernel(event) => {
                to.u8(0);
                event.encode(to);
            }
            Entry::Machine(event) => {
                to.u8(1);
                event.encode(to);
            }
        });
        to.finish()
    }

    /// # Errors
    /// [`Corrupt`] when the bytes are not a batch, or a later build's.
    pub fn decode(sequence: Sequence, bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut from = Reader::versioned(bytes)?;
        let number = from.u8()?;
        let cause = Cause::ALL
            .into_iter()
            .find(|cause| *cause as u8 == number)
            .ok_or(Corrupt::tag("cause", number))?;
        let at = Timestamp(from.u64()?);
        let first_event = EventId(from.u32()?);
        let entries = from.list(|from| match from.u8()? {
            0 => KernelEvent::decode(from).map(Entry::Kernel),
            1 => E::decode(from).map(Entry::Machine),
            tag => Err(Corrupt::tag("entry", tag)),
        })?;
        if from.is_empty() {
            Ok(Self {
                sequence,
                cause,
                at,
                first_event,
                entries,
            })
        } else {
            Err(Corrupt::Malformed { what: "batch" })
        }
    }

    /// The public events with their numbers.
    pub fn public(&self) -> impl Iterator<Item = (EventId, &E)> {
        let machine = self.entries.iter().filter_map(|entry| match entry {
            Entry::Machine(event) if event.is_public() => Some(event),
            Entry::Machine(_) | Entry::Kernel(_) => None,
        });
        (self.first_event.0..).map(EventId).zip(machine)
    }
}

fn gate(to: &mut Writer, tag: u8, operation: Operation, generation: Generation) {
    to.u8(tag);
    to.u32(operation.0);
    to.u32(generation.0);
}

fn now_is(to: &mut Writer, tag: u8, status: Status) {
    to.u8(tag);
    to.u8(status.number());
}

/// A start that needs no more than format 1 knew is written as it always was.
fn encode_start(start: &Start, to: &mut Writer) {
    to.u8(if start.is_plain() { 1 } else { 13 });
    start.encode(to);
    if !start.is_plain() {
        start.encode_more(to);
    }
}

impl KernelEvent {
    /// The operation whose gate it changes.
    pub(crate) const fn gate(&self) -> Option<Operation> {
        match self {
            Self::Opened { operation, .. }
            | Self::Settled { operation, .. }
            | Self::Shut { operation, .. } => Some(*operation),
            _ => None,
        }
    }

    fn encode(&self, to: &mut Writer) {
        match self {
            Self::Started(start) => encode_start(start, to),
            Self::TimerSet(timer) => {
                to.u8(2);
                timer.encode(to);
            }
            Self::TimerCleared {
                operation,
                kind,
                due,
            } => {
                to.u8(3);
                to.u32(operation.0);
                to.u8(kind.0);
                to.u64(due.0);
            }
            Self::Opened {
                operation,
                generation,
            } => gate(to, 4, *operation, *generation),
            Self::Settled {
                operation,
                generation,
                digest,
            } => {
                gate(to, 5, *operation, *generation);
                to.raw(&digest.0);
            }
            Self::Shut {
                operation,
                generation,
                settlement,
            } => {
                gate(to, 6, *operation, *generation);
                to.u8(settlement.number());
            }
            Self::TaskStarted(task) => {
                to.u8(7);
                task.encode(to);
            }
            Self::TaskEnded { operation } => {
                to.u8(8);
                to.u32(operation.0);
            }
            Self::Closed { status } => now_is(to, 9, *status),
            Self::Reopened => to.u8(10),
            Self::Marked { status } => now_is(to, 12, *status),
            Self::Quarantined { reason } => {
                to.u8(11);
                to.str(reason);
            }
            Self::Noted {
                operation,
                generation,
                note,
            } => {
                gate(to, 14, *operation, *generation);
                to.bytes(note);
            }
            Self::Posted { topic, body } => {
                to.u8(15);
                to.str(topic);
                to.bytes(body);
            }
            Self::Watched(watch) => {
                to.u8(16);
                watch.encode(to);
            }
        }
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        Ok(match from.u8()? {
            1 => Self::Started(Box::new(Start::decode(from)?)),
            2 => Self::TimerSet(Timer::decode(from)?),
            3 => Self::TimerCleared {
                operation: Operation(from.u32()?),
                kind: TimerKind(from.u8()?),
                due: Timestamp(from.u64()?),
            },
            4 => Self::Opened {
                operation: Operation(from.u32()?),
                generation: Generation(from.u32()?),
            },
            5 => Self::Settled {
                operation: Operation(from.u32()?),
                generation: Generation(from.u32()?),
                digest: Digest(from.raw()?),
            },
            6 => Self::Shut {
                operation: Operation(from.u32()?),
                generation: Generation(from.u32()?),
                settlement: Settlement::from_number(from.u8()?)?,
            },
            7 => Self::TaskStarted(Task::decode(from)?),
            8 => Self::TaskEnded {
                operation: Operation(from.u32()?),
            },
            9 => Self::Closed {
                status: Status::from_number(from.u8()?)?,
            },
            10 => Self::Reopened,
            11 => Self::Quarantined {
                reason: from.str()?,
            },
            12 => Self::Marked {
                status: Status::from_number(from.u8()?)?,
            },
            13 => {
                let mut start = Start::decode(from)?;
                start.decode_more(from)?;
                Self::Started(Box::new(start))
            }
            14 => Self::Noted {
                operation: Operation(from.u32()?),
                generation: Generation(from.u32()?),
                note: from.bytes()?,
            },
            15 => Self::Posted {
                topic: from.str()?,
                body: from.bytes()?,
            },
            16 => Self::Watched(Watch::decode(from)?),
            tag => return Err(Corrupt::tag("kernel event", tag)),
        })
    }
}

impl Start {
    /// Without what came later: such a start is written as it always was.
    fn is_plain(&self) -> bool {
        self.attributes.is_empty() && self.fork.is_none()
    }

    fn encode_more(&self, to: &mut Writer) {
        let attributes: Vec<_> = self.attributes.iter().collect();
        to.list(&attributes, |to, (key, value)| {
            to.str(key);
            to.str(value);
        });
        to.option(self.fork.as_ref(), |to, fork| {
            to.raw(fork.execution.as_bytes());
            to.u32(fork.operation.0);
        });
    }

    fn decode_more(&mut self, from: &mut Reader<'_>) -> Result<(), Corrupt> {
        let attributes = from.list(|from| Ok((from.str()?, from.str()?)))?;
        self.attributes = attributes.into_iter().collect();
        self.fork = from.option(|from| {
            Ok(Fork {
                execution: ExecutionId::from_bytes(from.raw()?),
                operation: Operation(from.u32()?),
            })
        })?;
        Ok(())
    }

    fn encode(&self, to: &mut Writer) {
        to.u8(self.definition.machine);
        to.str(&self.definition.name);
        to.str(&self.definition.version);
        to.str(&self.name);
        to.option(self.input.as_ref(), |to, input| input.encode(to));
        to.bytes(&self.settings);
        to.u64(self.retention_ms);
        to.option(self.parent.as_ref(), |to, parent| parent.encode(to));
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            definition: Definition {
                machine: from.u8()?,
                name: from.str()?,
                version: from.str()?,
            },
            name: from.str()?,
            input: from.option(Payload::decode)?,
            settings: from.bytes()?,
            retention_ms: from.u64()?,
            parent: from.option(Parent::decode)?,
            attributes: BTreeMap::new(),
            fork: None,
        })
    }
}
