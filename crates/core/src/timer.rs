//! Durable wake-ups.

use crate::codec::{Corrupt, Reader, Writer};
use crate::{Operation, Timestamp};

/// Tells an operation's timers apart; the numbers are the machine's own and persisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKind(pub u8);

/// A wake-up owned by one operation. An operation has at most one of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    pub operation: Operation,
    pub kind: TimerKind,
    pub due: Timestamp,
    /// The interval of a heartbeat: such a timer is due this long after the last sign of life, which only memory knows, and never
    /// before `due`.
    pub heartbeat_ms: Option<u64>,
}

impl Timer {
    /// When it really fires, given the last sign of life of its operation.
    #[must_use]
    pub fn effective_due(&self, last_beat: Option<Timestamp>) -> Timestamp {
        match (self.heartbeat_ms, last_beat) {
            (Some(interval), Some(beat)) => self.due.max(beat.after_ms(interval)),
            _ => self.due,
        }
    }

    pub fn encode(&self, to: &mut Writer) {
        to.u32(self.operation.0);
        to.u8(self.kind.0);
        to.u64(self.due.0);
        to.option(self.heartbeat_ms.as_ref(), |to, ms| to.u64(*ms));
    }

    /// # Errors
    /// [`Corrupt`] when the bytes are not a timer.
    pub fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            operation: Operation(from.u32()?),
            kind: TimerKind(from.u8()?),
            due: Timestamp(from.u64()?),
            heartbeat_ms: from.option(Reader::u64)?,
        })
    }
}
