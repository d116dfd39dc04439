//! A store in memory: the model that the others are held against, and what tests and simulations run on.
//!
//! The data belongs to a [`Disk`], which outlives the stores opened on it, so that a crash and a reopening can be played without files.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use everstep_core::{Epoch, ExecutionId, Operation, Sequence, Shard, StartKey, Timestamp};

use crate::cursor::{Position, Resume};
use crate::{
    Commit, Committed, Cursor, Direction, Error, ExecutionRow, FORMAT, JournalRow, ListFilter,
    Page, StartRow, Store, TaskRow, TimerRow, Write,
};

/// What a memory store keeps, apart from the store that uses it: open it again after dropping the store, as one does with a folder.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Tables>>);

#[derive(Debug)]
struct Tables {
    format: u32,
    in_use: bool,
    lsn: u64,
    epochs: BTreeMap<Shard, Epoch>,
    executions: BTreeMap<ExecutionId, ExecutionRow>,
    journal: BTreeMap<(ExecutionId, Sequence), Bytes>,
    damaged: BTreeSet<(ExecutionId, Sequence)>,
    starts: BTreeMap<StartKey, StartRow>,
    timers: BTreeMap<Shard, BTreeMap<TimerKey, Option<u64>>>,
    tasks: BTreeMap<(Shard, ExecutionId, Operation), TaskRow>,
    expiries: BTreeSet<(Shard, Timestamp, ExecutionId)>,
    catalogue: BTreeMap<String, (u64, Bytes)>,
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
            expiries: BTreeSet::new(),
            catalogue: BTreeMap::new(),
        }
    }
}

impl Disk {
    /// Makes a journal batch read as damaged, as a flipped bit would.
    pub fn damage_journal(&self, id: ExecutionId, sequence: Sequence) {
        self.tables().damaged.insert((id, sequence));
    }

