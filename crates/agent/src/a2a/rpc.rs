//! JSON-RPC 2.0: the envelope, and where it goes.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::{exact, reading};
use crate::client::Call;
use crate::error::{Error, TASK_NOT_FOUND};
use crate::http::Answer;

/// The answer to a call: what the agent says, and the headers it came with.
#[derive(Debug)]
pub(crate) struct Answered {
    pub result: Value,
    pub headers: HeaderMap,
}

pub(crate) fn request(method: &str, params: Value, id: &str) -> Bytes {
    let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    Bytes::from(request.to_string())
}

/// Calls a method of the agent.
pub(crate) async fn call(
    call: &Call<'_>,
    method: &str,
    params: Value,
    id: &str,
) -> Result<Answered, Error> {
    let answer = call.post(request(method, params, id), JSON).await?;
    let headers = answer.headers.clone();
    Ok(Answered {
        result: result(&answer)?,
        headers,
    })
}

pub(crate) const JSON: &str = "application/json";

/// Reads an envelope. Some servers put a refusal of JSON-RPC under a status of HTTP, so the body comes first.
pub(crate) fn result(answer: &Answer) -> Result<Value, Error> {
    let is_success = (200..300).contains(&answer.status);
    let envelope = match exact::parse(&answer.body) {
        Ok(Value::Object(envelope)) => Ok(envelope),
        Ok(_) => Err("no object".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    match envelope {
        Ok(envelope) if envelope.get("error").is_some_and(Value::is_object) => {
            let error = envelope.get("error").unwrap_or(&Value::Null);
            Err(refused(error))
        }
        Ok(_) | Err(_) if !is_success => Err(answer.refusal()),
        Ok(mut envelope) => match envelope.remove("result") {
            // Null is how some calls succeed, and some servers leave out what is null.
            None if envelope.contains_key("jsonrpc") => Ok(Value::Null),
            None => Err(Error::nonsense("neither a result nor an error")),
            Some(result) => Ok(result),
        },
        Err(why) => Err(Error::nonsense(format!("no JSON-RPC: {why}"))),
    }
}

/// An error of JSON-RPC.
pub(crate) fn refused(error: &Value) -> Error {
    let code = error.get("code").and_then(Value::as_i64).unwrap_or(-32603);
    let message = reading::text(error, "message").unwrap_or("no reason given");
    Error::Refused {
        code,
        message: reading::shortened(message, 500),
    }
}

pub(crate) const fn is_unknown_task(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused {
            code: TASK_NOT_FOUND,
            ..
        }
    )
}
