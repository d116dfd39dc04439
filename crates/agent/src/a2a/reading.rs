//! What an agent says, in any version of A2A. It is read member by member: agents leave out what the specification demands, and one
//! reader for all versions makes nobody fail for the spelling of a state.

use bytes::Bytes;
use serde_json::Value;

use super::exact;
use super::value::{self, Artifact};
use super::{ID_CHARS_MAX, WORDS_CHARS_MAX};
use crate::agent::Dialect;
use crate::error::Error;
use crate::task::{Output, Progress, Question, Said, State, TaskRef};

/// The states of all versions under one spelling each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Working,
    InputRequired,
    AuthRequired,
    Completed,
    Failed,
    Canceled,
    Rejected,
}

/// `TASK_STATE_INPUT_REQUIRED`, `input-required`. No state at all is a task that has only just begun.
pub(crate) fn phase(state: Option<&Value>) -> Result<Phase, Error> {
    let text = match state {
        None | Some(Value::Null) => return Ok(Phase::Working),
        // How protobuf's JSON may write an enum.
        Some(Value::Number(number)) => return numbered(number.as_u64()),
        Some(Value::String(text)) => text,
        Some(other) => return Err(Error::nonsense(format!("the task's state is {other}"))),
    };
    let plain = text
        .trim_start_matches("TASK_STATE_")
        .to_ascii_lowercase()
        .replace('_', "-");
    match &*plain {
        "submitted" | "working" | "unspecified" | "unknown" => Ok(Phase::Working),
        "input-required" => Ok(Phase::InputRequired),
        "auth-required" => Ok(Phase::AuthRequired),
        "completed" => Ok(Phase::Completed),
        "failed" => Ok(Phase::Failed),
        "canceled" | "cancelled" => Ok(Phase::Canceled),
        "rejected" => Ok(Phase::Rejected),
        _ => Err(Error::nonsense(format!(
            "the task's state is '{}'",
            shortened(text, 80)
        ))),
    }
}

fn numbered(number: Option<u64>) -> Result<Phase, Error> {
    match number {
        Some(0..=2) => Ok(Phase::Working),
        Some(3) => Ok(Phase::Completed),
        Some(4) => Ok(Phase::Failed),
        Some(5) => Ok(Phase::Canceled),
        Some(6) => Ok(Phase::InputRequired),
        Some(7) => Ok(Phase::Rejected),
        Some(8) => Ok(Phase::AuthRequired),
        _ => Err(Error::nonsense(format!(
            "the task's state has the number {number:?}"
        ))),
    }
}

/// The answer to a message: a task or a message, wrapped as 1.0 does or not as 0.3 does.
pub(crate) fn answer(value: Value, dialect: Dialect) -> Result<Said, Error> {
    let Value::Object(mut members) = value else {
        return Err(Error::nonsense("neither a task nor a message"));
    };
    for wrap in ["task", "message"] {
        // A 1.0 agent that leaves its choice explicit as null means the other.
        if let Some(inner @ Value::Object(_)) = members.remove(wrap) {
            let is_task = wrap == "task";
            return if is_task {
                task(inner, dialect)
            } else {
                message(&inner)
            };
        }
    }
    let is_message = members.get("kind").and_then(Value::as_str) == Some("message")
        || (members.contains_key("parts") && !members.contains_key("status"));
    let value = Value::Object(members);
    if is_message {
        return message(&value);
    }
    task(value, dialect)
}

fn message(value: &Value) -> Result<Said, Error> {
    let parts = value.get("parts").and_then(Value::as_array);
    let artifact = Artifact::of_parts(parts.map(Vec::as_slice).unwrap_or_default());
    let output = artifact.output()?.unwrap_or_else(value::nothing);
    let mut said = Said::new(None, State::Done(output));
    said.traceparent = traceparent(value);
    Ok(said)
}

