//! Executions come into memory when they are touched and leave it when they are not.

use everstep_core::{ExecutionId, Sequence};
use everstep_store::Direction;

use super::{Owner, Slot};
use crate::Error;
use crate::registry::AnyCell;

/// Batches read at a time.
const PAGE: usize = 1_000;

impl Owner {
    /// Makes sure that the execution is in memory.
    pub(super) fn load(&mut self, id: ExecutionId) -> Result<(), Error> {
        if self.cells.contains_key(&id) {
            return Ok(());
        }
        if self.starts.must_wait(id, self.durable_group) {
            return Err(Error::Crashed {
                id,
                detail: "its state is being rebuilt".to_owned(),
            });
        }
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
                if batch.sequence != cell.execution().next_sequence() {
                    return Err(damaged(format!(
                        "batch {} is missing",
                        cell.execution().next_sequence()
                    )));
                }
                cell.replay(batch.sequence, &batch.batch)
                    .map_err(|corrupt| damaged(format!("batch {}: {corrupt}", batch.sequence)))?;
            }
            if batches.len() < PAGE {
                break;
            }
            from = cell.execution().next_sequence();
        }
        if cell.execution().next_sequence() == Sequence(0) {
            return Err(damaged("its journal is empty".to_owned()));
        }
        self.cells.insert(
            id,
            Slot {
                cell,
                row,
                group: 0,
                touched: self.tick,
            },
        );
        Ok(())
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