    /// Pretends that a build with this format wrote the data.
    pub fn set_format(&self, format: u32) {
        self.tables().format = format;
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Nothing panics between two changes that belong together, so a poisoned lock guards whole data.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store whose data lives as long as its [`Disk`].
#[derive(Debug)]
pub struct Memory {
    disk: Disk,
    syncs: Mutex<u64>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// A store on a disk of its own.
    #[must_use]
    pub fn new() -> Self {
        let disk = Disk::default();
        disk.tables().in_use = true;
        Self {
            disk,
            syncs: Mutex::new(0),
        }
    }

    /// Opens what an earlier store left on `disk`.
    ///
    /// # Errors
    /// [`Error::InUse`] while another store is open on it, [`Error::Newer`] when a later format is on it.
    pub fn open(disk: &Disk) -> Result<Self, Error> {
        let mut tables = disk.tables();
        if tables.in_use {
            return Err(Error::InUse {
                detail: "another store is open on this memory".to_owned(),
            });
        }
        if tables.format > FORMAT {
            return Err(Error::Newer {
                found: tables.format,
                known: FORMAT,
            });
        }
        tables.in_use = true;
        drop(tables);
        Ok(Self {
            disk: disk.clone(),
            syncs: Mutex::new(0),
        })
    }

    fn count_sync(&self) {
        *self.syncs.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.disk.tables().in_use = false;
    }
}

impl Tables {
    fn apply(&mut self, shard: Shard, write: Write) {
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

impl Store for Memory {
    fn acquire(&self, shards: &[Shard]) -> Result<Vec<(Shard, Epoch)>, Error> {
        let mut tables = self.disk.tables();
        let mut acquired = Vec::with_capacity(shards.len());
        for shard in shards {
            let epoch = tables.epochs.entry(*shard).or_default();
            epoch.0 += 1;
            acquired.push((*shard, *epoch));
        }
        tables.lsn += 1;
        self.count_sync();
        Ok(acquired)
    }

    fn commit(&self, group: Vec<Commit>) -> Vec<Committed> {
        let mut tables = self.disk.tables();
        let fenced: Vec<bool> = group
            .iter()
            .map(|commit| tables.epochs.get(&commit.shard) != Some(&commit.epoch))
            .collect();
        if fenced.contains(&false) {
            tables.lsn += 1;
            self.count_sync();
        }
        let mut answers = Vec::with_capacity(group.len());
        for (commit, fenced) in group.into_iter().zip(fenced) {
            if fenced {
                answers.push(Committed::Fenced);
                continue;
            }
            for write in commit.writes {
                tables.apply(commit.shard, write);
            }
            answers.push(Committed::Durable(tables.lsn));
        }
        answers
    }

    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, Error> {
        Ok(self.disk.tables().executions.get(&id).cloned())
    }

    fn journal(
        &self,
        id: ExecutionId,
        from: Sequence,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<JournalRow>, Error> {
        let tables = self.disk.tables();
        let (first, last) = match direction {
            Direction::Forward => (from, Sequence(u32::MAX)),
            Direction::Backward => (Sequence(0), from),
        };
        let range = tables.journal.range((id, first)..=(id, last));
        let read = |((execution, sequence), batch): (&(ExecutionId, Sequence), &Bytes)| {
            if tables.damaged.contains(&(*execution, *sequence)) {
                let detail = format!(
                    "journal batch {sequence} of execution {execution} was made unreadable"
                );
                return Err(Error::Damaged { detail });
            }
            Ok(JournalRow {
                execution: *execution,
                sequence: *sequence,
                batch: batch.clone(),
            })
        };
        match direction {
            Direction::Forward => range.take(limit).map(read).collect(),
            Direction::Backward => range.rev().take(limit).map(read).collect(),
        }
    }

    fn last_sequence(&self, id: ExecutionId) -> Result<Option<Sequence>, Error> {
        let tables = self.disk.tables();
        let last = tables
            .journal
            .range((id, Sequence(0))..=(id, Sequence(u32::MAX)))
            .next_back();
        Ok(last.map(|((_, sequence), _)| *sequence))
    }

    fn start(&self, key: StartKey) -> Result<Option<StartRow>, Error> {
        Ok(self.disk.tables().starts.get(&key).cloned())
    }

    fn timers(
        &self,
        shard: Shard,
        until: Timestamp,
        after: Option<TimerRow>,
        limit: usize,
    ) -> Result<Vec<TimerRow>, Error> {
        let after = after.map(|row| (row.due, row.execution, row.operation, row.kind));
        let tables = self.disk.tables();
        let Some(timers) = tables.timers.get(&shard) else {
            return Ok(Vec::new());
        };
        let behind = timers.range((
            after.map_or(Bound::Unbounded, Bound::Excluded),
            Bound::Unbounded,
        ));
        let due = behind
            .take_while(|((due, ..), _)| *due <= until)
            .take(limit);
        Ok(due
            .map(
                |((due, execution, operation, kind), heartbeat_ms)| TimerRow {
                    due: *due,
                    execution: *execution,
                    operation: *operation,
                    kind: *kind,
                    heartbeat_ms: *heartbeat_ms,
                },
            )
            .collect())
    }

    fn tasks(
        &self,
        shard: Shard,
        after: Option<(ExecutionId, Operation)>,
        limit: usize,
    ) -> Result<Vec<TaskRow>, Error> {
        let tables = self.disk.tables();
        let first = (shard, ExecutionId::from_bytes([0; 16]), Operation(0));
        let rows = tables
            .tasks
            .range(first..)
            .take_while(|((owner, ..), _)| *owner == shard);
        let behind = rows.filter(|((_, execution, operation), _)| {
            after.is_none_or(|after| (*execution, *operation) > after)
        });
        Ok(behind.take(limit).map(|(_, row)| row.clone()).collect())
    }

    fn list(
        &self,
        filter: &ListFilter,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<ExecutionRow>, Error> {
        let resume = Resume::new(filter, cursor)?;
        let tables = self.disk.tables();
        let mut found: Vec<&ExecutionRow> = tables
            .executions
            .values()
            .filter(|row| filter.matches(row))
            .collect();
        found.sort_by_key(|row| Position::of(row));
        if !filter.oldest_first {
            found.reverse();
        }
        let mut behind = found
            .into_iter()
            .filter(|row| resume.is_behind(Position::of(row)));
        let rows: Vec<ExecutionRow> = behind.by_ref().take(limit).cloned().collect();
        let next = match (rows.last(), behind.next()) {
            (Some(last), Some(_)) => Some(resume.cursor(Position::of(last))),
            _ => None,
        };
        Ok(Page { rows, next })
    }

    fn expired(
        &self,
        shard: Shard,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, ExecutionId)>, Error> {
        let tables = self.disk.tables();
        let first = (shard, Timestamp(0), ExecutionId::from_bytes([0; 16]));
        let rows = tables
            .expiries
            .range(first..)
            .take_while(|(owner, at, _)| *owner == shard && *at <= now);
        Ok(rows
            .take(limit)
            .map(|(_, at, execution)| (*at, *execution))
            .collect())
    }

    fn catalogue(&self, key: &str) -> Result<Option<(u64, Bytes)>, Error> {
        Ok(self.disk.tables().catalogue.get(key).cloned())
    }

    fn catalogue_scan(&self, prefix: &str) -> Result<Vec<(String, u64, Bytes)>, Error> {
        let tables = self.disk.tables();
        let rows = tables
            .catalogue
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix));
        Ok(rows
            .map(|(key, (revision, value))| (key.clone(), *revision, value.clone()))
            .collect())
    }

    fn catalogue_put(
        &self,
        key: &str,
        expected: Option<u64>,
        value: Option<Bytes>,
    ) -> Result<u64, Error> {
        let mut tables = self.disk.tables();
        let found = tables.catalogue.get(key).map(|(revision, _)| *revision);
        if found != expected {
            return Err(Error::RevisionConflict { found });
        }
        let revision = found.unwrap_or(0) + 1;
        match value {
            Some(value) => tables.catalogue.insert(key.to_owned(), (revision, value)),
            None => tables.catalogue.remove(key),
        };
        tables.lsn += 1;
        self.count_sync();
        Ok(revision)
    }

    fn disk_bytes(&self) -> u64 {
        0
    }

    fn syncs(&self) -> u64 {
        *self.syncs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
