//! What all workers of a host have in common.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everstep_core::ExecutionId;
use tokio::sync::Notify;

use super::environment::WorkerCredentials;
use super::options::HostOptions;
use super::pool::{Launch, Pools};
use super::worker;

/// Sub-folders of the scratch folder.
pub(super) struct Folders {
    pub runtime: PathBuf,
    pub homes: PathBuf,
    pub records: PathBuf,
}

/// Counters since the start.
#[derive(Default)]
pub(super) struct Counters {
    pub processes: AtomicU64,
    pub invocations: AtomicU64,
    pub failures: AtomicU64,
    pub timeouts: AtomicU64,
    pub exits: AtomicU64,
}

impl Counters {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) struct Shared {
    pub options: HostOptions,
    pub folders: Folders,
    pub counters: Counters,
    /// Signalled whenever a worker is gone.
    pub gone: Notify,
    pools: Mutex<Pools>,
    keys: Mutex<HashMap<String, WorkerCredentials>>,
    /// Held as long as the host lives; the system lets it go when the process ends, however it ends.
    _lock: File,
}

impl Shared {
    pub(super) fn new(options: HostOptions, folders: Folders, pools: Pools, lock: File) -> Shared {
        Shared {
            options,
            folders,
            counters: Counters::default(),
            gone: Notify::new(),
            pools: Mutex::new(pools),
            keys: Mutex::new(HashMap::new()),
            _lock: lock,
        }
    }

    /// Held for a few map operations, never across an await.
    pub(super) fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn admit(&self, credentials: WorkerCredentials) {
        self.keys()
            .insert(credentials.access_key_id.clone(), credentials);
    }

    pub(super) fn dismiss(&self, access_key_id: &str) {
        self.keys().remove(access_key_id);
    }

    pub(super) fn credentials(&self, access_key_id: &str) -> Option<WorkerCredentials> {
        self.keys().get(access_key_id).cloned()
    }

    /// A worker is about to get an invocation of the execution.
    pub(super) fn permit(&self, access_key_id: &str, execution: Option<ExecutionId>) {
        if let (Some(execution), Some(entry)) = (execution, self.keys().get_mut(access_key_id)) {
            entry.executions.push(execution);
        }
    }

    /// The invocation is over.
    pub(super) fn withdraw_permit(&self, access_key_id: &str, execution: Option<ExecutionId>) {
        if let (Some(execution), Some(entry)) = (execution, self.keys().get_mut(access_key_id)) {
            let at = entry.executions.iter().position(|held| *held == execution);
            at.map(|at| entry.executions.swap_remove(at));
        }
    }

    /// Starts the workers that the pools have decided on.
    pub(super) fn start(self: &Arc<Self>, launches: Vec<Launch>) {
        for launch in launches {
            tokio::spawn(worker::run(Arc::clone(self), launch));
        }
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<String, WorkerCredentials>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
