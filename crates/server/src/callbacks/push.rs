//! A2A push notifications, of 1.0 and of 0.3, as far as they say how a task stands.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a push says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Push {
    /// `result` is JSON text.
    Completed {
        result: Bytes,
    },
    Failed {
        message: String,
    },
    /// It works on, asks for something, or says nothing that ends the wait.
    Alive,
}

/// The push token: in either of the two headers that SDKs send.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let header = headers
        .get("x-a2a-notification-token")
        .or_else(|| headers.get("a2a-notification-token"));
    let bearer = || {
        headers
            .get(AUTHORIZATION)?
            .to_str()
            .ok()?
            .strip_prefix("Bearer ")
    };
    // Bearer alone is not enough: the seeds' clients may carry one for other reasons, and have their token in the body.
    let is_a2a = || {
        headers.get("a2a-version").is_some()
            || headers
                .get("content-type")
                .is_some_and(|kind| kind == "application/a2a+json")
    };
    header
        .and_then(|value| value.to_str().ok())
        .or_else(|| bearer().filter(|_| is_a2a()))
}

/// A stream response: one of its members is there. A task alone is taken as well.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    task: Option<Task<'a>>,
    #[serde(borrow)]
    status_update: Option<Task<'a>>,
    artifact_update: Option<serde::de::IgnoredAny>,
    message: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
    #[serde(borrow, default)]
    artifacts: Vec<Artifact<'a>>,
}

#[derive(Deserialize)]
struct Task<'a> {
    #[serde(borrow)]
    status: Status<'a>,
    #[serde(borrow, default)]
    artifacts: Vec<Artifact<'a>>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact<'a> {
    #[serde(borrow, default)]
    artifact_id: Cow<'a, str>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    parts: Vec<Part<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

/// `None` when it is no push.
pub(super) fn read(body: &[u8]) -> Option<Push> {
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    let bare = body.status.map(|status| Task {
        status,
        artifacts: body.artifacts,
    });
    match body.task.or(body.status_update).or(bare) {
        Some(task) => Some(of_task(&task)),
        None => (body.artifact_update.is_some() || body.message.is_some()).then_some(Push::Alive),
    }
}

fn of_task(task: &Task<'_>) -> Push {
    let state = task
        .status
        .state
        .trim_start_matches("TASK_STATE_")
        .to_ascii_lowercase();
    match state.as_str() {
        "completed" => {
            result(&task.artifacts).map_or(Push::Alive, |result| Push::Completed { result })
        }
        "failed" | "rejected" | "canceled" => {
            let said = task
                .status
                .message
                .as_ref()
                .and_then(|message| message.parts.iter().find_map(|part| part.text.as_deref()));
            Push::Failed {
                message: said
                    .map_or_else(|| format!("the agent's task was {state}"), str::to_owned),
            }
        }
        _ => Push::Alive,
    }
}

/// The artifact that is named so, else the first with data, else the first text.
fn result(artifacts: &[Artifact<'_>]) -> Option<Bytes> {
    let named = artifacts.iter().filter(|artifact| {
        artifact.name.as_deref() == Some("result") || artifact.artifact_id == "result"
    });
    let with_data = artifacts
        .iter()
        .filter(|artifact| artifact.parts.iter().any(|part| part.data.is_some()));
    named
        .chain(with_data)
        .chain(artifacts)
        .find_map(|artifact| value(&artifact.parts))
}

/// Data as it was written; text as JSON if it is, else as a JSON text.
fn value(parts: &[Part<'_>]) -> Option<Bytes> {
    if let Some(data) = parts.iter().find_map(|part| part.data) {
        return Some(Bytes::copy_from_slice(data.get().as_bytes()));
    }
    let text = parts.iter().find_map(|part| part.text.as_deref())?;
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return Some(Bytes::copy_from_slice(text.as_bytes()));
    }
    serde_json::to_vec(text).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests;
