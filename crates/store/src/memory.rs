//! A store in memory: the model that the others are held against, and what tests and simulations run on.
//!
//! The data belongs to a [`Disk`], which outlives the stores opened on it, so that a crash and a reopening can be played without files.

mod tables;

use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use everstep_core::{
    Epoch, ExecutionId, LetterId, Operation, Sequence, Shard, StartKey, Timestamp,
};

use crate::cursor::{Position, Resume};
use crate::{
    AttemptRow, Commit, Committed, Cursor, Direction, Error, ExecutionRow, FORMAT, JournalRow,
    LetterRow, ListFilter, Page, StartRow, Store, TaskRow, TimerRow,
};

use tables::Tables;

/// What a memory store keeps, apart from the store that uses it: open it again after dropping the store, as one does with a folder.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Tables>>);

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

fn attempt_row(
    ((execution, operation, index), attempt): (&(ExecutionId, Operation, u32), &Bytes),
) -> AttemptRow {
    AttemptRow {
        execution: *execution,
        operation: *operation,
        index: *index,
        attempt: attempt.clone(),
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

    fn attempts(
        &self,
        id: ExecutionId,
        after: Option<(Operation, u32)>,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, Error> {
        let after = after.map(|(operation, index)| (id, operation, index));
        let first = after.map_or(Bound::Included((id, Operation(0), 0)), Bound::Excluded);
        let tables = self.disk.tables();
        let rows = tables.attempts.range((first, Bound::Unbounded));
        let rows = rows.take_while(|((execution, ..), _)| *execution == id);
        Ok(rows.take(limit).map(attempt_row).collect())
    }

    fn last_attempt(
        &self,
        id: ExecutionId,
        operation: Operation,
    ) -> Result<Option<AttemptRow>, Error> {
        let tables = self.disk.tables();
        let mut rows = tables
            .attempts
            .range((id, operation, 0)..=(id, operation, u32::MAX));
        Ok(rows.next_back().map(attempt_row))
    }

    fn letter(&self, id: LetterId) -> Result<Option<LetterRow>, Error> {
        let tables = self.disk.tables();
        let found = [false, true].into_iter().find_map(|is_dead| {
            let letter = tables.letters.get(&(is_dead, id))?.clone();
            Some(LetterRow {
                id,
                is_dead,
                letter,
            })
        });
        Ok(found)
    }

    fn letters(
        &self,
        is_dead: bool,
        after: Option<LetterId>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<LetterRow>, Error> {
        let tables = self.disk.tables();
        let rows = tables
            .letters
            .iter()
            .map(|((is_dead, id), letter)| LetterRow {
                id: *id,
                is_dead: *is_dead,
                letter: letter.clone(),
            });
        let rows = rows.filter(|row| row.is_dead == is_dead);
        Ok(match direction {
            Direction::Forward => rows
                .filter(|row| after.is_none_or(|after| row.id > after))
                .take(limit)
                .collect(),
            Direction::Backward => rows
                .rev()
                .filter(|row| after.is_none_or(|after| row.id < after))
                .take(limit)
                .collect(),
        })
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
