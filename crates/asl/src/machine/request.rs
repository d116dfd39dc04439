//! What only this machine is asked, and what its tasks carry.

use std::sync::Arc;

use bytes::Bytes;
use everstep_core::{EventId, Generation, Operation};

/// Commands beside the kernel's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A service has taken a job whose end comes later: a call with `.sync` or `.waitForTaskToken`. Its task is not sent again.
    Submitted {
        operation: Operation,
        generation: Generation,
        /// What the service answered: JSON.
        output: Bytes,
    },
    /// Whether the attempt waits for a job that a service has taken. Nothing is recorded.
    IsSubmitted {
        operation: Operation,
        generation: Generation,
    },
}

/// Answers to [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is recorded, or was before.
    Recorded,
    /// The job has not been taken yet.
    NotYet,
    /// The attempt has ended, or another has taken its place: nothing is recorded.
    Superseded,
}

/// What a task of this machine carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Late {
    /// A call of a function or a service, or what the worker of an activity gets.
    Call(Box<Call>),
    /// Stop the execution with this ARN: it was started by a state that has been left.
    Stop(Arc<str>),
    /// Log these events.
    Log { first: EventId, last: EventId },
}

/// The work of one attempt of a Task state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The ARN of the function, service action or activity.
    pub resource: Arc<str>,
    /// JSON.
    pub arguments: Arc<str>,
    /// The ARN of the role that the state names.
    pub credentials: Option<Arc<str>>,
    pub execution_arn: String,
    pub state_machine_arn: String,
    /// The state's name.
    pub state: Arc<str>,
    pub role_arn: String,
    /// Settles the attempt: for `.waitForTaskToken` and activities.
    pub token: Option<String>,
    /// X-Ray's trace header.
    pub trace: Option<String>,
    /// Whether the execution is an Express one.
    pub is_express: bool,
    /// Attempts before this one.
    pub attempt: u32,
}

/// In `Failure::data` of an outcome: how far the attempt got. Without it, it ran.
pub mod stage {
    /// The service could not be called at all.
    pub const START: &str = "start";
    /// The service refused the job.
    pub const SUBMIT: &str = "submit";
    /// The attempt could not be scheduled.
    pub const SCHEDULE: &str = "schedule";
    /// The state can't be carried out: the execution fails, with `States.Runtime`, and nothing catches it.
    pub const RUNTIME: &str = "runtime";
}
