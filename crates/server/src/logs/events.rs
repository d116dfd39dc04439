//! Reading events: GetLogEvents, FilterLogEvents, GetLogRecord, and trying a filter pattern.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use axum::response::Response;
use everstep_logs::pattern::Pattern;
use everstep_logs::{Entry, Position, Window};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::errors::Error;
use super::queries::pointed_at;
use super::{Call, Group, answer, blocking, bounded};

const EVENTS_MAX: usize = 10_000;
/// Of messages in a page.
const PAGE_BYTES_MAX: usize = 1 << 20;
const STREAMS_MAX: usize = 100;
const PATTERN_MAX: usize = 1_024;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FilterIn {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    /// Milliseconds since 1970, inclusive.
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GetIn {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    /// Exclusive here.
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(skip_serializing_if = "Option::is_none")]
    log_stream_name: Option<String>,
    timestamp: u64,
    message: String,
    ingestion_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
}

/// Where a page begins, and which way it goes.
#[derive(Clone, Copy)]
enum Token {
    Forward(Position),
    Backward(Position),
}

impl Token {
    fn parse(text: &str) -> Result<Token, Error> {
        let parsed = text.split_once('/').and_then(|(way, position)| {
            let position = position.parse().ok()?;
            match way {
                "f" => Some(Token::Forward(position)),
                "b" => Some(Token::Backward(position)),
                _ => None,
            }
        });
        parsed.ok_or_else(|| Error::invalid("The specified nextToken is invalid."))
    }

    fn text(self) -> String {
        match self {
            Token::Forward(position) => format!("f/{position}"),
            Token::Backward(position) => format!("b/{position}"),
        }
    }
}

/// A page of entries, oldest first, and whether there may be more behind it.
struct Page {
    entries: Vec<Entry>,
    more: bool,
}

impl Page {
    /// The first lines of a window that match.
    fn forward(
        group: &Group,
        window: &Window,
        limit: usize,
        matches: impl Fn(&Entry) -> bool,
    ) -> std::io::Result<Page> {
        let mut page = Page {
            entries: Vec::new(),
            more: false,
        };
        let mut bytes = 0;
        group.file.scan(window, |entry| {
            if !matches(&entry) {
                return ControlFlow::Continue(());
            }
            bytes += entry.line.message.len();
            let full = page.entries.len() == limit || bytes > PAGE_BYTES_MAX;
            if full && !page.entries.is_empty() {
                page.more = true;
                return ControlFlow::Break(());
            }
            page.entries.push(entry);
            ControlFlow::Continue(())
        })?;
        Ok(page)
    }

    /// The last ones.
    fn backward(
        group: &Group,
        window: &Window,
        limit: usize,
        matches: impl Fn(&Entry) -> bool,
    ) -> std::io::Result<Page> {
        // One more than wanted tells whether there is another page.
        let mut entries = group
            .file
            .last(window, limit + 1, PAGE_BYTES_MAX, matches)?;
        let bytes: usize = entries.iter().map(|entry| entry.line.message.len()).sum();
        let more = entries.len() > limit || bytes > PAGE_BYTES_MAX / 2;
        if entries.len() > limit {
            entries.remove(0);
        }
        Ok(Page { entries, more })
    }
}

pub(super) async fn get(call: &Call<'_>) -> Result<Response, Error> {
    let request: GetIn = call.input()?;
    let limit = bounded("limit", request.limit, EVENTS_MAX)?;
    let token = request
        .next_token
        .as_deref()
        .map(Token::parse)
        .transpose()?;
    let group = call.group(request.log_group_name, request.log_group_identifier)?;
    let stream = request.log_stream_name;
    let until = request.end_time.map(|end| end.saturating_sub(1));
    let mut window = group.window(request.start_time, until);
    let from_head = request.start_from_head;
    let read = blocking(move || {
        if !group.file.streams()?.contains_key(&stream) {
            return Ok(None);
        }
        let end = group.file.end()?;
        let matches = |entry: &Entry| entry.line.log_stream == stream;
        let page = match token {
            Some(Token::Forward(position)) => {
                window.from = Some(position);
                Page::forward(&group, &window, limit, matches)?
            }
            Some(Token::Backward(position)) => {
                window.before = Some(position);
                Page::backward(&group, &window, limit, matches)?
            }
            None if from_head => Page::forward(&group, &window, limit, matches)?,
            None => Page::backward(&group, &window, limit, matches)?,
        };
        Ok(Some((page.entries, end)))
    });
    let (entries, end) = read.await?.ok_or(Error::NoStream)?;
    // At either end, the token is that of the request: so clients know that they are there.
    let here = match token {
        Some(Token::Forward(position) | Token::Backward(position)) => position,
        None => end,
    };
    let first = entries.first().map_or(here, |entry| entry.position);
    let last = entries.last().map_or(here, |entry| entry.end);
    let events: Vec<Event> = entries
        .into_iter()
        .map(|entry| Event {
            log_stream_name: None,
            timestamp: entry.at_ms,
            ingestion_time: entry.at_ms,
            message: entry.line.message,
            event_id: None,
        })
        .collect();
    Ok(answer(&json!({
        "events": events,
        "nextForwardToken": Token::Forward(last).text(),
        "nextBackwardToken": Token::Backward(first).text(),
    })))
}

