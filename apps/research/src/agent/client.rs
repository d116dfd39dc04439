//! Agents by `everstep-agent`: this workflow's words for what it says, and names in place of addresses.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use everstep_agent::{
    Address, Agent, Client, ClientOptions, Dialect, Error, Found, Network, Output, Push, Said,
    State, Task, TaskRef,
};
use reqwest::Url;
use serde_json::{Value, json};

use super::{Agents, Dispatch, Dispatched, Progress};
use crate::artifact::Pending;
use crate::error::{AgentInvocationError, Kind};

const DIRECTORY_TIMEOUT: Duration = Duration::from_secs(30);
/// Results are values of the workflow: a file that one links to is read whole.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Agents by whichever dialect they speak.
#[derive(Debug)]
pub struct A2aAgents {
    client: Client,
    /// For links in results: those are the agent's words, not the operator's.
    links: Client,
    /// Where names of agents are looked up, and by whom: that server's credentials are not for agents.
    service_url: String,
    directory: reqwest::Client,
    addresses: Mutex<HashMap<String, Address>>,
}

impl A2aAgents {
    /// Agents that are named rather than addressed are looked up at `service_url`.
    #[must_use]
    pub fn new(directory: reqwest::Client, service_url: String) -> Self {
        // Agents are named by this function's own environment: whoever sets that may reach what the function reaches.
        let everywhere: Vec<Network> = ["0.0.0.0/0", "::/0"]
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect();
        let options = ClientOptions {
            allowed: everywhere,
            ..ClientOptions::default()
        };
        Self {
            client: Client::new(&options),
            links: Client::new(&ClientOptions::default()),
            service_url,
            directory,
            addresses: Mutex::default(),
        }
    }

    /// Looks names up with another client.
    #[must_use]
    pub fn with_directory(self, directory: reqwest::Client) -> Self {
        Self { directory, ..self }
    }

    async fn agent(&self, named: &str) -> Result<Agent, AgentInvocationError> {
        let address = self.address(named).await?;
        let is_runtime = matches!(address, Address::Arn(_));
        let mut agent = Agent::new(named, address);
        // What the seeds post to their runtimes.
        agent.dialect = is_runtime.then_some(Dialect::Legacy);
        agent.link_bytes_max = FILE_BYTES_MAX;
        Ok(agent)
    }

    async fn address(&self, named: &str) -> Result<Address, AgentInvocationError> {
        let is_address = ["http://", "https://", "arn:"];
        if is_address.iter().any(|begin| named.starts_with(begin)) {
            return named.parse().map_err(|error| fault(&error));
        }
        let known = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(named)
            .cloned();
        match known {
            Some(known) => Ok(known),
            None => self.registered(named).await,
        }
    }

