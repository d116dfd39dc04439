//! CloudWatch Logs' API (JSON 1.1, `POST /` with `X-Amz-Target: Logs_20140328.OPERATION`), as botocore 1.44.5 models it, over the captured logs.
//!
//! A function's group is `/aws/lambda/NAME`; its streams are its workers. Groups can be made and given a retention and tags. Nothing is put into a log
//! through this API: what functions print is captured.

mod errors;
mod events;
mod groups;
mod queries;
mod streams;

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use everstep_logs::{Entry, LogFile, Logs, Tail, Window, function_group, group_name};
use hyper::{Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aws_json;
use crate::http::{self, App};
use errors::Error;
pub(crate) use queries::Queries;

const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
const SERVICE: &str = "Logs_20140328.";

/// A request of this API.
struct Call<'a> {
    app: &'a App,
    body: Bytes,
}

pub(crate) async fn serve(app: App, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let target = aws_json::target(&head.headers);
    let limits = &app.options.limits;
    let answer = match http::read(body, limits.body_bytes_max, limits.body_timeout).await {
        Ok(body) => dispatch(target, Call { app: &app, body }).await,
        Err(error) => Err(Error::of_body(error)),
    };
    answer.unwrap_or_else(|error| {
        tracing::debug!(%error, "a request was refused");
        error.into_response()
    })
}

async fn dispatch(target: &str, call: Call<'_>) -> Result<Response, Error> {
    match target.strip_prefix(SERVICE).unwrap_or_default() {
        "CreateLogGroup" => groups::create(&call).await,
        "DeleteLogGroup" => groups::delete(&call).await,
        "DeleteRetentionPolicy" => groups::delete_retention(&call).await,
        "DescribeLogGroups" => groups::describe(&call).await,
        "DescribeLogStreams" => streams::describe(&call).await,
        "DescribeQueries" => queries::describe(&call),
        "FilterLogEvents" => events::filter(&call).await,
        "GetLogEvents" => events::get(&call).await,
        "GetLogRecord" => events::record(&call).await,
        "GetQueryResults" => queries::results(&call),
        "ListTagsForResource" => groups::list_tags(&call),
        "ListTagsLogGroup" => groups::list_tags(&call),
        "PutRetentionPolicy" => groups::put_retention(&call).await,
        "StartQuery" => queries::start(&call),
        "StopQuery" => queries::stop(&call),
        "TagLogGroup" | "TagResource" => groups::tag(&call).await,
        "TestMetricFilter" => events::test(&call),
        "UntagLogGroup" | "UntagResource" => groups::untag(&call).await,
        _ => Err(Error::UnknownOperation {
            target: target.to_owned(),
        }),
    }
}

impl Call<'_> {
    fn input<Input: DeserializeOwned>(&self) -> Result<Input, Error> {
        aws_json::input(&self.body).map_err(|reason| Error::Malformed { reason })
    }

    fn logs(&self) -> Result<&Logs, Error> {
        self.app.options.logs.as_ref().ok_or(Error::NoGroup)
    }

    /// The group that a request names in one of two ways.
    fn group(&self, name: Option<String>, identifier: Option<String>) -> Result<Group, Error> {
        let named = match (name, identifier) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid(
                    "LogGroup name and LogGroup identifier are mutually exclusive parameters.",
                ));
            }
            (Some(given), None) | (None, Some(given)) => group_name(&given).to_owned(),
            (None, None) => {
                return Err(Error::invalid(
                    "At least one of logGroupName or logGroupIdentifier must be specified.",
                ));
            }
        };
        self.named(&named)
    }

    fn named(&self, name: &str) -> Result<Group, Error> {
        let logs = self.logs()?;
        let file = logs.group(name).ok_or(Error::NoGroup)?;
        Ok(Group {
            name: name.to_owned(),
            file,
            oldest_ms: oldest_ms(logs, name),
        })
    }

    /// `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`.
    fn group_arn(&self, name: &str) -> String {
        let options = &self.app.options;
        format!(
            "arn:aws:logs:{}:{}:log-group:{name}",
            options.region, options.account
        )
    }
}

/// A group that is there.
struct Group {
    name: String,
    file: Arc<LogFile>,
    /// What is older has been kept for long enough.
    oldest_ms: u64,
}

impl Group {
    /// A window of time; both ends are inclusive, and times before 1970 are its beginning.
    fn window(&self, from: Option<i64>, until: Option<i64>) -> Window {
        let ms = |time: i64| u64::try_from(time).unwrap_or(0);
        Window {
            from_ms: Some(from.map_or(0, ms).max(self.oldest_ms)),
            until_ms: until.map(ms),
            ..Window::default()
        }
    }
}

fn oldest_ms(logs: &Logs, group: &str) -> u64 {
    let Some(kept) = logs.retention(group) else {
        return 0;
    };
    let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
    u64::try_from(now_ms().saturating_sub(kept)).unwrap_or(0)
}

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The files of a function that has printed something, and from when on its lines count.
pub(crate) fn of_function(logs: &Logs, function: &str) -> Option<(Arc<LogFile>, Window)> {
    of_group(logs, &function_group(function))
}

/// The files of a group that holds something, and from when on its lines count.
pub(crate) fn of_group(logs: &Logs, group: &str) -> Option<(Arc<LogFile>, Window)> {
    let file = logs.group(group)?;
    let window = Window {
        from_ms: Some(oldest_ms(logs, group)),
        ..Window::default()
    };
    Some((file, window))
}

/// The last lines that an execution printed, as `LogType=Tail` shows them; empty when there are none.
pub(crate) async fn execution_tail(logs: &Logs, function: &str, execution: String) -> Vec<u8> {
    let Some((file, window)) = of_function(logs, function) else {
        return Vec::new();
    };
    let of_it = move |entry: &Entry| entry.line.execution.as_ref() == Some(&execution);
    let last = blocking(move || file.last(&window, Tail::BYTES_MAX, Tail::BYTES_MAX, of_it)).await;
    let mut tail = Tail::default();
    match last {
        Ok(entries) => entries
            .iter()
            .for_each(|entry| tail.push(&entry.line.message)),
        Err(error) => tracing::warn!(%error, "the end of a log could not be shown"),
    }
    tail.last().to_vec()
}

/// Reads or writes files where that holds up nobody.
async fn blocking<Out: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<Out> + Send + 'static,
) -> Result<Out, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(std::io::Error::other).and_then(|done| done);
    done.map_err(|source| Error::Unreadable { source })
}

/// A number within the bounds of the service's model.
fn bounded(name: &str, given: Option<i64>, max: usize) -> Result<usize, Error> {
    let Some(given) = given else { return Ok(max) };
    let number = usize::try_from(given)
        .ok()
        .filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| {
        let bound = if given < 1 { "greater than or equal to 1".to_owned() } else { format!("less than or equal to {max}") };
        Error::invalid(format!(
            "1 validation error detected: Value '{given}' at '{name}' failed to satisfy constraint: Member must have value {bound}"
        ))
    })
}

fn answer(body: &impl Serialize) -> Response {
    respond(StatusCode::OK, body)
}

fn respond(status: StatusCode, body: &impl Serialize) -> Response {
    aws_json::respond(MEDIA_TYPE, status, body)
}
