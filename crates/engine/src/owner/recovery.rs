//! What a new owner does first: it learns what is out and what is due.

use everstep_core::codec::Reader;
use everstep_core::{Recovery, Task, Timestamp};
use everstep_store::TaskRow;

use super::Owner;
use crate::Error;

const PAGE: usize = 4_096;

impl Owner {
    /// Queues the tasks that were out by their recovery policy, losses first, and loads the timers of the next hour. Heartbeats get one
    /// fresh interval, because the signs of life of the former owner died with it.
    pub(super) fn recover(&mut self, now: Timestamp) -> Result<(), Error> {
        self.load_timers(now)?;
        let shards: Vec<_> = self.epochs.keys().copied().collect();
        for shard in &shards {
            let mut after = None;
            loop {
                let rows = self.store.tasks(*shard, after, PAGE)?;
                for row in &rows {
                    self.recover_task(now, row)?;
                }
                after = rows.last().map(|row| (row.execution, row.operation));
                if rows.len() < PAGE {
                    break;
                }
            }
        }
        for shard in shards {
            let mut after = None;
            loop {
                let rows = self
                    .store
                    .timers(shard, now.after_ms(3_600_000), after, PAGE)?;
                for row in rows.iter().filter(|row| row.heartbeat_ms.is_some()) {
                    self.beats
                        .entry(row.execution)
                        .or_default()
                        .insert(row.operation, now);
                }
                after = rows.last().copied();
                if rows.len() < PAGE {
                    break;
                }
            }
        }
        self.send_waiting(now);
        Ok(())
    }

    fn recover_task(&mut self, now: Timestamp, row: &TaskRow) -> Result<(), Error> {
        let damaged = |corrupt: everstep_core::codec::Corrupt| Error::Damaged {
            id: row.execution,
            detail: corrupt.to_string(),
        };
        let mut reader = Reader::versioned(&row.task).map_err(damaged)?;
        let task = Task::decode(&mut reader).map_err(damaged)?;
        match task.recovery {
            Recovery::Lost => self.resend(now, row.execution, row.operation, Recovery::Lost),
            Recovery::Repeat | Recovery::LookUp => self.queues.push(row.execution, &task, true),
        }
        Ok(())
    }
}
