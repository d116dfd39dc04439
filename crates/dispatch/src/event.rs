//! The event of an invocation: what a function gets. A durable function's is made of its execution's state; times in it are whole
//! milliseconds, unlike those of the Lambda API's answers.

use bytes::Bytes;
use everstep_core::token::Purpose;
use everstep_core::{ExecutionId, Operation, Payload, Timestamp};
use everstep_durable::{Details, Invocation, OperationSnapshot};
use everstep_engine::{Error, Handle};
use serde_json::{Map, Value, json};

/// Renders an invocation's event, with the payloads that lie in the blob store.
pub(crate) async fn render(
    handle: &Handle,
    execution: ExecutionId,
    invocation: &Invocation,
) -> Result<Bytes, Error> {
    if let Some(payload) = &invocation.payload {
        return handle.payload(execution, payload).await;
    }
    let mut operations = Vec::with_capacity(invocation.operations.len());
    for snapshot in &invocation.operations {
        operations.push(operation(handle, execution, snapshot).await?);
    }
    let position = invocation.position;
    let token = handle.token(
        Purpose::Position,
        execution,
        Operation(0),
        position.generation,
        position.sequence,
    );
    let updated: Vec<&str> = invocation
        .updated_operation_ids
        .iter()
        .map(|id| &**id)
        .collect();
    let event = json!({
        "DurableExecutionArn": invocation.execution_arn,
        "CheckpointToken": token,
        "InitialExecutionState": {
            "Operations": operations,
            "NextMarker": invocation.next_marker.as_deref().unwrap_or_default(),
        },
        "UpdatedOperationIds": updated,
    });
    Ok(event.to_string().into())
}

async fn operation(
    handle: &Handle,
    execution: ExecutionId,
    snapshot: &OperationSnapshot,
) -> Result<Value, Error> {
    let mut all = Map::new();
    all.insert("Id".to_owned(), json!(&*snapshot.identity.id));
    let names = [
        ("ParentId", &snapshot.identity.parent),
        ("Name", &snapshot.identity.name),
        ("SubType", &snapshot.identity.sub_kind),
    ];
    for (member, text) in names {
        if let Some(text) = text {
            all.insert(member.to_owned(), json!(&**text));
        }
    }
    all.insert("Type".to_owned(), json!(snapshot.kind().as_str()));
    all.insert("Status".to_owned(), json!(snapshot.status.as_str()));
    all.insert("StartTimestamp".to_owned(), millis(snapshot.started));
    if let Some(ended) = snapshot.ended {
        all.insert("EndTimestamp".to_owned(), millis(ended));
    }
    let (member, mut details) = own_details(snapshot);
    if let Details::Callback { .. } = snapshot.details {
        let id = handle.token(
            Purpose::Callback,
            execution,
            snapshot.operation,
            snapshot.generation,
            0,
        );
        details.insert("CallbackId".to_owned(), json!(id));
    }
    if let Some((name, payload)) = payload_of(&snapshot.details) {
        let bytes = handle.payload(execution, payload).await?;
        details.insert(name.to_owned(), json!(String::from_utf8_lossy(&bytes)));
    }
    all.insert(member.to_owned(), Value::Object(details));
    Ok(Value::Object(all))
}

/// The kind's own member, without its payload.
fn own_details(snapshot: &OperationSnapshot) -> (&'static str, Map<String, Value>) {
    let mut details = Map::new();
    let (member, error) = match &snapshot.details {
        Details::Execution { .. } => ("ExecutionDetails", None),
        Details::Context {
            replay_children,
            error,
            ..
        } => {
            details.insert("ReplayChildren".to_owned(), json!(replay_children));
            ("ContextDetails", error.as_ref())
        }
        Details::Step {
            attempt,
            next_attempt,
            error,
            ..
        } => {
            details.insert("Attempt".to_owned(), json!(attempt));
            if let Some(next) = next_attempt {
                details.insert("NextAttemptTimestamp".to_owned(), millis(*next));
            }
            ("StepDetails", error.as_ref())
        }
        Details::Wait { scheduled_end, .. } => {
            details.insert("ScheduledEndTimestamp".to_owned(), millis(*scheduled_end));
            ("WaitDetails", None)
        }
        Details::Callback { error, .. } => ("CallbackDetails", error.as_ref()),
        Details::ChainedInvoke { error, .. } => ("ChainedInvokeDetails", error.as_ref()),
    };
    if let Some(error) = error {
        details.insert("Error".to_owned(), everstep_durable::wire::error(error));
    }
    (member, details)
}

fn payload_of(details: &Details) -> Option<(&'static str, &Payload)> {
    match details {
        Details::Execution { input } => input.as_ref().map(|input| ("InputPayload", input)),
        Details::Context { result, .. }
        | Details::Step { result, .. }
        | Details::Callback { result, .. }
        | Details::ChainedInvoke { result, .. } => result.as_ref().map(|result| ("Result", result)),
        Details::Wait { .. } => None,
    }
}

fn millis(at: Timestamp) -> Value {
    json!(at.0)
}
