//! The embedded store: fjall 3, synced on every group.
//!
//! A group becomes one atomic fjall batch, written and synced before it is answered. Every batch begins with the store's own sequence
//! number (LSN), which ties fjall's journal files, its tables and our `watermark` file together; `journals` and `watermark` tell what
//! that finds and what it can't.
//!
//! The folder: `lock` (held while the store is open), `watermark`, and `db`, which is fjall's own.
//!
//! A sync that fails, or whose outcome is unknown, makes every later commit [`Committed::Unknown`]: reopening reads the truth.

mod attempt;
mod batch;
mod catalogue;
mod execution;
mod expire;
mod journal;
mod journals;
mod keyspaces;
mod letter;
mod list;
mod meta;
mod row;
mod start;
mod task;
mod timer;
mod watermark;

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::fjall::{CompressionType, Database, OwnedWriteBatch, PersistMode};
use bytes::Bytes;
use everstep_core::{
    Epoch, ExecutionId, LetterId, Operation, Sequence, Shard, StartKey, Timestamp,
};

use crate::{
    AttemptRow, Commit, Committed, Cursor, Direction, Error, ExecutionRow, JournalRow, LetterRow,
    ListFilter, Page, StartRow, Store, TaskRow, TimerRow,
};
use keyspaces::Keyspaces;
use row::{Family, io, lost};
use watermark::Watermark;

/// Reopening replays the journals, so they are kept short; fjall allows no less.
const JOURNALS_BYTES_MAX: u64 = 64 * 1024 * 1024;
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// The watermark costs a sync of its own, so it is written every so many groups only.
const GROUPS_PER_WATERMARK: u64 = 4_096;

/// A store in a folder. One process at a time may have it open.
pub struct Fjall {
    // Fields drop in this order: fjall closes before the lock is given up.
    keyspaces: Keyspaces,
    db: Database,
    writer: Mutex<Writer>,
    syncs: AtomicU64,
    folder: PathBuf,
    _lock: File,
}

/// What only one commit at a time may see.
struct Writer {
    lsn: u64,
    epochs: HashMap<Shard, Epoch>,
    watermark: Watermark,
    /// A write failed: nobody knows any more what is on disk.
    failed: bool,
}

impl Fjall {
    /// Opens the store in `folder`, or makes one there.
    ///
    /// # Errors
    /// [`Error::InUse`] while another process has it open, [`Error::Newer`] when a later version wrote it, [`Error::Damaged`] when
    /// something durable is known to be missing or changed: nothing has been changed or cut off then, except that a damage which only
    /// fjall itself noticed may have made it shorten its journal.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|error| io(&error))?;
        let lock = take_lock(&folder.join("lock"))?;
        let data = folder.join("db");
        let journaled = journals::check(&data)?;
        let watermark = Watermark::open(&folder.join("watermark"), data.join("version").exists())?;
        let db = Database::builder(&data)
            .max_journaling_size(JOURNALS_BYTES_MAX)
            .cache_size(CACHE_BYTES)
            // fjall checks a journal by compressing it anew, which another version of the compressor might do differently.
            .journal_compression(CompressionType::None)
            .open()
            .map_err(lost)?;
        let keyspaces = Keyspaces::open(&db)?;
        let mut writer = Writer {
            lsn: 0,
            epochs: HashMap::new(),
            watermark,
            failed: false,
        };
        meta::load(keyspaces.of(Family::Meta), &mut writer)?;
        writer.check(journaled)?;
        let store = Self {
            keyspaces,
            db,
            writer: Mutex::new(writer),
            syncs: AtomicU64::new(0),
            folder: folder.to_owned(),
            _lock: lock,
        };
        if store.writer().lsn == 0 {
            store.write(&mut store.writer(), meta::put_format)?;
        }
        Ok(store)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer
            .lock()
            .unwrap_or_else(|poisoned: PoisonError<MutexGuard<'_, Writer>>| {
                // A panic between writing and counting leaves an unknown outcome.
                let mut writer = poisoned.into_inner();
                writer.failed = true;
                writer
            })
    }

    /// Writes and syncs one batch under the next LSN; the only place that writes.
    fn write(
        &self,
        writer: &mut Writer,
        fill: impl FnOnce(&mut OwnedWriteBatch, &Keyspaces),
    ) -> Result<u64, Error> {
        if writer.failed {
            return Err(Error::Io {
                detail: "an earlier write failed; the store has to be reopened".to_owned(),
            });
        }
        let lsn = writer.lsn + 1;
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncData));
        meta::put_lsn(&mut batch, self.keyspaces.of(Family::Meta), lsn);
        fill(&mut batch, &self.keyspaces);
        writer.failed = true;
        batch.commit().map_err(lost)?;
        self.syncs.fetch_add(1, Ordering::Relaxed);
        writer.lsn = lsn;
        if lsn.is_multiple_of(GROUPS_PER_WATERMARK) {
            writer.watermark.raise(lsn)?;
            self.syncs.fetch_add(1, Ordering::Relaxed);
        }
        writer.failed = false;
        Ok(lsn)
    }
}

