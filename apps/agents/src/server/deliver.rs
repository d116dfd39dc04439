//! Telling the caller the end: A2A push notifications and the legacy callback.

use a2a::{StreamResponse, Task, TaskPushNotificationConfig, TaskState};
use serde_json::{Value, json};

use super::jobs::Agent;
use super::outgoing::{self, Failure};
use super::tasks::{Callback, Record};

const TOKEN_HEADER: &str = "X-A2A-Notification-Token";

/// Tells every address that the task asked for. An address that could not be reached is tried again after a restart; until
/// then the caller's own polling finds the result. One that refuses is not asked again.
pub(super) async fn deliver(agent: &Agent, record: &Record) {
    let mut all_told = true;
    for config in &record.push {
        all_told &= is_settled(
            &record.task.id,
            "push",
            push(agent, config, &record.task).await,
        );
    }
    if let Some(callback) = &record.callback {
        all_told &= is_settled(
            &record.task.id,
            "callback",
            call_back(agent, callback, &record.task).await,
        );
    }
    if !all_told {
        return;
    }
    let marked = agent
        .tasks
        .change(&record.task.id, |now| {
            // An address that was added meanwhile has a delivery of its own.
            now.delivered = now.push == record.push;
            now.delivered
        })
        .await;
    if let Err(reason) = marked {
        tracing::warn!(task = %record.task.id, %reason, "delivery_not_recorded");
    }
}

/// Whether nothing more is to be said to this address.
fn is_settled(task: &str, way: &str, told: Result<(), Failure>) -> bool {
    match told {
        Ok(()) => {
            tracing::info!(task, way, "result_delivered");
            true
        }
        Err(failure) => {
            let (reason, is_refusal) = (failure.text, failure.is_refusal);
            tracing::error!(task, way, reason, is_refusal, "result_not_delivered");
            is_refusal
        }
    }
}

async fn push(
    agent: &Agent,
    config: &TaskPushNotificationConfig,
    task: &Task,
) -> Result<(), Failure> {
    let body =
        serde_json::to_vec(&StreamResponse::Task(task.clone())).map_err(|reason| Failure {
            text: reason.to_string(),
            is_refusal: true,
        })?;
    outgoing::send(&agent.options.retry_pauses, || {
        let mut request = agent
            .http
            .post(&config.url)
            .header("content-type", "application/a2a+json")
            .header(a2a::SVC_PARAM_VERSION, a2a::VERSION)
            .body(body.clone());
        if let Some(token) = &config.token {
            request = request.header(TOKEN_HEADER, token);
        }
        if let Some(authentication) = &config.authentication
            && let Some(credentials) = &authentication.credentials
        {
            let value = format!("{} {credentials}", authentication.scheme);
            request = request.header("authorization", value);
        }
        request
    })
    .await
    .map(|_| ())
}

async fn call_back(agent: &Agent, callback: &Callback, task: &Task) -> Result<(), Failure> {
    let body = callback_body(&callback.token, task);
    outgoing::send(&agent.options.retry_pauses, || {
        agent.http.post(&callback.url).json(&body)
    })
    .await
    .map(|_| ())
}

fn callback_body(token: &str, task: &Task) -> Value {
    match outcome(task) {
        Ok(result) => json!({"token": token, "status": "SUCCESS", "result": result}),
        Err((kind, error)) => {
            json!({"token": token, "status": "FAILURE", "error": error, "error_type": kind})
        }
    }
}

/// The result of a finished task, or the kind and text of its failure.
pub(super) fn outcome(task: &Task) -> Result<Value, (String, String)> {
    if task.status.state == TaskState::Completed {
        let data = task
            .artifacts
            .iter()
            .flatten()
            .flat_map(|artifact| &artifact.parts);
        for part in data {
            if let a2a::PartContent::Data(value) = &part.content {
                return Ok(value.clone());
            }
        }
        return Ok(Value::Null);
    }
    let text = task
        .status
        .message
        .as_ref()
        .and_then(|message| message.text())
        .unwrap_or("The task was cancelled");
    let kind = task
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.get("error_type"))
        .and_then(Value::as_str)
        .unwrap_or("Cancelled");
    Err((kind.to_owned(), text.to_owned()))
}
