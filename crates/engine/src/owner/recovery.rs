//! What a new owner does first: it learns what is out and what is due.

use everstep_core::codec::Reader;
use everstep_core::{ExecutionId, Recovery, Task, Timestamp};

use super::Owner;
use crate::Error;

const PAGE: usize = 4_096;

impl Owner {
    /// Loads the timers of the next hour and deals with the tasks that were out by their recovery policy: what is lost is decided first, the
    /// others queue behind it. All of it is one group, so nothing runs before the losses are durable.
    pub(super) fn recover(&mut self, now: Timestamp) -> Result<(), Error> {
        self.load_timers(now)?;
        let (lost, others): (Vec<_>, Vec<_>) = self
            .tasks_out()?
            .into_iter()
            .partition(|(_, task)| task.recovery == Recovery::Lost);
        for (id, task) in lost {
            self.lose(now, id, &task);
        }
        for (id, task) in others {
            self.queues.push(id, &task, true);
        }
        self.send_waiting(now);
        Ok(())
    }

    fn tasks_out(&self) -> Result<Vec<(ExecutionId, Task)>, Error> {
        let mut tasks = Vec::new();
        for shard in self.epochs.keys() {
            let mut after = None;
            loop {
                let rows = self.store.tasks(*shard, after, PAGE)?;
                for row in &rows {
                    let damaged = |corrupt: everstep_core::codec::Corrupt| Error::Damaged {
                        id: row.execution,
                        detail: corrupt.to_string(),
                    };
                    let mut reader = Reader::versioned(&row.task).map_err(damaged)?;
                    tasks.push((row.execution, Task::decode(&mut reader).map_err(damaged)?));
                }
                after = rows.last().map(|row| (row.execution, row.operation));
                if rows.len() < PAGE {
                    break;
                }
            }
        }
        Ok(tasks)
    }
}
