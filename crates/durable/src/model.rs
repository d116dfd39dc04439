//! The words of AWS Lambda durable functions: operations, what a handler may do to them, and how they are shown.
//!
//! Names and bounds are those of the service model `lambda/2015-03-31` in botocore 1.44.5.

use std::sync::Arc;

use everstep_core::{
    ExecutionId, Failure, Generation, Operation, OperationStatus, Payload, Status, Timestamp,
};

use crate::request::Settings;

/// What an operation is. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// The execution itself: always operation 0.
    Execution = 1,
    /// A scope that other operations lie in: child contexts, maps, parallels, branches.
    Context = 2,
    /// Code run by the handler; also a condition that is polled.
    Step = 3,
    /// A pause until a time.
    Wait = 4,
    /// A pause until somebody outside answers.
    Callback = 5,
    /// Another function, run on the execution's behalf.
    ChainedInvoke = 6,
}

impl OperationKind {
    pub const ALL: [Self; 6] = [
        Self::Execution,
        Self::Context,
        Self::Step,
        Self::Wait,
        Self::Callback,
        Self::ChainedInvoke,
    ];

    /// AWS's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Execution => "EXECUTION",
            Self::Context => "CONTEXT",
            Self::Step => "STEP",
            Self::Wait => "WAIT",
            Self::Callback => "CALLBACK",
            Self::ChainedInvoke => "CHAINED_INVOKE",
        }
    }

    /// The kind with this spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a handler does to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Start,
    Succeed,
    Fail,
    /// A step only: try again after a delay, because of an error or with the state polled so far.
    Retry,
    /// A wait only.
    Cancel,
}

impl Action {
    pub const ALL: [Self; 5] = [
        Self::Start,
        Self::Succeed,
        Self::Fail,
        Self::Retry,
        Self::Cancel,
    ];

    /// AWS's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Succeed => "SUCCEED",
            Self::Fail => "FAIL",
            Self::Retry => "RETRY",
            Self::Cancel => "CANCEL",
        }
    }

    /// The action with this spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

/// What a handler calls an operation. It never changes after the operation's first update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// 1–64 characters of `[a-zA-Z0-9-_]`; SDKs send a hash of the place in the code.
    pub id: Arc<str>,
    /// The id of the context that it lies in; `None` at the top.
    pub parent: Option<Arc<str>>,
    pub name: Option<Arc<str>>,
    /// AWS's SubType: `Step`, `WaitForCondition`, `Map`, `ParallelBranch` and custom ones.
    pub sub_kind: Option<Arc<str>>,
}

/// One entry of a checkpoint's batch, as the handler sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    pub identity: Identity,
    pub kind: OperationKind,
    pub action: Action,
    /// A result, the state of a polled condition, or the input of a chained invoke.
    pub payload: Option<Payload>,
    pub error: Option<Failure>,
    pub options: UpdateOptions,
}

/// The options of an update; each belongs to one kind of operation and is ignored by the others, as AWS does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateOptions {
    /// `ContextOptions.ReplayChildren`: keep the operations inside a context that has succeeded in the state.
    pub replay_children: bool,
    /// `StepOptions.NextAttemptDelaySeconds`, 1..=31,622,400.
    pub next_attempt_delay_s: Option<u32>,
    /// `WaitOptions.WaitSeconds`, 1..=31,622,400.
    pub wait_s: Option<u32>,
    /// `CallbackOptions.TimeoutSeconds`; 0 and absent mean none.
    pub callback_timeout_s: Option<u32>,
    /// `CallbackOptions.HeartbeatTimeoutSeconds`; 0 and absent mean none.
    pub callback_heartbeat_s: Option<u32>,
    pub chained_invoke: Option<ChainedInvokeOptions>,
}

/// `ChainedInvokeOptions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedInvokeOptions {
    /// Name, partial or full ARN, with or without a qualifier.
    pub function_name: String,
    pub tenant_id: Option<String>,
    /// X-Ray's header; without one the execution's own is handed on.
    pub trace_id: Option<String>,
    /// What the name means: looked up before the machine is asked.
    pub target: InvokeTarget,
}

/// What the name of a chained invoke means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvokeTarget {
    Function(Box<Settings>),
    /// It can't be invoked: the operation fails with this at once.
    Missing(Failure),
    /// It may not stand in a chained invoke: the checkpoint is refused with this text.
    Invalid(String),
}

/// A chained invoke as it was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedCall {
    /// As the handler wrote it.
    pub function_name: String,
    pub tenant_id: Option<String>,
    pub input: Option<Payload>,
    /// `None` when there was nothing to invoke.
    pub target: Option<ChainedTarget>,
}

/// What a chained invoke runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedTarget {
    /// The child execution; of a plain function, the id of its request.
    pub id: ExecutionId,
    pub settings: Settings,
}

