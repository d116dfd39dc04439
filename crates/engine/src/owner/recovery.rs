//! What a new owner does first: it learns what is out and what is due.

use everstep_core::codec::{Corrupt, Reader};
use everstep_core::{ExecutionId, Operation, Recovery, Task, Timestamp};
use everstep_store::Write;

use super::Owner;
use crate::Error;

const PAGE: usize = 4_096;

impl Owner {
    /// Loads the timers of the next hour and deals with the tasks that were out by their recovery policy: what is lost is decided first, the
    /// others queue behind it. All of it is one group, so nothing runs before the losses are durable.
    pub(super) fn recover(&mut self, now: Timestamp) -> Result<(), Error> {
        self.load_timers(now)?;
        self.load_letters()?;
        let Out { tasks, unreadable } = self.tasks_out()?;
        for (id, operation, reason) in unreadable {
            self.condemn(now, id, operation, reason);
        }
        let (lost, others): (Vec<_>, Vec<_>) = tasks
            .into_iter()
            .partition(|(_, task)| task.recovery == Recovery::Lost);
        for (id, task) in lost {
            self.lose(now, id, &task);
        }
        for (id, task) in others {
            self.enqueue(id, &task, true);
        }
        self.send_waiting(now);
        Ok(())
    }

    /// A task that can't be read can't be sent. Its execution is taken out of the loop, and all others go on.
    fn condemn(&mut self, now: Timestamp, id: ExecutionId, operation: Operation, reason: String) {
        tracing::error!(execution = %id, %operation, reason, "a task can't be read: its execution is quarantined");
        let quarantine = everstep_core::Input::Quarantine { reason };
        if let Err(error) = self.turn(now, id, quarantine) {
            tracing::error!(execution = %id, %error, "an execution could not be quarantined");
        }
        // Also when the journal knows nothing of it: nobody will ever read it.
        let delete = Write::DeleteTask {
            execution: id,
            operation,
        };
        self.write(id.shard(), delete);
    }

    fn tasks_out(&self) -> Result<Out, Error> {
        let mut out = Out::default();
        for shard in self.epochs.keys() {
            let mut after = None;
            loop {
                let rows = self.store.tasks(*shard, after, PAGE)?;
                for row in &rows {
                    match read(&row.task) {
                        Ok(task) => out.tasks.push((row.execution, task)),
                        Err(corrupt) => {
                            let reason = format!("task {}: {corrupt}", row.operation);
                            out.unreadable.push((row.execution, row.operation, reason));
                        }
                    }
                }
                after = rows.last().map(|row| (row.execution, row.operation));
                if rows.len() < PAGE {
                    break;
                }
            }
        }
        Ok(out)
    }
}

/// What was out when the shards were last owned.
#[derive(Default)]
struct Out {
    tasks: Vec<(ExecutionId, Task)>,
    /// Rows that no task can be made of, and why.
    unreadable: Vec<(ExecutionId, Operation, String)>,
}

fn read(row: &[u8]) -> Result<Task, Corrupt> {
    Task::decode(&mut Reader::versioned(row)?)
}
