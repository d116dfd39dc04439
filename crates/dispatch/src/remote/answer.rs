//! What an Invoke answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use reqwest::{Response, StatusCode};
use serde_json::{Map, Value};

use crate::host::{ErrorKind, FunctionError};

/// Lambda's figure for an answer.
const BYTES_MAX: usize = 6 * 1024 * 1024 + 100;
/// What of an answer that is none is shown.
const SHOWN_BYTES: usize = 512;

/// The function's answer or error, and the tail of its log.
pub(super) type Answered = (Result<Bytes, FunctionError>, Bytes);

/// Why there is no answer of the function.
pub(super) struct NoAnswer {
    pub kind: &'static str,
    pub text: String,
}

pub(super) async fn read(mut response: Response) -> Result<Answered, NoAnswer> {
    let status = response.status();
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let failed = header("x-amz-function-error");
    let refusal = header("x-amzn-errortype");
    let log = header("x-amz-log-result").and_then(|log| STANDARD.decode(log).ok());
    let log = log.map(Bytes::from).unwrap_or_default();
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > BYTES_MAX => {
                let error = FunctionError::new(
                    ErrorKind::Runtime,
                    "Function.ResponseSizeTooLarge",
                    &format!(
                        "Response payload size exceeded maximum allowed payload size ({BYTES_MAX} bytes)."
                    ),
                );
                return Ok((Err(error), log));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => {
                return Err(NoAnswer {
                    kind: "Everstep.NoConnection",
                    text: format!("the answer broke off: {}", super::describe(&error)),
                });
            }
        }
    }
    let body = body.freeze();
    if status != StatusCode::OK {
        let shown = body.get(..SHOWN_BYTES).unwrap_or(&body);
        let refusal = refusal.map(|name| format!(" {name}")).unwrap_or_default();
        return Err(NoAnswer {
            kind: "Everstep.TargetRefused",
            text: format!(
                "it answered {status}{refusal}: {}",
                String::from_utf8_lossy(shown).trim()
            ),
        });
    }
    if failed.is_some() || is_error(&body) {
        return Ok((Err(error(body)), log));
    }
    Ok((Ok(body), log))
}

/// The emulator leaves the header out, and its error document is all there is.
fn is_error(body: &[u8]) -> bool {
    const MEMBERS: [&str; 5] = [
        "errorMessage",
        "errorType",
        "stackTrace",
        "requestId",
        "cause",
    ];
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return false;
    };
    object.contains_key("errorMessage")
        && object.contains_key("errorType")
        && object.keys().all(|name| MEMBERS.contains(&name.as_str()))
}

fn error(body: Bytes) -> FunctionError {
    let object = serde_json::from_slice::<Map<String, Value>>(&body);
    let Ok(object) = object else {
        let text = String::from_utf8_lossy(&body);
        return FunctionError::new(ErrorKind::Handler, "Unhandled", &text);
    };
    let member = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let timed_out = member("errorMessage").contains("Task timed out after");
    let error_type = match member("errorType") {
        "" if timed_out => "Sandbox.Timedout",
        "" => "Unhandled",
        named => named,
    };
    let kind = match error_type {
        "Sandbox.Timedout" => ErrorKind::Timeout,
        "Runtime.ExitError" => ErrorKind::Exit,
        _ if error_type.starts_with("Runtime.") => ErrorKind::Runtime,
        _ => ErrorKind::Handler,
    };
    FunctionError {
        error_type: error_type.to_owned(),
        kind,
        body,
    }
}
