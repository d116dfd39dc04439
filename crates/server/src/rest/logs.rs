//! What a function printed, or a state machine logged.

use std::ops::ControlFlow;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use everstep_logs::pattern::Pattern;
use everstep_logs::{Entry, LogFile, Position, Window};
use serde_json::{Value, json};

use super::Problem;
use crate::errors::Code;
use crate::executions::{self, Definition, Kind};
use crate::http::App;
use crate::logs;
use crate::query::Query;

const LINES_DEFAULT: usize = 1_000;
const LINES_MAX: usize = 10_000;
/// Of messages in an answer.
const BYTES_MAX: usize = 8 << 20;

/// Which lines are asked for.
struct Asked {
    limit: usize,
    /// Where the answer before ended.
    after: Option<Position>,
    since_ms: Option<u64>,
    pattern: Pattern,
    request_id: Option<String>,
    /// An execution's id.
    execution: Option<String>,
}

impl Asked {
    fn parse(query: &Query<'_>) -> Result<Asked, Problem> {
        let invalid = |text: String| Problem::new(Code::InvalidParameter, text);
        let limit = query.get("limit").map_or(Ok(LINES_DEFAULT), str::parse);
        let after = query.get("after").map(str::parse).transpose();
        let since = query
            .get("since")
            .map(str::parse::<jiff::Timestamp>)
            .transpose();
        let since = since
            .map_err(|_| invalid("since is not a time such as 2026-11-21T13:00:00Z".to_owned()))?;
        let pattern = Pattern::parse(query.get("filter").unwrap_or_default());
        Ok(Asked {
            limit: limit
                .map_err(|_| invalid("limit is not a number".to_owned()))?
                .clamp(1, LINES_MAX),
            after: after.map_err(|()| invalid("after is not where an answer ended".to_owned()))?,
            since_ms: since.map(|since| u64::try_from(since.as_millisecond()).unwrap_or(0)),
            pattern: pattern
                .map_err(|error| Problem::new(Code::MalformedPattern, error.to_string()))?,
            request_id: query.get("request_id").map(str::to_owned),
            execution: None,
        })
    }

    fn matches(&self, entry: &Entry) -> bool {
        let line = &entry.line;
        self.request_id
            .as_ref()
            .is_none_or(|id| line.request_id.as_ref() == Some(id))
            && self
                .execution
                .as_ref()
                .is_none_or(|id| line.execution.as_ref() == Some(id))
            && self.pattern.matches(&line.message)
    }

    /// The lines, and where to go on.
    fn read(&self, file: &LogFile, mut window: Window) -> std::io::Result<(Vec<Entry>, Position)> {
        window.from = self.after;
        window.from_ms = window.from_ms.max(self.since_ms);
        let end = file.end()?;
        if self.after.is_none() && self.since_ms.is_none() {
            window.before = Some(end);
            let last = file.last(&window, self.limit, BYTES_MAX, |entry| self.matches(entry))?;
            return Ok((last, end));
        }
        let (mut found, mut next, mut bytes) = (Vec::new(), None, 0);
        file.scan(&window, |entry| {
            if !self.matches(&entry) {
                return ControlFlow::Continue(());
            }
            bytes += entry.line.message.len();
            next = Some(entry.end);
            found.push(entry);
            if found.len() == self.limit || bytes > BYTES_MAX {
                return ControlFlow::Break(());
            }
            next = None;
            ControlFlow::Continue(())
        })?;
        // Lines that came while this was read are found again from `end`, unless they were among those that were seen.
        let seen = found.last().map(|entry| entry.end);
        Ok((
            found,
            next.unwrap_or_else(|| seen.unwrap_or_default().max(end)),
        ))
    }
}

/// The last lines of a log, those since a time, or those behind where an answer ended.
pub(super) async fn logs(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.as_deref();
    // A group that is no definition's, such as that of the callback service.
    if name.starts_with('/') {
        return of_group(&app, Some(name), query).await;
    }
    let definition = Definition::find(&app.handle, &name).await?;
    lines(&app, &definition, query).await
}

pub(super) async fn of_function(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let definition = Definition::of(Kind::Function, &name);
    lines(&app, &definition, query.as_deref()).await
}

async fn lines(
    app: &App,
    definition: &Definition,
    query: Option<&str>,
) -> Result<Response, Problem> {
    let group = executions::log_group(app, definition).await?;
    of_group(app, group, query).await
}

async fn of_group(
    app: &App,
    group: Option<String>,
    query: Option<&str>,
) -> Result<Response, Problem> {
    let query = Query::parse(query);
    let mut asked = Asked::parse(&query)?;
    if let Some(execution) = query.get("execution") {
        asked.execution = Some(executions::find(app, execution).await?.to_string());
    }
    let logs = app.options.logs.as_ref();
    let found = logs
        .zip(group)
        .and_then(|(logs, group)| logs::of_group(logs, &group));
    let Some((file, window)) = found else {
        return Ok(Json(
            json!({ "lines": [], "next": asked.after.unwrap_or_default().to_string() }),
        )
        .into_response());
    };
    let read = tokio::task::spawn_blocking(move || asked.read(&file, window)).await;
    let read = read.map_err(std::io::Error::other).and_then(|read| read);
    let (found, next) = read.map_err(|error| Problem::inside(Code::StoreUnavailable, &error))?;
    let lines: Vec<Value> = found.into_iter().map(shown).collect();
    Ok(Json(json!({ "lines": lines, "next": next.to_string() })).into_response())
}

fn shown(entry: Entry) -> Value {
    let line = entry.line;
    let mut shown = json!({
        "time": line.time,
        "stream": line.stream,
        "log_stream": line.log_stream,
        "message": line.message,
    });
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(
            line.request_id
                .map(|id| ("request_id".to_owned(), id.into())),
        );
        shown.extend(line.execution.map(|id| ("execution".to_owned(), id.into())));
    }
    shown
}
