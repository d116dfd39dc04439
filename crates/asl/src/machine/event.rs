//! What happens in an execution. Public events are those of AWS's history, one variant for each shape; the others are our own.

use std::sync::Arc;

use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_core::{EventId, Generation, Operation, Sequence, Timestamp};

use super::codec;
use super::document::{Body, Document, DocumentId};
use super::settings::Settings;
use crate::definition::StateId;

/// A line of work: the execution's own, a branch's or an iteration's. Numbered in the order of their beginnings; 0 is the execution's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u32);

/// Where an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub frame: FrameId,
    /// The event that led to this one.
    pub previous: EventId,
    /// Whether it happened inside a distributed map, whose iterations the history does not show.
    pub is_hidden: bool,
}

/// The types of states. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKind {
    Task = 1,
    Pass = 2,
    Choice = 3,
    Wait = 4,
    Succeed = 5,
    Fail = 6,
    Parallel = 7,
    Map = 8,
}

impl StateKind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Task,
        Self::Pass,
        Self::Choice,
        Self::Wait,
        Self::Succeed,
        Self::Fail,
        Self::Parallel,
        Self::Map,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "Task",
            Self::Pass => "Pass",
            Self::Choice => "Choice",
            Self::Wait => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail => "Fail",
            Self::Parallel => "Parallel",
            Self::Map => "Map",
        }
    }
}

/// An error's name and what is said of it, either of which may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorOutput {
    pub error: Option<Arc<str>>,
    pub cause: Option<Arc<str>>,
}

/// Who does the work of a Task state, as the history tells them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worker {
    /// A function, by its ARN.
    Function,
    /// Whoever polls the activity.
    Activity,
    /// A service.
    Service {
        /// `lambda`, `aws-sdk:s3` ...
        service: Arc<str>,
        /// `invoke`, `startExecution.sync:2` ...
        action: Arc<str>,
    },
}

impl Worker {
    /// Whether the state waits for somebody whom the service has given its token.
    pub(crate) fn has_token(&self) -> bool {
        match self {
            Self::Service { action, .. } => action.ends_with(".waitForTaskToken"),
            Self::Function | Self::Activity => false,
        }
    }
}

/// An attempt of a Task state, beside its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub operation: Operation,
    pub generation: Generation,
    /// The ARN that the state names.
    pub resource: Arc<str>,
    pub worker: Worker,
    /// Of the execution; shown for services.
    pub region: Arc<str>,
    pub timeout_s: Option<u64>,
    pub heartbeat_s: Option<u64>,
    /// The ARN of the role that the state names.
    pub credentials: Option<Arc<str>>,
    /// What the task's token settles, where that is not the attempt's own operation: a job that is waited for can be ended by its token too,
    /// and the two ends mean different things.
    pub token: Option<Operation>,
}

/// How far an attempt got before it failed. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It could not be scheduled.
    Schedule = 1,
    /// It could not be started.
    Start = 2,
    /// The service did not take the job.
    Submit = 3,
    /// It ran.
    Run = 4,
}

/// The limits of a Map state's run, as they were evaluated at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapRules {
    /// How many iterations run at once.
    pub concurrency: u32,
    pub is_distributed: bool,
    /// How many iterations may fail.
    pub tolerated: u32,
}

/// A variable with its new value.
pub type Assigned = (Arc<str>, Body);

