//! Reserved concurrency in memory, for those who ask at every invocation.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use everstep_store::Store;
use tokio::sync::Notify;

use super::FunctionRecord;
use super::entries::decode;
use crate::Error;

/// How many invocations of a function may run at once.
#[derive(Debug, Default)]
pub struct Reserved {
    /// With the record's revision: of two changes, the later one stays.
    limits: RwLock<HashMap<String, (u64, Option<u32>)>>,
    changed: Notify,
}

impl Reserved {
    pub(crate) fn load(store: &dyn Store) -> Result<Self, Error> {
        let reserved = Self::default();
        for (key, revision, bytes) in store.catalogue_scan("function/")? {
            let record: FunctionRecord = decode(&key, &bytes)?;
            reserved.set(&record, revision);
        }
        Ok(reserved)
    }

    /// The function's own limit, if it has one.
    #[must_use]
    pub fn of(&self, function: &str) -> Option<u32> {
        let limits = self.limits.read().unwrap_or_else(PoisonError::into_inner);
        limits.get(function).and_then(|(_, limit)| *limit)
    }

    /// Tells of changes of any limit.
    #[must_use]
    pub const fn changed(&self) -> &Notify {
        &self.changed
    }

    pub(super) fn set(&self, record: &FunctionRecord, revision: u64) {
        let limit = record.settings.reserved_concurrency;
        let mut limits = self.limits.write().unwrap_or_else(PoisonError::into_inner);
        let known = limits.get(&record.name).copied();
        if known.is_some_and(|(newer, _)| newer > revision) || (known.is_none() && limit.is_none())
        {
            return;
        }
        limits.insert(record.name.clone(), (revision, limit));
        drop(limits);
        self.changed.notify_waiters();
    }

    /// A function that is made anew begins without a limit.
    pub(super) fn forget(&self, function: &str) {
        let mut limits = self.limits.write().unwrap_or_else(PoisonError::into_inner);
        limits.remove(function);
        drop(limits);
        self.changed.notify_waiters();
    }
}
