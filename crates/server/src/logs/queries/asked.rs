//! A query from its question to its answer: waiting, running, kept for a while.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use everstep_logs::insights::{Limits, OutOfRoom, Query, Record, Run};
use everstep_logs::{Entry, Position, Window};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::super::errors::Error;
use super::super::{Group, now_ms};

/// At once; others wait for their turn.
const RUNNING_MAX: usize = 2;
/// Running and waiting.
const ACTIVE_MAX: usize = 30;
/// Queries whose answers are kept.
const KEPT_MAX: usize = 200;
/// Of all answers that are kept; the oldest go first.
const KEPT_BYTES_MAX: usize = 128 << 20;
/// What a running query may hold.
const RUN_BYTES_MAX: usize = 128 << 20;
const RUN_TIME_MAX: Duration = Duration::from_secs(60);
/// How many records are read between two looks at the clock.
const RECORDS_PER_LOOK: u64 = 256;

type Row = Vec<(String, String)>;

/// All queries of a server.
pub(crate) struct Queries {
    all: Mutex<VecDeque<Arc<Asked>>>,
    pub(super) turns: Arc<Semaphore>,
}

impl Default for Queries {
    fn default() -> Queries {
        Queries {
            all: Mutex::default(),
            turns: Arc::new(Semaphore::new(RUNNING_MAX)),
        }
    }
}

/// A query that was asked.
pub(super) struct Asked {
    pub id: String,
    pub text: String,
    pub groups: Vec<String>,
    pub created_ms: i64,
    stop: AtomicBool,
    state: Mutex<State>,
}

pub(super) struct State {
    pub status: Status,
    pub rows: Arc<Vec<Row>>,
    bytes: usize,
    pub statistics: Statistics,
    pub took: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Status {
    Scheduled,
    Running,
    Complete,
    Failed,
    Cancelled,
    Timeout,
    Unknown,
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Status::Scheduled => "Scheduled",
            Status::Running => "Running",
            Status::Complete => "Complete",
            Status::Failed => "Failed",
            Status::Cancelled => "Cancelled",
            Status::Timeout => "Timeout",
            Status::Unknown => "Unknown",
        }
    }

    pub(super) const fn is_active(self) -> bool {
        matches!(self, Status::Scheduled | Status::Running)
    }
}

#[derive(Clone, Copy, Default)]
pub(super) struct Statistics {
    pub matched: u64,
    pub scanned: u64,
    pub bytes: u64,
}

impl Asked {
    pub(super) fn new(text: &str, groups: Vec<String>) -> Asked {
        Asked {
            id: uuid::Uuid::new_v4().to_string(),
            text: text.to_owned(),
            groups,
            created_ms: now_ms(),
            stop: AtomicBool::new(false),
            state: Mutex::new(State {
                status: Status::Scheduled,
                rows: Arc::default(),
                bytes: 0,
                statistics: Statistics::default(),
                took: Duration::ZERO,
            }),
        }
    }

    /// False when it has ended already.
    pub(super) fn cancel(&self) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        let mut state = self.state();
        let was_active = state.status.is_active();
        if was_active {
            state.status = Status::Cancelled;
        }
        was_active
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queries {
    pub(super) fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Asked>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, id: &str) -> Result<Arc<Asked>, Error> {
        let found = self.all().iter().find(|asked| asked.id == id).cloned();
        found.ok_or_else(|| Error::NoQuery { id: id.to_owned() })
    }

    /// Takes a query in, unless too many are under way, and lets old answers go.
    pub(super) fn admit(&self, asked: Arc<Asked>) -> Result<(), Error> {
        let mut all = self.all();
        let active = all
            .iter()
            .filter(|asked| asked.state().status.is_active())
            .count();
        if active >= ACTIVE_MAX {
            return Err(Error::TooManyQueries { active });
        }
        all.push_back(asked);
        let mut bytes: usize = all.iter().map(|asked| asked.state().bytes).sum();
        while all.len() > KEPT_MAX || bytes > KEPT_BYTES_MAX {
            let Some(at) = all
                .iter()
                .position(|asked| !asked.state().status.is_active())
            else {
                break;
            };
            bytes -= all.remove(at).map_or(0, |asked| asked.state().bytes);
        }
        Ok(())
    }
}

