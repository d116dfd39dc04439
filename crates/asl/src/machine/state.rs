//! What is known of an execution: built from its events alone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use everstep_core::{EventId, Generation, Operation, Timestamp};

use super::document::{Document, DocumentId};
use super::event::{Attempt, ErrorOutput, FrameId, MapRules, StateKind};
use super::known::Known;
use super::settings::Settings;
use crate::definition::StateId;

/// How many left states are kept for the view.
const VISITED_MAX: usize = 1_000;

/// The state of one execution.
#[derive(Debug, Default, PartialEq)]
pub struct State {
    pub(crate) settings: Option<Arc<Settings>>,
    pub(crate) name: Arc<str>,
    pub(crate) started: Timestamp,
    pub(crate) input: Option<Document>,
    pub(crate) output: Option<Document>,
    /// Why it ended, if it did not succeed.
    pub(crate) failure: ErrorOutput,
    pub(crate) redrives: u32,
    pub(crate) redriven: Option<Timestamp>,
    pub(crate) frames: BTreeMap<FrameId, Frame>,
    /// The frames that can go on, in the order in which they do.
    pub(crate) ready: VecDeque<FrameId>,
    /// Whose operations these are.
    pub(crate) operations: BTreeMap<Operation, FrameId>,
    pub(crate) next_frame: FrameId,
    pub(crate) next_operation: Operation,
    pub(crate) next_document: DocumentId,
    /// The last event that the history shows.
    pub(crate) last_event: EventId,
    /// The latest states that were left.
    pub(crate) visited: VecDeque<Visited>,
    /// The executions that tasks are to stop.
    pub(crate) stops: BTreeMap<Operation, Arc<str>>,
    /// The events that tasks are to log.
    pub(crate) logs: BTreeMap<Operation, (EventId, EventId)>,
    pub(crate) known: Known,
}

/// A line of work.
#[derive(Debug, PartialEq)]
pub(crate) struct Frame {
    pub seat: Option<Seat>,
    /// The iteration of a distributed map that it belongs to. Such iterations count their events for themselves.
    pub within: Option<FrameId>,
    /// How many events such an iteration has had.
    pub events: u32,
    /// The event that leads to its next one.
    pub previous: EventId,
    pub variables: BTreeMap<Arc<str>, Document>,
    pub visit: Option<Visit>,
    pub phase: Phase,
    /// Whether it stands in the queue.
    pub is_queued: bool,
}

/// Where a frame stands in the Parallel or Map state that began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub frame: FrameId,
    pub index: u32,
}

/// What comes next for a frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// Enter the first state.
    Begin { input: Document },
    /// Enter a state.
    Next { state: StateId, input: Document },
    /// Do the state's work, for the first time or again.
    Work,
    /// A call is out: say that it has started.
    Scheduled,
    /// A worker is to claim the activity.
    Queued,
    /// The attempt runs.
    Running,
    /// The attempt gave a result.
    Done { result: Document },
    /// A Wait state waits.
    Waiting { until: Timestamp },
    /// It has.
    Waited,
    /// The state failed: try again, catch it, or pass it on.
    Failing {
        failure: ErrorOutput,
        /// Whether a worker was silent for too long.
        is_heartbeat: bool,
    },
    /// It is tried again at that time.
    Retrying { due: Timestamp },
    /// More iterations can begin.
    Spread,
    /// Branches or iterations run.
    Fanned,
    /// All of them have ended well.
    Joined,
    /// The frame's last state was left.
    Ended { output: Document },
    /// It ended badly.
    Failed,
    /// It ended because of what happened elsewhere; a redrive takes it up again where it was.
    Aborted { was: Box<Phase> },
}

impl Phase {
    pub const fn failing(failure: ErrorOutput) -> Self {
        Self::Failing {
            failure,
            is_heartbeat: false,
        }
    }

    pub const fn is_ready(&self) -> bool {
        match self {
            Self::Begin { .. }
            | Self::Next { .. }
            | Self::Work
            | Self::Scheduled
            | Self::Done { .. }
            | Self::Waited
            | Self::Failing { .. }
            | Self::Spread
            | Self::Joined => true,
            Self::Queued
            | Self::Running
            | Self::Waiting { .. }
            | Self::Retrying { .. }
            | Self::Fanned
            | Self::Ended { .. }
            | Self::Failed
            | Self::Aborted { .. } => false,
        }
    }
}

