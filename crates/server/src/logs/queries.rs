//! Logs Insights' queries: they run beside the server, a few at a time, and their answers are kept for a while.

mod asked;

use std::sync::Arc;

use axum::response::Response;
use everstep_logs::insights::Query;
use everstep_logs::{Window, group_name};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::errors::Error;
use super::{Call, Group, answer, bounded};
pub(crate) use asked::Queries;
pub(super) use asked::pointed_at;
use asked::{Asked, Status};

const ROWS_DEFAULT: usize = 10_000;
const ROWS_MAX: usize = 100_000;
const PAGE_MAX: usize = 10_000;
const QUERY_MAX: usize = 10_000;
const GROUPS_MAX: usize = 50;
/// Later than any second of this era: such a time is in milliseconds.
const SECONDS_MAX: i64 = 100_000_000_000;

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
                Ok(names.iter().map(|name| group_name(name)).collect())
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
    let names = windows.iter().map(|(group, _)| group.name.clone());
    let asked = Arc::new(Asked::new(text, names.collect()));
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
    if !asked.cancel() {
        return Err(Error::invalid("The query has ended already"));
    }
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
