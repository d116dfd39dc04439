//! A store that fails when it is told to: for the tests of whatever stands on a store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use everstep_core::{
    Epoch, ExecutionId, LetterId, Operation, Sequence, Shard, StartKey, Timestamp,
};

use crate::{
    AttemptRow, Commit, Committed, Cursor, Direction, Error, ExecutionRow, JournalRow, LetterRow,
    ListFilter, Page, StartRow, Store, TaskRow, TimerRow,
};

/// The sorts of calls that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Acquire,
    Commit,
    /// Any call that reads.
    Read,
    CataloguePut,
}

/// What goes wrong in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A commit is answered [`Committed::Unknown`] and was not written. Any other call: [`Error::Io`], nothing written.
    Unknown,
    /// The same answers, but the write took place: the answer got lost.
    UnknownButWritten,
    /// A commit is answered [`Committed::Fenced`] for every shard. Any other call: [`Error::Io`].
    Fenced,
    /// [`Error::Io`]; a commit, which can't say so, is answered [`Committed::Unknown`] and was not written.
    Io,
}

/// The plan of a [`Faulty`] store. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    calls: BTreeMap<Call, u64>,
    faults: BTreeMap<(Call, u64), Fault>,
    always: BTreeMap<Call, Fault>,
}

impl Faults {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The `number`-th call of this sort from now on fails, where 0 is the next one.
    pub fn inject(&self, call: Call, number: u64, fault: Fault) {
        let mut plan = self.plan();
        let at = plan.calls.get(&call).copied().unwrap_or(0) + number;
        plan.faults.insert((call, at), fault);
    }

    /// Every call of this sort fails until [`Faults::heal`].
    pub fn inject_always(&self, call: Call, fault: Fault) {
        self.plan().always.insert(call, fault);
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        let mut plan = self.plan();
        plan.faults.clear();
        plan.always.clear();
    }

    /// How many calls of this sort there were.
    #[must_use]
    pub fn calls(&self, call: Call) -> u64 {
        self.plan().calls.get(&call).copied().unwrap_or(0)
    }

    fn take(&self, call: Call) -> Option<Fault> {
        let mut plan = self.plan();
        let count = plan.calls.entry(call).or_insert(0);
        let number = *count;
        *count += 1;
        let once = plan.faults.remove(&(call, number));
        once.or_else(|| plan.always.get(&call).copied())
    }
}

fn injected() -> Error {
    Error::Io {
        detail: "injected".to_owned(),
    }
}

/// A store in front of another one. Without faults it changes nothing.
#[derive(Debug)]
pub struct Faulty<S> {
    inner: S,
    faults: Faults,
}

impl<S: Store> Faulty<S> {
    #[must_use]
    pub const fn new(inner: S, faults: Faults) -> Self {
        Self { inner, faults }
    }

    fn read<T>(&self, read: impl FnOnce(&S) -> Result<T, Error>) -> Result<T, Error> {
        match self.faults.take(Call::Read) {
            None => read(&self.inner),
            Some(Fault::Unknown | Fault::UnknownButWritten | Fault::Fenced | Fault::Io) => {
                Err(injected())
            }
        }
    }

    fn write<T>(&self, call: Call, write: impl FnOnce(&S) -> Result<T, Error>) -> Result<T, Error> {
        match self.faults.take(call) {
            None => write(&self.inner),
            Some(Fault::UnknownButWritten) => write(&self.inner).and(Err(injected())),
            Some(Fault::Unknown | Fault::Fenced | Fault::Io) => Err(injected()),
        }
    }
}

impl<S: Store> Store for Faulty<S> {
    fn acquire(&self, shards: &[Shard]) -> Result<Vec<(Shard, Epoch)>, Error> {
        self.write(Call::Acquire, |store| store.acquire(shards))
    }

    fn commit(&self, group: Vec<Commit>) -> Vec<Committed> {
        let count = group.len();
        match self.faults.take(Call::Commit) {
            None => self.inner.commit(group),
            Some(Fault::Fenced) => vec![Committed::Fenced; count],
            Some(Fault::Unknown | Fault::Io) => vec![Committed::Unknown; count],
            Some(Fault::UnknownButWritten) => {
                let unknown = |answer| {
                    if answer == Committed::Fenced {
                        answer
                    } else {
                        Committed::Unknown
                    }
                };
                self.inner.commit(group).into_iter().map(unknown).collect()
            }
        }
    }

    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, Error> {
        self.read(|store| store.execution(id))
    }

    fn journal(
        &self,
        id: ExecutionId,
        from: Sequence,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<JournalRow>, Error> {
        self.read(|store| store.journal(id, from, direction, limit))
    }

    fn last_sequence(&self, id: ExecutionId) -> Result<Option<Sequence>, Error> {
        self.read(|store| store.last_sequence(id))
    }

    fn start(&self, key: StartKey) -> Result<Option<StartRow>, Error> {
        self.read(|store| store.start(key))
    }

    fn timers(
        &self,
        shard: Shard,
        until: Timestamp,
        after: Option<TimerRow>,
        limit: usize,
    ) -> Result<Vec<TimerRow>, Error> {
        self.read(|store| store.timers(shard, until, after, limit))
    }

    fn tasks(
        &self,
        shard: Shard,
        after: Option<(ExecutionId, Operation)>,
        limit: usize,
    ) -> Result<Vec<TaskRow>, Error> {
        self.read(|store| store.tasks(shard, after, limit))
    }

    fn list(
        &self,
        filter: &ListFilter,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<ExecutionRow>, Error> {
        self.read(|store| store.list(filter, cursor, limit))
    }

    fn expired(
        &self,
        shard: Shard,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, ExecutionId)>, Error> {
        self.read(|store| store.expired(shard, now, limit))
    }

    fn attempts(
        &self,
        id: ExecutionId,
        after: Option<(Operation, u32)>,
        limit: usize,
    ) -> Result<Vec<AttemptRow>, Error> {
        self.read(|store| store.attempts(id, after, limit))
    }

    fn last_attempt(
        &self,
        id: ExecutionId,
        operation: Operation,
    ) -> Result<Option<AttemptRow>, Error> {
        self.read(|store| store.last_attempt(id, operation))
    }

    fn letter(&self, id: LetterId) -> Result<Option<LetterRow>, Error> {
        self.read(|store| store.letter(id))
    }

    fn letters(
        &self,
        is_dead: bool,
        after: Option<LetterId>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<LetterRow>, Error> {
        self.read(|store| store.letters(is_dead, after, direction, limit))
    }

    fn catalogue(&self, key: &str) -> Result<Option<(u64, Bytes)>, Error> {
        self.read(|store| store.catalogue(key))
    }

    fn catalogue_scan(&self, prefix: &str) -> Result<Vec<(String, u64, Bytes)>, Error> {
        self.read(|store| store.catalogue_scan(prefix))
    }

    fn catalogue_put(
        &self,
        key: &str,
        expected: Option<u64>,
        value: Option<Bytes>,
    ) -> Result<u64, Error> {
        self.write(Call::CataloguePut, |store| {
            store.catalogue_put(key, expected, value)
        })
    }

    fn disk_bytes(&self) -> u64 {
        self.inner.disk_bytes()
    }

    fn syncs(&self) -> u64 {
        self.inner.syncs()
    }
}
