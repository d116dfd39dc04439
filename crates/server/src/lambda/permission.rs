//! Who may call which operation.

use axum::response::Response;
use hyper::Method;
use hyper::http::request::Parts;

use super::arn::execution_id;
use super::route::{Name, Operation};
use crate::door::{Caller, Need, refuse_aws};

/// An answer when the caller may not do this.
pub(super) fn check(head: &Parts, operation: Operation, name: &Name) -> Result<(), Response> {
    let nobody = Caller::Nobody;
    let caller = head.extensions.get::<Caller>().unwrap_or(&nobody);
    let Some(need) = need(&head.method, operation, name) else {
        return Ok(());
    };
    let action = format!("lambda:{operation:?} on resource: {}", name.first);
    caller
        .must(need, &action)
        .map_err(|refusal| refuse_aws(head, &refusal))
}

/// What an operation needs; nothing where it will be refused for another reason. What is not named here changes something.
fn need(method: &Method, operation: Operation, name: &Name) -> Option<Need> {
    Some(match operation {
        Operation::CheckpointDurableExecution | Operation::GetDurableExecutionState => {
            Need::Extend(execution_id(&name.first).ok()?)
        }
        Operation::Invoke
        | Operation::StopDurableExecution
        | Operation::SendDurableExecutionCallbackSuccess
        | Operation::SendDurableExecutionCallbackFailure
        | Operation::SendDurableExecutionCallbackHeartbeat => Need::Operate,
        Operation::FilterLogEvents => Need::Read,
        _ if method == Method::GET => Need::Read,
        _ => Need::Administer,
    })
}
