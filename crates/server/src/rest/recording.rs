//! What was recorded of an execution, for a replay elsewhere.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use everstep_core::{ExecutionId, Failure, Payload};
use everstep_durable::{Details, ExecutionSnapshot, OperationSnapshot};
use everstep_engine::{Reply, Request, Runtime};

use super::Problem;
use crate::errors::Code;
use crate::executions::find;
use crate::http::App;
use crate::replay::{Recorded, RecordedError, Recording};

pub(super) async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let id = find(&app, &name).await?;
    let request = Request::Durable(everstep_durable::Request::Recording);
    let Reply::Durable(everstep_durable::Reply::Recording {
        execution,
        revision,
        operations,
    }) = app.handle.request(id, request).await?
    else {
        return Err(Problem::new(
            Code::Conflict,
            "The execution has no recording",
        ));
    };
    let config = app.handle.revision(&revision).await?.config;
    let mut recorded = Vec::with_capacity(operations.len());
    for operation in &operations {
        recorded.push(operation_of(&app, id, operation).await?);
    }
    let ExecutionSnapshot {
        arn,
        function,
        status,
        input,
        result,
        error,
        ..
    } = *execution;
    let recording = Recording {
        id: id.to_string(),
        arn,
        function_arn: function.qualified(),
        function: function.name,
        version: function.version,
        status: status.as_str().to_owned(),
        input: text(&app, id, input.as_ref()).await?,
        result: text(&app, id, result.as_ref()).await?,
        error: error.map(error_of),
        runtime: match config.runtime {
            Runtime::Python => "python",
            Runtime::Node => "node",
            Runtime::Provided => "provided",
        }
        .to_owned(),
        handler: config.handler,
        environment: config.environment,
        timeout_s: config.timeout_s,
        operations: recorded,
    };
    Ok(Json(recording).into_response())
}

async fn operation_of(
    app: &App,
    id: ExecutionId,
    snapshot: &OperationSnapshot,
) -> Result<Recorded, Problem> {
    let (attempt, result, error) = match &snapshot.details {
        Details::Step {
            attempt,
            result,
            error,
            ..
        } => (*attempt, result.as_ref(), error.as_ref()),
        Details::Context { result, error, .. }
        | Details::Callback { result, error, .. }
        | Details::ChainedInvoke { result, error, .. } => (0, result.as_ref(), error.as_ref()),
        Details::Execution { .. } | Details::Wait { .. } => (0, None, None),
    };
    let identity = &snapshot.identity;
    let part = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    Ok(Recorded {
        number: snapshot.operation.0,
        id: identity.id.to_string(),
        parent: part(&identity.parent),
        name: part(&identity.name),
        kind: snapshot.kind().as_str().to_owned(),
        sub_kind: part(&identity.sub_kind),
        status: snapshot.status.as_str().to_owned(),
        started_ms: snapshot.started.0,
        ended_ms: snapshot.ended.map(|at| at.0),
        attempt,
        result: text(app, id, result).await?,
        error: error.cloned().map(error_of),
    })
}

async fn text(
    app: &App,
    id: ExecutionId,
    payload: Option<&Payload>,
) -> Result<Option<String>, Problem> {
    match payload {
        None => Ok(None),
        Some(payload) => {
            let bytes = app.handle.payload(id, payload).await?;
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
    }
}

fn error_of(failure: Failure) -> RecordedError {
    RecordedError {
        error_type: failure.kind,
        error_message: failure.message,
        error_data: failure.data,
        stack_trace: failure.stack,
    }
}