/// A task as `GetTask` shows it.
pub(crate) fn task(mut value: Value, dialect: Dialect) -> Result<Said, Error> {
    let id = text(&value, "id").ok_or_else(|| Error::nonsense("a task without an id"))?;
    let id = id.to_owned();
    if id.is_empty() || id.chars().count() > ID_CHARS_MAX {
        return Err(Error::nonsense(format!(
            "a task's id of {} bytes",
            id.len()
        )));
    }
    let status = value.get_mut("status").map(Value::take).unwrap_or_default();
    let artifacts = value
        .get_mut("artifacts")
        .map(Value::take)
        .unwrap_or_default();
    let context_id = text(&value, "contextId").filter(|id| id.chars().count() <= ID_CHARS_MAX);
    let reference = TaskRef {
        dialect,
        id,
        context_id: context_id.map(str::to_owned),
    };
    let mut said = Said::new(
        Some(reference),
        state(&status, &value::artifacts(&artifacts))?,
    );
    said.traceparent = traceparent(&value);
    Ok(said)
}

/// Where a task stands, by its status and by what it has produced.
pub(crate) fn state(status: &Value, artifacts: &[Artifact]) -> Result<State, Error> {
    let words = words(status);
    Ok(match phase(status.get("state"))? {
        Phase::Working => State::Working(Progress {
            percent: percent(status),
            message: words,
        }),
        Phase::InputRequired => State::NeedsInput(question(status, words)),
        Phase::AuthRequired => State::NeedsAuth(question(status, words)),
        Phase::Completed => State::Done(output(status, artifacts)?),
        Phase::Failed => State::Failed {
            message: words.unwrap_or_else(|| "the agent says no more than that it failed".into()),
        },
        Phase::Rejected => State::Failed {
            message: words.unwrap_or_else(|| "the agent rejected the task".into()),
        },
        Phase::Canceled => State::Canceled { message: words },
    })
}

/// Results belong into artifacts; some agents put them into their last message.
fn output(status: &Value, artifacts: &[Artifact]) -> Result<Output, Error> {
    if let Some(output) = value::result(artifacts)? {
        return Ok(output);
    }
    let parts = status.pointer("/message/parts").and_then(Value::as_array);
    let last = Artifact::of_parts(parts.map(Vec::as_slice).unwrap_or_default());
    Ok(last.output()?.unwrap_or_else(value::nothing))
}

fn question(status: &Value, words: Option<String>) -> Question {
    let mut parts = status
        .pointer("/message/parts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let data = parts.find_map(exact::data);
    let message = status.get("message");
    // The official SDK takes the message away from the status as soon as it is answered; the time stays.
    let id = text(status, "timestamp");
    let id = id.or_else(|| message.and_then(|message| text(message, "messageId")));
    Question {
        id: id
            .filter(|id| id.chars().count() <= ID_CHARS_MAX)
            .map(str::to_owned),
        text: words.unwrap_or_default(),
        data: data.map(|data| Bytes::from(data.to_owned())),
    }
}

/// The text of a status' message.
fn words(status: &Value) -> Option<String> {
    let parts = status.pointer("/message/parts")?.as_array()?;
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|part| part.get("text")?.as_str())
        .collect();
    let text = texts.join("\n");
    (!text.trim().is_empty()).then(|| shortened(&text, WORDS_CHARS_MAX))
}

/// How much is done, where an agent says it in one of the usual places.
fn percent(status: &Value) -> Option<u8> {
    let parts = status.pointer("/message/parts").and_then(Value::as_array);
    let data = parts.into_iter().flatten().filter_map(exact::data);
    let data: Vec<Value> = data
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect();
    let metadata = [status.get("metadata"), status.pointer("/message/metadata")];
    let mut places = data.iter().chain(metadata.into_iter().flatten());
    places.find_map(|place| {
        let found = ["percent", "progress_percent", "progress"];
        let number = found.iter().find_map(|name| place.get(name)?.as_f64())?;
        // Below 100 by the check: nothing is cut off.
        (0.0..=100.0).contains(&number).then_some(number as u8)
    })
}

/// The trace that an agent says it works in.
fn traceparent(value: &Value) -> Option<String> {
    let found = text(value.get("metadata")?, "traceparent")?;
    (found.len() <= 256 && found.is_ascii()).then(|| found.to_owned())
}

/// The message ids in a task's history, if it has any.
pub(crate) fn history(task: &Value) -> Option<Vec<&str>> {
    let messages = task.get("history")?.as_array()?;
    let ids: Vec<&str> = messages
        .iter()
        .filter_map(|message| text(message, "messageId"))
        .collect();
    (!ids.is_empty()).then_some(ids)
}

pub(crate) fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str()
}

pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

#[cfg(test)]
mod tests;
