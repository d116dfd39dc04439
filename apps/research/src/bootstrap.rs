//! One binary, several functions: the Lambda runtime with the handler that `_HANDLER` names.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_durable_execution_sdk as durable;
use aws_durable_execution_sdk::{DurableContext, InvocationPayload};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::{API_FUNCTION, api_handler};
use crate::artifact::Pending;
use crate::callback::{Invocation, callback_handler};
use crate::controller::controller;
use crate::log::Log;
use crate::services::Services;
use crate::settings::{Role, Settings, WORKFLOW_FUNCTION};
use crate::workflow::handler;

/// How a function of this binary is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionDefinition {
    /// FunctionName.
    pub name: &'static str,
    /// Handler, which arrives as `_HANDLER`.
    pub handler: &'static str,
    /// Whether it has a DurableConfig.
    pub durable: bool,
    /// Of one invocation.
    pub timeout: Duration,
    /// Megabytes.
    pub memory: u32,
    /// Of the whole durable execution.
    pub execution_timeout: Option<Duration>,
    /// Days that a closed execution is kept.
    pub retention_days: Option<u32>,
    /// Variables with the values that suit a local server.
    pub environment: BTreeMap<String, String>,
    /// Variables that whoever registers the function has to fill.
    pub required_environment: Vec<&'static str>,
}

const WORKFLOW_HANDLER: &str = "research.handler";
const CONTROLLER_HANDLER: &str = "research.DurableControllerFunction";
const API_HANDLER: &str = "research.api_handler";