pub(super) async fn filter(call: &Call<'_>) -> Result<Response, Error> {
    let request: FilterIn = call.input()?;
    let limit = bounded("limit", request.limit, EVENTS_MAX)?;
    let pattern = pattern(request.filter_pattern.as_deref().unwrap_or_default())?;
    let streams = Streams::of(request.log_stream_names, request.log_stream_name_prefix)?;
    let token = request
        .next_token
        .as_deref()
        .map(Token::parse)
        .transpose()?;
    let group = call.group(request.log_group_name, request.log_group_identifier)?;
    let mut window = group.window(request.start_time, request.end_time);
    let backward = match token {
        Some(Token::Forward(position)) => {
            window.from = Some(position);
            false
        }
        Some(Token::Backward(position)) => {
            window.before = Some(position);
            true
        }
        None => request.start_from_head == Some(false),
    };
    let read = blocking(move || {
        let matches = |entry: &Entry| {
            streams.hold(&entry.line.log_stream) && pattern.matches(&entry.line.message)
        };
        if backward {
            Page::backward(&group, &window, limit, matches)
        } else {
            Page::forward(&group, &window, limit, matches)
        }
    });
    Ok(found(read.await?, backward))
}

fn found(page: Page, backward: bool) -> Response {
    let Page { mut entries, more } = page;
    let next = if backward {
        entries.first().map(|entry| Token::Backward(entry.position))
    } else {
        entries.last().map(|entry| Token::Forward(entry.end))
    };
    let streams: BTreeSet<String> = entries
        .iter()
        .map(|entry| entry.line.log_stream.clone())
        .collect();
    // Lines of several workers come in the order of their writing; their times may differ by a little.
    entries.sort_by_key(|entry| (entry.at_ms, entry.position));
    if backward {
        entries.reverse();
    }
    let events: Vec<Event> = entries.into_iter().map(Event::found).collect();
    let searched: Vec<Value> = streams
        .into_iter()
        .map(|name| json!({ "logStreamName": name, "searchedCompletely": !more }))
        .collect();
    let mut body = json!({ "events": events, "searchedLogStreams": searched });
    if let (true, Some(next), Some(body)) = (more, next, body.as_object_mut()) {
        body.insert("nextToken".to_owned(), next.text().into());
    }
    answer(&body)
}

/// Which streams of a group are asked for.
struct Streams {
    names: Vec<String>,
    prefix: Option<String>,
}

impl Streams {
    fn of(names: Vec<String>, prefix: Option<String>) -> Result<Streams, Error> {
        if !names.is_empty() && prefix.is_some() {
            return Err(Error::invalid(
                "logStreamNamePrefix and logStreamNames are mutually exclusive parameters.",
            ));
        }
        if names.len() > STREAMS_MAX {
            return Err(Error::invalid(format!(
                "logStreamNames has at most {STREAMS_MAX} members"
            )));
        }
        Ok(Streams { names, prefix })
    }

    fn hold(&self, stream: &str) -> bool {
        let begins = |prefix: &String| stream.starts_with(prefix.as_str());
        (self.names.is_empty() || self.names.iter().any(|name| name == stream))
            && self.prefix.as_ref().is_none_or(begins)
    }
}

impl Event {
    fn found(entry: Entry) -> Event {
        Event {
            // Sorts as the events do.
            event_id: Some(format!("{:016}{}", entry.at_ms, entry.position)),
            log_stream_name: Some(entry.line.log_stream),
            timestamp: entry.at_ms,
            ingestion_time: entry.at_ms,
            message: entry.line.message,
        }
    }
}

fn pattern(text: &str) -> Result<Pattern, Error> {
    if text.chars().count() > PATTERN_MAX {
        return Err(Error::invalid(format!(
            "filterPattern has at most {PATTERN_MAX} characters"
        )));
    }
    Ok(Pattern::parse(text)?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordIn {
    log_record_pointer: String,
}

/// All fields of the record that a query's `@ptr` points at.
pub(super) async fn record(call: &Call<'_>) -> Result<Response, Error> {
    let RecordIn { log_record_pointer } = call.input()?;
    let invalid = || Error::invalid("The specified log record pointer is invalid.");
    let (name, position) = pointed_at(&log_record_pointer).ok_or_else(invalid)?;
    let group = call.named(&name)?;
    let entry = blocking(move || group.file.at(position))
        .await?
        .ok_or(Error::NoRecord)?;
    let account = &call.app.options.account;
    let mut fields = BTreeMap::from([
        ("@timestamp".to_owned(), entry.at_ms.to_string()),
        ("@ingestionTime".to_owned(), entry.at_ms.to_string()),
        ("@log".to_owned(), format!("{account}:{name}")),
        ("@logStream".to_owned(), entry.line.log_stream),
    ]);
    fields.extend(
        entry
            .line
            .request_id
            .map(|id| ("@requestId".to_owned(), id)),
    );
    if let Ok(Value::Object(members)) = serde_json::from_str(&entry.line.message) {
        let text = |value: Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        fields.extend(members.into_iter().map(|(name, value)| (name, text(value))));
    }
    fields.insert("@message".to_owned(), entry.line.message);
    Ok(answer(&json!({ "logRecord": fields })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TestIn {
    filter_pattern: String,
    log_event_messages: Vec<String>,
}

pub(super) fn test(call: &Call<'_>) -> Result<Response, Error> {
    let request: TestIn = call.input()?;
    let pattern = pattern(&request.filter_pattern)?;
    let matches: Vec<Value> = (1_u64..)
        .zip(&request.log_event_messages)
        .filter(|(_, message)| pattern.matches(message))
        .map(|(number, message)| json!({ "eventNumber": number, "eventMessage": message, "extractedValues": {} }))
        .collect();
    Ok(answer(&json!({ "matches": matches })))
}
