//! What happens to an execution. Public events are AWS's history events, in AWS's order; internal ones are what else the state is made
//! of. The journal holds them in this form (`codec.rs`); how they look on the wire is `wire.rs`' affair.

use std::sync::Arc;

use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_core::{Failure, Generation, Operation, Outcome, Payload, Timestamp};

use crate::model::{ChainedCall, Divergence, Identity, OperationKind};
use crate::request::{ErrorClass, Position, Settings};

/// One event. An operation's names stand in [`Event::Declared`] alone; the others refer to it by number
/// ([`crate::Request::Identify`] gives the names back).
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    // Public.
    ExecutionStarted {
        input: Option<Payload>,
        settings: Box<Settings>,
    },
    ExecutionSucceeded {
        result: Option<Payload>,
    },
    ExecutionFailed {
        error: Failure,
    },
    ExecutionTimedOut,
    ExecutionStopped {
        error: Failure,
    },
    /// Nothing is invoked from here on.
    ExecutionPaused {
        requested: Timestamp,
        reason: Option<Arc<str>>,
        timeout_paused: bool,
        timeout_left_ms: Option<u64>,
        interrupted: bool,
    },
    ExecutionResumed {
        reason: Option<Arc<str>>,
        client_token: Option<Arc<str>>,
    },
    ContextStarted {
        operation: Operation,
    },
    ContextSucceeded {
        operation: Operation,
        result: Option<Payload>,
        replay_children: bool,
    },
    ContextFailed {
        operation: Operation,
        error: Failure,
    },
    WaitStarted {
        operation: Operation,
        duration_s: u32,
        scheduled_end: Timestamp,
    },
    WaitSucceeded {
        operation: Operation,
        duration_s: u32,
    },
    WaitCancelled {
        operation: Operation,
    },
    StepStarted {
        operation: Operation,
    },
    /// Also the poll of a condition that does not hold yet: then `retry` says when it is polled again and `result` is its state.
    StepSucceeded {
        operation: Operation,
        result: Option<Payload>,
        attempt: u32,
        retry: Option<StepRetry>,
    },
    /// Also an attempt that another one follows.
    StepFailed {
        operation: Operation,
        error: Failure,
        attempt: u32,
        retry: Option<StepRetry>,
    },
    CallbackStarted {
        operation: Operation,
        timeout_s: Option<u32>,
        heartbeat_s: Option<u32>,
    },
    CallbackSucceeded {
        operation: Operation,
        result: Option<Payload>,
    },
    CallbackFailed {
        operation: Operation,
        error: Failure,
    },
    CallbackTimedOut {
        operation: Operation,
        error: Failure,
    },
    ChainedInvokeStarted {
        operation: Operation,
        call: Arc<ChainedCall>,
    },
    ChainedInvokeSucceeded {
        operation: Operation,
        result: Option<Payload>,
    },
    ChainedInvokeFailed {
        operation: Operation,
        error: Failure,
    },
    ChainedInvokeTimedOut {
        operation: Operation,
        error: Failure,
    },
    ChainedInvokeStopped {
        operation: Operation,
        error: Failure,
    },
    /// An invocation's answer was taken, or it ended without one.
    InvocationCompleted {
        generation: Generation,
        request_id: String,
        started: Timestamp,
        error: Option<InvocationError>,
    },

    /// The execution goes on after its end; what these operations came to is undone.
    Redriven {
        operations: Vec<Operation>,
    },
    /// A callback is asked for once more, under the id of a new generation. AWS's event is the one of its start.
    CallbackReopened {
        operation: Operation,
        generation: Generation,
        timeout_s: Option<u32>,
        heartbeat_s: Option<u32>,
    },

    // Internal.
    /// An operation exists from here on, with the next number; its first public event follows at once.
    Declared {
        operation: Operation,
        kind: OperationKind,
        identity: Identity,
    },
    /// The execution goes on from what it took over; these operations begin again.
    Forked {
        operations: Vec<Operation>,
    },
    /// A pending step's time has come.
    StepReady {
        operation: Operation,
    },
    /// A pause is asked for; it begins now, or when the invocation in flight lets it.
    PauseRequested {
        client_token: Option<Arc<str>>,
        reason: Option<Arc<str>>,
        timeout_paused: bool,
    },
    /// A pause that had not begun is not wanted any more.
    PauseCancelled {
        client_token: Option<Arc<str>>,
    },
    /// A handler said something of an operation that is not what was recorded: its code is not what it was. Its update was refused.
    Diverged {
        operation: Operation,
        divergence: Arc<Divergence>,
    },
    /// A chained invoke has ended while the function runs; its public event follows with the next checkpoint, or after the invocation.
    KeptBack {
        operation: Operation,
        outcome: Outcome,
    },
    /// The function is invoked; its first token says `position`.
    InvocationStarted {
        request_id: String,
        position: Position,
    },
    /// A checkpoint was answered with all that had changed. The answer is kept for its client token, as it was.
    Answered {
        position: Position,
        client_token: Option<Arc<str>>,
        next: Option<Position>,
    },
}

