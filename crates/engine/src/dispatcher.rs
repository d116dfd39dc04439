//! The way out: what the engine asks of the code that reaches the world.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use everstep_asl::machine;
use everstep_asl::test_state::{HttpRequest, HttpResponse};
use everstep_core::{ExecutionId, Failure, Generation, Operation, Payload, Task, Timestamp};
use tokio::sync::mpsc;

use crate::catalogue::Resolved;
use crate::{Handle, Late, Letter, Undelivered};

/// A task that is durable and due to be sent.
#[derive(Debug)]
pub struct Work {
    pub execution: ExecutionId,
    pub task: Task,
    pub payload: WorkPayload,
    /// It may have been sent before: the server restarted, or its lease ran out.
    pub repeated: bool,
    /// What whoever had it before left with it.
    pub note: Option<Bytes>,
}

#[derive(Debug)]
pub enum WorkPayload {
    Stored(Payload),
    Late(Box<Late>),
}

/// A call of a function that is not an execution: nothing of it is journaled.
#[derive(Clone, Debug)]
pub struct Call {
    /// The revision's address, see [`crate::Revision::address`].
    pub address: String,
    /// The qualified name under which the function is called, and the version that this means.
    pub arn: String,
    pub version: String,
    pub request_id: String,
    pub payload: Bytes,
    pub trace_id: Option<String>,
    pub client_context: Option<String>,
    pub tenant_id: Option<String>,
    /// Where the parts of an answer go that the function streams; without it, and without streaming, the answer comes as a whole.
    pub parts: Option<mpsc::Sender<AnswerPart>>,
}

impl Call {
    /// A call of what was resolved, under the ARN that it was named by.
    #[must_use]
    pub fn new(resolved: &Resolved, arn: String, request_id: String, payload: Bytes) -> Self {
        Self {
            address: resolved.revision.address(),
            arn,
            version: resolved.version.clone(),
            request_id,
            payload,
            trace_id: None,
            client_context: None,
            tenant_id: None,
            parts: None,
        }
    }
}

/// A part of an answer on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerPart {
    /// First of all: the media type, where the function says one.
    Begin(Option<String>),
    Bytes(Bytes),
}

/// What came of a call.
#[derive(Clone, Debug)]
pub struct Called {
    /// The function's answer, empty where its parts went ahead; an error is the function's own error document.
    pub result: Result<Bytes, Bytes>,
    /// The last 4 KiB of its log.
    pub log_tail: Bytes,
}

/// A call of a service that is no execution's: nothing of it is journaled.
#[derive(Clone, Debug)]
pub struct ServiceCall {
    pub call: Box<machine::Call>,
    /// Whether what is shown of an HTTP task has what its connection adds.
    pub reveal_secrets: bool,
}

/// What came of a call of a service.
#[derive(Clone, Debug)]
pub struct ServiceAnswer {
    /// JSON, or the error as a state machine sees it.
    pub result: Result<Bytes, Failure>,
    /// What an HTTP task sent, as far as it came to that.
    pub request: Option<HttpRequest>,
    /// What it got.
    pub response: Option<HttpResponse>,
}

/// Whether tasks are sent to an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Breaker {
    #[default]
    Closed,
    /// It failed so often that nothing is sent to it before this time.
    Open { until: Timestamp },
    /// One call finds out whether it has come back.
    HalfOpen,
}

/// How things stand with an agent, as far as this server knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentState {
    pub breaker: Breaker,
    /// Calls that failed in a row.
    pub failures: u32,
    /// Tasks that it has, and tasks that wait to be sent to it.
    pub out: u32,
    pub waiting: u32,
    pub last_error: Option<String>,
}

/// A future that owns what it needs.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Sends tasks and brings their results back through the [`Handle`]. Implemented by the dispatch crate; tests have their own.
pub trait Dispatcher: Send + Sync + 'static {
    /// Takes a task over and returns at once. Its result comes back as a settle or a machine's request; a result that never comes is found by
    /// the task's lease.
    fn dispatch(&self, handle: &Handle, work: Work);

    fn call(&self, handle: &Handle, call: Call) -> Pending<Result<Called, crate::Error>>;

    /// An agent says that a task has moved. What it says is not believed: it is asked.
    fn moved(&self, _: &Handle, _: ExecutionId, _: Operation, _: Generation) {}

    /// How things stand with an agent.
    fn agent_state(&self, _name: &str) -> AgentState {
        AgentState::default()
    }

    /// How things stand with every agent that was called since the server was started.
    fn agent_states(&self, _: Timestamp) -> Vec<(String, AgentState)> {
        Vec::new()
    }

    /// Delivers a letter, at least once: whoever gets it knows a repetition by its id. A delivery that fails is tried again where that may help.
    fn deliver(&self, _: &Handle, letter: Letter) -> Pending<Result<(), Undelivered>> {
        let reason = format!("nothing here delivers letters of topic {}", letter.topic);
        let again = false;
        Box::pin(async move { Err(Undelivered { again, reason }) })
    }

    /// Calls a service as a task of a state machine would. A dispatcher that reaches no service says so.
    fn perform(
        &self,
        _: &Handle,
        call: ServiceCall,
    ) -> Pending<Result<ServiceAnswer, crate::Error>> {
        let cause = format!(
            "The resource '{}' can't be called here.",
            call.call.resource
        );
        let answer = ServiceAnswer {
            result: Err(Failure::new("States.Runtime", cause)),
            request: None,
            response: None,
        };
        Box::pin(async { Ok(answer) })
    }
}
