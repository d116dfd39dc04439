//! The contract: what can be asked of any agent, whichever its dialect.

mod call;
mod profile;
mod updates;

use std::sync::Arc;

use crate::a2a::{jsonrpc, rest, v03};
use crate::agent::{Agent, Dialect};
use crate::card::Cards;
use crate::error::Error;
use crate::guard::{Guard, Names, Network};
use crate::http::{Body, Http};
use crate::task::{Link, Output, Progress, Reply, Said, State, Task, TaskRef};
use crate::{agentcore, legacy, process, webhook};

pub(crate) use call::Call;
#[cfg(feature = "aws")]
pub(crate) use call::version;
pub use profile::Profile;
pub use updates::Updates;

/// What the operator says of calls to agents.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// Networks that are reached although they are not public, and without encryption.
    pub allowed: Vec<Network>,
    /// Whether the public network is reached without encryption too.
    pub plain_http: bool,
    /// Other names than those of the system.
    pub names: Option<Arc<dyn Names>>,
}

/// Whether an agent has a task already.
#[derive(Debug)]
pub enum Found {
    Task(Box<Said>),
    /// It was asked and has none.
    Nothing,
    /// Its dialect can't say.
    Unable,
}

/// Hears of a task while a call that answers with its result is under way.
pub trait Listener: Send + Sync {
    fn heard(&self, progress: Progress);
}

/// For who does not listen.
impl Listener for () {
    fn heard(&self, _: Progress) {}
}

/// Speaks with agents. Cheap to clone; one for all agents keeps their connections and cards.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) http: Http,
    cards: Cards,
    pub(crate) processes: process::Running,
    #[cfg(feature = "aws")]
    pub(crate) runtimes: agentcore::aws::Runtimes,
}

impl Client {
    #[must_use]
    pub fn new(options: &ClientOptions) -> Self {
        let guard = Guard::new(&options.allowed);
        let guard = match &options.names {
            Some(names) => guard.with_names(Arc::clone(names)),
            None => guard,
        };
        Self {
            http: Http::new(guard, options.plain_http),
            cards: Cards::default(),
            processes: process::Running::default(),
            #[cfg(feature = "aws")]
            runtimes: agentcore::aws::Runtimes::default(),
        }
    }

    /// How this agent is spoken to, and what it can do.
    ///
    /// # Errors
    /// Its card can't be had, or names nothing that is spoken here.
    pub async fn profile(&self, agent: &Agent) -> Result<Profile, Error> {
        let profile = profile::of(&self.http, &self.cards, agent, agent.dialect).await;
        profile.map_err(Error::before_sending)
    }

    /// The same in the dialect that the task was begun in.
    async fn profile_for(&self, agent: &Agent, task: &TaskRef) -> Result<Profile, Error> {
        let profile = profile::of(&self.http, &self.cards, agent, Some(task.dialect)).await;
        profile.map_err(Error::before_sending)
    }

    /// Hands over a task. Dialects in which a call answers with the result take as long as the task; dropping the call then ends it.
    ///
    /// # Errors
    /// The agent can't be called or did not take the task; [`Error::may_have_begun`] says whether it may have all the same.
    pub async fn send(
        &self,
        agent: &Agent,
        task: &Task,
        listener: &dyn Listener,
    ) -> Result<Said, Error> {
        let profile = self.profile(agent).await?;
        let context = Some(task.context_id.as_str());
        let call = Call::new(self, agent, &profile, context).traced(task.traceparent.as_deref());
        let said = match profile.dialect {
            Dialect::A2a => jsonrpc::send(&call, task).await,
            Dialect::A2aRest => rest::send(&call, task).await,
            Dialect::A2a03 => v03::send(&call, task).await,
            Dialect::Legacy => legacy::send(&call, task).await,
            Dialect::AgentCore => agentcore::send(&call, task, listener).await,
            Dialect::Webhook => webhook::send(&call, task).await,
            Dialect::Process => process::send(&call, task, listener).await,
        };
        self.noted(agent, said)
    }

