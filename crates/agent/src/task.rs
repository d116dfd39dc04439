//! What is asked of an agent, and what it says.

use bytes::Bytes;
use reqwest::Url;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::agent::Dialect;
use crate::http::Body;

/// Where an agent tells that a task has moved.
#[derive(Clone, Debug)]
pub struct Push {
    /// The id of this push configuration.
    pub id: String,
    pub url: Url,
    /// The agent shows it as a bearer token and in a header of its own.
    pub token: SecretString,
}

/// One piece of work.
#[derive(Clone, Debug)]
pub struct Task {
    /// The same for every repetition of this task, and no other's.
    pub message_id: String,
    /// Only this task's, so that it can be found again, and that of whatever follows it up.
    pub context_id: String,
    /// JSON.
    pub payload: Bytes,
    pub push: Option<Push>,
    /// W3C trace context, for the agent to go on with.
    pub traceparent: Option<String>,
    /// Tasks that this one follows up.
    pub previous: Option<TaskRef>,
}

/// A task that an agent has taken. Small and without a secret: it can be written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRef {
    pub dialect: Dialect,
    /// The agent's name for it.
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_id: Option<String>,
}

/// How far a task is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub message: Option<String>,
    pub percent: Option<u8>,
}

/// What an agent wants to know before it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// What the agent tells this question by from the next one, which may have the same words.
    pub id: Option<String>,
    pub text: String,
    /// JSON, where the agent asks with data: a form, for example.
    pub data: Option<Bytes>,
}

/// A result whose bytes came along, and are no JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub name: Option<String>,
    pub media_type: String,
    pub bytes: Bytes,
}

/// A result that lies elsewhere: [`crate::Client::open`] fetches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub name: Option<String>,
    pub media_type: Option<String>,
    pub url: Url,
}

/// The result of a task.
#[derive(Debug)]
pub enum Output {
    /// JSON text.
    Json(Bytes),
    File(File),
    Link(Link),
    /// What is still arriving.
    Stream(Box<Body>),
}

/// Where a task stands.
#[derive(Debug)]
pub enum State {
    /// Taken, or worked on.
    Working(Progress),
    NeedsInput(Question),
    NeedsAuth(Question),
    Done(Output),
    Failed {
        message: String,
    },
    Canceled {
        message: Option<String>,
    },
    /// The agent does not know the task.
    Lost,
    /// The dialect has no way to ask; whoever waits is told by a callback.
    Untold,
}

impl State {
    /// Whether nothing more will come.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Done(_) | Self::Failed { .. } | Self::Canceled { .. } | Self::Lost
        )
    }
}

/// What an agent says of a task.
#[derive(Debug)]
pub struct Said {
    /// Absent when the agent answered with the result itself.
    pub task: Option<TaskRef>,
    pub state: State,
    /// The trace that the agent says it works in.
    pub traceparent: Option<String>,
}

impl Said {
    pub(crate) const fn new(task: Option<TaskRef>, state: State) -> Self {
        Self {
            task,
            state,
            traceparent: None,
        }
    }
}

/// The answer to an agent's question.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The same for every repetition of this answer, and no other's.
    pub message_id: String,
    /// JSON.
    pub payload: Bytes,
    pub traceparent: Option<String>,
}
