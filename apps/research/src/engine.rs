//! What the small functions ask of the durable execution service, through the official Lambda client.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{ErrorObject, EventType, InvocationType};
use serde_json::Value;

use crate::artifact::Pending;
use crate::callback::{AgentFailure, Outcome};
use crate::error::{Kind, WorkflowStateError};

/// Starting executions and settling their waits. The implementation works against Everstep and AWS alike.
pub trait Engine: Send + Sync {
    /// Starts the durable workflow under a name; the same name with the same payload is the same execution.
    fn start<'a>(
        &'a self,
        name: &'a str,
        payload: &'a Value,
    ) -> Pending<'a, Result<(), WorkflowStateError>>;

    /// Settles a callback with a result.
    fn succeed<'a>(
        &'a self,
        callback_id: &'a str,
        result: &'a Value,
    ) -> Pending<'a, Result<(), WorkflowStateError>>;

    /// Ends an execution as stopped; one that is over already stays as it is.
    fn stop<'a>(
        &'a self,
        execution_arn: &'a str,
        reason: &'a str,
    ) -> Pending<'a, Result<(), WorkflowStateError>>;

    /// Settles a callback with what an agent said, byte for byte.
    fn answer<'a>(
        &'a self,
        callback_id: &'a str,
        outcome: &'a Outcome,
    ) -> Pending<'a, Result<(), WorkflowStateError>>;

    /// The id of the newest callback of that name which nothing has settled yet.
    fn open_callback<'a>(
        &'a self,
        execution_arn: &'a str,
        name: &'a str,
    ) -> Pending<'a, Result<Option<String>, WorkflowStateError>>;
}

/// [`Engine`] on the Lambda API.
#[derive(Debug, Clone)]
pub struct LambdaEngine {
    client: Client,
    function: String,
    qualifier: Option<String>,
}

const HISTORY_PAGE: i32 = 1000;

impl LambdaEngine {
    /// `workflow_function` is a name or ARN with its qualifier, such as `ResearchWorkflow:$LATEST`.
    #[must_use]
    pub fn new(client: Client, workflow_function: &str) -> Self {
        let (function, qualifier) = split_qualifier(workflow_function);
        Self {
            client,
            function,
            qualifier,
        }
    }

    async fn invoke(&self, name: &str, payload: &Value) -> Result<(), WorkflowStateError> {
        let request = self
            .client
            .invoke()
            .function_name(&self.function)
            .set_qualifier(self.qualifier.clone())
            .invocation_type(InvocationType::Event)
            .durable_execution_name(name)
            .payload(Blob::new(payload.to_string()));
        request
            .send()
            .await
            .map(|_| ())
            .map_err(|error| service(&error, "starting the workflow"))
    }

    async fn settle(&self, callback_id: &str, result: &str) -> Result<(), WorkflowStateError> {
        let request = self
            .client
            .send_durable_execution_callback_success()
            .callback_id(callback_id);
        let sent = request.result(Blob::new(result)).send().await;
        sent.map(|_| ())
            .map_err(|error| service(&error, "settling the callback"))
    }

    async fn fail(&self, callback_id: &str, error: &str) -> Result<(), WorkflowStateError> {
        let failure = AgentFailure::of(error);
        let error = ErrorObject::builder()
            .error_type(failure.error_type)
            .error_message(failure.message)
            .set_error_data(failure.data)
            .build();
        let request = self
            .client
            .send_durable_execution_callback_failure()
            .callback_id(callback_id);
        let sent = request.error(error).send().await;
        sent.map(|_| ())
            .map_err(|error| service(&error, "settling the callback"))
    }

    async fn end(&self, execution_arn: &str, reason: &str) -> Result<(), WorkflowStateError> {
        let error = ErrorObject::builder()
            .error_type("WorkflowCancelled")
            .error_message(reason)
            .build();
        let request = self
            .client
            .stop_durable_execution()
            .durable_execution_arn(execution_arn)
            .error(error);
        let stopped = request.send().await;
        stopped
            .map(|_| ())
            .map_err(|error| service(&error, "stopping the workflow"))
    }