    /// Looks for a task that may have been sent before. Ask this before you send it again.
    ///
    /// # Errors
    /// The agent can't be asked.
    pub async fn find(&self, agent: &Agent, task: &Task) -> Result<Found, Error> {
        let profile = self.profile(agent).await?;
        let call = Call::new(self, agent, &profile, Some(&task.context_id));
        let found = match profile.dialect {
            Dialect::A2a => jsonrpc::find(&call, task).await,
            Dialect::A2aRest => rest::find(&call, task).await,
            // A program that runs is the one that was started with the message; after a restart of ours none does.
            Dialect::Process => Ok(Found::Nothing),
            Dialect::A2a03 | Dialect::Legacy | Dialect::AgentCore | Dialect::Webhook => {
                Ok(Found::Unable)
            }
        };
        self.noted(agent, found)
    }

    /// How far a task is.
    ///
    /// # Errors
    /// The agent can't be asked.
    pub async fn get(&self, agent: &Agent, task: &TaskRef) -> Result<Said, Error> {
        let profile = self.profile_for(agent, task).await?;
        let call = Call::new(self, agent, &profile, task.context_id.as_deref());
        let said = match task.dialect {
            Dialect::A2a => jsonrpc::get(&call, task).await,
            Dialect::A2aRest => rest::get(&call, task).await,
            Dialect::A2a03 => v03::get(&call, task).await,
            Dialect::Legacy | Dialect::AgentCore => agentcore::health(&call, task).await,
            Dialect::Webhook => Ok(Said::new(Some(task.clone()), State::Untold)),
            Dialect::Process => Ok(process::get(&call, task)),
        };
        self.noted(agent, said)
    }

    /// Answers the question of a task.
    ///
    /// # Errors
    /// The agent can't be called, or its dialect has no answers.
    pub async fn answer(
        &self,
        agent: &Agent,
        task: &TaskRef,
        reply: &Reply,
    ) -> Result<Said, Error> {
        let profile = self.profile_for(agent, task).await?;
        let call = Call::new(self, agent, &profile, task.context_id.as_deref())
            .traced(reply.traceparent.as_deref());
        let said = match task.dialect {
            Dialect::A2a => jsonrpc::answer(&call, task, reply).await,
            Dialect::A2aRest => rest::answer(&call, task, reply).await,
            Dialect::A2a03 => v03::answer(&call, task, reply).await,
            Dialect::Webhook => webhook::answer(&call, task, reply).await,
            Dialect::Process => process::answer(&call, task, reply).await,
            Dialect::Legacy | Dialect::AgentCore => Err(Error::Unsupported {
                dialect: task.dialect.name(),
                what: "answer a question",
            }),
        };
        self.noted(agent, said)
    }

    /// Whether an answer that was perhaps sent has arrived; `None` when the agent can't say. Ask this before you send it again.
    ///
    /// # Errors
    /// The agent can't be asked.
    pub async fn has_answer(
        &self,
        agent: &Agent,
        task: &TaskRef,
        message_id: &str,
    ) -> Result<Option<bool>, Error> {
        let profile = self.profile_for(agent, task).await?;
        let call = Call::new(self, agent, &profile, task.context_id.as_deref());
        let known = match task.dialect {
            Dialect::A2a => jsonrpc::has(&call, task, message_id).await,
            Dialect::A2aRest => rest::has(&call, task, message_id).await,
            Dialect::A2a03 => v03::has(&call, task, message_id).await,
            // A program knows a repetition of the last answer; a webhook, that of its id.
            Dialect::Process | Dialect::Webhook | Dialect::Legacy | Dialect::AgentCore => Ok(None),
        };
        self.noted(agent, known)
    }