/// A state that a frame is in.
#[derive(Debug, PartialEq)]
pub(crate) struct Visit {
    pub state: StateId,
    pub name: Arc<str>,
    pub kind: StateKind,
    /// The event of its entry.
    pub entered: EventId,
    pub entered_at: Timestamp,
    /// The event that led to its entry.
    pub before: EventId,
    pub input: Document,
    /// How often each retrier has tried again.
    pub retries: Vec<u32>,
    pub operation: Option<Operation>,
    /// Of the next attempt.
    pub generation: Generation,
    /// The attempt that is out, with its input.
    pub attempt: Option<(Arc<Attempt>, Document)>,
    /// What the service answered when it took the job.
    pub submitted: Option<Document>,
    pub fan: Option<Box<Fan>>,
}

impl Visit {
    /// Whether the history tells when such a state is left because of what happened elsewhere.
    pub const fn is_told_of(&self) -> bool {
        matches!(
            self.kind,
            StateKind::Task | StateKind::Wait | StateKind::Map | StateKind::Parallel
        )
    }

    /// What can be settled from outside: the attempt, and its token where that stands for itself.
    pub fn operations(&self) -> [Option<Operation>; 2] {
        let token = self.attempt.as_ref().and_then(|(attempt, _)| attempt.token);
        [self.operation, token]
    }

    /// Tries again since its entry.
    pub fn retry_count(&self) -> u32 {
        self.retries.iter().sum()
    }
}

/// The branches or iterations of a state.
#[derive(Debug, PartialEq)]
pub(crate) struct Fan {
    /// An array; only of a Map state.
    pub items: Option<Document>,
    pub rules: MapRules,
    pub length: u32,
    /// The first iteration that has not begun.
    pub next: u32,
    /// How many run.
    pub open: u32,
    /// How many have failed.
    pub failed: u32,
    pub results: Vec<Option<Document>>,
    /// Those that run, and those that a redrive may want.
    pub frames: BTreeMap<u32, FrameId>,
    /// The ARN of a distributed map's run, and how often it was redriven.
    pub run: Option<(Arc<str>, u32)>,
    /// Whether a distributed map's run has ended well.
    pub is_over: bool,
}

/// A state that was left.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Visited {
    pub name: Arc<str>,
    pub kind: StateKind,
    pub entered: EventId,
    pub entered_at: Timestamp,
    pub left_at: Timestamp,
    pub attempts: u32,
    pub within: Option<EventId>,
}

impl State {
    /// What is known of the start.
    #[must_use]
    pub fn settings(&self) -> Option<&Arc<Settings>> {
        self.settings.as_ref()
    }

    #[must_use]
    pub fn input(&self) -> Option<&Document> {
        self.input.as_ref()
    }

    /// What a succeeded execution gave.
    #[must_use]
    pub fn output(&self) -> Option<&Document> {
        self.output.as_ref()
    }

    /// Why an execution ended that did not succeed.
    #[must_use]
    pub fn failure(&self) -> &ErrorOutput {
        &self.failure
    }

    /// How often and when last it was redriven.
    #[must_use]
    pub fn redrives(&self) -> (u32, Option<Timestamp>) {
        (self.redrives, self.redriven)
    }

    pub(crate) fn frame(&self, id: FrameId) -> Option<&Frame> {
        self.frames.get(&id)
    }

    /// The frame's state.
    pub(crate) fn visit(&self, id: FrameId) -> Option<&Visit> {
        self.frames.get(&id)?.visit.as_ref()
    }

    pub(crate) fn fan(&self, id: FrameId) -> Option<&Fan> {
        self.visit(id)?.fan.as_deref()
    }

    /// The value of a variable that the frame sees: its own, or one of a frame around it in the same execution.
    pub(crate) fn variable(&self, mut id: FrameId, name: &str) -> Option<&Document> {
        loop {
            let frame = self.frames.get(&id)?;
            if let Some(value) = frame.variables.get(name) {
                return Some(value);
            }
            // A distributed map's iterations are executions of their own and see nothing outside.
            if frame.within == Some(id) {
                return None;
            }
            id = frame.seat?.frame;
        }
    }

    pub(crate) fn remember(&mut self, visited: Visited) {
        if self.visited.len() >= VISITED_MAX {
            self.visited.pop_front();
        }
        self.visited.push_back(visited);
    }
}
