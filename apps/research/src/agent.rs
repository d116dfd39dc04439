//! Agents, as this workflow needs them: a task handed over, looked at, cancelled. `client.rs` does it by `everstep-agent`, which speaks
//! each agent's dialect.

mod client;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use client::A2aAgents;

use crate::artifact::Pending;
use crate::error::AgentInvocationError;

/// One task for an agent.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// The agent's address, `http`, `https` or an ARN, or the name that it is registered under.
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
    /// Absent when the agent answered with a result instead of a task, and when its task can't be asked for.
    pub task_id: Option<String>,
    /// Whether the task can only be cancelled: how far it is, nobody but its callback tells.
    #[serde(default)]
    pub untold: bool,
    /// Usually [`Progress::Working`].
    pub progress: Progress,
}

/// How agents are reached.
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

#[cfg(test)]
mod tests;