/// Why reading ended before the end.
enum Ended {
    Stopped,
    TooLate,
    Full(OutOfRoom),
}

impl Asked {
    /// Blocks until the query has ended, one way or another.
    pub(super) fn run(
        &self,
        query: &Query,
        groups: &[(Group, Window)],
        account: &str,
        rows: usize,
    ) {
        let began = Instant::now();
        {
            let mut state = self.state();
            if !state.status.is_active() {
                return;
            }
            state.status = Status::Running;
        }
        // A query that breaks off must not seem to run for ever.
        let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.read(query, groups, account, rows, began)
        }));
        let mut state = self.state();
        state.took = began.elapsed();
        if state.status == Status::Cancelled {
            return;
        }
        state.status = match read {
            Ok(Ok(Ok(rows))) => {
                state.bytes = rows
                    .iter()
                    .flatten()
                    .map(|(name, value)| name.len() + value.len() + 64)
                    .sum();
                state.rows = Arc::new(rows);
                Status::Complete
            }
            Ok(Ok(Err(Ended::Stopped))) => Status::Cancelled,
            Ok(Ok(Err(Ended::TooLate))) => Status::Timeout,
            Ok(Ok(Err(Ended::Full(reason)))) => {
                tracing::warn!(query = self.id, %reason, "a query of logs was given up");
                Status::Failed
            }
            Ok(Err(error)) => {
                tracing::error!(query = self.id, %error, "a query could not read its logs");
                Status::Failed
            }
            Err(_) => Status::Failed,
        };
    }

    fn read(
        &self,
        query: &Query,
        groups: &[(Group, Window)],
        account: &str,
        rows: usize,
        began: Instant,
    ) -> std::io::Result<Result<Vec<Row>, Ended>> {
        let mut run = Run::new(
            query,
            Limits {
                rows,
                bytes_max: RUN_BYTES_MAX,
            },
        );
        let mut statistics = Statistics::default();
        let mut ended = None;
        for (group, window) in groups {
            group.file.scan(window, |entry| {
                statistics.scanned += 1;
                statistics.bytes += entry.line.message.len() as u64;
                ended = run
                    .push(record(entry, &group.name, account))
                    .err()
                    .map(Ended::Full);
                if ended.is_none() && statistics.scanned.is_multiple_of(RECORDS_PER_LOOK) {
                    ended = self.interrupted(began);
                    self.state().statistics = Statistics {
                        matched: run.matched,
                        ..statistics
                    };
                }
                if ended.is_some() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            if ended.is_some() {
                break;
            }
        }
        self.state().statistics = Statistics {
            matched: run.matched,
            ..statistics
        };
        Ok(match ended {
            Some(ended) => Err(ended),
            None => Ok(run.finish()),
        })
    }

    fn interrupted(&self, began: Instant) -> Option<Ended> {
        if self.stop.load(Ordering::Relaxed) {
            return Some(Ended::Stopped);
        }
        (began.elapsed() > RUN_TIME_MAX).then_some(Ended::TooLate)
    }
}

fn record(entry: Entry, group: &str, account: &str) -> Record {
    Record {
        at_ms: i64::try_from(entry.at_ms).unwrap_or(i64::MAX),
        log: format!("{account}:{group}"),
        log_stream: entry.line.log_stream,
        ptr: URL_SAFE_NO_PAD.encode(format!("{} {group}", entry.position)),
        request_id: entry.line.request_id,
        message: entry.line.message,
    }
}

/// The group and the place in it that a `@ptr` names.
pub(in crate::logs) fn pointed_at(ptr: &str) -> Option<(String, Position)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(ptr).ok()?).ok()?;
    let (position, group) = text.split_once(' ')?;
    Some((group.to_owned(), position.parse().ok()?))
}