    /// Asks the agent to stop working on a task. A task that has ended, or is unknown, is no error.
    ///
    /// # Errors
    /// The agent can't be called.
    pub async fn cancel(&self, agent: &Agent, task: &TaskRef) -> Result<Said, Error> {
        let profile = self.profile_for(agent, task).await?;
        let call = Call::new(self, agent, &profile, task.context_id.as_deref());
        let said = match task.dialect {
            Dialect::A2a => jsonrpc::cancel(&call, task).await,
            Dialect::A2aRest => rest::cancel(&call, task).await,
            Dialect::A2a03 => v03::cancel(&call, task).await,
            Dialect::Legacy | Dialect::AgentCore => agentcore::stop(&call, task).await,
            Dialect::Webhook => webhook::cancel(&call, task).await,
            Dialect::Process => Ok(process::cancel(&call, task)),
        };
        self.noted(agent, said)
    }

    /// What an agent tells of a task as it goes on. For showing only: what a task has come to, [`Client::get`] says.
    ///
    /// # Errors
    /// The agent can't be called, or does not stream.
    pub async fn subscribe(&self, agent: &Agent, task: &TaskRef) -> Result<Updates, Error> {
        let profile = self.profile_for(agent, task).await?;
        let call = Call::new(self, agent, &profile, task.context_id.as_deref());
        let unsupported = Error::Unsupported {
            dialect: task.dialect.name(),
            what: "follow a task",
        };
        match task.dialect {
            _ if !profile.streaming => Err(unsupported),
            Dialect::A2a => jsonrpc::subscribe(&call, task).await,
            Dialect::A2aRest => rest::subscribe(&call, task).await,
            Dialect::A2a03 => v03::subscribe(&call, task).await,
            Dialect::Legacy | Dialect::AgentCore | Dialect::Webhook | Dialect::Process => {
                Err(unsupported)
            }
        }
    }

    /// Tells the agent not to push any more.
    ///
    /// # Errors
    /// The agent can't be called. That the push is not known there is no error.
    pub async fn drop_push(&self, agent: &Agent, task: &TaskRef, id: &str) -> Result<(), Error> {
        let profile = self.profile_for(agent, task).await?;
        let call = Call::new(self, agent, &profile, task.context_id.as_deref());
        match task.dialect {
            Dialect::A2a => jsonrpc::drop_push(&call, task, id).await,
            Dialect::A2aRest => rest::drop_push(&call, task, id).await,
            Dialect::A2a03 => v03::drop_push(&call, task, id).await,
            Dialect::Legacy | Dialect::AgentCore | Dialect::Webhook | Dialect::Process => Ok(()),
        }
    }

    /// The bytes of a result, wherever they are. A link is fetched with the agent's credentials only from where the agent is itself.
    ///
    /// # Errors
    /// The link leads nowhere, or where it may not.
    pub async fn open(&self, agent: &Agent, output: Output) -> Result<Body, Error> {
        match output {
            Output::Json(bytes) => Ok(Body::whole(bytes, Some("application/json".to_owned()))),
            Output::File(file) => Ok(Body::whole(file.bytes, Some(file.media_type))),
            Output::Link(link) => self.fetch(agent, link).await,
            Output::Stream(body) => Ok(*body),
        }
    }

    async fn fetch(&self, agent: &Agent, link: Link) -> Result<Body, Error> {
        let credentials = profile::credentials_for(agent, &link.url);
        let bytes_max = agent.link_bytes_max;
        let fetched = self
            .http
            .fetch(link.url, credentials, agent.call_timeout, bytes_max);
        Ok(fetched.await?.or_kind(link.media_type))
    }

    /// An agent that is out of reach is looked up afresh the next time, for it may have moved.
    fn noted<T>(&self, agent: &Agent, result: Result<T, Error>) -> Result<T, Error> {
        let may_have_moved = |error: &Error| {
            matches!(
                error,
                Error::Unreachable { .. }
                    | Error::Silent { .. }
                    | Error::Status { .. }
                    | Error::Redirected { .. }
                    | Error::Refused { code: -32009, .. }
            )
        };
        if let (Err(error), crate::Address::Url(url)) = (&result, &agent.address)
            && may_have_moved(error)
        {
            self.cards.forget(url);
        }
        result
    }
}
