//! The ways to an agent: executions of it, chained invokes, tasks of state machines, and plain calls.

use std::collections::BTreeMap;

use bytes::Bytes;
use everstep_core::{Failure, Payload, Settlement};
use everstep_durable::{FunctionArn, Invocation, Settings};
use everstep_engine::{Call, Called, Error, Handle, Revision, SettleWith, Work};
use serde_json::json;

use super::{Agents, Content, End, Errand, Seat};
use crate::trace;

impl Agents {
    /// Runs the task of an execution, and tells it what came of that.
    pub(crate) async fn answer(&self, handle: &Handle, work: &Work, invocation: &Invocation) {
        let task = &work.task;
        let seat = Seat {
            execution: work.execution,
            operation: task.operation,
            generation: task.generation,
        };
        let payload = invocation.payload.clone();
        let errand = Errand {
            seat,
            agent: invocation.function.name.clone(),
            version: invocation.function.version.clone(),
            content: Content::Kept(payload.unwrap_or_else(|| Payload::from("{}"))),
            trace: trace::context(handle, seat.execution, invocation.trace_header.as_deref()).await,
            note: work.note.clone(),
            timeout_ms: None,
        };
        let with = match self.run(handle, &errand).await {
            End::Succeeded(value) => SettleWith::Succeeded(Some(value)),
            End::Failed(failure) => SettleWith::Failed(failure),
            End::TimedOut(failure) => SettleWith::TimedOut(failure),
            End::Gone | End::NotYet => return,
        };
        self.settle(handle, &seat, &errand.agent, with).await;
    }

    /// Brings a result home, or keeps it where people find it when it comes too late.
    async fn settle(&self, handle: &Handle, seat: &Seat, agent: &str, with: SettleWith) {
        let Seat {
            execution,
            operation,
            generation,
        } = *seat;
        let settled = handle.settle_operation(execution, operation, generation, with.clone());
        match settled.await {
            Ok(Settlement::Applied | Settlement::Duplicate) => {}
            Ok(settlement) => {
                tracing::info!(%execution, agent, ?settlement, "an agent's result came too late");
                self.keep_late(handle, seat, agent, with).await;
            }
            Err(error) => {
                tracing::warn!(%execution, agent, %error, "an agent's result was not taken");
            }
        }
    }
}

/// A call of an agent by somebody who is no execution: it becomes one, whose end is the answer.
pub(crate) async fn call(
    handle: &Handle,
    call: &Call,
    revision: &Revision,
) -> Result<Called, Error> {
    let mut settings = Settings::of_agent(
        arn(call),
        revision.revision.clone(),
        revision.config.timeout_s,
    );
    settings.trace_header.clone_from(&call.trace_id);
    settings.tenant_id.clone_from(&call.tenant_id);
    let input = call.payload.clone();
    let started = handle
        .start_function(&settings, None, input, BTreeMap::new())
        .await?;
    Ok(Called {
        result: handle.function_answer(started.id).await?,
        log_tail: Bytes::new(),
    })
}

/// `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME…`, with the version that it means.
fn arn(call: &Call) -> FunctionArn {
    let part = |at: usize| call.arn.split(':').nth(at).unwrap_or_default().to_owned();
    FunctionArn {
        partition: part(1),
        region: part(3),
        account: part(4),
        name: part(6),
        version: call.version.clone(),
    }
}

/// A failure as the document that a runtime writes.
pub(crate) fn document(failure: &Failure) -> Bytes {
    let document = json!({
        "errorType": failure.kind.as_deref().unwrap_or_default(),
        "errorMessage": failure.message.as_deref().unwrap_or_default(),
    });
    document.to_string().into()
}
