//! From a turn's batch to rows: the one place where the kernel's events become writes.

use everstep_core::codec::Writer;
use everstep_core::{ExecutionId, KernelEvent, Operation, Shard, Status, Timestamp};
use everstep_store::{JournalRow, Reopened, TaskRow, TimerRow, Write};

use super::Owner;
use super::events::Noted;
use crate::registry::Recorded;

impl Owner {
    pub(super) fn write(&mut self, shard: Shard, write: Write) {
        let epoch = self.epochs.get(&shard).copied().unwrap_or_default();
        self.group.write(shard, epoch, write);
    }

    /// `before` is what stood at tasks before the turn, and whose end it was.
    pub(super) fn record(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        recorded: Recorded,
        before: (Vec<Noted>, Option<Operation>),
    ) {
        let shard = id.shard();
        self.write(
            shard,
            Write::Journal(JournalRow {
                execution: id,
                sequence: recorded.sequence,
                batch: recorded.batch,
            }),
        );
        for event in recorded.kernel.iter().cloned() {
            self.record_kernel(id, event);
        }
        self.find_anew(id);
        let (noted, answered) = before;
        self.tell_of(now, id, &recorded.kernel, noted, answered);
        self.send_waiting(now);
    }

    /// Moves an execution in the lists when it is found by something else now.
    fn find_anew(&mut self, id: ExecutionId) {
        let Some(slot) = self.cells.get_mut(&id) else {
            return;
        };
        let Some(attributes) = slot.cell.attributes() else {
            return;
        };
        if attributes == slot.row.attributes {
            return;
        }
        let was = Some(slot.row.list_key());
        slot.row.attributes = attributes;
        let row = slot.row.clone();
        self.write(id.shard(), Write::Execution { row, was });
    }

    fn record_kernel(&mut self, id: ExecutionId, event: KernelEvent) {
        let shard = id.shard();
        match event {
            KernelEvent::TimerSet(timer) => {
                self.wheel.set(timer.due, id);
                let row = TimerRow {
                    due: timer.due,
                    execution: id,
                    operation: timer.operation,
                    kind: timer.kind,
                    heartbeat_ms: timer.heartbeat_ms,
                };
                self.write(shard, Write::SetTimer(row));
            }
            KernelEvent::TimerCleared {
                operation,
                kind,
                due,
            } => {
                let others = self.cells.get(&id).is_some_and(|slot| {
                    slot.cell.execution().timers().any(|timer| timer.due == due)
                });
                if !others {
                    self.wheel.clear(due, id);
                }
                self.write(
                    shard,
                    Write::ClearTimer {
                        due,
                        execution: id,
                        operation,
                        kind,
                    },
                );
            }
            KernelEvent::TaskStarted(task) => {
                let mut bytes = Writer::versioned();
                task.encode(&mut bytes);
                let row = TaskRow {
                    execution: id,
                    operation: task.operation,
                    generation: task.generation,
                    task: bytes.finish(),
                };
                self.write(shard, Write::PutTask(row));
                self.enqueue(id, &task, false);
            }
            KernelEvent::TaskEnded { operation } => self.end_task(id, operation),
            KernelEvent::Settled { operation, .. } | KernelEvent::Shut { operation, .. } => {
                self.forget_beat(id, operation);
            }
            KernelEvent::Closed { status } => self.move_row(id, status),
            KernelEvent::Quarantined { .. } => self.move_row(id, Status::Quarantined),
            KernelEvent::Marked { status } => self.move_row(id, status),
            KernelEvent::Reopened => self.reopen(id),
            KernelEvent::Started(_)
            | KernelEvent::Opened { .. }
            | KernelEvent::Noted { .. }
            | KernelEvent::Posted { .. }
            | KernelEvent::Watched(_) => {}
        }
    }

    fn end_task(&mut self, id: ExecutionId, operation: Operation) {
        let slot = self.cells.get(&id);
        let waits = slot.and_then(|slot| slot.cell.execution().open_generation(operation));
        if waits.is_none() {
            self.forget_beat(id, operation);
        }
        self.dequeue(id, operation);
        let delete = Write::DeleteTask {
            execution: id,
            operation,
        };
        self.write(id.shard(), delete);
    }

    fn forget_beat(&mut self, id: ExecutionId, operation: Operation) {
        if let Some(beats) = self.beats.get_mut(&id) {
            beats.remove(&operation);
            if beats.is_empty() {
                self.beats.remove(&id);
            }
        }
    }

    fn reopen(&mut self, id: ExecutionId) {
        if let Some(slot) = self.cells.get_mut(&id) {
            let before = slot.row.reopened.map_or(0, |before| before.count);
            slot.row.reopened = Some(Reopened {
                count: before.saturating_add(1),
                last: slot.cell.execution().now(),
            });
        }
        self.move_row(id, Status::Running);
    }

    /// Status, lists and retention move in one commit.
    fn move_row(&mut self, id: ExecutionId, status: Status) {
        let Some(slot) = self.cells.get_mut(&id) else {
            return;
        };
        let was = slot.row.list_key();
        let retention_ms = slot.cell.execution().retention_ms();
        // The execution's own time: the clock may have gone back.
        let closed = slot.cell.execution().closed();
        let before = slot.row.closed;
        slot.row.status = status;
        self.tally.count(&slot.row.definition, status);
        slot.row.closed = closed;
        let row = slot.row.clone();
        if let Some(before) = before {
            self.write(
                id.shard(),
                Write::Unexpire {
                    at: before.after_ms(retention_ms),
                    execution: id,
                },
            );
        }
        if let Some(closed) = closed {
            self.write(
                id.shard(),
                Write::Expire {
                    at: closed.after_ms(retention_ms),
                    execution: id,
                },
            );
            self.beats.remove(&id);
            self.crashes.forget(id);
            for watcher in self.watchers.remove(&id).unwrap_or_default() {
                self.reply(watcher, Ok(row.clone()));
            }
        }
        self.write(
            id.shard(),
            Write::Execution {
                row,
                was: Some(was),
            },
        );
    }
}
