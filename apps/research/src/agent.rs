//! Agents by A2A 1.0. Here are the trait and the shapes, which are pure and made of the official crate's types; `client.rs` calls.

mod client;

use a2a::{
    Artifact, AuthenticationInfo, Message, Part, PartContent, Role, SendMessageConfiguration,
    SendMessageRequest, Task, TaskPushNotificationConfig, TaskState,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use client::A2aAgents;

use crate::artifact::Pending;
use crate::error::AgentInvocationError;

/// The code of an agent that nothing listens for; pages in `docs/errors` explain this and the next two.
pub const AGENT_UNREACHABLE: &str = "E0301";
/// The code of an agent that answers something that is not A2A.
pub const AGENT_NONSENSE: &str = "E0302";
/// The code of an agent that takes a request and never answers it.
pub const AGENT_SILENT: &str = "E0303";

/// The code of the error for an agent on Bedrock AgentCore, which this build cannot call.
pub const AGENT_CORE_UNAVAILABLE: &str = "AgentCoreUnavailable";

/// The code of the answer of an agent that does not know the task.
const TASK_LOST: &str = "TaskNotFound";

/// One task for an agent.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// The agent's address: `http`, `https` or an ARN.
    pub agent: String,
    /// The same for every re-send of this generation.
    pub message_id: String,
    /// Unique to this generation, so that its task can be found again.
    pub context_id: String,
    /// With `task`, `workflow_id`, `callback_url` and `callback_token`.
    pub payload: Value,
    /// Where pushes go.
    pub callback_url: String,
    /// The bearer of pushes; never logged, never part of a step's result.
    pub callback_token: String,
}

/// How far a task has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Progress {
    /// Not finished.
    Working,
    /// Finished; the agent's output.
    Done {
        /// Any JSON.
        result: Value,
    },
    /// Ended without a result.
    Failed {
        /// The agent's words.
        error: String,
    },
    /// The agent does not know the task.
    Lost,
}

/// An accepted task. Holds nothing secret: it is the result of a durable step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dispatched {
    /// Absent when the agent answered with a message instead of a task.
    pub task_id: Option<String>,
    /// Usually [`Progress::Working`].
    pub progress: Progress,
}

/// How agents are reached. Local: A2A 1.0; on AWS: Bedrock AgentCore, behind the same trait.
pub trait Agents: Send + Sync {
    /// Hands over a task, after looking whether an earlier try has handed it over already.
    fn dispatch<'a>(
        &'a self,
        dispatch: &'a Dispatch,
    ) -> Pending<'a, Result<Dispatched, AgentInvocationError>>;
    /// Asks how far a task has come.
    fn progress<'a>(
        &'a self,
        agent: &'a str,
        task_id: &'a str,
    ) -> Pending<'a, Result<Progress, AgentInvocationError>>;
    /// Asks the agent to stop.
    fn cancel<'a>(
        &'a self,
        agent: &'a str,
        task_id: &'a str,
    ) -> Pending<'a, Result<(), AgentInvocationError>>;
}

/// The request of a dispatch: a data part for agents that read JSON, the same as text for those of the seed's kind, and the
/// push address. `return_immediately`: nobody waits on a connection for hours.
#[must_use]
pub fn send_request(dispatch: &Dispatch) -> SendMessageRequest {
    let parts = vec![
        Part::data(dispatch.payload.clone()).with_media_type("application/json"),
        Part::text(dispatch.payload.to_string()),
    ];
    let mut message = Message::new(Role::User, parts);
    message.message_id.clone_from(&dispatch.message_id);
    message.context_id = Some(dispatch.context_id.clone());
    let push = TaskPushNotificationConfig {
        url: dispatch.callback_url.clone(),
        id: Some(dispatch.message_id.clone()),
        task_id: String::new(),
        token: Some(dispatch.callback_token.clone()),
        authentication: Some(AuthenticationInfo {
            scheme: "Bearer".to_owned(),
            credentials: Some(dispatch.callback_token.clone()),
        }),
        tenant: None,
    };
    let configuration = SendMessageConfiguration {
        accepted_output_modes: Some(vec!["application/json".to_owned()]),
        task_push_notification_config: Some(push),
        history_length: None,
        return_immediately: Some(true),
    };
    SendMessageRequest {
        message,
        configuration: Some(configuration),
        metadata: None,
        tenant: None,
    }
}

/// What a task says: its `result` artifact, else the first artifact that holds data, else the first text.
#[must_use]
pub fn progress_of(task: &Task) -> Progress {
    match task.status.state {
        TaskState::Completed => Progress::Done {
            result: task_result(task.artifacts.as_deref().unwrap_or_default()),
        },
        TaskState::Failed | TaskState::Canceled | TaskState::Rejected => Progress::Failed {
            error: failure(task),
        },
        TaskState::InputRequired | TaskState::AuthRequired => Progress::Failed {
            error: format!(
                "the agent asks for something this workflow cannot give: {}",
                failure(task)
            ),
        },
        TaskState::Submitted | TaskState::Working | TaskState::Unspecified => Progress::Working,
    }
}

fn failure(task: &Task) -> String {
    let said = task
        .status
        .message
        .as_ref()
        .and_then(Message::text)
        .map(str::to_owned);
    said.unwrap_or_else(|| format!("task ended as {:?}", task.status.state))
}

fn task_result(artifacts: &[Artifact]) -> Value {
    let named = artifacts.iter().filter(|artifact| {
        artifact.name.as_deref() == Some("result") || artifact.artifact_id == "result"
    });
    let with_data = artifacts.iter().filter(|artifact| {
        artifact
            .parts
            .iter()
            .any(|part| matches!(part.content, PartContent::Data(_)))
    });
    named
        .chain(with_data)
        .chain(artifacts)
        .find_map(|artifact| parts_value(&artifact.parts))
        .unwrap_or(Value::Null)
}

/// The value that parts carry: data as it is, text as JSON if it parses.
fn parts_value(parts: &[Part]) -> Option<Value> {
    let data = parts.iter().find_map(|part| match &part.content {
        PartContent::Data(value) => Some(value.clone()),
        _ => None,
    });
    data.or_else(|| {
        let text = parts.iter().find_map(Part::as_text)?;
        Some(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
    })
}

#[cfg(test)]
mod tests;
