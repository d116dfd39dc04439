//! Executions come into memory when they are touched and leave it when they are not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use everstep_core::{ExecutionId, Sequence};
use everstep_store::{Direction, ExecutionRow};

use super::{Owner, Slot};
use crate::Error;
use crate::registry::AnyCell;

/// Batches read at a time.
const PAGE: usize = 1_000;

impl Owner {
    /// Makes sure that the execution is in memory.
    pub(super) fn load(&mut self, id: ExecutionId) -> Result<(), Error> {
        if let Some(slot) = self.cells.get_mut(&id) {
            slot.touched = self.tick;
            return Ok(());
        }
        if self.crashes.must_wait(id) {
            return Err(Error::Crashed {
                id,
                detail: "its state is being rebuilt".to_owned(),
            });
        }
        if self.starts.is_leaving(id) {
            return Err(Error::UnknownExecution { id });
        }
        let read = catch_unwind(AssertUnwindSafe(|| self.read(id)));
        let (row, mut cell) = read.unwrap_or_else(|panic| {
            let detail = crate::panics::describe(panic.as_ref());
            Err(Error::Damaged { id, detail })
        })?;
        self.definitions.surround(&mut cell, None)?;
        self.renew_heartbeats(id, &cell);
        let slot = Slot {
            cell,
            row,
            group: 0,
            touched: self.tick,
            tails: super::Tails::default(),
        };
        self.cells.insert(id, slot);
        Ok(())
    }

    /// Gives heartbeats whose last sign of life is not known one fresh interval since this owner began.
    fn renew_heartbeats(&mut self, id: ExecutionId, cell: &AnyCell) {
        let recovered = self.recovered;
        for timer in cell.execution().timers() {
            let fresh = timer.heartbeat_ms.map(|ms| recovered.after_ms(ms));
            if fresh.is_some_and(|fresh| timer.due < fresh) {
                let beats = self.beats.entry(id).or_default();
                beats.entry(timer.operation).or_insert(recovered);
            }
        }
    }

    /// Replays an execution's journal.
    fn read(&self, id: ExecutionId) -> Result<(ExecutionRow, AnyCell), Error> {
        let row = self
            .store
            .execution(id)?
            .ok_or(Error::UnknownExecution { id })?;
        let damaged = |detail: String| Error::Damaged { id, detail };
        let mut cell = AnyCell::new(row.machine, id)
            .ok_or_else(|| damaged(format!("machine {} is not known", row.machine)))?;
        let mut from = Sequence(0);
        loop {
            let batches = self.store.journal(id, from, Direction::Forward, PAGE)?;
            for batch in &batches {
                let next = cell.execution().next_sequence();
                if batch.sequence != next {
                    return Err(damaged(format!("batch {next} is missing")));
                }
                cell.replay(batch.sequence, &batch.batch)
                    .map_err(|corrupt| damaged(format!("batch {next}: {corrupt}")))?;
            }
            if batches.len() < PAGE {
                break;
            }
            from = cell.execution().next_sequence();
        }
        if cell.execution().next_sequence() == Sequence(0) {
            return Err(damaged("its journal is empty".to_owned()));
        }
        Ok((row, cell))
    }

    /// Lets go of the executions that were not touched for longest, once there are too many.
    pub(super) fn evict(&mut self) {
        if self.cells.len() <= self.options.resident_max {
            return;
        }
        let durable = self.durable_group;
        let mut idle: Vec<(u64, ExecutionId)> = self
            .cells
            .iter()
            .filter(|(_, slot)| slot.group <= durable)
            .map(|(id, slot)| (slot.touched, *id))
            .collect();
        let keep = self.options.resident_max * 3 / 4;
        let excess = self.cells.len().saturating_sub(keep).min(idle.len());
        if excess == 0 {
            return;
        }
        idle.select_nth_unstable(excess - 1);
        for (_, id) in idle.into_iter().take(excess) {
            self.cells.remove(&id);
        }
        self.cells.shrink_to(self.options.resident_max * 2);
    }
}