/// What happens in an execution. The numbers in the codec are persisted and never reused.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    ExecutionStarted {
        name: Arc<str>,
        input: Body,
        settings: Arc<Settings>,
    },
    ExecutionSucceeded {
        previous: EventId,
        output: Body,
    },
    ExecutionFailed {
        previous: EventId,
        failure: ErrorOutput,
    },
    ExecutionAborted {
        failure: ErrorOutput,
    },
    ExecutionTimedOut,
    ExecutionRedriven {
        previous: EventId,
        count: u32,
    },
    StateEntered {
        place: Place,
        kind: StateKind,
        state: StateId,
        name: Arc<str>,
        input: Body,
    },
    StateExited {
        place: Place,
        kind: StateKind,
        name: Arc<str>,
        output: Body,
        assigned: Vec<Assigned>,
        /// Where it goes on; `None` at the end of its state machine.
        next: Option<StateId>,
    },
    /// A Task, Wait, Parallel or Map state was left because of what happened elsewhere.
    StateAborted {
        place: Place,
        kind: StateKind,
    },
    /// All of a Parallel or Map state succeeded.
    StateSucceeded {
        place: Place,
        kind: StateKind,
    },
    /// A Parallel or Map state failed.
    StateFailed {
        place: Place,
        kind: StateKind,
    },
    MapStateStarted {
        place: Place,
        length: u32,
        rules: MapRules,
        /// An array.
        items: Body,
    },
    ParallelStateStarted {
        place: Place,
        branches: u32,
        /// The first branch's frame; the others follow.
        first: FrameId,
        input: Body,
    },
    /// Its place is the Map state's.
    MapIterationStarted {
        place: Place,
        name: Arc<str>,
        index: u32,
        frame: FrameId,
        input: Body,
    },
    /// Its place is the iteration's, as in those that follow.
    MapIterationSucceeded {
        place: Place,
        name: Arc<str>,
        index: u32,
    },
    MapIterationFailed {
        place: Place,
        name: Arc<str>,
        index: u32,
        failure: ErrorOutput,
    },
    MapIterationAborted {
        place: Place,
        name: Arc<str>,
        index: u32,
    },
    MapRunStarted {
        place: Place,
        arn: Arc<str>,
    },
    MapRunSucceeded {
        place: Place,
    },
    MapRunFailed {
        place: Place,
        failure: ErrorOutput,
    },
    MapRunAborted {
        place: Place,
    },
    MapRunRedriven {
        place: Place,
        arn: Arc<str>,
        count: u32,
    },
    EvaluationFailed {
        place: Place,
        failure: ErrorOutput,
        /// The field.
        location: Option<Arc<str>>,
        state: Arc<str>,
    },
    /// Scheduled, of a task, function or activity.
    Scheduled {
        place: Place,
        attempt: Arc<Attempt>,
        /// Parameters or input.
        input: Body,
    },
    Started {
        place: Place,
        worker: Worker,
        /// The name of the activity's worker.
        by: Option<Arc<str>>,
    },
    /// The service has taken the job.
    Submitted {
        place: Place,
        worker: Worker,
        output: Body,
    },
    Succeeded {
        place: Place,
        worker: Worker,
        output: Body,
    },
    Failed {
        place: Place,
        worker: Worker,
        stage: Stage,
        failure: ErrorOutput,
    },
    TimedOut {
        place: Place,
        worker: Worker,
        failure: ErrorOutput,
        /// Whether its worker was silent for too long. The history calls both the same; retriers and catchers can tell them apart.
        is_heartbeat: bool,
    },
    /// A Wait state waits.
    WaitStarted {
        frame: FrameId,
        operation: Operation,
        until: Timestamp,
    },
    /// What failed is tried again later.
    RetryDecided {
        frame: FrameId,
        operation: Operation,
        /// Which of the state's retriers decided it.
        retrier: u32,
        delay_ms: u64,
        failure: ErrorOutput,
    },
    /// The time of a wait or before a retry is over.
    Woken {
        frame: FrameId,
    },
    /// A branch of a Parallel state failed.
    BranchFailed {
        frame: FrameId,
        failure: ErrorOutput,
    },
    /// A branch of a Parallel state ended between two states, because of what happened elsewhere.
    BranchAborted {
        frame: FrameId,
    },
    /// A task stops an execution that a state started and waits for no more.
    StopDecided {
        operation: Operation,
        arn: Arc<str>,
    },
    /// Events of this turn are logged by a task.
    Logged {
        operation: Operation,
        first: EventId,
        last: EventId,
        /// Those that have been.
        done: Vec<Operation>,
    },
}

impl everstep_core::Event for Event {
    fn is_public(&self) -> bool {
        match self {
            Self::WaitStarted { .. }
            | Self::RetryDecided { .. }
            | Self::Woken { .. }
            | Self::BranchFailed { .. }
            | Self::BranchAborted { .. }
            | Self::StopDecided { .. }
            | Self::Logged { .. } => false,
            _ => self.place().is_none_or(|place| !place.is_hidden),
        }
    }

