//! What the engine and the protocols ask of an execution of this machine, and what it answers.

use std::borrow::Cow;

use everstep_core::{Backoff, Failure, Generation, Kind, Operation, Payload, TargetKind};

use crate::model::{
    Divergence, ExecutionSnapshot, FunctionArn, Identity, Mode, OperationSnapshot, Update,
};

/// What a checkpoint token says, besides the execution: the engine signs and verifies it. Within an execution later positions are
/// greater, and only the latest is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The invocation that may use it.
    pub generation: Generation,
    /// Counts tokens over the whole life of the execution.
    pub sequence: u64,
}

/// The commands that only this machine knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// CheckpointDurableExecution. No updates are a poll.
    Checkpoint {
        position: Position,
        client_token: Option<String>,
        updates: Vec<Update>,
    },
    /// GetDurableExecutionState. `max_items` 0 means the default of 100; at most 1,000.
    State {
        position: Position,
        marker: Option<String>,
        max_items: u32,
    },
    /// GetDurableExecution.
    Describe,
    /// Everything that is known of the execution, whatever a handler is shown of it.
    Recording,
    /// The names of operations, for showing history events.
    Identify { operations: Vec<Operation> },
    /// The first of a fork: its journal holds what it takes over, and nothing waits or runs yet.
    GoOn,
    /// PauseDurableExecution. The reason is for people.
    Pause {
        client_token: Option<String>,
        reason: Option<String>,
        /// Whether the execution's timeout stands still meanwhile.
        timeout_paused: bool,
    },
    /// ResumeDurableExecution.
    Resume {
        client_token: Option<String>,
        reason: Option<String>,
    },
    /// An invocation has ended. A generation that is not in flight is refused without effect.
    Finish {
        generation: Generation,
        output: Output,
    },
}

/// How an invocation ended. Made by [`Output::parse`] or by the dispatcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The execution succeeds. A plain function's answer is its result as it is.
    Succeeded { result: Option<Payload> },
    /// The execution fails.
    Failed { error: Option<Failure> },
    /// The handler waits for something.
    Pending,
    /// The answer is none that a durable function may give; the execution fails with this text.
    Malformed { message: &'static str },
    /// The function did not answer. The invocation is tried again.
    Error { failure: Failure, class: ErrorClass },
}

/// What sort of error an invocation ended with; it decides how it is tried again. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The handler raised: backoff.
    Handler = 1,
    /// `Runtime.*`, `Sandbox.*`, `Extension.*`: a few times at once, then backoff.
    Runtime = 2,
    /// `Sandbox.Timedout`: as if the handler had raised.
    Timeout = 3,
}

/// What a [`Request`] is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Checkpoint {
        /// The next token; `None` when there is none any more.
        next: Option<Position>,
        /// Everything that changed since the handler last saw it, in the order of starts, each operation once.
        operations: Vec<OperationSnapshot>,
        /// Where [`Request::State`] goes on when not everything fitted.
        next_marker: Option<String>,
    },
    State {
        operations: Vec<OperationSnapshot>,
        next_marker: Option<String>,
    },
    Described(Box<ExecutionSnapshot>),
    Recording {
        execution: Box<ExecutionSnapshot>,
        /// What its invocations go to: see [`Settings::address`].
        revision: String,
        /// All of them, in the order of starts.
        operations: Vec<OperationSnapshot>,
    },
    /// In the order of the request; `None` for a number without an operation.
    Identified(Vec<Option<Identity>>),
    Finished,
    /// The execution runs again; these operations do, in the order of starts.
    Redriven {
        operations: Vec<Operation>,
    },
    Refused(Refusal),
}