impl Writer {
    /// Holds what was recovered against what is known to have been durable.
    fn check(&self, journaled: Option<u64>) -> Result<(), Error> {
        let known = journaled.unwrap_or(0).max(self.watermark.lsn());
        if self.lsn < known {
            let missing = known - self.lsn;
            return Err(Error::Damaged {
                detail: format!(
                    "the last {missing} groups of writes are missing: {known} were durable, {} are there",
                    self.lsn
                ),
            });
        }
        Ok(())
    }
}

impl Drop for Fjall {
    fn drop(&mut self) {
        let mut writer = self.writer();
        if !writer.failed {
            let lsn = writer.lsn;
            // Nobody is left to be told; without it the next opening knows less, not something wrong.
            let _ = writer.watermark.raise(lsn);
        }
    }
}

impl std::fmt::Debug for Fjall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fjall({})", self.folder.display())
    }
}

/// The lock ends with the process that holds it, however that ends.
fn take_lock(path: &Path) -> Result<File, Error> {
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| io(&error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let holder = std::fs::read_to_string(path).unwrap_or_default();
            let detail = format!("process {} holds {}", holder.trim(), path.display());
            return Err(Error::InUse { detail });
        }
        Err(std::fs::TryLockError::Error(error)) => return Err(io(&error)),
    }
    // Only a help for whoever meets the lock: on a full disk the store is still readable without it.
    let _ = file
        .set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

impl Store for Fjall {
    fn acquire(&self, shards: &[Shard]) -> Result<Vec<(Shard, Epoch)>, Error> {
        let mut writer = self.writer();
        let mut acquired: Vec<(Shard, Epoch)> = Vec::with_capacity(shards.len());
        for shard in shards {
            let earlier = acquired
                .iter()
                .rev()
                .find(|(taken, _)| taken == shard)
                .map(|(_, epoch)| *epoch);
            let epoch = earlier
                .or_else(|| writer.epochs.get(shard).copied())
                .unwrap_or_default();
            acquired.push((*shard, Epoch(epoch.0 + 1)));
        }
        self.write(&mut writer, |batch, keyspaces| {
            for (shard, epoch) in &acquired {
                meta::put_epoch(batch, keyspaces.of(Family::Meta), *shard, *epoch);
            }
        })?;
        writer.epochs.extend(acquired.iter().copied());
        Ok(acquired)
    }

    fn commit(&self, group: Vec<Commit>) -> Vec<Committed> {
        let mut writer = self.writer();
        let owned: Vec<bool> = group
            .iter()
            .map(|commit| writer.epochs.get(&commit.shard) == Some(&commit.epoch))
            .collect();
        let accepted = || {
            group
                .iter()
                .zip(&owned)
                .filter_map(|(commit, owned)| owned.then_some(commit))
        };
        let rows = match batch::rows(accepted(), &self.keyspaces) {
            Ok(rows) => rows,
            Err(_) => return vec![Committed::Unknown; group.len()],
        };
        let durable = if rows.is_empty() {
            Committed::Durable(writer.lsn)
        } else {
            match self.write(&mut writer, |batch, keyspaces| {
                batch::fill(batch, keyspaces, rows)
            }) {
                Ok(lsn) => Committed::Durable(lsn),
                Err(_) => Committed::Unknown,
            }
        };
        owned
            .into_iter()
            .map(|owned| if owned { durable } else { Committed::Fenced })
            .collect()
    }

    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, Error> {
        execution::read(self.keyspaces.of(Family::Execution), id)
    }

