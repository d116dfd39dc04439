//! The rows of a memory store, and what each write does to them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use everstep_core::{
    Epoch, ExecutionId, LetterId, Operation, Sequence, Shard, StartKey, Timestamp,
};

use crate::{ExecutionRow, FORMAT, StartRow, TaskRow, Write};

#[derive(Debug)]
pub struct Tables {
    pub format: u32,
    pub in_use: bool,
    pub lsn: u64,
    pub epochs: BTreeMap<Shard, Epoch>,
    pub executions: BTreeMap<ExecutionId, ExecutionRow>,
    pub journal: BTreeMap<(ExecutionId, Sequence), Bytes>,
    pub damaged: BTreeSet<(ExecutionId, Sequence)>,
    pub starts: BTreeMap<StartKey, StartRow>,
    pub timers: BTreeMap<Shard, BTreeMap<TimerKey, Option<u64>>>,
    pub tasks: BTreeMap<(Shard, ExecutionId, Operation), TaskRow>,
    pub attempts: BTreeMap<(ExecutionId, Operation, u32), Bytes>,
    pub letters: BTreeMap<(bool, LetterId), Bytes>,
    pub expiries: BTreeSet<(Shard, Timestamp, ExecutionId)>,
    pub catalogue: BTreeMap<String, (u64, Bytes)>,
}

type TimerKey = (Timestamp, ExecutionId, Operation, everstep_core::TimerKind);

impl Default for Tables {
    fn default() -> Self {
        Self {
            format: FORMAT,
            in_use: false,
            lsn: 0,
            epochs: BTreeMap::new(),
            executions: BTreeMap::new(),
            journal: BTreeMap::new(),
            damaged: BTreeSet::new(),
            starts: BTreeMap::new(),
            timers: BTreeMap::new(),
            tasks: BTreeMap::new(),
            attempts: BTreeMap::new(),
            letters: BTreeMap::new(),
            expiries: BTreeSet::new(),
            catalogue: BTreeMap::new(),
        }
    }
}

impl Tables {
    pub fn apply(&mut self, shard: Shard, write: Write) {
        match write {
            Write::Journal(row) => {
                self.damaged.remove(&(row.execution, row.sequence));
                self.journal
                    .insert((row.execution, row.sequence), row.batch);
            }
            // The lists are read off the rows here, so a row's earlier place needs no care.
            Write::Execution { row, was: _ } => {
                self.executions.insert(row.id, row);
            }
            Write::Start(row) => {
                self.starts.insert(row.key, row);
            }
            Write::SetTimer(row) => {
                let key = (row.due, row.execution, row.operation, row.kind);
                self.timers
                    .entry(shard)
                    .or_default()
                    .insert(key, row.heartbeat_ms);
            }
            Write::ClearTimer {
                due,
                execution,
                operation,
                kind,
            } => {
                if let Some(timers) = self.timers.get_mut(&shard) {
                    timers.remove(&(due, execution, operation, kind));
                }
            }
            Write::PutTask(row) => {
                self.tasks
                    .insert((shard, row.execution, row.operation), row);
            }
            Write::DeleteTask {
                execution,
                operation,
            } => {
                self.tasks.remove(&(shard, execution, operation));
            }
            Write::PutAttempt(row) => {
                let key = (row.execution, row.operation, row.index);
                self.attempts.insert(key, row.attempt);
            }
            Write::PutLetter(row) => {
                self.letters.insert((row.is_dead, row.id), row.letter);
            }
            Write::DeleteLetter { id, is_dead } => {
                self.letters.remove(&(is_dead, id));
            }
            Write::Expire { at, execution } => {
                self.expiries.insert((shard, at, execution));
            }
            Write::Unexpire { at, execution } => {
                self.expiries.remove(&(shard, at, execution));
            }
            Write::Purge {
                row,
                start,
                expires,
            } => self.purge(shard, row.id, start, expires),
        }
    }

    fn purge(
        &mut self,
        shard: Shard,
        id: ExecutionId,
        start: StartKey,
        expires: Option<Timestamp>,
    ) {
        self.executions.remove(&id);
        let whole = (id, Sequence(0))..=(id, Sequence(u32::MAX));
        let batches: Vec<(ExecutionId, Sequence)> =
            self.journal.range(whole).map(|(key, _)| *key).collect();
        for key in batches {
            self.journal.remove(&key);
        }
        self.damaged.retain(|(execution, _)| *execution != id);
        self.tasks.retain(|(_, execution, _), _| *execution != id);
        self.attempts.retain(|(execution, ..), _| *execution != id);
        if let Some(timers) = self.timers.get_mut(&shard) {
            timers.retain(|(_, execution, _, _), _| *execution != id);
        }
        // The name may have been taken by a later execution.
        if self
            .starts
            .get(&start)
            .is_some_and(|row| row.execution == id)
        {
            self.starts.remove(&start);
        }
        if let Some(at) = expires {
            self.expiries.remove(&(shard, at, id));
        }
    }
}
