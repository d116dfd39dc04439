//! Agents as functions: a task that may take hours is handed over, watched, and its result brought home.
//!
//! - `drive`: one task from its dispatch to its end; `watch`: while the agent has it.
//! - `ledger`: what is told of it; `note`: what is written down before and after each step, so that the next server goes on where this one ended.
//! - `question`: what an agent asks of people; `answer`: how it gets what they say.
//! - `desk`: what is kept of each agent: places, rate, breaker.
//! - `output`: results, large ones as artifacts.
//! - `letters`: tasks that nobody waits for any more are cancelled; results that come too late are kept.
//!
//! An agent is believed only when it is asked: pushes and streams say no more than that it is worth asking now.

mod answer;
mod config;
mod desk;
mod drive;
mod invoke;
mod ledger;
mod letters;
mod note;
mod output;
mod question;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use everstep_agent::{Client, ClientOptions};
use everstep_core::{Failure, Payload, Timestamp};
use everstep_engine::{AgentState, Handle};
use tokio::sync::Notify;

use crate::trace::Context;
use desk::Desks;
use drive::Drive;
pub(crate) use invoke::{call, document};
pub(crate) use note::Seat;

/// What calls of agents need to know.
#[derive(Clone, Debug, Default)]
pub struct AgentOptions {
    /// Where they may go.
    pub client: ClientOptions,
    /// Where agents reach this server; without it they are not asked to tell of their progress.
    pub callback_url: Option<String>,
}

/// All agents, as this server knows them.
pub(crate) struct Agents {
    client: Client,
    options: AgentOptions,
    desks: Desks,
    bells: Mutex<HashMap<Seat, Arc<Bell>>>,
}

/// How whoever drives a task is told of something.
#[derive(Debug, Default)]
struct Bell {
    /// The agent says that the task has moved.
    moved: Notify,
    /// Nobody waits for the task any more.
    gone: Notify,
}

/// One task for an agent.
pub(crate) struct Errand {
    pub seat: Seat,
    pub agent: String,
    /// `$LATEST` is whatever the agent is at the time of each call.
    pub version: String,
    pub content: Content,
    pub trace: Context,
    /// What was noted of it before.
    pub note: Option<Bytes>,
    /// Less time than the agent's own, where the caller has less.
    pub timeout_ms: Option<u64>,
}

/// The payload of a task: JSON.
pub(crate) enum Content {
    Here(Bytes),
    Kept(Payload),
}

/// What came of a task.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Succeeded(Bytes),
    Failed(Failure),
    TimedOut(Failure),
    /// Nobody waits for it any more.
    Gone,
    /// The server is ending; the next one goes on.
    NotYet,
}

impl Agents {
    pub(crate) fn new(options: AgentOptions) -> Self {
        Self {
            client: Client::new(&options.client),
            options,
            desks: Desks::default(),
            bells: Mutex::default(),
        }
    }

    /// Takes a task to its end, however long that is.
    pub(crate) async fn run(&self, handle: &Handle, errand: &Errand) -> End {
        let Seat {
            execution,
            operation,
            generation,
        } = errand.seat;
        // It takes no place: thousands may be out.
        handle.away(execution, operation, generation);
        let seated = self.sit(errand.seat);
        let end = match Drive::begin(self, handle, errand, &seated.bell).await {
            Ok(mut drive) => Box::pin(drive.run()).await,
            Err(end) => end,
        };
        drop(seated);
        end
    }

    /// An agent says that a task has moved.
    pub(crate) fn moved(&self, seat: &Seat) {
        if let Some(bell) = self.bell(seat) {
            bell.moved.notify_one();
        }
    }

    pub(crate) fn state(&self, agent: &str) -> AgentState {
        self.desks.state(agent)
    }

    pub(crate) fn states(&self, now: Timestamp) -> Vec<(String, AgentState)> {
        self.desks.states(now)
    }

    fn bell(&self, seat: &Seat) -> Option<Arc<Bell>> {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.get(seat).cloned()
    }

    fn sit(&self, seat: Seat) -> Seated<'_> {
        let bell = Arc::new(Bell::default());
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.insert(seat, Arc::clone(&bell));
        Seated {
            agents: self,
            seat,
            bell,
        }
    }
}

/// A task that is driven, for as long as it is.
struct Seated<'a> {
    agents: &'a Agents,
    seat: Seat,
    bell: Arc<Bell>,
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        let bells = &self.agents.bells;
        let mut bells = bells.lock().unwrap_or_else(PoisonError::into_inner);
        bells.remove(&self.seat);
    }
}
