//! Agents by A2A 1.0 over JSON-RPC. Shapes are pure and come from the official crate's types; [`A2aAgents`] does the calls.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use a2a::{
    Artifact, AuthenticationInfo, CancelTaskRequest, GetTaskRequest, JsonRpcId, JsonRpcRequest,
    JsonRpcResponse, ListTasksRequest, Message, Part, PartContent, Role, SendMessageConfiguration,
    SendMessageRequest, SendMessageResponse, Task, TaskPushNotificationConfig, TaskState, methods,
};
use reqwest::Client;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::artifact::Pending;
use crate::error::{AgentInvocationError, Kind};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const TASK_NOT_FOUND: i32 = -32001;

/// The code of an agent that nothing listens for; pages in `docs/errors` explain this and the next two.
pub const AGENT_UNREACHABLE: &str = "E0301";
/// The code of an agent that answers something that is not A2A.
pub const AGENT_NONSENSE: &str = "E0302";
/// The code of an agent that takes a request and never answers it.
pub const AGENT_SILENT: &str = "E0303";

/// The code of the error for an agent on Bedrock AgentCore, which this build cannot call.
pub const AGENT_CORE_UNAVAILABLE: &str = "AgentCoreUnavailable";

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

/// A client for agents that speak A2A 1.0 over JSON-RPC.
#[derive(Debug)]
pub struct A2aAgents {
    client: Client,
    /// Where names of agents are looked up.
    service_url: String,
    endpoints: Mutex<HashMap<String, String>>,
}

impl A2aAgents {
    /// A client; where each agent listens is read from its card once. Agents that are named rather than addressed are looked up at
    /// `service_url`.
    #[must_use]
    pub fn new(client: Client, service_url: String) -> Self {
        Self {
            client,
            service_url,
            endpoints: Mutex::default(),
        }
    }

    /// The address of a registered agent.
    async fn address_of(&self, name: &str) -> Result<String, AgentInvocationError> {
        let response = self
            .client
            .get(format!("{}/agents/{name}", self.service_url))
            .timeout(REQUEST_TIMEOUT)
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        let status = response.status().as_u16();
        let entry: Option<Value> = response.json().await.ok();
        let url = entry.as_ref().and_then(|entry| entry.get("url")?.as_str());
        url.map(str::to_owned).ok_or_else(|| {
            fault(
                Kind::of_status(status),
                None,
                format!("Failed to invoke agent: {name} is neither an A2A address nor a registered agent"),
            )
        })
    }

    async fn endpoint(&self, agent: &str) -> Result<String, AgentInvocationError> {
        if agent.starts_with("arn:aws:bedrock-agentcore:") {
            return Err(fault(
                Kind::Invalid,
                Some(AGENT_CORE_UNAVAILABLE),
                format!(
                    "Failed to invoke agent: {AGENT_CORE_UNAVAILABLE}: this build cannot call Bedrock AgentCore; give the agent's A2A address instead of {agent}"
                ),
            ));
        }
        let known = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(agent)
            .cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let address = if agent.starts_with("http://") || agent.starts_with("https://") {
            agent.to_owned()
        } else {
            self.address_of(agent).await?
        };
        let base = address.trim_end_matches('/');
        let card = self
            .client
            .get(format!("{base}/.well-known/agent-card.json"))
            .timeout(REQUEST_TIMEOUT)
            .send()
            .await;
        let card: Option<Value> = match card {
            Ok(response) if response.status().is_success() => response.json().await.ok(),
            Ok(_) => None,
            Err(error) => return Err(unreachable(&error)),
        };
        let endpoint = card
            .as_ref()
            .and_then(json_rpc_endpoint)
            .unwrap_or_else(|| address.clone());
        self.endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(agent.to_owned(), endpoint.clone());
        Ok(endpoint)
    }

    async fn call(
        &self,
        agent: &str,
        method: &str,
        params: impl Serialize,
    ) -> Result<Value, AgentInvocationError> {
        let endpoint = self.endpoint(agent).await?;
        let params = serde_json::to_value(params).map_err(|error| nonsense(&error.to_string()))?;
        let request = JsonRpcRequest::new(
            JsonRpcId::String(uuid::Uuid::new_v4().to_string()),
            method,
            Some(params),
        );
        let sent = self
            .client
            .post(endpoint)
            .timeout(REQUEST_TIMEOUT)
            .header(a2a::SVC_PARAM_VERSION, a2a::VERSION)
            .json(&request);
        let response = sent.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        if !status.is_success() {
            let kind = Kind::of_status(status.as_u16());
            return Err(fault(
                kind,
                None,
                format!("Failed to invoke agent: it answered {status}"),
            ));
        }
        let body = response
            .bytes()
            .await
            .map_err(|error| unreachable(&error))?;
        let reply: JsonRpcResponse =
            serde_json::from_slice(&body).map_err(|error| nonsense(&error.to_string()))?;
        match (reply.result, reply.error) {
            (_, Some(error)) if error.code == TASK_NOT_FOUND => {
                Err(fault(Kind::NotFound, None, error.message))
            }
            (_, Some(error)) => {
                // -32603 is the agent's own breakdown; every other code says that the request itself is wrong.
                let kind = if error.code == -32603 {
                    Kind::Transient
                } else {
                    Kind::Invalid
                };
                Err(fault(
                    kind,
                    None,
                    format!("Agent dispatch error: {} ({})", error.message, error.code),
                ))
            }
            (Some(result), None) => Ok(result),
            (None, None) => Err(nonsense("neither result nor error")),
        }
    }