/// When the next attempt of a step is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepRetry {
    pub delay_s: u32,
    pub due: Timestamp,
}

/// Why an invocation gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationError {
    pub failure: Failure,
    pub class: ErrorClass,
}

impl Event {
    /// What it carries of the user's.
    #[must_use]
    pub fn payload(&self) -> Option<&Payload> {
        match self {
            Self::ExecutionStarted { input: payload, .. }
            | Self::ExecutionSucceeded { result: payload }
            | Self::ContextSucceeded {
                result: payload, ..
            }
            | Self::StepSucceeded {
                result: payload, ..
            }
            | Self::CallbackSucceeded {
                result: payload, ..
            }
            | Self::ChainedInvokeSucceeded {
                result: payload, ..
            }
            | Self::KeptBack {
                outcome: Outcome::Succeeded(payload),
                ..
            } => payload.as_ref(),
            Self::ChainedInvokeStarted { call, .. } => call.input.as_ref(),
            _ => None,
        }
    }

    /// The operation that it is about; `None` for the execution and its invocations.
    #[must_use]
    pub const fn operation(&self) -> Option<Operation> {
        match self {
            Self::ContextStarted { operation }
            | Self::ContextSucceeded { operation, .. }
            | Self::ContextFailed { operation, .. }
            | Self::WaitStarted { operation, .. }
            | Self::WaitSucceeded { operation, .. }
            | Self::WaitCancelled { operation }
            | Self::StepStarted { operation }
            | Self::StepSucceeded { operation, .. }
            | Self::StepFailed { operation, .. }
            | Self::CallbackStarted { operation, .. }
            | Self::CallbackSucceeded { operation, .. }
            | Self::CallbackFailed { operation, .. }
            | Self::CallbackTimedOut { operation, .. }
            | Self::CallbackReopened { operation, .. }
            | Self::ChainedInvokeStarted { operation, .. }
            | Self::ChainedInvokeSucceeded { operation, .. }
            | Self::ChainedInvokeFailed { operation, .. }
            | Self::ChainedInvokeTimedOut { operation, .. }
            | Self::ChainedInvokeStopped { operation, .. }
            | Self::KeptBack { operation, .. }
            | Self::Diverged { operation, .. }
            | Self::Declared { operation, .. }
            | Self::StepReady { operation } => Some(*operation),
            Self::ExecutionStarted { .. }
            | Self::ExecutionSucceeded { .. }
            | Self::ExecutionFailed { .. }
            | Self::ExecutionTimedOut
            | Self::ExecutionStopped { .. }
            | Self::ExecutionPaused { .. }
            | Self::ExecutionResumed { .. }
            | Self::PauseRequested { .. }
            | Self::PauseCancelled { .. }
            | Self::InvocationCompleted { .. }
            | Self::Redriven { .. }
            | Self::Forked { .. }
            | Self::InvocationStarted { .. }
            | Self::Answered { .. } => None,
        }
    }
}

impl everstep_core::Event for Event {
    fn is_public(&self) -> bool {
        !matches!(
            self,
            Self::Declared { .. }
                | Self::Forked { .. }
                | Self::StepReady { .. }
                | Self::KeptBack { .. }
                | Self::PauseRequested { .. }
                | Self::PauseCancelled { .. }
                | Self::Diverged { .. }
                | Self::InvocationStarted { .. }
                | Self::Answered { .. }
        )
    }

    fn encode(&self, to: &mut Writer) {
        crate::codec::encode_event(self, to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        crate::codec::decode_event(from)
    }
}