    /// The address of a registered agent.
    async fn registered(&self, name: &str) -> Result<Address, AgentInvocationError> {
        let unknown = |kind| AgentInvocationError {
            kind,
            code: None,
            message: format!(
                "Failed to invoke agent: {name} is neither an A2A address nor a registered agent"
            ),
        };
        let response = self
            .directory
            .get(format!("{}/agents/{name}", self.service_url))
            .timeout(DIRECTORY_TIMEOUT)
            .send()
            .await
            .map_err(|_| unknown(Kind::Transient))?;
        let status = response.status().as_u16();
        let entry: Option<Value> = response.json().await.ok();
        let url = entry.as_ref().and_then(|entry| entry.get("url")?.as_str());
        let url = url.ok_or_else(|| unknown(Kind::of_status(status)))?;
        let address: Address = url.parse().map_err(|error| fault(&error))?;
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), address.clone());
        Ok(address)
    }

    /// A name whose agent is out of reach is looked up afresh the next time, for it may have moved.
    fn noted(&self, agent: &str, error: &Error) -> AgentInvocationError {
        if error.kind().is_transient() {
            self.addresses
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(agent);
        }
        fault(error)
    }

    async fn send(&self, dispatch: &Dispatch) -> Result<Dispatched, AgentInvocationError> {
        let agent = self.agent(&dispatch.agent).await?;
        let task = task(dispatch)?;
        let noted = |error: Error| self.noted(&dispatch.agent, &error);
        // A runtime knows a task by the session that it runs in, which is made of its context.
        let session = matches!(agent.address, Address::Arn(_)).then(|| dispatch.context_id.clone());
        // A try whose answer was lost may have begun the task.
        let found = self.client.find(&agent, &task).await;
        let is_asked_in_vain = matches!(found, Ok(Found::Unable));
        let said = match found {
            Ok(Found::Task(said)) => *said,
            Err(error) if error.kind().is_transient() => return Err(noted(error)),
            // An agent that can't say is sent the task: the message has the same id again.
            Ok(Found::Nothing | Found::Unable) | Err(_) => {
                match self.client.send(&agent, &task, &()).await {
                    Ok(said) => said,
                    // Nobody can say whether it has begun, and a second one would work for hours beside it: if it has, it calls back.
                    Err(error) if is_asked_in_vain && error.may_have_begun() => {
                        return Ok(Dispatched {
                            untold: session.is_some(),
                            task_id: session,
                            progress: Progress::Working,
                        });
                    }
                    Err(error) => return Err(noted(error)),
                }
            }
        };
        let task_id = said.task.as_ref();
        let task_id = task_id.filter(|task| task.dialect.has_look_up());
        Ok(Dispatched {
            untold: task_id.is_none() && session.is_some(),
            task_id: task_id.map(|task| task.id.clone()).or(session),
            progress: self.progress_of(&agent, said).await?,
        })
    }

    async fn look(&self, named: &str, task_id: &str) -> Result<Progress, AgentInvocationError> {
        let agent = self.agent(named).await?;
        let noted = |error: Error| self.noted(named, &error);
        let task = self.task_of(&agent, task_id).await.map_err(noted)?;
        let said = self.client.get(&agent, &task).await.map_err(noted)?;
        self.progress_of(&agent, said).await
    }

    async fn stop(&self, named: &str, task_id: &str) -> Result<(), AgentInvocationError> {
        let agent = self.agent(named).await?;
        let noted = |error: Error| self.noted(named, &error);
        let mut task = self.task_of(&agent, task_id).await.map_err(noted)?;
        if matches!(agent.address, Address::Arn(_)) {
            task.context_id = Some(task_id.to_owned());
        }
        let said = self.client.cancel(&agent, &task).await.map_err(noted)?;
        match said.state {
            State::Lost => Err(AgentInvocationError {
                kind: Kind::NotFound,
                code: None,
                message: format!("the agent does not know the task {task_id}"),
            }),
            _ => Ok(()),
        }
    }

    async fn task_of(&self, agent: &Agent, id: &str) -> Result<TaskRef, Error> {
        Ok(TaskRef {
            dialect: self.client.profile(agent).await?.dialect,
            id: id.to_owned(),
            context_id: None,
        })
    }

    async fn progress_of(
        &self,
        agent: &Agent,
        said: Said,
    ) -> Result<Progress, AgentInvocationError> {
        let failed = |error: String| Ok(Progress::Failed { error });
        match said.state {
            State::Working(_) | State::Untold => Ok(Progress::Working),
            State::Done(output) => {
                let result = self.value(agent, output).await;
                Ok(Progress::Done {
                    result: result.map_err(|error| fault(&error))?,
                })
            }
            State::NeedsInput(question) | State::NeedsAuth(question) => failed(format!(
                "the agent asks for something this workflow cannot give: {}",
                question.text
            )),
            State::Failed { message } => failed(message),
            State::Canceled { message } => {
                failed(message.unwrap_or_else(|| "the agent's task was cancelled".to_owned()))
            }
            State::Lost => Ok(Progress::Lost),
        }
    }

    /// A result as JSON; bytes that are no text stand in it as base64.
    async fn value(&self, agent: &Agent, output: Output) -> Result<Value, Error> {
        let name = match &output {
            Output::File(file) => file.name.clone(),
            Output::Link(link) => link.name.clone(),
            Output::Json(_) | Output::Stream(_) => None,
        };
        let mut body = self.links.open(agent, output).await?;
        let bytes = body.rest().await?;
        if let Ok(value) = serde_json::from_slice(&bytes) {
            return Ok(value);
        }
        Ok(match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Value::String(text),
            Err(_) => json!({
                "filename": name,
                "mediaType": body.media_type(),
                "raw": base64::engine::general_purpose::STANDARD.encode(&bytes),
            }),
        })
    }
}

fn task(dispatch: &Dispatch) -> Result<Task, AgentInvocationError> {
    let url = Url::parse(&dispatch.callback_url).map_err(|error| AgentInvocationError {
        kind: Kind::Invalid,
        code: None,
        message: format!("Failed to invoke agent: the callback address: {error}"),
    })?;
    Ok(Task {
        message_id: dispatch.message_id.clone(),
        context_id: dispatch.context_id.clone(),
        payload: dispatch.payload.to_string().into(),
        push: Some(Push {
            id: dispatch.message_id.clone(),
            url,
            token: dispatch.callback_token.clone().into(),
        }),
        traceparent: None,
        previous: None,
    })
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
        Box::pin(self.stop(agent, task_id))
    }
}

/// The seed's words for an agent that can't be called, and for one that answers wrongly.
pub(super) fn fault(error: &Error) -> AgentInvocationError {
    let message = match error {
        Error::Nonsense { why } => {
            format!("Agent dispatch error: the agent answered nonsense (E0302): {why}")
        }
        Error::Refused { message, code } => format!("Agent dispatch error: {message} ({code})"),
        other => format!("Failed to invoke agent: {other}"),
    };
    let kind = match error.kind() {
        everstep_agent::Kind::Invalid => Kind::Invalid,
        everstep_agent::Kind::NotFound => Kind::NotFound,
        everstep_agent::Kind::Conflict => Kind::Conflict,
        everstep_agent::Kind::Throttled => Kind::Throttled,
        everstep_agent::Kind::Transient => Kind::Transient,
        everstep_agent::Kind::Corrupt => Kind::Corrupt,
    };
    AgentInvocationError {
        kind,
        code: error.code(),
        message,
    }
}