    /// The task that an earlier try of this dispatch has started, when the agent can say so.
    async fn earlier(&self, dispatch: &Dispatch) -> Option<Task> {
        let request = ListTasksRequest {
            context_id: Some(dispatch.context_id.clone()),
            status: None,
            page_size: Some(10),
            page_token: None,
            history_length: None,
            status_timestamp_after: None,
            include_artifacts: Some(true),
            tenant: None,
        };
        // An agent without ListTasks, or out of reach, tells nothing; the send that follows shows which.
        let listed = self
            .call(&dispatch.agent, methods::LIST_TASKS, request)
            .await
            .ok()?;
        let tasks = listed.get("tasks")?.as_array()?;
        tasks
            .iter()
            .filter_map(|task| Task::deserialize(task).ok())
            .find(|task| task.context_id == dispatch.context_id)
    }

    async fn send(&self, dispatch: &Dispatch) -> Result<Dispatched, AgentInvocationError> {
        if let Some(task) = self.earlier(dispatch).await {
            return Ok(Dispatched {
                progress: progress_of(&task),
                task_id: Some(task.id),
            });
        }
        let reply = self
            .call(
                &dispatch.agent,
                methods::SEND_MESSAGE,
                send_request(dispatch),
            )
            .await?;
        let reply: SendMessageResponse =
            serde_json::from_value(reply).map_err(|error| nonsense(&error.to_string()))?;
        Ok(match reply {
            SendMessageResponse::Task(task) => Dispatched {
                progress: progress_of(&task),
                task_id: Some(task.id),
            },
            SendMessageResponse::Message(message) => {
                let result = parts_value(&message.parts).unwrap_or(Value::Null);
                Dispatched {
                    task_id: None,
                    progress: Progress::Done { result },
                }
            }
        })
    }

    async fn look(&self, agent: &str, task_id: &str) -> Result<Progress, AgentInvocationError> {
        let request = GetTaskRequest {
            id: task_id.to_owned(),
            history_length: Some(0),
            tenant: None,
        };
        match self.call(agent, methods::GET_TASK, request).await {
            Ok(task) => {
                let task: Task =
                    serde_json::from_value(task).map_err(|error| nonsense(&error.to_string()))?;
                Ok(progress_of(&task))
            }
            Err(error) if error.kind == Kind::NotFound => Ok(Progress::Lost),
            Err(error) => Err(error),
        }
    }
}

impl Agents for A2aAgents {
    fn dispatch<'a>(
        &'a self,
        dispatch: &'a Dispatch,
    ) -> Pending<'a, Result<Dispatched, AgentInvocationError>> {
        Box::pin(self.send(dispatch))
    }

    fn progress<'a>(
        &'a self,
        agent: &'a str,
        task_id: &'a str,
    ) -> Pending<'a, Result<Progress, AgentInvocationError>> {
        Box::pin(self.look(agent, task_id))
    }

    fn cancel<'a>(
        &'a self,
        agent: &'a str,
        task_id: &'a str,
    ) -> Pending<'a, Result<(), AgentInvocationError>> {
        let request = CancelTaskRequest {
            id: task_id.to_owned(),
            metadata: None,
            tenant: None,
        };
        Box::pin(async move {
            self.call(agent, methods::CANCEL_TASK, request)
                .await
                .map(|_| ())
        })
    }
}

/// The JSON-RPC 1.x address on a card. Read by hand: cards of older agents lack members that the official type demands.
fn json_rpc_endpoint(card: &Value) -> Option<String> {
    card.get("supportedInterfaces")?
        .as_array()?
        .iter()
        .find_map(|interface| {
            let text = |field: &str| interface.get(field).and_then(Value::as_str);
            let fits = text("protocolBinding") == Some("JSONRPC")
                && text("protocolVersion").is_none_or(|version| version.starts_with("1."));
            text("url").filter(|_| fits).map(str::to_owned)
        })
}

fn unreachable(error: &reqwest::Error) -> AgentInvocationError {
    let (code, what) = if error.is_timeout() {
        (AGENT_SILENT, "it did not answer in time")
    } else {
        (AGENT_UNREACHABLE, "it cannot be reached")
    };
    fault(
        Kind::Transient,
        Some(code),
        format!("Failed to invoke agent: {what} ({code})"),
    )
}

fn nonsense(what: &str) -> AgentInvocationError {
    // Not transient: an agent that answers nonsense once has most likely accepted the task, and is asked again by polling.
    fault(
        Kind::Corrupt,
        Some(AGENT_NONSENSE),
        format!("Agent dispatch error: the agent answered nonsense ({AGENT_NONSENSE}): {what}"),
    )
}

fn fault(kind: Kind, code: Option<&'static str>, message: String) -> AgentInvocationError {
    AgentInvocationError {
        kind,
        code,
        message,
    }
}

#[cfg(test)]
mod tests;
