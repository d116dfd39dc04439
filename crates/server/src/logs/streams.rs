//! Log streams: one per worker.

use std::cmp::Ordering;

use axum::response::Response;
use everstep_logs::StreamSummary;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::errors::Error;
use super::{Call, answer, blocking, bounded};

const PAGE_MAX: usize = 50;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DescribeIn {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: OrderBy,
    descending: bool,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
enum OrderBy {
    #[default]
    LogStreamName,
    LastEventTime,
}

/// What a page is sorted by, and the token of the page behind it.
#[derive(Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Key(u64, String);

pub(super) async fn describe(call: &Call<'_>) -> Result<Response, Error> {
    let request: DescribeIn = call.input()?;
    let limit = bounded("limit", request.limit, PAGE_MAX)?;
    let by_time = request.order_by == OrderBy::LastEventTime;
    if by_time && request.log_stream_name_prefix.is_some() {
        return Err(Error::invalid(
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ));
    }
    let token = request
        .next_token
        .as_deref()
        .map(serde_json::from_str::<Key>)
        .transpose();
    let token = token.map_err(|_| Error::invalid("The specified nextToken is invalid."))?;
    let group = call.group(request.log_group_name, request.log_group_identifier)?;
    let arn = call.group_arn(&group.name);
    let oldest_ms = group.oldest_ms;
    let streams = blocking(move || group.file.streams()).await?;
    let order = |one: &Key, two: &Key| {
        let ordering = one.cmp(two);
        if request.descending {
            ordering.reverse()
        } else {
            ordering
        }
    };
    let mut keyed: Vec<(Key, StreamSummary)> = streams
        .into_iter()
        .filter(|(name, stream)| {
            let prefix = request.log_stream_name_prefix.as_ref();
            stream.last_ms >= oldest_ms
                && prefix.is_none_or(|prefix| name.starts_with(prefix.as_str()))
        })
        .map(|(name, stream)| (Key(if by_time { stream.last_ms } else { 0 }, name), stream))
        .filter(|(key, _)| {
            token
                .as_ref()
                .is_none_or(|token| order(key, token) == Ordering::Greater)
        })
        .collect();
    keyed.sort_by(|(one, _), (two, _)| order(one, two));
    let more = keyed.len() > limit;
    keyed.truncate(limit);
    let last = keyed
        .last()
        .filter(|_| more)
        .map(|(key, _)| json!(key).to_string());
    let shown: Vec<Value> = keyed
        .iter()
        .map(|(key, stream)| shown(&arn, &key.1, stream))
        .collect();
    let mut body = json!({ "logStreams": shown });
    if let (Some(last), Some(body)) = (last, body.as_object_mut()) {
        body.insert("nextToken".to_owned(), last.into());
    }
    Ok(answer(&body))
}

fn shown(arn: &str, name: &str, stream: &StreamSummary) -> Value {
    json!({
        "logStreamName": name,
        "creationTime": stream.first_ms,
        "firstEventTimestamp": stream.first_ms,
        "lastEventTimestamp": stream.last_ms,
        "lastIngestionTime": stream.last_ms,
        "uploadSequenceToken": "0",
        "arn": format!("{arn}:log-stream:{name}"),
        "storedBytes": stream.bytes,
    })
}
