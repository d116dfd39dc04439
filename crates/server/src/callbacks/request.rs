//! The seeds' callback body, checked in the seeds' order with the seeds' texts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

/// A callback that can be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub token: String,
    pub outcome: Outcome,
}

/// JSON text as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Success(Bytes),
    Failure(Bytes),
}

impl Outcome {
    pub(super) const fn bytes(&self) -> &Bytes {
        match self {
            Self::Success(bytes) | Self::Failure(bytes) => bytes,
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Success(bytes) | Self::Failure(bytes) => bytes,
        }
    }
}

/// The first thing that is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Invalid {
    #[error("Invalid JSON in request body")]
    NotJson,
    #[error("Request body is empty or invalid JSON")]
    Empty,
    #[error("Missing required field: token")]
    NoToken,
    #[error("Missing required field: status")]
    NoStatus,
    #[error("Invalid status value: {shown}. Must be SUCCESS or FAILURE")]
    WrongStatus { shown: String },
    #[error("SUCCESS status requires 'result' field")]
    NoResult,
    #[error("FAILURE status requires 'error' field")]
    NoError,
}

pub(super) fn parse(body: &[u8]) -> Result<Answer, Invalid> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Invalid::Empty);
    }
    let Ok(members) = serde_json::from_slice::<BTreeMap<Cow<'_, str>, &RawValue>>(body) else {
        // No object: which of the cases it is takes a closer look, which only mistakes pay for.
        return Err(match serde_json::from_slice::<Value>(body) {
            Err(_) | Ok(Value::Null) => Invalid::NotJson,
            Ok(value) if is_empty(&value) => Invalid::Empty,
            Ok(_) => Invalid::NoToken,
        });
    };
    if members.is_empty() {
        return Err(Invalid::Empty);
    }
    let value = |name: &str| {
        members
            .get(name)
            .and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok())
    };
    let token = match value("token") {
        None => return Err(Invalid::NoToken),
        Some(value) if is_empty(&value) => return Err(Invalid::NoToken),
        Some(Value::String(token)) => token,
        Some(other) => other.to_string(),
    };
    let member = |name: &str| {
        members
            .get(name)
            .map(|raw| Bytes::copy_from_slice(raw.get().as_bytes()))
    };
    let outcome = match value("status") {
        None => return Err(Invalid::NoStatus),
        Some(Value::String(status)) if status == "SUCCESS" => {
            Outcome::Success(member("result").ok_or(Invalid::NoResult)?)
        }
        Some(Value::String(status)) if status == "FAILURE" => {
            Outcome::Failure(member("error").ok_or(Invalid::NoError)?)
        }
        Some(other) => {
            return Err(Invalid::WrongStatus {
                shown: shown(&other),
            });
        }
    };
    Ok(Answer { token, outcome })
}

/// What Python takes for false.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// As Python writes it, where that differs from JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