/// Why a request was refused. The text is AWS's where AWS has one; SDKs decide by the prefix `Invalid checkpoint token`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token is not the latest one, belongs to another invocation, or the execution has ended.
    #[error("Invalid checkpoint token")]
    InvalidToken,
    #[error("Invalid marker")]
    InvalidMarker,
    /// A batch that breaks a rule; nothing of it was taken.
    #[error("{message}")]
    InvalidUpdate { message: Cow<'static, str> },
    /// A batch with an update of an operation that is recorded otherwise; nothing of it was taken. The text is AWS's, the rest is ours.
    #[error("{message}")]
    Diverged {
        message: &'static str,
        divergence: std::sync::Arc<Divergence>,
    },
    #[error("The durable execution is not running")]
    NotRunning,
    #[error("The durable execution is already paused")]
    Paused,
    #[error("The durable execution is not paused")]
    NotPaused,
    /// The invocation that is said to have ended is not in flight.
    #[error("the invocation is not in flight")]
    StaleInvocation,
}

impl Refusal {
    /// AWS's name of the exception.
    #[must_use]
    pub const fn exception(&self) -> &'static str {
        match self {
            Self::InvalidToken
            | Self::InvalidMarker
            | Self::InvalidUpdate { .. }
            | Self::Diverged { .. } => "InvalidParameterValueException",
            Self::StaleInvocation | Self::NotRunning | Self::Paused | Self::NotPaused => {
                "ResourceConflictException"
            }
        }
    }

    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::InvalidMarker | Self::InvalidUpdate { .. } | Self::Diverged { .. } => {
                Kind::Invalid
            }
            Self::InvalidToken
            | Self::StaleInvocation
            | Self::NotRunning
            | Self::Paused
            | Self::NotPaused => Kind::Conflict,
        }
    }
}

/// What a function gets: the payload of an invocation's task, built when it is dispatched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    pub mode: Mode,
    pub generation: Generation,
    /// A UUID, the same when the invocation is repeated after a crash: `Lambda-Runtime-Aws-Request-Id`.
    pub request_id: String,
    /// `…/durable-execution/NAME/ID`
    pub execution_arn: String,
    pub function: FunctionArn,
    /// What the first checkpoint token says.
    pub position: Position,
    /// The first page of the state, at most [`Limits::page_bytes_max`]; empty when not even the input fits. Empty for a plain function.
    pub operations: Vec<OperationSnapshot>,
    /// Where [`Request::State`] goes on; `None` when the state is whole.
    pub next_marker: Option<String>,
    /// Ids of what changed since the previous invocation last saw it.
    pub updated_operation_ids: Vec<std::sync::Arc<str>>,
    /// The event of a plain function; `None` for a durable one, whose event is made of the parts above.
    pub payload: Option<Payload>,
    pub trace_header: Option<String>,
    pub tenant_id: Option<String>,
    pub timeout_ms: u64,
}

/// What the machine knows of the function and of this start; opaque to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub mode: Mode,
    /// The function is an agent, a plain one that may take hours: its tasks are an agent's.
    pub is_agent: bool,
    pub function: FunctionArn,
    /// The immutable revision that invocations go to, so that a running execution keeps the code it began with.
    pub revision: String,
    /// Of one invocation.
    pub function_timeout_s: u32,
    /// Of the whole execution, 1..=31,622,400; a plain function has none.
    pub execution_timeout_s: Option<u32>,
    /// Days after the end, 1..=90.
    pub retention_days: u16,
    pub retry: InvocationRetry,
    pub limits: Limits,
    /// X-Ray's header of the request that started the execution.
    pub trace_header: Option<String>,
    pub tenant_id: Option<String>,
    /// Of a plain function that was invoked asynchronously, where somebody is to hear of it.
    pub end: Option<Destinations>,
}

/// Who hears how an asynchronous call ended: functions by their ARNs, or addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    pub on_success: Option<String>,
    pub on_failure: Option<String>,
    /// It gets the event itself, when the call has failed for good.
    pub dead_letter: Option<String>,
    /// How old the event may be when the function is called once more.
    pub age_max_s: Option<u32>,
}