    fn encode(&self, to: &mut Writer) {
        codec::encode(self, to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        codec::decode(from)
    }

    fn weight(&self) -> usize {
        let mut bytes = 16;
        self.each_body(&mut |body| bytes += body.weight());
        bytes
    }
}

/// Which documents an event holds, for reading and for changing alike.
macro_rules! each_body {
    ($event:expr, $visit:expr, $iter:ident) => {
        match $event {
            Self::ExecutionStarted { input, .. }
            | Self::StateEntered { input, .. }
            | Self::ParallelStateStarted { input, .. }
            | Self::MapIterationStarted { input, .. }
            | Self::Scheduled { input, .. } => $visit(input),
            Self::ExecutionSucceeded { output, .. }
            | Self::Submitted { output, .. }
            | Self::Succeeded { output, .. } => $visit(output),
            Self::MapStateStarted { items, .. } => $visit(items),
            Self::StateExited {
                output, assigned, ..
            } => {
                $visit(output);
                assigned.$iter().for_each(|(_, value)| $visit(value));
            }
            _ => {}
        }
    };
}

impl Event {
    /// Where a state's event happened.
    #[must_use]
    pub const fn place(&self) -> Option<&Place> {
        match self {
            Self::StateEntered { place, .. }
            | Self::StateExited { place, .. }
            | Self::StateAborted { place, .. }
            | Self::StateSucceeded { place, .. }
            | Self::StateFailed { place, .. }
            | Self::MapStateStarted { place, .. }
            | Self::ParallelStateStarted { place, .. }
            | Self::MapIterationStarted { place, .. }
            | Self::MapIterationSucceeded { place, .. }
            | Self::MapIterationFailed { place, .. }
            | Self::MapIterationAborted { place, .. }
            | Self::MapRunStarted { place, .. }
            | Self::MapRunSucceeded { place }
            | Self::MapRunFailed { place, .. }
            | Self::MapRunAborted { place }
            | Self::MapRunRedriven { place, .. }
            | Self::EvaluationFailed { place, .. }
            | Self::Scheduled { place, .. }
            | Self::Started { place, .. }
            | Self::Submitted { place, .. }
            | Self::Succeeded { place, .. }
            | Self::Failed { place, .. }
            | Self::TimedOut { place, .. } => Some(place),
            _ => None,
        }
    }

    /// The event that led to this one, as the history shows it.
    #[must_use]
    pub const fn previous(&self) -> EventId {
        match self {
            Self::ExecutionSucceeded { previous, .. }
            | Self::ExecutionFailed { previous, .. }
            | Self::ExecutionRedriven { previous, .. } => *previous,
            _ => match self.place() {
                Some(place) => place.previous,
                None => EventId(0),
            },
        }
    }

    fn each_body<'a>(&'a self, visit: &mut dyn FnMut(&'a Body)) {
        each_body!(self, visit, iter);
    }

    fn each_body_mut(&mut self, visit: &mut dyn FnMut(&mut Body)) {
        each_body!(self, visit, iter_mut);
    }

    /// The documents whose texts this event brings.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        let mut found = Vec::new();
        self.each_body(&mut |body| found.extend(body.document().filter(|_| body.is_first())));
        found.into_iter()
    }

    /// The documents that this event names and does not hold, with the batches that store them.
    pub fn unresolved(&self) -> impl Iterator<Item = (Sequence, DocumentId)> + use<> {
        let mut missing = Vec::new();
        self.each_body(&mut |body| missing.extend(body.unresolved()));
        missing.into_iter()
    }

    /// Gives the event the documents that it names and does not hold. Those that `find` does not know stay missing.
    pub fn resolve(&mut self, mut find: impl FnMut(Sequence, DocumentId) -> Option<Document>) {
        self.each_body_mut(&mut |body| {
            if let Some((sequence, id)) = body.unresolved()
                && let Some(document) = find(sequence, id)
            {
                body.resolve(document);
            }
        });
    }
}
