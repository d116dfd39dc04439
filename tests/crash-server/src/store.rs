//! The store in front of the folder's: it ends where the plan says, and from then on nothing is written and nothing is known.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use everstep_core::{
    Epoch, ExecutionId, LetterId, Operation, Sequence, Shard, StartKey, Timestamp,
};
use everstep_store::{
    AttemptRow, Commit, Committed, Cursor, Direction, Error, ExecutionRow, JournalRow, LetterRow,
    ListFilter, Page, StartRow, Store, TaskRow, TimerRow, Write,
};

use crate::End;
use crate::plan::{Blow, Plan};

pub struct Crashing<S> {
    inner: S,
    plan: Arc<Plan>,
    ends: Mutex<Sender<End>>,
    dead: AtomicBool,
    /// Dropped last: whoever holds it weakly knows when the folder is free.
    _open: Arc<()>,
}

impl<S: Store> Crashing<S> {
    /// The store, and what is gone as soon as its folder may be opened again.
    pub fn new(inner: S, plan: Arc<Plan>, ends: Sender<End>) -> (Self, Weak<()>) {
        let open = Arc::new(());
        let weak = Arc::downgrade(&open);
        let store = Self {
            inner,
            plan,
            ends: Mutex::new(ends),
            dead: AtomicBool::new(false),
            _open: open,
        };
        (store, weak)
    }

    /// Returns when everybody whom the caller could tell something is gone.
    fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        let (gone, wait) = mpsc::channel();
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.send(End::Crash(gone)).is_ok() {
            let _ = wait.recv();
        }
    }

    fn alive(&self) -> Result<&S, Error> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(Error::Io {
                detail: "the server has crashed".to_owned(),
            });
        }
        Ok(&self.inner)
    }
}

/// Whether some execution goes on by this commit.
fn is_boundary(group: &[Commit]) -> bool {
    let mut writes = group.iter().flat_map(|commit| &commit.writes);
    writes.any(|write| matches!(write, Write::Journal(_)))
}

impl<S: Store> Store for Crashing<S> {
    fn acquire(&self, shards: &[Shard]) -> Result<Vec<(Shard, Epoch)>, Error> {
        self.alive()?.acquire(shards)
    }

    fn commit(&self, group: Vec<Commit>) -> Vec<Committed> {
        let lost = vec![Committed::Unknown; group.len()];
        if self.alive().is_err() {
            return lost;
        }
        let blow = is_boundary(&group).then(|| self.plan.boundary()).flatten();
        match blow {
            None => self.inner.commit(group),
            Some(Blow::Before) => {
                self.die();
                lost
            }
            Some(Blow::After) => {
                let _ = self.inner.commit(group);
                self.die();
                lost
            }
            Some(Blow::Worker) => {
                let answers = self.inner.commit(group);
                self.plan
                    .kill_workers()
                    .expect("the host's records can be read");
                answers
            }
        }
    }

    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, Error> {
        self.alive()?.execution(id)
    }

    fn journal(
        &self,
        id: ExecutionId,
        from: Sequence,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<JournalRow>, Error> {
        self.alive()?.journal(id, from, direction, limit)
    }

    fn last_sequence(&self, id: ExecutionId) -> Result<Option<Sequence>, Error> {
        self.alive()?.last_sequence(id)
    }

    fn start(&self, key: StartKey) -> Result<Option<StartRow>, Error> {
        self.alive()?.start(key)
    }

    fn timers(
        &self,
        shard: Shard,
        until: Timestamp,
        after: Option<TimerRow>,
        limit: usize,
    ) -> Result<Vec<TimerRow>, Error> {
        self.alive()?.timers(shard, until, after, limit)
    }

    fn tasks(
        &self,
        shard: Shard,
        after: Option<(ExecutionId, Operation)>,
        limit: usize,
    ) -> Result<Vec<TaskRow>, Error> {
        self.alive()?.tasks(shard, after, limit)
    }

    fn list(
        &self,
        filter: &ListFilter,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<ExecutionRow>, Error> {
        self.alive()?.list(filter, cursor, limit)
    }

    fn expired(
        &self,
        shard: Shard,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, ExecutionId)>, Error> {
        self.alive()?.expired(shard, now, limit)
    }

    fn attempts(
        &self,
        id: ExecutionId,
        after: Option<(Operation, u32)>,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, Error> {
        self.alive()?.attempts(id, after, limit)
    }

    fn last_attempt(
        &self,
        id: ExecutionId,
        operation: Operation,
    ) -> Result<Option<AttemptRow>, Error> {
        self.alive()?.last_attempt(id, operation)
    }

    fn letter(&self, id: LetterId) -> Result<Option<LetterRow>, Error> {
        self.alive()?.letter(id)
    }

    fn letters(
        &self,
        is_dead: bool,
        after: Option<LetterId>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<LetterRow>, Error> {
        self.alive()?.letters(is_dead, after, direction, limit)
    }

    fn catalogue(&self, key: &str) -> Result<Option<(u64, Bytes)>, Error> {
        self.alive()?.catalogue(key)
    }

    fn catalogue_scan(&self, prefix: &str) -> Result<Vec<(String, u64, Bytes)>, Error> {
        self.alive()?.catalogue_scan(prefix)
    }

    fn catalogue_put(
        &self,
        key: &str,
        expected: Option<u64>,
        value: Option<Bytes>,
    ) -> Result<u64, Error> {
        self.alive()?.catalogue_put(key, expected, value)
    }

    fn disk_bytes(&self) -> u64 {
        self.inner.disk_bytes()
    }

    fn syncs(&self) -> u64 {
        self.inner.syncs()
    }
}
