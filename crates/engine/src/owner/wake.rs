//! Timers: those of the next hour stand in memory, the others in the store until their hour comes.

use std::collections::BTreeSet;

use everstep_core::{ExecutionId, Operation, TimerKind, Timestamp};
use everstep_store::TimerRow;

use super::Owner;
use crate::Error;

const HORIZON_MS: u64 = 3_600_000;
const PAGE: usize = 4_096;
/// Executions woken in a row before commands have their turn again.
const WAKES: usize = 256;
/// How many wakes a turn counts that used up its budget.
const SPENT: usize = 31;
/// When an execution is tried again that could not be woken.
const AGAIN_MS: u64 = 100;

pub(super) struct Wheel {
    due: BTreeSet<(Timestamp, ExecutionId)>,
    /// Timers due at this time or earlier are in memory.
    loaded_until: Timestamp,
}

impl Wheel {
    pub(super) const fn new() -> Self {
        Self {
            due: BTreeSet::new(),
            loaded_until: Timestamp(0),
        }
    }

    pub(super) fn set(&mut self, due: Timestamp, id: ExecutionId) {
        if due <= self.loaded_until {
            self.due.insert((due, id));
        }
    }

    pub(super) fn clear(&mut self, due: Timestamp, id: ExecutionId) {
        self.due.remove(&(due, id));
    }
}

impl Owner {
    /// When the loop has to look again although nobody calls: a timer, a lease, or the next load of timers.
    pub(crate) fn next_wake(&self) -> Timestamp {
        // While a full group waits for its turn, so do the timers: the commit of the one before wakes the loop.
        let timer = self.next_timer().filter(|_| !self.group.is_full());
        let lease = self.queues.next_lease();
        let letter = self.letters.next_due(self.durable_group);
        // Half an hour before the loaded ones run out, the next hour is read.
        let reload = Timestamp(self.wheel.loaded_until.0.saturating_sub(HORIZON_MS / 2));
        timer
            .into_iter()
            .chain(lease)
            .chain(letter)
            .min()
            .unwrap_or(reload)
            .min(reload)
            .min(self.purge_due)
    }

    pub(crate) fn next_timer(&self) -> Option<Timestamp> {
        self.wheel.due.first().map(|(due, _)| *due)
    }

    /// The next timer of all, wherever it stands: for a clock that skips.
    pub(crate) fn next_timer_anywhere(&self) -> Result<Option<Timestamp>, Error> {
        let letter = self.letters.next_due(self.durable_group);
        if let Some(due) = self.next_timer() {
            return Ok(letter.into_iter().chain([due]).min());
        }
        // What is due by then and not in memory belongs to no execution that could be woken.
        let loaded = TimerRow {
            due: self.wheel.loaded_until,
            execution: ExecutionId::from_bytes([u8::MAX; 16]),
            operation: Operation(u32::MAX),
            kind: TimerKind(u8::MAX),
            heartbeat_ms: None,
        };
        let mut first = letter;
        for shard in self.epochs.keys() {
            let behind = Some(loaded);
            let rows = self.store.timers(*shard, Timestamp::NEVER, behind, 1)?;
            first = rows.into_iter().map(|row| row.due).chain(first).min();
        }
        Ok(first)
    }

    /// Fires what is due, as many as fit between commands. An error is the store's.
    pub(crate) fn wake_due(&mut self, now: Timestamp) -> Result<(), Error> {
        if now.after_ms(HORIZON_MS / 2) >= self.wheel.loaded_until {
            self.load_timers(now)?;
        }
        let mut wakes = 0;
        while wakes < WAKES && !self.group.is_full() {
            let Some((due, id)) = self.wheel.due.first().copied() else {
                break;
            };
            if due > now {
                break;
            }
            wakes += 1;
            self.wheel.due.remove(&(due, id));
            self.tick += 1;
            match self.turn(now, id, everstep_core::Input::Wake) {
                // A heartbeat moves its timer without a row, so the next time is asked for here. What is due still has spent its turn.
                Ok(_) => {
                    if let Some(next) = self.next_due(id) {
                        wakes += if next > now { 0 } else { SPENT };
                        self.wheel.set(next, id);
                    }
                }
                // A row that was left behind, or nothing that a second look would change.
                Err(Error::UnknownExecution { .. }) => {}
                Err(error @ Error::Damaged { .. }) => {
                    tracing::error!(execution = %id, %error, "a timer can't be fired");
                }
                Err(error) => {
                    tracing::warn!(execution = %id, %error, "a timer could not be fired yet");
                    self.wheel.due.insert((now.after_ms(AGAIN_MS), id));
                }
            }
        }
        self.expire_leases(now);
        self.deliver_due(now);
        self.purge_some(now)
    }

    pub(super) fn load_timers(&mut self, now: Timestamp) -> Result<(), Error> {
        let until = now.after_ms(HORIZON_MS);
        let shards: Vec<_> = self.epochs.keys().copied().collect();
        for shard in shards {
            let mut after: Option<TimerRow> = None;
            loop {
                let rows = self.store.timers(shard, until, after, PAGE)?;
                for row in &rows {
                    self.wheel.due.insert((row.due, row.execution));
                }
                after = rows.last().copied();
                if rows.len() < PAGE {
                    break;
                }
            }
        }
        self.wheel.loaded_until = until;
        Ok(())
    }
}