    async fn find(
        &self,
        execution_arn: &str,
        name: &str,
    ) -> Result<Option<String>, WorkflowStateError> {
        let mut marker = None;
        let mut closed = Vec::new();
        // Newest first: an operation that is over shows its end before its start.
        loop {
            let request = self
                .client
                .get_durable_execution_history()
                .durable_execution_arn(execution_arn);
            let page = request
                .reverse_order(true)
                .include_execution_data(true)
                .max_items(HISTORY_PAGE)
                .set_marker(marker);
            let page = page
                .send()
                .await
                .map_err(|error| service(&error, "reading the history"))?;
            for event in page.events() {
                match event.event_type() {
                    Some(
                        EventType::CallbackSucceeded
                        | EventType::CallbackFailed
                        | EventType::CallbackTimedOut,
                    ) => {
                        closed.extend(event.id().map(str::to_owned));
                    }
                    Some(EventType::CallbackStarted) if event.name() == Some(name) => {
                        let open = event
                            .id()
                            .is_some_and(|id| closed.iter().all(|other| other != id));
                        let callback = event
                            .callback_started_details()
                            .map(|details| details.callback_id().to_owned());
                        return Ok(callback.filter(|_| open));
                    }
                    _ => {}
                }
            }
            marker = page
                .next_marker()
                .filter(|next| !next.is_empty())
                .map(str::to_owned);
            if marker.is_none() {
                return Ok(None);
            }
        }
    }
}

impl Engine for LambdaEngine {
    fn start<'a>(
        &'a self,
        name: &'a str,
        payload: &'a Value,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        Box::pin(self.invoke(name, payload))
    }

    fn succeed<'a>(
        &'a self,
        callback_id: &'a str,
        result: &'a Value,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        Box::pin(async move { self.settle(callback_id, &result.to_string()).await })
    }

    fn answer<'a>(
        &'a self,
        callback_id: &'a str,
        outcome: &'a Outcome,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        match outcome {
            Outcome::Success(result) => Box::pin(self.settle(callback_id, result)),
            Outcome::Failure(error) => Box::pin(self.fail(callback_id, error)),
        }
    }

    fn stop<'a>(
        &'a self,
        execution_arn: &'a str,
        reason: &'a str,
    ) -> Pending<'a, Result<(), WorkflowStateError>> {
        Box::pin(self.end(execution_arn, reason))
    }

    fn open_callback<'a>(
        &'a self,
        execution_arn: &'a str,
        name: &'a str,
    ) -> Pending<'a, Result<Option<String>, WorkflowStateError>> {
        Box::pin(self.find(execution_arn, name))
    }
}

/// `name:qualifier` or `arn:…:function:name:qualifier` → name or ARN, and qualifier.
fn split_qualifier(function: &str) -> (String, Option<String>) {
    let parts: Vec<&str> = function.split(':').collect();
    let qualified = parts.len() == 2 || parts.len() == 8;
    match function.rsplit_once(':') {
        Some((name, qualifier)) if qualified => (name.to_owned(), Some(qualifier.to_owned())),
        _ => (function.to_owned(), None),
    }
}

fn service<E, R>(error: &SdkError<E, R>, doing: &str) -> WorkflowStateError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let SdkError::ServiceError(answer) = error else {
        return WorkflowStateError {
            kind: Kind::Transient,
            message: format!("{doing}: {}", DisplayErrorContext(error)),
        };
    };
    let meta = answer.err().meta();
    let kind = match meta.code().unwrap_or_default() {
        "ResourceNotFoundException" => Kind::NotFound,
        "DurableExecutionAlreadyStartedException"
        | "ResourceConflictException"
        | "CallbackTimeoutException" => Kind::Conflict,
        "TooManyRequestsException" => Kind::Throttled,
        "ServiceException" => Kind::Transient,
        _ => Kind::Invalid,
    };
    let said = meta
        .message()
        .or(meta.code())
        .unwrap_or("the service refused");
    WorkflowStateError {
        kind,
        message: format!("{doing}: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualifiers_are_split_from_names_and_arns() {
        let pairs = [
            (
                "ResearchWorkflow:$LATEST",
                "ResearchWorkflow",
                Some("$LATEST"),
            ),
            ("ResearchWorkflow", "ResearchWorkflow", None),
            (
                "arn:aws:lambda:r:1:function:W:3",
                "arn:aws:lambda:r:1:function:W",
                Some("3"),
            ),
            (
                "arn:aws:lambda:r:1:function:W",
                "arn:aws:lambda:r:1:function:W",
                None,
            ),
        ];
        for (given, name, qualifier) in pairs {
            assert_eq!(
                split_qualifier(given),
                (name.to_owned(), qualifier.map(str::to_owned))
            );
        }
    }
}
