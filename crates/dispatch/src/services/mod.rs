//! Service integrations: what the Task states of state machines call. One module for each service, and one table that leads to them.
//!
//! A task is sent at least once: after a crash it is sent again under the same key, which each integration hands on to whom it calls.

mod claim;
mod fault;
pub(crate) mod http;
mod lambda;
mod metadata;
mod resource;
mod sfn;
mod states;

use bytes::Bytes;
use everstep_asl::machine::{Call, Late, Request, stage};
use everstep_core::{ExecutionId, Parent, Task};
use everstep_engine::{Error, Handle, ServiceAnswer, ServiceCall, SettleWith};
use everstep_logs::Logs;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

pub(crate) use fault::{Fault, Service, Wording};

use crate::functions::{Inner, ServiceOptions};
use http::{Exchange, Http};
use resource::{Pattern, Resource};

/// What there is, for who asks for something else.
const KNOWN: &str = "lambda:invoke, states:startExecution, http:invoke and, of aws-sdk:sfn, startExecution, getActivityTask, sendTaskSuccess, sendTaskFailure and sendTaskHeartbeat";

/// What integrations keep between calls.
pub(crate) struct Services {
    http: Http,
    logs: Option<Logs>,
}

impl Services {
    pub(crate) fn new(options: ServiceOptions) -> Self {
        Self {
            http: Http::new(&options.http),
            logs: options.logs,
        }
    }

    /// Where executions of state machines log to.
    pub(crate) const fn logs(&self) -> Option<&Logs> {
        self.logs.as_ref()
    }
}

/// One attempt of a task.
pub(crate) struct Errand<'a> {
    pub inner: &'a Inner,
    pub handle: &'a Handle,
    pub call: &'a Call,
    /// Tells the attempt from every other one; a repetition of the same attempt has it, too.
    pub key: String,
    /// It may have been sent before: the server restarted, or a lease ran out.
    pub repeated: bool,
    /// What was noted of it, where something was.
    pub note: Option<Bytes>,
    /// Who waits for the end of what is started.
    pub waiting: Option<Parent>,
    /// Who wants to see what an HTTP task sends and gets.
    pub exchange: Option<&'a Exchange>,
}

/// What came of an attempt.
pub(crate) enum Done {
    Succeeded(Bytes),
    /// The service has taken the job, whose end comes another way.
    Submitted(Bytes),
    /// Nothing was begun: the server is ending, and the next one begins it.
    NotRun,
}

impl<'a> Errand<'a> {
    /// The task's arguments as the integration knows them.
    fn arguments<T: Deserialize<'a>>(&self) -> Result<T, Fault> {
        serde_json::from_str(&self.call.arguments).map_err(|error| {
            Fault::runtime(format!(
                "The arguments of '{}' can't be used: {error}",
                self.call.resource
            ))
        })
    }

    /// Says that the task waits for something of this server, and keeps nobody else from its target.
    fn only_waits(&self) {
        if let Some(waiting) = &self.waiting {
            let Parent {
                execution,
                operation,
                generation,
            } = *waiting;
            self.handle.park(execution, operation, generation);
        }
    }

    /// Does what the task asks for.
    pub(crate) async fn run(&self) -> Result<Done, Fault> {
        let resource = Resource::parse(&self.call.resource);
        let Some(resource) = resource else {
            return Err(self.unknown());
        };
        let Resource::Service {
            service,
            action,
            pattern,
        } = resource
        else {
            return Ok(done(
                Box::pin(lambda::function(self)).await?,
                Pattern::RequestResponse,
            ));
        };
        let answer = match (service, action, pattern) {
            ("lambda", "invoke", Pattern::RequestResponse | Pattern::WaitForTaskToken) => {
                Box::pin(lambda::invoke(self)).await
            }
            ("states", "startExecution", _) => states::start_execution(self, pattern).await,
            ("http", "invoke", Pattern::RequestResponse) => {
                let invoked = Box::pin(self.inner.services.http.invoke(self));
                invoked.await.map(Some)
            }
            ("aws-sdk", action, Pattern::RequestResponse) => {
                let action = action.strip_prefix("sfn:").ok_or_else(|| self.unknown())?;
                let answer = sfn::call(self, action).await;
                answer.ok_or_else(|| self.unknown())?
            }
            _ => return Err(self.unknown()),
        };
        match answer {
            Ok(answer) => Ok(done(answer, pattern)),
            Err(fault) if pattern == Pattern::RequestResponse => Err(fault),
            Err(fault) => Err(fault.at_submission()),
        }
    }

    fn unknown(&self) -> Fault {
        let cause = format!(
            "The resource '{}' can't be called here. There are {KNOWN}, and functions and activities by their ARNs.",
            self.call.resource
        );
        Fault {
            stage: Some(stage::RUNTIME),
            ..Fault::runtime(cause)
        }
    }
}

fn done(answer: Option<Bytes>, pattern: Pattern) -> Done {
    match (answer, pattern) {
        (None, _) => Done::NotRun,
        (Some(output), Pattern::RequestResponse) => Done::Succeeded(output),
        (Some(output), Pattern::Sync | Pattern::WaitForTaskToken) => Done::Submitted(output),
    }
}

