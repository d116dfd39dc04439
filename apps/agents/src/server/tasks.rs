//! The tasks that the agent knows, in memory and through the journal on disk.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use a2a::{Task, TaskPushNotificationConfig, TaskState, TaskStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::journal::Journal;

/// Everything that has to survive a restart about one task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub task: Task,
    /// The caller's id of the message that began the task.
    pub message_id: String,
    /// The payload while the task is unfinished, then null.
    pub payload: Value,
    pub created_ms: u64,
    pub push: Vec<TaskPushNotificationConfig>,
    pub callback: Option<Callback>,
    /// Whether every address has been told the end.
    pub delivered: bool,
}

/// The legacy way of asking to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Callback {
    pub url: String,
    pub token: String,
}

impl Record {
    pub(super) fn is_finished(&self) -> bool {
        self.task.status.state.is_terminal()
    }

    pub(super) fn set_state(&mut self, state: TaskState) {
        self.task.status = status(state);
    }
}

/// A status as of now, to the millisecond, which is what the protocol's timestamps carry.
pub(super) fn status(state: TaskState) -> TaskStatus {
    let now = UNIX_EPOCH + Duration::from_millis(now_ms());
    TaskStatus {
        state,
        message: None,
        timestamp: Some(now.into()),
    }
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What became of a message.
pub(super) enum Begun {
    New(Box<Record>),
    /// The message is known; its task as it stands.
    Known(Box<Record>),
    /// Too many tasks are unfinished.
    Full,
}

#[derive(Default)]
struct Rows {
    records: HashMap<String, Record>,
    by_message: HashMap<String, String>,
}

/// All tasks. A change is on disk before it can be seen.
pub(super) struct Tasks {
    rows: Arc<Mutex<Rows>>,
    journal: Option<Arc<Journal>>,
    changed: watch::Sender<u64>,
}

impl Tasks {
    /// Takes over what the journal holds, without finished tasks older than `retention`.
    pub(super) fn load(journal: Option<Journal>, retention: Duration) -> io::Result<Self> {
        let mut rows = Rows::default();
        let horizon =
            now_ms().saturating_sub(u64::try_from(retention.as_millis()).unwrap_or(u64::MAX));
        if let Some(journal) = &journal {
            for record in journal.load()? {
                if record.is_finished() && record.created_ms < horizon {
                    journal.remove(&record.task.id)?;
                    continue;
                }
                rows.by_message
                    .insert(record.message_id.clone(), record.task.id.clone());
                rows.records.insert(record.task.id.clone(), record);
            }
        }
        Ok(Self {
            rows: Arc::new(Mutex::new(rows)),
            journal: journal.map(Arc::new),
            changed: watch::Sender::new(0),
        })
    }

    /// Begins `record` unless its message id is known, in one step: two copies of a message that
    /// arrive together get one task.
    pub(super) async fn begin(&self, record: Record, open_max: usize) -> io::Result<Begun> {
        let rows = self.rows.clone().lock_owned().await;
        let known = rows
            .by_message
            .get(&record.message_id)
            .and_then(|id| rows.records.get(id));
        if let Some(known) = known {
            return Ok(Begun::Known(Box::new(known.clone())));
        }
        let open = rows
            .records
            .values()
            .filter(|record| !record.is_finished())
            .count();
        if open >= open_max {
            return Ok(Begun::Full);
        }
        let record = self.commit(rows, record).await?;
        Ok(Begun::New(Box::new(record)))
    }

    pub(super) async fn get(&self, id: &str) -> Option<Record> {
        self.rows.lock().await.records.get(id).cloned()
    }

    /// Every task, oldest first.
    pub(super) async fn all(&self) -> Vec<Record> {
        let rows = self.rows.lock().await;
        let mut records: Vec<Record> = rows.records.values().cloned().collect();
        records.sort_by(|a, b| (a.created_ms, &a.task.id).cmp(&(b.created_ms, &b.task.id)));
        records
    }

    pub(super) async fn has_unfinished(&self) -> bool {
        let rows = self.rows.lock().await;
        rows.records.values().any(|record| !record.is_finished())
    }

    /// Changes a task and answers it as it is then; nothing when it is unknown. `change` may refuse by answering false.
    pub(super) async fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Record) -> bool,
    ) -> io::Result<Option<Changed>> {
        let rows = self.rows.clone().lock_owned().await;
        let Some(record) = rows.records.get(id) else {
            return Ok(None);
        };
        let mut next = record.clone();
        if !change(&mut next) {
            return Ok(Some(Changed::Refused(Box::new(next))));
        }
        let next = self.commit(rows, next).await?;
        Ok(Some(Changed::Done(Box::new(next))))
    }

    /// Waits until the task is finished; nothing when it is unknown.
    pub(super) async fn finished(&self, id: &str) -> Option<Record> {
        let mut changed = self.changed.subscribe();
        loop {
            let record = self.get(id).await?;
            if record.is_finished() {
                return Some(record);
            }
            changed.changed().await.ok()?;
        }
    }

    /// Writes the record and only then shows it. The lock goes along to the writing thread: a caller
    /// that goes away in the middle must neither let a second write of the same file begin nor leave
    /// the disk ahead of the memory.
    async fn commit(&self, mut rows: OwnedMutexGuard<Rows>, record: Record) -> io::Result<Record> {
        let journal = self.journal.clone();
        let changed = self.changed.clone();
        let commit = move || {
            if let Some(journal) = journal {
                journal.write(&record)?;
            }
            let id = record.task.id.clone();
            rows.by_message
                .insert(record.message_id.clone(), id.clone());
            rows.records.insert(id, record.clone());
            drop(rows);
            changed.send_modify(|count| *count += 1);
            Ok(record)
        };
        if self.journal.is_none() {
            return commit();
        }
        tokio::task::spawn_blocking(commit)
            .await
            .map_err(io::Error::other)?
    }
}

/// What became of a change.
pub(super) enum Changed {
    Done(Box<Record>),
    Refused(Box<Record>),
}
