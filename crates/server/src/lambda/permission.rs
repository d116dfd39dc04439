//! Who may call which operation.

use axum::response::Response;
use hyper::Method;
use hyper::http::request::Parts;

use super::arn::execution_id;
use super::route::{Name, Operation};
use crate::door::{Caller, Need, refuse_aws};

/// Who the door let in.
pub(super) fn caller(head: &Parts) -> &Caller {
    head.extensions.get::<Caller>().unwrap_or(&Caller::Nobody)
}

/// The answer to a caller that may not do this.
pub(super) fn refused(head: &Parts, operation: Operation, name: &Name) -> Option<Response> {
    let need = need(&head.method, operation, name)?;
    let caller = caller(head);
    let action = format!("lambda:{} on resource: {}", operation.name(), name.first);
    let denied = caller.must(need, &action).err()?;
    Some(refuse_aws(&denied))
}

/// What an operation needs; nothing where it will be refused for another reason. What is neither named here nor a GET changes something.
fn need(method: &Method, operation: Operation, name: &Name) -> Option<Need> {
    Some(match operation {
        Operation::CheckpointDurableExecution | Operation::GetDurableExecutionState => {
            Need::Extend(execution_id(&name.first).ok()?)
        }
        Operation::Invoke
        | Operation::InvokeAsync
        | Operation::InvokeWithResponseStream
        | Operation::StopDurableExecution
        | Operation::SendDurableExecutionCallbackSuccess
        | Operation::SendDurableExecutionCallbackFailure
        | Operation::SendDurableExecutionCallbackHeartbeat => Need::Operate,
        Operation::PauseDurableExecution
        | Operation::ResumeDurableExecution
        | Operation::DeleteDurableExecution => Need::Supervise,
        _ if method == Method::GET => Need::Read,
        _ => Need::Administer,
    })
}
