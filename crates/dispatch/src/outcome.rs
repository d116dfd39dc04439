//! From what a function's run came to, to the words of its machine.

use bytes::Bytes;
use everstep_core::Failure;
use everstep_durable::{ErrorClass, Mode, Output};

use crate::host::{ErrorKind, FunctionError, Outcome};

pub(crate) fn output(mode: Mode, outcome: Outcome) -> Output {
    match (outcome.result, mode) {
        (Ok(bytes), Mode::Durable) => Output::parse(&bytes),
        (Ok(bytes), Mode::Plain) => Output::Succeeded {
            result: Some(bytes.into()),
        },
        (Err(error), _) => Output::Error {
            class: class(&error),
            failure: failure(&error.body, error.error_type),
        },
    }
}

const fn class(error: &FunctionError) -> ErrorClass {
    match error.kind {
        ErrorKind::Handler => ErrorClass::Handler,
        ErrorKind::Timeout => ErrorClass::Timeout,
        ErrorKind::Runtime | ErrorKind::Exit | ErrorKind::Init | ErrorKind::Host => {
            ErrorClass::Runtime
        }
    }
}

/// The error document of the runtimes.
fn failure(body: &Bytes, error_type: String) -> Failure {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        error_message: Option<String>,
        error_type: Option<String>,
        #[serde(default)]
        stack_trace: Vec<serde_json::Value>,
    }
    match serde_json::from_slice::<Document>(body) {
        Ok(document) => Failure {
            kind: Some(document.error_type.unwrap_or(error_type)),
            message: document.error_message,
            data: None,
            stack: document.stack_trace.iter().map(line).collect(),
        },
        Err(_) => Failure::new(error_type, String::from_utf8_lossy(body)),
    }
}

fn line(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
