//! Closed executions go when their time is over, a few at a time, when nothing else is urgent.

use everstep_core::{Operation, Shard, StartKey, Timestamp};
use everstep_store::Write;

use super::Owner;
use crate::Error;
use crate::group::Release;

const PURGES: usize = 64;
const ROUND_MS: u64 = 60_000;
const AGAIN_MS: u64 = 100;

impl Owner {
    /// Once a minute, or again soon while there is more than fits in one round.
    pub(super) fn purge_some(&mut self, now: Timestamp) -> Result<(), Error> {
        if now < self.purge_due {
            return Ok(());
        }
        self.purge_due = now.after_ms(ROUND_MS);
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
            // A parent that has not been told of the end yet would wait for ever.
            let untold = self.queues.holds(id, Operation(0));
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
