//! What wakes an execution, and what a turn answers.

use bytes::Bytes;

use crate::{Cause, Failure, Generation, Operation, Outcome, Parent, Settlement, Start};

/// What wakes an execution.
#[derive(Clone, Debug)]
pub enum Input<R> {
    /// Only for a cell that has just been made.
    Start(Start),
    Settle {
        operation: Operation,
        generation: Generation,
        outcome: Outcome,
    },
    /// Time has passed: fire what is due.
    Wake,
    TaskLost {
        operation: Operation,
        generation: Generation,
    },
    /// Somebody claims a task from its queue.
    Claim {
        operation: Operation,
        generation: Generation,
        by: String,
    },
    /// The receiver of a task has taken it over for good: nothing is sent again. What it leads to comes as a settle, if anything does.
    Accepted {
        operation: Operation,
        generation: Generation,
    },
    /// The receiver of a task, or whoever is to settle an operation, leaves a note there.
    Note {
        operation: Operation,
        generation: Generation,
        note: Bytes,
    },
    /// Somebody wants to be told when an open operation can't be settled any more.
    Watch {
        operation: Operation,
        generation: Generation,
        watcher: Parent,
    },
    Stop {
        failure: Option<Failure>,
    },
    Pause {
        reason: Option<String>,
    },
    Resume {
        reason: Option<String>,
    },
    Redrive,
    Request(R),
    /// Take the execution out of the loop. The machine is not asked, and due timers do not fire.
    Quarantine {
        reason: String,
    },
}

/// What a turn answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<R> {
    Done,
    Settled(Settlement),
    /// The execution has ended, which is what the command asked for or what forbids it.
    AlreadyClosed,
    Refused(&'static str),
    Own(R),
}

impl<R> Input<R> {
    pub(crate) const fn cause(&self) -> Cause {
        match self {
            Self::Start(_) => Cause::Start,
            Self::Settle { .. } => Cause::Settle,
            Self::Wake => Cause::Timer,
            Self::TaskLost { .. } => Cause::TaskLost,
            Self::Claim { .. } => Cause::Claimed,
            Self::Accepted { .. } => Cause::Accepted,
            Self::Note { .. } => Cause::Note,
            Self::Watch { .. } => Cause::Watch,
            Self::Stop { .. } => Cause::Stop,
            Self::Pause { .. } => Cause::Pause,
            Self::Resume { .. } => Cause::Resume,
            Self::Redrive => Cause::Redrive,
            Self::Request(_) => Cause::Request,
            Self::Quarantine { .. } => Cause::Quarantine,
        }
    }
}

impl<R> Input<R> {
    /// The same input with another machine's request type; `None` where `convert` has none for the request.
    pub fn try_map<S>(self, convert: impl FnOnce(R) -> Option<S>) -> Option<Input<S>> {
        Some(match self {
            Self::Start(start) => Input::Start(start),
            Self::Settle {
                operation,
                generation,
                outcome,
            } => Input::Settle {
                operation,
                generation,
                outcome,
            },
            Self::Wake => Input::Wake,
            Self::TaskLost {
                operation,
                generation,
            } => Input::TaskLost {
                operation,
                generation,
            },
            Self::Claim {
                operation,
                generation,
                by,
            } => Input::Claim {
                operation,
                generation,
                by,
            },
            Self::Accepted {
                operation,
                generation,
            } => Input::Accepted {
                operation,
                generation,
            },
            Self::Note {
                operation,
                generation,
                note,
            } => Input::Note {
                operation,
                generation,
                note,
            },
            Self::Watch {
                operation,
                generation,
                watcher,
            } => Input::Watch {
                operation,
                generation,
                watcher,
            },
            Self::Stop { failure } => Input::Stop { failure },
            Self::Pause { reason } => Input::Pause { reason },
            Self::Resume { reason } => Input::Resume { reason },
            Self::Redrive => Input::Redrive,
            Self::Request(request) => Input::Request(convert(request)?),
            Self::Quarantine { reason } => Input::Quarantine { reason },
        })
    }
}

impl<R> Answer<R> {
    /// The same answer with another reply type.
    pub fn map<S>(self, convert: impl FnOnce(R) -> S) -> Answer<S> {
        match self {
            Self::Done => Answer::Done,
            Self::Settled(settlement) => Answer::Settled(settlement),
            Self::AlreadyClosed => Answer::AlreadyClosed,
            Self::Refused(why) => Answer::Refused(why),
            Self::Own(reply) => Answer::Own(convert(reply)),
        }
    }
}
