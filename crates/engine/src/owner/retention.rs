//! Closed executions go when their time is over, a few at a time, when nothing else is urgent.

use everstep_core::{ExecutionId, Shard, StartKey, Status, Timestamp};
use everstep_store::{ExecutionRow, Write};

use super::Owner;
use crate::Error;
use crate::group::Release;

const PURGES: usize = 64;
const ROUND_MS: u64 = 60_000;
const AGAIN_MS: u64 = 100;

impl Owner {
    /// Marks a closed execution for deletion: its rows go with the next purge, its payloads after them.
    pub(super) fn delete(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
    ) -> Result<ExecutionRow, Error> {
        self.load(id)?;
        let group = self.group.number;
        let slot = self
            .cells
            .get_mut(&id)
            .ok_or(Error::UnknownExecution { id })?;
        let Some(closed) = slot.row.closed.filter(|_| slot.row.status.is_closed()) else {
            let why = "it has not ended; stop it first";
            return Err(Error::Refused { id, why });
        };
        let was = slot.row.list_key();
        if slot.row.status == Status::Deleting {
            return Ok(slot.row.clone());
        }
        slot.row.status = Status::Deleting;
        slot.group = group;
        let row = slot.row.clone();
        let retained = closed.after_ms(slot.cell.execution().retention_ms());
        self.deleted = Some(group);
        let shard = id.shard();
        let changed = Write::Execution {
            row: row.clone(),
            was: Some(was),
        };
        self.write(shard, changed);
        for write in [
            Write::Unexpire {
                at: retained,
                execution: id,
            },
            Write::Expire {
                at: now,
                execution: id,
            },
        ] {
            self.write(shard, write);
        }
        Ok(row)
    }

    /// Once a deletion is durable, its execution is purged without waiting for the round.
    pub(super) fn purge_deleted(&mut self, now: Timestamp) {
        if self
            .deleted
            .is_some_and(|group| group <= self.durable_group)
        {
            self.deleted = None;
            self.purge_due = now;
        }
    }

    /// Once a minute, or again soon while there is more than fits in one round.
    pub(super) fn purge_some(&mut self, now: Timestamp) -> Result<(), Error> {
        if now < self.purge_due {
            return Ok(());
        }
        self.purge_due = now.after_ms(ROUND_MS);
        self.purge_letters(now);
        let shards: Vec<Shard> = self.epochs.keys().copied().collect();
        shards
            .into_iter()
            .try_for_each(|shard| self.purge_shard(now, shard))
    }

    fn purge_shard(&mut self, now: Timestamp, shard: Shard) -> Result<(), Error> {
        let expired = self.store.expired(shard, now, PURGES)?;
        if expired.len() == PURGES {
            self.purge_due = now.after_ms(AGAIN_MS);
        }
        for (expires, id) in expired {
            // An execution with writes on their way waits for the next round, and one that goes already goes once.
            let busy = |slot: &super::Slot| slot.group > self.durable_group;
            // Who has not been told of the end yet would wait for ever.
            let untold = self.queues.holds_any(id);
            let waits =
                self.cells.get(&id).is_some_and(busy) || self.crashes.must_wait(id) || untold;
            if waits || self.starts.is_leaving(id) {
                continue;
            }
            self.forget(id);
            let row = self.store.execution(id)?;
            let Some(row) = row.filter(|row| row.status.is_closed()) else {
                self.write(
                    shard,
                    Write::Unexpire {
                        at: expires,
                        execution: id,
                    },
                );
                continue;
            };
            let start = StartKey::new(&row.definition, &row.name);
            self.starts.leave(self.group.number, id, start);
            self.write(
                shard,
                Write::Purge {
                    row,
                    start,
                    expires: Some(expires),
                },
            );
            self.group.releases.push(Release::Purged(id));
        }
        Ok(())
    }
}
