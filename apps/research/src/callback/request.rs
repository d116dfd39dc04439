//! What an agent posts, out of a proxy event: read in the seed's order and refused with the seed's texts. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::AGENT_EXECUTION_ERROR;

/// A callback that can be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Names the wait.
    pub token: String,
    /// What the agent says.
    pub outcome: Outcome,
}

/// JSON text, byte for byte as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The member `result`.
    Success(String),
    /// The member `error`.
    Failure(String),
}

/// The error that a failed agent's wait ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentFailure {
    /// The specification's code.
    pub error_type: &'static str,
    /// The agent's words; JSON text when the agent sent no text.
    pub message: String,
    /// The error as it was sent, when it is more than text.
    pub data: Option<String>,
}

impl Outcome {
    /// The seed's word for it.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self {
            Self::Success(_) => "SUCCESS",
            Self::Failure(_) => "FAILURE",
        }
    }

    /// The JSON text of either member.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Success(text) | Self::Failure(text) => text,
        }
    }
}

impl AgentFailure {
    /// From the JSON text of the member `error`.
    #[must_use]
    pub fn of(error: &str) -> Self {
        let (message, data) = match serde_json::from_str::<String>(error) {
            Ok(text) => (text, None),
            Err(_) => (error.to_owned(), Some(error.to_owned())),
        };
        Self {
            error_type: AGENT_EXECUTION_ERROR,
            message,
            data,
        }
    }
}

/// The first thing that is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// No JSON, or JSON null.
    #[error("Invalid JSON in request body")]
    NotJson,
    /// Nothing, or what Python takes for nothing.
    #[error("Request body is empty or invalid JSON")]
    Empty,
    /// `token` is missing or empty, or the body is no object.
    #[error("Missing required field: token")]
    NoToken,
    /// `status` is missing.
    #[error("Missing required field: status")]
    NoStatus,
    /// `status` is neither of the two.
    #[error("Invalid status value: {shown}. Must be SUCCESS or FAILURE")]
    WrongStatus {
        /// As the seed would show it.
        shown: String,
    },
    /// A success without `result`; null is a result.
    #[error("SUCCESS status requires 'result' field")]
    NoResult,
    /// A failure without `error`.
    #[error("FAILURE status requires 'error' field")]
    NoError,
}

/// The token of an A2A push: agents of that kind show it in a header, and the body tells how their task stands.
#[must_use]
pub fn push_token(event: &Value) -> Option<&str> {
    let headers = event.get("headers")?.as_object()?;
    let names = ["x-a2a-notification-token", "a2a-notification-token"];
    headers
        .iter()
        .find(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
        .and_then(|(_, value)| value.as_str())
        .filter(|token| !token.is_empty())
}

/// Whether a body is an A2A push, of 1.0 or of 0.3.
#[must_use]
pub fn is_push(body: &str) -> bool {
    let members = ["task", "statusUpdate", "artifactUpdate", "message", "kind"];
    serde_json::from_str::<Value>(body)
        .is_ok_and(|body| members.iter().any(|name| body.get(name).is_some()))
}

/// The body of a proxy event as JSON text: text, base64 text, or a value that somebody has parsed already.
///
/// # Errors
/// There is no body, or it is no text.
pub fn body(event: &Value) -> Result<Cow<'_, str>, Invalid> {
    let base64 = event.get("isBase64Encoded").and_then(Value::as_bool) == Some(true);
    match event.get("body") {
        None | Some(Value::Null) => Err(Invalid::Empty),
        Some(Value::String(text)) if base64 => {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(text)
                .map_err(|_| Invalid::NotJson)?;
            String::from_utf8(bytes)
                .map(Cow::Owned)
                .map_err(|_| Invalid::NotJson)
        }
        Some(Value::String(text)) => Ok(Cow::Borrowed(text)),
        Some(parsed) => Ok(Cow::Owned(parsed.to_string())),
    }
}

/// Reads a body.
///
/// # Errors
/// The first of [`Invalid`] that applies.
pub fn parse(body: &str) -> Result<Answer, Invalid> {
    if body.trim().is_empty() {
        return Err(Invalid::Empty);
    }
    let Ok(members) = serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(body) else {
        return Err(match serde_json::from_str::<Value>(body) {
            Err(_) | Ok(Value::Null) => Invalid::NotJson,
            Ok(value) if is_false(&value) => Invalid::Empty,
            Ok(_) => Invalid::NoToken,
        });
    };
    if members.is_empty() {
        return Err(Invalid::Empty);
    }
    let value = |name: &str| -> Option<Value> {
        members
            .get(name)
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
    };
    let token = match value("token") {
        Some(Value::String(token)) if !token.is_empty() => token,
        Some(other) if !is_false(&other) => other.to_string(),
        _ => return Err(Invalid::NoToken),
    };
    let member = |name: &str| members.get(name).map(|raw| raw.get().to_owned());
    let outcome = match value("status").ok_or(Invalid::NoStatus)? {
        Value::String(status) if status == "SUCCESS" => {
            Outcome::Success(member("result").ok_or(Invalid::NoResult)?)
        }
        Value::String(status) if status == "FAILURE" => {
            Outcome::Failure(member("error").ok_or(Invalid::NoError)?)
        }
        other => {
            return Err(Invalid::WrongStatus {
                shown: shown(&other),
            });
        }
    };
    Ok(Answer { token, outcome })
}

/// What Python takes for false.
fn is_false(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// As Python prints it.
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
