//! Operations and errors on their way out. Payloads are written from the bytes that came in: nothing is parsed and written again.

use bytes::Bytes;
use everstep_core::token::Purpose;
use everstep_core::{ExecutionId, Failure, Payload};
use everstep_durable::{Details, OperationSnapshot};
use serde::{Deserialize, Serialize};

use super::errors::Error;
use super::reply::Seconds;
use crate::http::App;

/// AWS's ErrorObject.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ErrorObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_data: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stack_trace: Vec<String>,
}

impl From<ErrorObject> for Failure {
    fn from(error: ErrorObject) -> Self {
        Self {
            kind: error.error_type,
            message: error.error_message,
            data: error.error_data,
            stack: error.stack_trace,
        }
    }
}

impl From<Failure> for ErrorObject {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.kind,
            error_message: failure.message,
            error_data: failure.data,
            stack_trace: failure.stack,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Checkpointed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_token: Option<&'a str>,
    new_execution_state: State<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct State<'a> {
    operations: &'a [OperationOut<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<&'a str>,
}

/// The answer of a checkpoint.
pub(super) async fn checkpoint(
    app: &App,
    id: ExecutionId,
    checkpoint_token: Option<&str>,
    mut operations: Vec<OperationSnapshot>,
    next_marker: Option<&str>,
) -> Result<Bytes, Error> {
    let operations = rendered(app, id, &mut operations).await?;
    write(&Checkpointed {
        checkpoint_token,
        new_execution_state: State {
            operations: &operations,
            next_marker,
        },
    })
}

/// A page of state.
pub(super) async fn state(
    app: &App,
    id: ExecutionId,
    mut operations: Vec<OperationSnapshot>,
    next_marker: Option<&str>,
) -> Result<Bytes, Error> {
    let operations = rendered(app, id, &mut operations).await?;
    write(&State {
        operations: &operations,
        next_marker,
    })
}

fn write(answer: &impl Serialize) -> Result<Bytes, Error> {
    let written = serde_json::to_vec(answer).map(Bytes::from);
    written.map_err(|error| {
        Error::coded(
            super::errors::Exception::Service,
            crate::errors::Code::Crashed,
            error.to_string(),
        )
    })
}

/// The operations as they are written, large payloads brought back from the blob store.
async fn rendered<'a>(
    app: &App,
    id: ExecutionId,
    operations: &'a mut [OperationSnapshot],
) -> Result<Vec<OperationOut<'a>>, Error> {
    for operation in &mut *operations {
        let payload = match &mut operation.details {
            Details::Execution { input } => input,
            Details::Context { result, .. }
            | Details::Step { result, .. }
            | Details::Callback { result, .. }
            | Details::ChainedInvoke { result, .. } => result,
            Details::Wait { .. } => continue,
        };
        if let Some(stored @ Payload::Blob { .. }) = payload {
            *stored = Payload::Inline(app.handle.payload(id, stored).await?);
        }
    }
    let operations = operations.iter();
    Ok(operations
        .map(|operation| OperationOut::of(app, id, operation))
        .collect())
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OperationOut<'a> {
    id: &'a str,
    r#type: &'static str,
    status: &'static str,
    start_timestamp: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_timestamp: Option<Seconds>,
    #[serde(flatten)]
    details: DetailsOut<'a>,
}

/// The member is named after the kind: `StepDetails` and so on.
#[derive(Serialize)]
enum DetailsOut<'a> {
    #[serde(rename = "ExecutionDetails", rename_all = "PascalCase")]
    Execution {
        #[serde(skip_serializing_if = "Option::is_none")]
        input_payload: Option<&'a str>,
    },
    #[serde(rename = "ContextDetails", rename_all = "PascalCase")]
    Context {
        replay_children: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<FailureOut<'a>>,
    },
    #[serde(rename = "StepDetails", rename_all = "PascalCase")]
    Step {
        attempt: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_attempt_timestamp: Option<Seconds>,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<FailureOut<'a>>,
    },
    #[serde(rename = "WaitDetails", rename_all = "PascalCase")]
    Wait { scheduled_end_timestamp: Seconds },
    #[serde(rename = "CallbackDetails", rename_all = "PascalCase")]
    Callback {
        callback_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<FailureOut<'a>>,
    },
    #[serde(rename = "ChainedInvokeDetails", rename_all = "PascalCase")]
    ChainedInvoke {
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<FailureOut<'a>>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FailureOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_data: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stack_trace: &'a [String],
}

impl<'a> FailureOut<'a> {
    fn of(failure: &'a Failure) -> Self {
        Self {
            error_message: failure.message.as_deref(),
            error_type: failure.kind.as_deref(),
            error_data: failure.data.as_deref(),
            stack_trace: &failure.stack,
        }
    }
}

/// What came in was checked to be UTF-8.
fn text(payload: Option<&Payload>) -> Option<&str> {
    match payload? {
        Payload::Inline(bytes) => std::str::from_utf8(bytes).ok(),
        Payload::Blob { .. } => None,
    }
}

impl<'a> OperationOut<'a> {
    fn of(app: &App, execution: ExecutionId, from: &'a OperationSnapshot) -> Self {
        let error = |failure: &'a Option<Failure>| failure.as_ref().map(FailureOut::of);
        let details = match &from.details {
            Details::Execution { input } => DetailsOut::Execution {
                input_payload: text(input.as_ref()),
            },
            Details::Context {
                replay_children,
                result,
                error: failure,
            } => DetailsOut::Context {
                replay_children: *replay_children,
                result: text(result.as_ref()),
                error: error(failure),
            },
            Details::Step {
                attempt,
                next_attempt,
                result,
                error: failure,
            } => DetailsOut::Step {
                attempt: *attempt,
                next_attempt_timestamp: next_attempt.map(Seconds),
                result: text(result.as_ref()),
                error: error(failure),
            },
            Details::Wait { scheduled_end, .. } => DetailsOut::Wait {
                scheduled_end_timestamp: Seconds(*scheduled_end),
            },
            Details::Callback {
                result,
                error: failure,
                ..
            } => DetailsOut::Callback {
                callback_id: app.handle.token(
                    Purpose::Callback,
                    execution,
                    from.operation,
                    from.generation,
                    0,
                ),
                result: text(result.as_ref()),
                error: error(failure),
            },
            Details::ChainedInvoke {
                result,
                error: failure,
                ..
            } => DetailsOut::ChainedInvoke {
                result: text(result.as_ref()),
                error: error(failure),
            },
        };
        Self {
            id: &from.identity.id,
            r#type: from.kind().as_str(),
            status: from.status.as_str(),
            start_timestamp: Seconds(from.started),
            parent_id: from.identity.parent.as_deref(),
            name: from.identity.name.as_deref(),
            sub_type: from.identity.sub_kind.as_deref(),
            end_timestamp: from.ended.map(Seconds),
            details,
        }
    }
}