/// How failed invocations are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvocationRetry {
    /// How often in a row a [`ErrorClass::Runtime`] error is tried again at once.
    pub immediate_max: u32,
    /// How many retries follow with delays before the execution fails.
    pub delayed_max: u32,
    pub backoff: Backoff,
}

/// Bounds of one execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub operations_max: u32,
    /// Payloads and errors of all operations together.
    pub bytes_max: u64,
    /// The payload of one operation.
    pub payload_bytes_max: u32,
    /// All parts of one error together.
    pub error_bytes_max: u32,
    /// The result of the execution.
    pub result_bytes_max: u32,
    /// The operations of one page of state, the first one in the invocation event included.
    pub page_bytes_max: u32,
}

impl Default for Limits {
    /// AWS's sizes; the number of operations and their sum, where AWS stops at 3,000 and 100 MB, far above.
    fn default() -> Self {
        Self {
            operations_max: 1_000_000,
            bytes_max: 10_000_000_000,
            payload_bytes_max: 1024 * 1024,
            error_bytes_max: 1024 * 1024,
            result_bytes_max: 6 * 1024 * 1024,
            page_bytes_max: 4 * 1024 * 1024,
        }
    }
}

impl InvocationRetry {
    /// A durable function's: three at once, then for some three and a half hours.
    pub const DURABLE: Self = Self {
        immediate_max: 3,
        delayed_max: 30,
        backoff: Backoff {
            first_ms: 1_000,
            factor_percent: 200,
            max_ms: 600_000,
            jitter_percent: 20,
        },
    };

    /// An asynchronous invocation's: after one and after two minutes.
    pub const PLAIN: Self = Self {
        immediate_max: 0,
        delayed_max: 2,
        backoff: Backoff {
            first_ms: 60_000,
            factor_percent: 200,
            max_ms: 120_000,
            jitter_percent: 0,
        },
    };
}

impl Default for InvocationRetry {
    fn default() -> Self {
        Self::DURABLE
    }
}

impl Settings {
    /// A function's execution with AWS's limits: durable with these figures (seconds, days), or plain.
    #[must_use]
    pub fn new(
        function: FunctionArn,
        revision: String,
        function_timeout_s: u32,
        durable: Option<(Option<u32>, u16)>,
    ) -> Self {
        let (mode, execution_timeout_s, retention_days, retry) = match durable {
            Some((timeout_s, days)) => (Mode::Durable, timeout_s, days, InvocationRetry::DURABLE),
            None => (
                Mode::Plain,
                None,
                Self::PLAIN_RETENTION_DAYS,
                InvocationRetry::PLAIN,
            ),
        };
        Self {
            mode,
            is_agent: false,
            function,
            revision,
            function_timeout_s,
            execution_timeout_s,
            retention_days,
            retry,
            limits: Limits::default(),
            trace_header: None,
            tenant_id: None,
            end: None,
        }
    }

    /// An asynchronous call of a plain function is kept for a day after its end.
    const PLAIN_RETENTION_DAYS: u16 = 1;

    /// As [`Settings::new`] for a plain function, whose calls the agent's own policy tries again.
    #[must_use]
    pub fn of_agent(function: FunctionArn, revision: String, timeout_s: u32) -> Self {
        Self {
            is_agent: true,
            retention_days: Self::AGENT_RETENTION_DAYS,
            retry: InvocationRetry {
                delayed_max: 0,
                ..InvocationRetry::PLAIN
            },
            ..Self::new(function, revision, timeout_s, None)
        }
    }

    /// The sort of target that its calls have.
    #[must_use]
    pub const fn target(&self) -> TargetKind {
        if self.is_agent {
            TargetKind::Agent
        } else {
            TargetKind::Function
        }
    }

    /// A call of an agent is kept as long as a durable execution.
    const AGENT_RETENTION_DAYS: u16 = 14;

    /// What a task's target says: `FUNCTION/REVISION`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}/{}", self.function.name, self.revision)
    }
}