    fn journal(
        &self,
        id: ExecutionId,
        from: Sequence,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<JournalRow>, Error> {
        journal::read(
            self.keyspaces.of(Family::Journal),
            id,
            from,
            direction,
            limit,
        )
    }

    fn last_sequence(&self, id: ExecutionId) -> Result<Option<Sequence>, Error> {
        journal::last(self.keyspaces.of(Family::Journal), id)
    }

    fn start(&self, key: StartKey) -> Result<Option<StartRow>, Error> {
        start::read(self.keyspaces.of(Family::Start), key)
    }

    fn timers(
        &self,
        shard: Shard,
        until: Timestamp,
        after: Option<TimerRow>,
        limit: usize,
    ) -> Result<Vec<TimerRow>, Error> {
        timer::read(self.keyspaces.of(Family::Timer), shard, until, after, limit)
    }

    fn tasks(
        &self,
        shard: Shard,
        after: Option<(ExecutionId, Operation)>,
        limit: usize,
    ) -> Result<Vec<TaskRow>, Error> {
        task::read(self.keyspaces.of(Family::Task), shard, after, limit)
    }

    fn list(
        &self,
        filter: &ListFilter,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<ExecutionRow>, Error> {
        let rows = list::Rows {
            snapshot: self.db.snapshot(),
            list: self.keyspaces.of(Family::List),
            executions: self.keyspaces.of(Family::Execution),
        };
        list::read(&rows, filter, cursor, limit)
    }

    fn expired(
        &self,
        shard: Shard,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, ExecutionId)>, Error> {
        expire::read(self.keyspaces.of(Family::Expire), shard, now, limit)
    }

    fn attempts(
        &self,
        id: ExecutionId,
        after: Option<(Operation, u32)>,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, Error> {
        attempt::read(self.keyspaces.of(Family::Attempt), id, after, limit)
    }

    fn last_attempt(
        &self,
        id: ExecutionId,
        operation: Operation,
    ) -> Result<Option<AttemptRow>, Error> {
        attempt::last(self.keyspaces.of(Family::Attempt), id, operation)
    }

    fn letter(&self, id: LetterId) -> Result<Option<LetterRow>, Error> {
        letter::find(self.keyspaces.of(Family::Letter), id)
    }

    fn letters(
        &self,
        is_dead: bool,
        after: Option<LetterId>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<LetterRow>, Error> {
        letter::read(
            self.keyspaces.of(Family::Letter),
            is_dead,
            after,
            direction,
            limit,
        )
    }

    fn catalogue(&self, key: &str) -> Result<Option<(u64, Bytes)>, Error> {
        catalogue::read(self.keyspaces.of(Family::Catalogue), key)
    }

    fn catalogue_scan(&self, prefix: &str) -> Result<Vec<(String, u64, Bytes)>, Error> {
        catalogue::scan(self.keyspaces.of(Family::Catalogue), prefix)
    }

    fn catalogue_put(
        &self,
        key: &str,
        expected: Option<u64>,
        value: Option<Bytes>,
    ) -> Result<u64, Error> {
        let mut writer = self.writer();
        let found = catalogue::read(self.keyspaces.of(Family::Catalogue), key)?
            .map(|(revision, _)| revision);
        if found != expected {
            return Err(Error::RevisionConflict { found });
        }
        let revision = found.unwrap_or(0) + 1;
        self.write(&mut writer, |batch, keyspaces| {
            catalogue::put(
                batch,
                keyspaces.of(Family::Catalogue),
                key,
                revision,
                value.as_deref(),
            );
        })?;
        Ok(revision)
    }

    fn disk_bytes(&self) -> u64 {
        used_bytes(&self.folder)
    }

    fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }
}

/// What the files below a folder take on disk: fjall's journal is much longer than what is written in it.
fn used_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let used = entries.flatten().map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => used_bytes(&entry.path()),
        Ok(found) => found.blocks() * 512,
        Err(_) => 0,
    });
    used.sum()
}

#[cfg(test)]
mod tests;
