//! `GET /executions/{id}/events`: an execution's history as it grows, as server-sent events. Each has the id of its place, so that who comes back
//! with `Last-Event-ID` misses none and gets none twice. What was noted of progress comes between, without an id: only the last of it counts.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use everstep_core::{EventId, ExecutionId, Operation, Timestamp};
use everstep_engine::{Direction, HistoryCursor, Snapshot};
use hyper::Request;
use hyper::header::HeaderMap;
use serde_json::{Value, json};

use super::executions::read_cursor;
use super::waiting::{address, note};
use super::{Problem, time};
use crate::errors::Code;
use crate::executions::{self, find};
use crate::gateway;
use crate::http::App;
use crate::query::Query;

/// How often a history is looked at.
const LOOK: Duration = Duration::from_millis(250);
const PAGE: usize = 200;
const LAST_EVENT_ID: &str = "last-event-id";

pub(super) async fn events(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    follow(app, &name, query.as_deref(), &headers).await
}

/// The same under the name that the research workflow has for an execution, unless a function answers this address.
pub(super) async fn of_workflow(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request<axum::body::Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    if let Some(answered) = gateway::serve(&app, &head, body).await {
        return answered;
    }
    follow(app, &name, head.uri.query(), &head.headers).await
}

async fn follow(
    app: App,
    name: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let query = Query::parse(query);
    let id = find(&app, name).await?;
    app.handle.row(id).await?;
    let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let last = last.or_else(|| query.get("after"));
    let from = match last.map(|last| (last, read_cursor(last))) {
        None => None,
        Some((_, Some(seen))) => Some(behind(seen)),
        Some((last, None)) => {
            let text = format!("{last:.40} is no id of an event: those of this list are");
            return Err(Problem::new(Code::InvalidParameter, text));
        }
    };
    let following = Following {
        app,
        id,
        from,
        with_data: query.get("data") != Some("false"),
        ready: VecDeque::new(),
        noted: BTreeMap::new(),
        is_over: false,
    };
    let stream = futures_util::stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::default())
        .into_response())
}

/// The place behind an event.
const fn behind(seen: HistoryCursor) -> HistoryCursor {
    HistoryCursor {
        sequence: seen.sequence,
        event: EventId(seen.event.0.saturating_add(1)),
    }
}

struct Following {
    app: App,
    id: ExecutionId,
    from: Option<HistoryCursor>,
    with_data: bool,
    ready: VecDeque<Event>,
    /// When what was told last of an operation's progress was noted.
    noted: BTreeMap<Operation, Timestamp>,
    is_over: bool,
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            // Asked for before the history: of one that is closed now, all events are there then.
            let looked = self.look().await;
            if let Err(problem) = looked {
                self.is_over = true;
                let error = json!({ "code": problem.code.as_str(), "detail": problem.detail });
                return Some(Event::default().event("error").data(error.to_string()));
            }
            if self.ready.is_empty() {
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = self.app.options.shutdown.cancelled() => return None,
                }
            }
        }
    }

    async fn look(&mut self) -> Result<(), Problem> {
        let snapshot = self.app.handle.snapshot(self.id).await?;
        let page = self
            .app
            .handle
            .history(self.id, self.from, Direction::Forward, PAGE)
            .await?;
        let shown = executions::show(&self.app, &snapshot.row, &page.items, self.with_data).await?;
        for value in shown {
            let number = value.get("EventId").and_then(Value::as_u64);
            let mut items = page.items.iter();
            if let Some(item) = items.find(|item| Some(u64::from(item.id.0)) == number) {
                let id = format!("{}-{}", item.sequence, item.id);
                let event = Event::default().event("history").id(id);
                self.ready.push_back(event.data(value.to_string()));
            }
        }
        if let Some(last) = page.items.last() {
            self.from = Some(behind(HistoryCursor {
                sequence: last.sequence,
                event: last.id,
            }));
        }
        if page.next.is_none() {
            self.tell_progress(&snapshot);
        }
        if page.items.is_empty() && snapshot.row.status.is_closed() {
            self.is_over = true;
            let end = json!({
                "status": snapshot.row.status.as_str(),
                "ended_at": snapshot.row.closed.map(time),
            });
            let event = Event::default().event("end");
            self.ready.push_back(event.data(end.to_string()));
        }
        Ok(())
    }

    fn tell_progress(&mut self, snapshot: &Snapshot) {
        for wait in &snapshot.waits {
            let Some(left) = &wait.note else { continue };
            if self.noted.insert(wait.operation, left.at) == Some(left.at) {
                continue;
            }
            let mut operations = snapshot.view.operations.iter();
            let name = operations
                .find(|operation| operation.operation == wait.operation)
                .and_then(|operation| operation.name.clone());
            let told = json!({
                "callback": address(self.id, wait).to_string(),
                "name": name,
                "at": time(left.at),
                "progress": note(left),
            });
            let event = Event::default().event("progress");
            self.ready.push_back(event.data(told.to_string()));
        }
    }
}
