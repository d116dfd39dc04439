//! The loop of a turn: one step of every frame that can go on, until none can.

use std::cell::OnceCell;
use std::sync::Arc;

use everstep_core::{EventId, Operation, Settlement, Status, Task, TimerKind, Turn};

use super::asl::Asl;
use super::chance::Chance;
use super::event::{ErrorOutput, Event, FrameId, Place};
use super::limits::{Limits, Surroundings};
use super::scene::Scene;
use super::settings::{Kind, LogLevel};
use super::state::{Frame, Phase, Visit};
use super::{logging, nested};
use crate::definition::{Definition, Next, State as Defined, StateId};

// Persisted and never reused. When two are due at the same time for one operation, the lower goes first.
pub(crate) const EXECUTION_TIMEOUT: TimerKind = TimerKind(1);
pub(crate) const TASK_TIMEOUT: TimerKind = TimerKind(2);
pub(crate) const HEARTBEAT: TimerKind = TimerKind(3);
pub(crate) const WAIT: TimerKind = TimerKind(4);
pub(crate) const RETRY: TimerKind = TimerKind(5);

/// Operation 0: the execution itself.
pub(crate) const EXECUTION: Operation = Operation(0);

/// Why a step ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The history has room for its last event only.
    Full,
    /// The execution has ended, or the frame is not what it should be.
    Over,
}

pub(crate) type Step<T = ()> = Result<T, Halt>;

/// What a command leads to.
pub(crate) struct Run<'t, 'a> {
    pub turn: &'t mut Turn<'a, Asl>,
    pub surroundings: &'a Surroundings,
    chance: Chance,
    /// Of the next new document.
    pub next_document: u32,
    /// The first public event of this command.
    first_event: EventId,
    /// Whether any of its events is to be logged.
    pub is_logged: bool,
    /// ARNs of executions that are to be stopped.
    pub jobs: Vec<Arc<str>>,
    /// What logs have not taken yet.
    pub untaken: Vec<Task>,
}

impl<'t, 'a> Run<'t, 'a> {
    pub fn new(turn: &'t mut Turn<'a, Asl>, surroundings: &'a Surroundings) -> Self {
        let chance = Chance::new((turn.chance(), turn.chance()));
        let next_document = turn.state().next_document.0;
        let first_event = turn.execution().next_event();
        Self {
            turn,
            surroundings,
            chance,
            next_document,
            first_event,
            is_logged: false,
            jobs: Vec::new(),
            untaken: Vec::new(),
        }
    }

    /// Lets every frame that can go on do so, as far as the turn's budget reaches.
    pub fn go(&mut self) {
        while let Some(frame) = self.turn.state().ready.front().copied() {
            if self.turn.is_spent() {
                self.turn.go_on();
                break;
            }
            let step = self.step(frame);
            if step == Err(Halt::Over) {
                self.break_down();
            }
            self.heed(step);
        }
        self.finish();
    }

    /// Ends the execution where the history has no room for more.
    pub fn heed(&mut self, step: Step) {
        if step == Err(Halt::Full) && !self.turn.execution().status().is_closed() {
            self.overflow();
        }
    }

    /// A frame that can't go on would stay where it is for ever: the definition is not the one with which the execution began.
    fn break_down(&mut self) {
        let previous = self.turn.state().last_event;
        let failure = ErrorOutput {
            error: Some("States.Runtime".into()),
            cause: Some("The definition is not the one that the execution began with.".into()),
        };
        self.close_failed(previous, failure);
    }

    /// What every command ends with.
    pub fn finish(&mut self) {
        nested::stop(self);
        logging::log(self);
    }

    fn step(&mut self, id: FrameId) -> Step {
        let phase = self.frame(id)?.phase.clone();
        match phase {
            Phase::Begin { input } => {
                let start = self.start_of(id)?;
                self.enter(id, start, input)
            }
            Phase::Next { state, input } => self.enter(id, state, input),
            Phase::Work => self.work(id),
            Phase::Scheduled => self.started(id),
            Phase::Done { result } => self.task_done(id, &result),
            Phase::Waited => self.waited(id),
            Phase::Failing {
                failure,
                is_heartbeat,
            } => self.fail(id, failure, is_heartbeat),
            Phase::Spread => self.spread(id),
            Phase::Joined => self.join(id),
            // These are never in the queue.
            Phase::Queued
            | Phase::Running
            | Phase::Waiting { .. }
            | Phase::Retrying { .. }
            | Phase::Fanned
            | Phase::Ended { .. }
            | Phase::Failed
            | Phase::Aborted { .. } => Err(Halt::Over),
        }
    }

