//! What a durable function answered.

use everstep_core::Failure;
use serde::Deserialize;

use crate::request::Output;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    status: Option<String>,
    result: Option<String>,
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct ErrorObject {
    error_type: Option<String>,
    error_message: Option<String>,
    error_data: Option<String>,
    stack_trace: Option<Vec<String>>,
}

impl Output {
    /// Reads the answer of a durable function. One that it may not give is [`Output::Malformed`] with AWS's text.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        const STATUS: &str = "Invalid Status in invocation output.";
        let Ok(answer) = serde_json::from_slice::<Answer>(bytes) else {
            return Self::Malformed { message: STATUS };
        };
        match answer.status.as_deref() {
            Some("SUCCEEDED") if answer.error.is_some() => Self::Malformed {
                message: "Cannot provide an Error for SUCCEEDED status.",
            },
            Some("SUCCEEDED") => Self::Succeeded {
                result: answer.result.map(Into::into),
            },
            Some("FAILED") if answer.result.is_some() => Self::Malformed {
                message: "Cannot provide a Result for FAILED status.",
            },
            Some("FAILED") => Self::Failed {
                error: answer.error.map(Into::into),
            },
            Some("PENDING") => Self::Pending,
            _ => Self::Malformed { message: STATUS },
        }
    }
}

impl From<ErrorObject> for Failure {
    fn from(error: ErrorObject) -> Self {
        Self {
            kind: error.error_type,
            message: error.error_message,
            data: error.error_data,
            stack: error.stack_trace.unwrap_or_default(),
        }
    }
}
