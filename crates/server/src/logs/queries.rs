//! Logs Insights' queries: they run beside the server, a few at a time, and their answers are kept for a while.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use everstep_logs::insights::{Limits, OutOfRoom, Query, Record, Run};
use everstep_logs::{Entry, Position, Window};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use super::errors::Error;
use super::{Call, Group, answer, bounded, now_ms};

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
const ROWS_DEFAULT: usize = 10_000;
const ROWS_MAX: usize = 100_000;
const PAGE_MAX: usize = 10_000;
const QUERY_MAX: usize = 10_000;
const GROUPS_MAX: usize = 50;
/// Later than any second of this era: such a time is in milliseconds.
const SECONDS_MAX: i64 = 100_000_000_000;

type Row = Vec<(String, String)>;

/// All queries of a server.
pub(crate) struct Queries {
    all: Mutex<VecDeque<Arc<Asked>>>,
    turns: Arc<Semaphore>,
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
struct Asked {
    id: String,
    text: String,
    groups: Vec<String>,
    created_ms: i64,
    stop: AtomicBool,
    state: Mutex<State>,
}

struct State {
    status: Status,
    rows: Arc<Vec<Row>>,
    bytes: usize,
    statistics: Statistics,
    took: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Status {
    Scheduled,
    Running,
    Complete,
    Failed,
    Cancelled,
    Timeout,
    Unknown,
}

impl Status {
    const fn as_str(self) -> &'static str {
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

    const fn is_active(self) -> bool {
        matches!(self, Status::Scheduled | Status::Running)
    }
}

#[derive(Clone, Copy, Default)]
struct Statistics {
    matched: u64,
    scanned: u64,
    bytes: u64,
}

impl Asked {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queries {
    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Asked>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &str) -> Result<Arc<Asked>, Error> {
        let found = self.all().iter().find(|asked| asked.id == id).cloned();
        found.ok_or_else(|| Error::NoQuery { id: id.to_owned() })
    }