    /// The history is full: its last event is the execution's failure.
    fn overflow(&mut self) {
        let limit = self.limits().history_events;
        let failure = ErrorOutput {
            error: Some("States.Runtime".into()),
            cause: Some(
                format!("The execution reached the maximum number of history events ({limit}).")
                    .into(),
            ),
        };
        let previous = self.turn.state().last_event;
        self.close_failed(previous, failure);
    }

    pub fn close_failed(&mut self, previous: EventId, failure: ErrorOutput) {
        self.record(Event::ExecutionFailed { previous, failure });
        self.close(Status::Failed);
    }

    /// Closes the execution. What it has not stopped or logged yet is stopped and logged nevertheless.
    pub fn close(&mut self, status: Status) {
        self.jobs.extend(nested::running(self.turn.state()));
        self.jobs
            .extend(nested::unstopped(self.turn.execution(), self.turn.state()));
        let logs = logging::untaken(self.turn.execution(), self.turn.state());
        self.untaken.extend(logs);
        self.turn.close(status);
    }

    /// Emits an event, if the history has room for another one behind it.
    pub fn emit(&mut self, event: Event) -> Step {
        use everstep_core::Event as _;
        let next = self.turn.execution().next_event().0;
        if next >= self.limits().history_events && self.is_standard() && event.is_public() {
            return Err(Halt::Full);
        }
        self.record(event);
        Ok(())
    }

    /// Emits an event for which there is always room: an execution's beginning or end.
    pub fn record(&mut self, event: Event) {
        if let Some(level) = self.log_level() {
            let is_public = everstep_core::Event::is_public(&event);
            let kind = event.history_type().filter(|_| is_public);
            self.is_logged |= kind.is_some_and(|kind| level.selects(kind));
        }
        self.turn.emit(event);
    }

    fn log_level(&self) -> Option<LogLevel> {
        let settings = self.turn.state().settings.as_ref()?;
        settings.logging.as_ref().map(|logging| logging.level)
    }

    /// Counts new documents on from those of the state.
    pub fn restart_documents(&mut self) {
        self.next_document = self.turn.state().next_document.0;
    }

    pub fn first_event(&self) -> EventId {
        self.first_event
    }

    pub fn limits(&self) -> &'a Limits {
        &self.surroundings.limits
    }

    pub fn definition(&self) -> &'a Definition {
        &self.surroundings.definition
    }

    fn is_standard(&self) -> bool {
        let settings = self.turn.state().settings.as_ref();
        settings.is_some_and(|settings| settings.kind == Kind::Standard)
    }

    pub fn frame(&self, id: FrameId) -> Step<&Frame> {
        self.turn.state().frame(id).ok_or(Halt::Over)
    }

    pub fn visit(&self, id: FrameId) -> Step<&Visit> {
        self.turn.state().visit(id).ok_or(Halt::Over)
    }

    /// What the definition says of the state that a frame is in.
    pub fn defined(&self, id: FrameId) -> Step<&'a Defined> {
        let state = self.visit(id)?.state;
        self.definition().get(state).ok_or(Halt::Over)
    }

    /// Where the frame's next event happens.
    pub fn place(&self, id: FrameId) -> Step<Place> {
        let frame = self.frame(id)?;
        Ok(Place {
            frame: id,
            previous: frame.previous,
            is_hidden: frame.within.is_some(),
        })
    }

    /// What the frame's expressions look at.
    pub fn scene(&mut self, frame: FrameId) -> Scene<'_> {
        Scene {
            state: self.turn.state(),
            frame,
            now_ms: self.turn.now().0,
            limits: &self.surroundings.limits.expression,
            chance: &mut self.chance,
            token: None,
            item: None,
            context: OnceCell::new(),
        }
    }

    pub fn draw(&mut self) -> u64 {
        self.chance.draw()
    }

    /// The number of the next operation that begins.
    pub fn next_operation(&self) -> Operation {
        self.turn.state().next_operation
    }

    /// Nothing that comes for the operation is wanted any more.
    pub fn release(&mut self, operation: Operation, settlement: Settlement) {
        self.turn.end_task(operation);
        for kind in [TASK_TIMEOUT, HEARTBEAT, WAIT, RETRY] {
            self.turn.clear_timer(operation, kind);
        }
        self.turn.shut(operation, settlement);
    }
}

/// The state that follows, if one does.
pub(crate) const fn following(next: Next) -> Option<StateId> {
    match next {
        Next::State(state) => Some(state),
        Next::End => None,
    }
}