/// The functions of this binary.
#[must_use]
pub fn functions() -> Vec<FunctionDefinition> {
    let environment = |extra: &[(&str, &str)]| {
        let base = [
            ("ARTIFACT_BUCKET", "everstep-artifacts"),
            ("WORKFLOW_TABLE", "agent-workflows"),
        ];
        base.iter()
            .chain(extra)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    let small = |name, handler| FunctionDefinition {
        name,
        handler,
        durable: false,
        timeout: Duration::from_secs(30),
        memory: 256,
        execution_timeout: None,
        retention_days: None,
        environment: environment(&[("WORKFLOW_FUNCTION", WORKFLOW_FUNCTION)]),
        required_environment: vec!["CALLBACK_API_URL"],
    };
    vec![
        FunctionDefinition {
            name: "ResearchWorkflow",
            handler: WORKFLOW_HANDLER,
            durable: true,
            timeout: Duration::from_secs(900),
            memory: 1024,
            execution_timeout: Some(Duration::from_secs(365 * 86_400)),
            retention_days: Some(14),
            environment: environment(&[("APPROVAL_TIMEOUT_HOURS", "24")]),
            required_environment: vec![
                "CALLBACK_API_URL",
                "RESEARCHER_AGENT_ARN",
                "ANALYST_AGENT_ARN",
                "WRITER_AGENT_ARN",
            ],
        },
        small("DurableControllerFunction", CONTROLLER_HANDLER),
        small(API_FUNCTION, API_HANDLER),
    ]
}

/// Runs the Lambda runtime with the handler named by `_HANDLER`, until the host ends the process.
///
/// # Errors
/// `_HANDLER` names nothing of this binary, configuration is missing, or the runtime cannot be reached.
pub async fn bootstrap() -> Result<(), Error> {
    let name = std::env::var("_HANDLER").unwrap_or_default();
    let function = name.rsplit('.').next().unwrap_or_default();
    let role = match function {
        "handler" => Role::Workflow,
        "DurableControllerFunction" | "api_handler" => Role::Front,
        _ => return Err(format!("_HANDLER must be {WORKFLOW_HANDLER}, {CONTROLLER_HANDLER} or {API_HANDLER}, not {name:?}").into()),
    };
    let settings = Settings::from_env(role)?;
    let config = client_configuration().await;
    let lambda = aws_sdk_lambda::Client::new(&config);
    let services = Services::connect(settings, &config, Log::default())?;
    match function {
        "handler" => lambda_runtime::run(service_fn(workflow_service(services, lambda))).await,
        "api_handler" => {
            let services = &services;
            let serve = |event: LambdaEvent<Value>| async move {
                Ok::<_, Error>(api_handler(services, &event.payload).await)
            };
            lambda_runtime::run(service_fn(serve)).await
        }
        _ => {
            let services = &services;
            let serve = |event: LambdaEvent<Value>| async move {
                controller(services, &event.payload).await.map_err(|error| {
                    lambda_runtime::Diagnostic {
                        error_type: error.type_name().to_owned(),
                        error_message: error.to_string(),
                    }
                })
            };
            lambda_runtime::run(service_fn(serve)).await
        }
    }
}

/// Runs the Lambda runtime with the callback handler, until the host ends the process. Whatever `_HANDLER` says: the program has one.
///
/// # Errors
/// Configuration is missing, or the runtime cannot be reached.
pub async fn callback_bootstrap() -> Result<(), Error> {
    let settings = Settings::from_env(Role::Callback)?;
    let services = Services::connect(settings, &client_configuration().await, Log::default())?;
    let services = &services;
    let serve = |event: LambdaEvent<Value>| async move {
        let function = event.context.env_config.function_name.as_str();
        let invocation = Invocation {
            request_id: &event.context.request_id,
            function,
        };
        Ok::<_, Error>(callback_handler(services, &event.payload, invocation).await)
    };
    lambda_runtime::run(service_fn(serve)).await
}

/// Credentials, region and addresses as everywhere with AWS. What is throttled or broken is tried again after at most 1, 2 and 4 s, each
/// time a random part of it, so that callers who were refused together do not come back together.
async fn client_configuration() -> aws_config::SdkConfig {
    let retries = aws_config::retry::RetryConfig::standard()
        .with_max_attempts(4)
        .with_initial_backoff(Duration::from_secs(1))
        .with_max_backoff(Duration::from_secs(4));
    aws_config::defaults(aws_config::BehaviorVersion::latest())
        .retry_config(retries)
        .load()
        .await
}

/// The durable handler as a Lambda service: invocation event in, durable response out.
///
/// Checkpoint batching is on because of how it writes: on a task of its own. The workflow races a callback against polling, and
/// a loser that is dropped in the middle of a direct write would lose the new checkpoint token with the reply.
pub fn workflow_service(
    services: Services,
    lambda: aws_sdk_lambda::Client,
) -> impl Fn(LambdaEvent<InvocationPayload>) -> Pending<'static, Result<Value, Error>> + Send + Sync
{
    let options = durable::Options::builder()
        .lambda_client(lambda)
        .checkpoint_batching(true)
        .build();
    let options = options.expect("a client and batching never contradict each other");
    let service = durable::wrap(
        move |event: Value, ctx: DurableContext| handler(event, ctx, services.clone()),
        options,
    );
    move |event| {
        let answer = service(event);
        Box::pin(async move { Ok(plain_message(serde_json::to_value(answer.await?)?)) })
    }
}

/// The SDK writes the type of an error in front of its message as well; the message alone is what the seed shows.
fn plain_message(mut response: Value) -> Value {
    let error_type = response
        .pointer("/Error/ErrorType")
        .and_then(Value::as_str)
        .map(|name| format!("{name}: "));
    if let (Some(prefix), Some(message)) = (error_type, response.pointer_mut("/Error/ErrorMessage"))
        && let Some(plain) = message.as_str().and_then(|text| text.strip_prefix(&prefix))
    {
        *message = json!(plain);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_and_routes_fit_together() {
        let functions = functions();
        let names: Vec<&str> = functions.iter().map(|function| function.name).collect();
        assert!(
            crate::api::routes()
                .iter()
                .all(|route| names.contains(&route.function))
        );
        assert_eq!(
            functions.iter().filter(|function| function.durable).count(),
            1
        );
        for function in &functions {
            let role = if function.durable {
                Role::Workflow
            } else {
                Role::Front
            };
            let filled = |name: &str| {
                let required = function
                    .required_environment
                    .contains(&name)
                    .then(|| "http://127.0.0.1:1".to_owned());
                function.environment.get(name).cloned().or(required)
            };
            Settings::read(role, filled)
                .unwrap_or_else(|error| panic!("{}: {error}", function.name));
        }
    }

    #[test]
    fn the_type_stands_once_in_a_failure() {
        let response = json!({ "Status": "FAILED", "Error": { "ErrorType": "WorkflowError", "ErrorMessage": "WorkflowError: Workflow failed: x" } });
        assert_eq!(
            plain_message(response)["Error"]["ErrorMessage"],
            "Workflow failed: x"
        );
        assert_eq!(
            plain_message(json!({ "Status": "PENDING" })),
            json!({ "Status": "PENDING" })
        );
    }
}