    /// Takes a query in, unless too many are under way, and lets old answers go.
    fn admit(&self, asked: Arc<Asked>) -> Result<(), Error> {
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

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StartIn {
    query_language: Option<String>,
    log_group_name: Option<String>,
    log_group_names: Vec<String>,
    log_group_identifiers: Vec<String>,
    /// Seconds since 1970, inclusive; milliseconds are understood.
    start_time: Option<i64>,
    end_time: Option<i64>,
    query_string: Option<String>,
    limit: Option<i64>,
}

impl StartIn {
    /// In milliseconds, both inclusive.
    fn times(&self) -> Result<(i64, i64), Error> {
        let (Some(start), Some(end)) = (self.start_time, self.end_time) else {
            return Err(Error::invalid("startTime and endTime are required"));
        };
        let in_ms = |time: i64, rest: i64| {
            if time > SECONDS_MAX {
                time
            } else {
                time.saturating_mul(1_000).saturating_add(rest)
            }
        };
        let (start, end) = (in_ms(start, 0), in_ms(end, 999));
        if end < start {
            return Err(Error::invalid("Query's end time is before its start time"));
        }
        Ok((start, end))
    }

    fn groups(&self) -> Result<Vec<&str>, Error> {
        let given = [
            self.log_group_name.as_slice(),
            self.log_group_names.as_slice(),
            self.log_group_identifiers.as_slice(),
        ];
        let mut kinds = given.into_iter().filter(|names| !names.is_empty());
        match (kinds.next(), kinds.next()) {
            (Some(names), None) if names.len() <= GROUPS_MAX => {
                Ok(names.iter().map(|name| super::group_name(name)).collect())
            }
            (Some(_), None) => Err(Error::invalid(format!(
                "A query reads at most {GROUPS_MAX} log groups"
            ))),
            _ => Err(Error::invalid(
                "Exactly one of logGroupName, logGroupNames or logGroupIdentifiers must be specified.",
            )),
        }
    }
}

pub(super) fn start(call: &Call<'_>) -> Result<Response, Error> {
    let request: StartIn = call.input()?;
    if let Some(language) = request
        .query_language
        .as_deref()
        .filter(|language| *language != "CWLI")
    {
        return Err(Error::invalid(format!(
            "Everstep runs queries in CWLI, not in {language}"
        )));
    }
    let text = request.query_string.as_deref().unwrap_or_default();
    if text.chars().count() > QUERY_MAX {
        return Err(Error::invalid(format!(
            "queryString has at most {QUERY_MAX} characters"
        )));
    }
    let rows = match request.limit {
        None => ROWS_DEFAULT,
        limit => bounded("limit", limit, ROWS_MAX)?,
    };
    let query = Query::parse(text)?;
    let (from, until) = request.times()?;
    let groups = request.groups()?;
    let groups: Vec<Group> = groups
        .into_iter()
        .map(|name| call.named(name))
        .collect::<Result<_, _>>()?;
    let windows: Vec<(Group, Window)> = groups
        .into_iter()
        .map(|group| {
            let window = group.window(Some(from), Some(until));
            (group, window)
        })
        .collect();
    let asked = Arc::new(Asked {
        id: uuid::Uuid::new_v4().to_string(),
        text: text.to_owned(),
        groups: windows
            .iter()
            .map(|(group, _)| group.name.clone())
            .collect(),
        created_ms: now_ms(),
        stop: AtomicBool::new(false),
        state: Mutex::new(State {
            status: Status::Scheduled,
            rows: Arc::default(),
            bytes: 0,
            statistics: Statistics::default(),
            took: Duration::ZERO,
        }),
    });
    call.app.queries.admit(Arc::clone(&asked))?;
    let id = asked.id.clone();
    let turns = Arc::clone(&call.app.queries.turns);
    let account = call.app.options.account.clone();
    tokio::spawn(async move {
        // Only a closed semaphore gives no turn, and nobody closes it.
        let Ok(_turn) = turns.acquire_owned().await else {
            return;
        };
        let done =
            tokio::task::spawn_blocking(move || asked.run(&query, &windows, &account, rows)).await;
        if let Err(error) = done {
            tracing::error!(%error, "a query of logs broke off");
        }
    });
    Ok(answer(&json!({ "queryId": id })))
}

/// Why reading ended before the end.
enum Ended {
    Stopped,
    TooLate,
    Full(OutOfRoom),
}

impl Asked {
    /// Blocks until the query has ended, one way or another.
    fn run(&self, query: &Query, groups: &[(Group, Window)], account: &str, rows: usize) {
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
pub(super) fn pointed_at(ptr: &str) -> Option<(String, Position)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(ptr).ok()?).ok()?;
    let (position, group) = text.split_once(' ')?;
    Some((group.to_owned(), position.parse().ok()?))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResultsIn {
    query_id: String,
    next_token: Option<String>,
    max_items: Option<i64>,
}

pub(super) fn results(call: &Call<'_>) -> Result<Response, Error> {
    let request: ResultsIn = call.input()?;
    let count = match request.max_items {
        None | Some(0) => PAGE_MAX,
        given => bounded("maxItems", given, PAGE_MAX)?,
    };
    let first = request
        .next_token
        .as_deref()
        .map_or(Ok(0), str::parse::<usize>);
    let first = first.map_err(|_| Error::invalid("The specified nextToken is invalid."))?;
    let asked = call.app.queries.find(&request.query_id)?;
    let (status, rows, statistics) = {
        let state = asked.state();
        (state.status, Arc::clone(&state.rows), state.statistics)
    };
    let page: Vec<Value> = rows
        .iter()
        .skip(first)
        .take(count)
        .map(|row| cells(row))
        .collect();
    let mut body = json!({
        "queryLanguage": "CWLI",
        "status": status.as_str(),
        "statistics": {
            "recordsMatched": statistics.matched as f64,
            "recordsScanned": statistics.scanned as f64,
            "estimatedRecordsSkipped": 0.0,
            "bytesScanned": statistics.bytes as f64,
            "estimatedBytesSkipped": 0.0,
            "logGroupsScanned": asked.groups.len() as f64,
            "resultCount": rows.len() as f64,
        },
    });
    let next = first.saturating_add(count);
    if let Some(body) = body.as_object_mut() {
        body.insert("results".to_owned(), page.into());
        if next < rows.len() {
            body.insert("nextToken".to_owned(), next.to_string().into());
        }
    }
    Ok(answer(&body))
}

fn cells(row: &[(String, String)]) -> Value {
    row.iter()
        .map(|(field, value)| json!({ "field": field, "value": value }))
        .collect()
}

pub(super) fn stop(call: &Call<'_>) -> Result<Response, Error> {
    let request: ResultsIn = call.input()?;
    let asked = call.app.queries.find(&request.query_id)?;
    asked.stop.store(true, Ordering::Relaxed);
    let mut state = asked.state();
    if !state.status.is_active() {
        return Err(Error::invalid("The query has ended already"));
    }
    state.status = Status::Cancelled;
    Ok(answer(&json!({ "success": true })))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DescribeIn {
    log_group_name: Option<String>,
    status: Option<Status>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// Newest first.
pub(super) fn describe(call: &Call<'_>) -> Result<Response, Error> {
    let request: DescribeIn = call.input()?;
    let limit = bounded("maxResults", request.max_results, 1_000)?;
    let all: Vec<Arc<Asked>> = call.app.queries.all().iter().rev().cloned().collect();
    let wanted = |asked: &&Arc<Asked>| {
        request
            .log_group_name
            .as_ref()
            .is_none_or(|group| asked.groups.contains(group))
            && request
                .status
                .is_none_or(|status| asked.state().status == status)
    };
    let behind = request.next_token.as_deref();
    let mut found = all
        .iter()
        .skip_while(|asked| behind.is_some_and(|last| asked.id != last))
        .skip(usize::from(behind.is_some()))
        .filter(wanted);
    let page: Vec<&Arc<Asked>> = found.by_ref().take(limit).collect();
    let more = found.next().and(page.last()).map(|asked| asked.id.clone());
    let shown: Vec<Value> = page.into_iter().map(|asked| shown(asked)).collect();
    let mut body = Map::from_iter([("queries".to_owned(), shown.into())]);
    body.extend(more.map(|last| ("nextToken".to_owned(), last.into())));
    Ok(answer(&body))
}

fn shown(asked: &Asked) -> Value {
    let state = asked.state();
    json!({
        "queryLanguage": "CWLI",
        "queryId": asked.id,
        "queryString": asked.text,
        "status": state.status.as_str(),
        "createTime": asked.created_ms,
        "queryDuration": u64::try_from(state.took.as_millis()).unwrap_or(u64::MAX),
        "bytesScanned": state.statistics.bytes as f64,
        "logGroupName": asked.groups.first(),
    })
}
