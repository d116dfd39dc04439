//! JSON-RPC 2.0 over HTTP to an agent, found by its card.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use a2a::{
    CancelTaskRequest, GetTaskRequest, JsonRpcId, JsonRpcRequest, JsonRpcResponse,
    ListTasksRequest, SendMessageResponse, Task, methods,
};
use reqwest::Client;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    AGENT_CORE_UNAVAILABLE, AGENT_NONSENSE, AGENT_SILENT, AGENT_UNREACHABLE, Agents, Dispatch,
    Dispatched, Progress, TASK_LOST, parts_value, progress_of, send_request,
};
use crate::artifact::Pending;
use crate::error::{AgentInvocationError, Kind};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const TASK_NOT_FOUND: i32 = -32001;

/// A client for agents that speak A2A 1.0 over JSON-RPC.
#[derive(Debug)]
pub struct A2aAgents {
    client: Client,
    /// Where names of agents are looked up, and by whom: that server's credentials are not for agents.
    service_url: String,
    directory: Client,
    endpoints: Mutex<HashMap<String, String>>,
}

impl A2aAgents {
    /// A client; where each agent listens is read from its card once. Agents that are named rather than addressed are looked up at
    /// `service_url`.
    #[must_use]
    pub fn new(client: Client, service_url: String) -> Self {
        Self {
            directory: client.clone(),
            client,
            service_url,
            endpoints: Mutex::default(),
        }
    }

    /// Looks names up with another client than that which calls the agents.
    #[must_use]
    pub fn with_directory(self, directory: Client) -> Self {
        Self { directory, ..self }
    }

    /// The address of a registered agent.
    async fn address_of(&self, name: &str) -> Result<String, AgentInvocationError> {
        let response = self
            .directory
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

    /// The call; an agent that is out of reach is looked up afresh the next time, for it may have moved.
    async fn call(
        &self,
        agent: &str,
        method: &str,
        params: impl Serialize,
    ) -> Result<Value, AgentInvocationError> {
        let answer = self.exchange(agent, method, params).await;
        if answer
            .as_ref()
            .is_err_and(|error| error.kind.is_transient())
        {
            self.endpoints
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(agent);
        }
        answer
    }

    async fn exchange(
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
                Err(fault(Kind::NotFound, Some(TASK_LOST), error.message))
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
            Err(error) if error.code == Some(TASK_LOST) => Ok(Progress::Lost),
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
pub(super) fn json_rpc_endpoint(card: &Value) -> Option<String> {
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