impl ChainedTarget {
    /// The child's ARN; a plain function has no execution.
    #[must_use]
    pub fn execution_arn(&self) -> Option<String> {
        let name = self.id.to_string();
        (self.settings.mode == Mode::Durable)
            .then(|| self.settings.function.execution(&name, self.id))
    }
}

/// How a handler's update differs from what is recorded of its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The handler's id of the operation.
    pub id: Arc<str>,
    /// `type`, `subtype`, `name` or `parent`.
    pub what: String,
    pub recorded: String,
    pub asked: String,
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            id,
            what,
            recorded,
            asked,
        } = self;
        write!(
            f,
            "operation {id} was recorded with {what} {recorded}; the code now says {asked}"
        )
    }
}

/// An operation as it stood at one moment. Cheap to clone as long as it holds no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationSnapshot {
    /// Its place in the order of starts; 0 is the execution.
    pub operation: Operation,
    /// One more with each redrive that undid it: the generation that its callback id and its tasks have.
    pub generation: Generation,
    pub identity: Identity,
    pub status: OperationStatus,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub details: Details,
}

impl OperationSnapshot {
    #[must_use]
    pub const fn kind(&self) -> OperationKind {
        match self.details {
            Details::Execution { .. } => OperationKind::Execution,
            Details::Context { .. } => OperationKind::Context,
            Details::Step { .. } => OperationKind::Step,
            Details::Wait { .. } => OperationKind::Wait,
            Details::Callback { .. } => OperationKind::Callback,
            Details::ChainedInvoke { .. } => OperationKind::ChainedInvoke,
        }
    }

    /// Whether it waits for something outside the handler: a time, a callback or another function.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        match self.kind() {
            OperationKind::Step => matches!(self.status, OperationStatus::Pending),
            OperationKind::Wait | OperationKind::Callback | OperationKind::ChainedInvoke => {
                matches!(self.status, OperationStatus::Started)
            }
            OperationKind::Execution | OperationKind::Context => false,
        }
    }
}

/// What only operations of one kind have. `None` for a result means that the member is absent on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Details {
    Execution {
        input: Option<Payload>,
    },
    Context {
        replay_children: bool,
        result: Option<Payload>,
        error: Option<Failure>,
    },
    Step {
        /// Finished attempts: one more with each RETRY, SUCCEED and FAIL.
        attempt: u32,
        /// When a pending step is due.
        next_attempt: Option<Timestamp>,
        /// The result, or while a condition is polled the state of its last poll.
        result: Option<Payload>,
        error: Option<Failure>,
    },
    Wait {
        duration_s: u32,
        scheduled_end: Timestamp,
    },
    Callback {
        timeout_s: Option<u32>,
        heartbeat_s: Option<u32>,
        result: Option<Payload>,
        error: Option<Failure>,
    },
    ChainedInvoke {
        call: Arc<ChainedCall>,
        result: Option<Payload>,
        error: Option<Failure>,
    },
}

/// What an execution runs. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A durable function: its invocations checkpoint and may suspend.
    Durable = 1,
    /// An ordinary function invoked asynchronously: its answer, whatever its shape, is the result.
    Plain = 2,
}

/// The parts of `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME:VERSION`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FunctionArn {
    pub partition: String,
    pub region: String,
    /// Twelve digits.
    pub account: String,
    pub name: String,
    /// The version that is executed, never an alias: `$LATEST` or a number.
    pub version: String,
}

impl FunctionArn {
    /// The qualified ARN.
    #[must_use]
    pub fn qualified(&self) -> String {
        format!("{}:{}", self.unqualified(), self.version)
    }

    #[must_use]
    pub fn unqualified(&self) -> String {
        format!(
            "arn:{}:lambda:{}:{}:function:{}",
            self.partition, self.region, self.account, self.name
        )
    }

    /// The ARN of an execution of this function: `…:function:NAME:VERSION/durable-execution/EXECUTION-NAME/ID`.
    #[must_use]
    pub fn execution(&self, name: &str, id: everstep_core::ExecutionId) -> String {
        format!("{}/durable-execution/{name}/{id}", self.qualified())
    }
}

/// An execution as GetDurableExecution shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionSnapshot {
    pub name: String,
    /// `…/durable-execution/NAME/ID`
    pub arn: String,
    pub function: FunctionArn,
    pub status: Status,
    pub started: Timestamp,
    pub closed: Option<Timestamp>,
    pub input: Option<Payload>,
    pub result: Option<Payload>,
    pub error: Option<Failure>,
    pub trace_header: Option<String>,
    pub execution_timeout_s: Option<u32>,
    pub retention_days: u16,
    /// When a running execution will time out.
    pub times_out: Option<Timestamp>,
    /// The pause that lasts or is about to begin.
    pub pause: Option<crate::Pause>,
    /// Where the code last differed from what is recorded.
    pub divergence: Option<Arc<Divergence>>,
}