/// A task as it was sent.
pub(crate) struct Sent<'a> {
    pub execution: ExecutionId,
    pub task: &'a Task,
    pub repeated: bool,
    /// What was noted of it.
    pub note: Option<Bytes>,
}

/// Does what a machine's task is for.
pub(crate) async fn run(inner: &Inner, handle: &Handle, sent: &Sent<'_>, late: &Late) {
    match late {
        Late::Call(call) => perform(inner, handle, sent, call).await,
        Late::Stop(arn) => stop(handle, sent, arn).await,
        Late::Log { .. } => {
            let execution = sent.execution;
            tracing::error!(%execution, "the events of an execution go to its log, not to a service");
        }
    }
}

/// Runs a task and tells its machine what came of it.
async fn perform(inner: &Inner, handle: &Handle, sent: &Sent<'_>, call: &Call) {
    let execution = sent.execution;
    let (operation, generation) = (sent.task.operation, sent.task.generation);
    let errand = Errand {
        inner,
        handle,
        call,
        key: sent.task.idempotency_key(execution),
        repeated: sent.repeated,
        note: sent.note.clone(),
        waiting: Some(Parent {
            execution,
            operation,
            generation,
        }),
        exchange: None,
    };
    let told = match errand.run().await {
        Ok(Done::Succeeded(output)) => {
            settle(handle, sent, SettleWith::Succeeded(Some(output))).await
        }
        Ok(Done::Submitted(output)) => {
            let submitted = Request::Submitted {
                operation,
                generation,
                output,
            };
            let submitted = everstep_engine::Request::Asl(submitted);
            handle.report(execution, submitted).await.map(|_| ())
        }
        Ok(Done::NotRun) => {
            tracing::info!(%execution, %operation, "a task was not run; it will be");
            Ok(())
        }
        Err(fault) => settle(handle, sent, SettleWith::Failed(fault.into())).await,
    };
    if let Err(error) = told {
        tracing::warn!(%execution, %operation, %error, "the end of a task was not taken");
    }
}

/// Does once what a task would ask for, for somebody who waits for its end.
pub(crate) async fn once(
    inner: &Inner,
    handle: &Handle,
    call: &ServiceCall,
) -> Result<ServiceAnswer, Error> {
    let exchange = Exchange::new(call.reveal_secrets);
    let errand = Errand {
        inner,
        handle,
        call: &call.call,
        key: uuid::Uuid::new_v4().to_string(),
        repeated: false,
        note: None,
        waiting: None,
        exchange: Some(&exchange),
    };
    let result = match errand.run().await {
        Ok(Done::Succeeded(output) | Done::Submitted(output)) => Ok(output),
        Ok(Done::NotRun) => return Err(Error::Ended),
        Err(fault) => Err(fault.into()),
    };
    let (request, response) = exchange.into_parts();
    Ok(ServiceAnswer {
        result,
        request,
        response,
    })
}

async fn settle(handle: &Handle, sent: &Sent<'_>, with: SettleWith) -> Result<(), Error> {
    let (operation, generation) = (sent.task.operation, sent.task.generation);
    let settled = handle.settle_operation(sent.execution, operation, generation, with);
    settled.await.map(|_| ())
}

/// Stops the execution with this ARN, of which nobody wants to know more, and ends the task; one that is left open is brought again.
async fn stop(handle: &Handle, sent: &Sent<'_>, arn: &str) {
    let (execution, task) = (sent.execution, sent.task);
    match states::stop(handle, arn).await {
        Ok(()) => {
            let accepted = handle.accepted(execution, task.operation, task.generation);
            if let Err(error) = accepted.await {
                tracing::warn!(%execution, arn, %error, "a nested execution will be stopped again");
            }
        }
        Err(error) => tracing::warn!(%execution, arn, %error, "a nested execution was not stopped"),
    }
}

/// A document that is handed on: as it was written, and an empty object where there is none. A string is taken for the text of the
/// document, if it is one.
fn document(given: Option<&RawValue>) -> Bytes {
    let Some(given) = given else {
        return Bytes::from_static(b"{}");
    };
    if let Ok(text) = serde_json::from_str::<String>(given.get())
        && serde_json::from_str::<IgnoredAny>(&text).is_ok()
    {
        return text.into();
    }
    Bytes::copy_from_slice(given.get().as_bytes())
}

/// The region in an ARN.
fn region(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}

/// The account in an ARN.
fn account(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_holds_a_document_is_the_document() {
        let cases = [
            (Some("{\"a\": 1.0}"), "{\"a\": 1.0}"),
            (Some("\"{\\\"a\\\":1}\""), "{\"a\":1}"),
            (Some("\"null\""), "null"),
            (Some("\"plain text\""), "\"plain text\""),
            (Some("null"), "null"),
            (None, "{}"),
        ];
        for (given, expected) in cases {
            let given: Option<&RawValue> =
                given.map(|text| serde_json::from_str(text).expect("JSON"));
            assert_eq!(document(given), expected, "{given:?}");
        }
    }
}
