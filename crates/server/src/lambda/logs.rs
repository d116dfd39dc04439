//! CloudWatch Logs' FilterLogEvents over the captured logs.

use std::collections::BTreeSet;

use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::errors::Error;
use super::pattern::Pattern;
use super::{Call, reply};
use crate::logs::{self, LogLine};

const LIMIT_MAX: usize = 10_000;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FilterIn {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    /// Milliseconds since 1970, inclusive.
    start_time: Option<u64>,
    end_time: Option<u64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Filtered {
    events: Vec<Event>,
    searched_log_streams: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    log_stream_name: String,
    timestamp: u64,
    message: String,
    ingestion_time: u64,
    event_id: String,
}

pub(super) async fn filter_log_events(call: &Call<'_>) -> Result<Response, Error> {
    let request: FilterIn = call.json()?;
    let group = request
        .log_group_identifier
        .as_deref()
        .or(request.log_group_name.as_deref())
        .unwrap_or_default();
    let Some((_, function)) = group.rsplit_once("/aws/lambda/") else {
        return Ok(refused("ResourceNotFoundException", NO_GROUP));
    };
    let Some(pattern) = Pattern::parse(request.filter_pattern.as_deref().unwrap_or_default())
    else {
        return Ok(refused(
            "InvalidParameterException",
            "Only patterns of plain terms, and of JSON members compared with = and !=, are served.",
        ));
    };
    let lines = read(call, function).await?;
    let Some(lines) = lines else {
        return Ok(refused("ResourceNotFoundException", NO_GROUP));
    };
    let skipped = request
        .next_token
        .as_deref()
        .map_or(Ok(0), str::parse::<usize>);
    let Ok(skipped) = skipped else {
        return Ok(refused(
            "InvalidParameterException",
            "The specified nextToken is invalid.",
        ));
    };
    let limit = request.limit.unwrap_or(LIMIT_MAX).clamp(1, LIMIT_MAX);
    let matching = lines
        .into_iter()
        .enumerate()
        .filter(|(_, line)| matches(line, &request, &pattern));
    let mut found: Vec<(usize, LogLine)> = matching
        .skip_while(|(at, _)| *at < skipped)
        .take(limit + 1)
        .collect();
    let next_token = found.get(limit).map(|(at, _)| at.to_string());
    found.truncate(limit);
    let streams: BTreeSet<&str> = found
        .iter()
        .map(|(_, line)| line.log_stream.as_str())
        .collect();
    let searched_log_streams = streams
        .into_iter()
        .map(|name| json!({ "logStreamName": name, "searchedCompletely": true }))
        .collect();
    let events = found.into_iter().map(|(at, line)| Event {
        timestamp: line.unix_ms(),
        ingestion_time: line.unix_ms(),
        log_stream_name: line.log_stream,
        message: line.message,
        event_id: at.to_string(),
    });
    Ok(aws_json(
        StatusCode::OK,
        &Filtered {
            events: events.collect(),
            searched_log_streams,
            next_token,
        },
    ))
}

/// Every line that is kept of a function; `None` without a log.
async fn read(call: &Call<'_>, function: &str) -> Result<Option<Vec<LogLine>>, Error> {
    let Some(folder) = call.app.options.logs.clone() else {
        return Ok(None);
    };
    let function = function.trim_end_matches(":*").to_owned();
    let read = tokio::task::spawn_blocking(move || logs::read(&folder, &function)).await;
    let read = read.map_err(std::io::Error::other).and_then(|read| read);
    read.map_err(|error| unreadable(&error))
}

const NO_GROUP: &str = "The specified log group does not exist.";

fn unreadable(error: &std::io::Error) -> Error {
    tracing::error!(%error, "a log file can't be read");
    Error::coded(
        super::errors::Exception::Service,
        crate::errors::Code::StoreUnavailable,
        "The log can't be read",
    )
}

fn matches(line: &LogLine, request: &FilterIn, pattern: &Pattern) -> bool {
    let at = line.unix_ms();
    request.start_time.is_none_or(|start| at >= start)
        && request.end_time.is_none_or(|end| at <= end)
        && (request.log_stream_names.is_empty()
            || request.log_stream_names.contains(&line.log_stream))
        && request
            .log_stream_name_prefix
            .as_ref()
            .is_none_or(|prefix| line.log_stream.starts_with(prefix))
        && pattern.matches(&line.message)
}

fn refused(kind: &'static str, message: &str) -> Response {
    aws_json(
        StatusCode::BAD_REQUEST,
        &json!({ "__type": kind, "message": message }),
    )
}

fn aws_json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = reply::json(status, body);
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.1"),
    );
    response
}
