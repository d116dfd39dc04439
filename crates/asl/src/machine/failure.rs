//! What becomes of an error: tried again, caught, passed on to the state around, or the end of the execution.

use std::sync::Arc;

use everstep_core::{EventId, Settlement, Timer};

use super::event::{ErrorOutput, Event, FrameId, Place, StateKind};
use super::flow::{self, Fault};
use super::nested;
use super::run::{Halt, RETRY, Run, Step};
use super::state::{Phase, Visit};
use crate::definition::{Catcher, Jitter, Retrier};

const TIMEOUT: &str = "States.Timeout";
const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";

impl<'a> Run<'_, 'a> {
    /// A step of the state's data failed.
    pub fn fault(&mut self, id: FrameId, fault: &Fault) -> Step {
        match self.told(id, fault)? {
            Some(failure) => self.fail(id, failure, false),
            None => Ok(()),
        }
    }

    /// Tells what the history tells of a fault, and gives the error that it is; `None` if it has ended the execution.
    fn told(&mut self, id: FrameId, fault: &Fault) -> Step<Option<ErrorOutput>> {
        let failure = self.failure_of(id, fault)?;
        match fault {
            Fault::Runtime { .. } => {
                self.break_off(id, failure)?;
                return Ok(None);
            }
            Fault::Query { location, .. } => {
                self.evaluation_failed(id, &failure, location.as_deref())?;
            }
            Fault::Intrinsic { .. }
            | Fault::ResultPath { .. }
            | Fault::NoChoice { .. }
            | Fault::DataLimit { .. } => {}
        }
        Ok(Some(failure))
    }

    /// `States.Runtime`: no retrier and no catcher of any state is asked, the execution ends. An iteration of a distributed map is an
    /// execution of its own.
    fn break_off(&mut self, id: FrameId, failure: ErrorOutput) -> Step {
        let frame = self.frame(id)?;
        let previous = frame.previous;
        let Some(iteration) = frame.within else {
            self.close_failed(previous, failure);
            return Ok(());
        };
        self.abort_below(iteration, previous, None)?;
        self.give_up(iteration, failure, true)
    }

    fn failure_of(&self, id: FrameId, fault: &Fault) -> Step<ErrorOutput> {
        let visit = self.visit(id)?;
        Ok(ErrorOutput {
            error: Some(fault.error().into()),
            cause: Some(fault.cause(&visit.name, visit.entered).into()),
        })
    }

    fn evaluation_failed(
        &mut self,
        id: FrameId,
        failure: &ErrorOutput,
        location: Option<&str>,
    ) -> Step {
        let mut place = self.place(id)?;
        let visit = self.visit(id)?;
        let state = visit.name.clone();
        // An expression that is evaluated while a state is entered fails beside the entry, not after it. A Wait state is entered first.
        if place.previous == visit.entered && visit.kind != StateKind::Wait {
            place.previous = visit.before;
        }
        self.emit(Event::EvaluationFailed {
            place,
            failure: failure.clone(),
            location: location.map(Arc::from),
            state,
        })
    }

    /// A state failed: it is tried again, or caught, or the one around fails too.
    pub fn fail(&mut self, id: FrameId, failure: ErrorOutput, is_heartbeat: bool) -> Step {
        let name = if is_heartbeat {
            HEARTBEAT_TIMEOUT
        } else {
            failure.error.as_deref().unwrap_or_default()
        };
        let name: Arc<str> = name.into();
        let (retriers, catchers) = self.handlers(id)?;
        let previous = self.frame(id)?.previous;
        self.abort_below(id, previous, None)?;
        if let Some(index) = self.retrier(id, retriers, &name)? {
            return self.retry(id, retriers, index, failure);
        }
        let kind = self.visit(id)?.kind;
        let has_branches = matches!(kind, StateKind::Map | StateKind::Parallel);
        if has_branches {
            let place = self.place(id)?;
            self.emit(Event::StateFailed { place, kind })?;
        }
        let catcher = catchers
            .iter()
            .find(|catcher| catcher.errors.matches(&name));
        match catcher {
            Some(catcher) => self.catch(id, catcher, failure),
            None => self.give_up(id, failure, has_branches),
        }
    }

    fn handlers(&self, id: FrameId) -> Step<(&'a [Retrier], &'a [Catcher])> {
        Ok(self.defined(id)?.kind.handlers())
    }

    /// The retrier that is for this error, if it has an attempt left.
    fn retrier(&self, id: FrameId, retriers: &[Retrier], name: &str) -> Step<Option<usize>> {
        let counts = &self.visit(id)?.retries;
        let Some((index, retrier)) = retriers
            .iter()
            .enumerate()
            .find(|(_, retrier)| retrier.errors.matches(name))
        else {
            return Ok(None);
        };
        let tried = counts.get(index).copied().unwrap_or(0);
        Ok((u64::from(tried) < retrier.max_attempts).then_some(index))
    }

    fn retry(
        &mut self,
        id: FrameId,
        retriers: &[Retrier],
        index: usize,
        failure: ErrorOutput,
    ) -> Step {
        let retrier = retriers.get(index).ok_or(Halt::Over)?;
        let visit = self.visit(id)?;
        let tried = visit.retries.get(index).copied().unwrap_or(0);
        let operation = visit.operation.unwrap_or_else(|| self.next_operation());
        let mut delay_ms = retrier.delay_ms(tried);
        if retrier.jitter == Jitter::Full {
            delay_ms = self.draw() % delay_ms.saturating_add(1).max(1);
        }
        self.emit(Event::RetryDecided {
            frame: id,
            operation,
            retrier: u32::try_from(index).unwrap_or(u32::MAX),
            delay_ms,
            failure,
        })?;
        self.turn.set_timer(Timer {
            operation,
            kind: RETRY,
            due: self.turn.now().after_ms(delay_ms),
            heartbeat_ms: None,
        });
        Ok(())
    }

    fn catch(&mut self, id: FrameId, catcher: &Catcher, failure: ErrorOutput) -> Step {
        let input = self.visit(id)?.input.clone();
        let name = self.visit(id)?.name.clone();
        // A time-out has no cause, and its catcher sees an empty one.
        let empty = (failure.error.as_deref() == Some(TIMEOUT)).then(|| Arc::from(""));
        let cause = failure.cause.as_ref().or(empty.as_ref());
        let error = flow::error_value(failure.error.as_ref(), cause);
        let mut scene = self.scene(id);
        let left = flow::caught(&catcher.flow, input.value(), &error, &mut scene);
        let bodies = left.and_then(|left| self.bodies_of(id, &left, &[&input], &name));
        match bodies {
            Ok((output, assigned)) => self.leave(id, output, assigned, Some(catcher.next)),
            // What goes wrong in a catcher is not caught.
            Err(fault) => match self.told(id, &fault)? {
                Some(failure) => self.give_up(id, failure, true),
                None => Ok(()),
            },
        }
    }

    /// Nothing helps: the state around fails, or the execution. `is_closed`: the history has seen the state's end.
    fn give_up(&mut self, id: FrameId, failure: ErrorOutput, is_closed: bool) -> Step {
        let frame = self.frame(id)?;
        let previous = frame.previous;
        let Some(seat) = frame.seat else {
            self.close_failed(previous, failure);
            return Ok(());
        };
        let outer = self.visit(seat.frame)?;
        let (name, kind) = (outer.name.clone(), outer.kind);
        if kind == StateKind::Map {
            let place = self.place(id)?;
            self.emit(Event::MapIterationFailed {
                place,
                name,
                index: seat.index,
                failure: failure.clone(),
            })?;
        } else {
            self.emit(Event::BranchFailed { frame: id, failure })?;
        }
        if !is_closed && self.visit(id)?.is_told_of() {
            self.abort_state(id, previous)?;
        }
        let fan = self.turn.state().fan(seat.frame).ok_or(Halt::Over)?;
        if !fan.rules.is_distributed {
            return self.abort_below(seat.frame, previous, Some(id));
        }
        if fan.failed > fan.rules.tolerated {
            self.map_run_failed(seat.frame)?;
        }
        Ok(())
    }

    /// Ends the branches and iterations of a state that still run, all but one.
    pub fn abort_below(&mut self, id: FrameId, previous: EventId, but: Option<FrameId>) -> Step {
        let Some(fan) = self.turn.state().fan(id) else {
            return Ok(());
        };
        let is_map = fan.items.is_some();
        let frames: Vec<(u32, FrameId)> =
            fan.frames.iter().map(|(index, id)| (*index, *id)).collect();
        for (index, inner) in frames {
            if Some(inner) == but || !self.is_open(inner) {
                continue;
            }
            if is_map {
                let name = self.visit(id)?.name.clone();
                let place = self.aborted(inner, previous)?;
                self.emit(Event::MapIterationAborted { place, name, index })?;
            }
            self.abort_below(inner, previous, None)?;
            self.abort_state(inner, previous)?;
        }
        Ok(())
    }

    fn is_open(&self, id: FrameId) -> bool {
        let phase = self.turn.state().frame(id).map(|frame| &frame.phase);
        !matches!(
            phase,
            None | Some(Phase::Ended { .. } | Phase::Failed | Phase::Aborted { .. })
        )
    }

    fn aborted(&self, frame: FrameId, previous: EventId) -> Step<Place> {
        Ok(Place {
            previous,
            ..self.place(frame)?
        })
    }

    /// Takes back what a frame has outside, and tells that its state was left.
    fn abort_state(&mut self, id: FrameId, previous: EventId) -> Step {
        let visit = self.frame(id)?.visit.as_ref();
        let operations = visit.map(Visit::operations);
        let job = visit.and_then(nested::job);
        let told = visit.filter(|visit| visit.is_told_of());
        let kind = told.map(|visit| visit.kind);
        let fan = visit.and_then(|visit| visit.fan.as_ref());
        let has_map_run = fan.is_some_and(|fan| fan.run.is_some() && !fan.is_over);
        for operation in operations.into_iter().flatten().flatten() {
            self.release(operation, Settlement::Closed);
        }
        self.jobs.extend(job);
        if has_map_run {
            let place = self.aborted(id, previous)?;
            self.emit(Event::MapRunAborted { place })?;
        }
        match kind {
            Some(kind) => {
                let place = self.aborted(id, previous)?;
                self.emit(Event::StateAborted { place, kind })
            }
            None if self.is_open(id) => self.emit(Event::BranchAborted { frame: id }),
            None => Ok(()),
        }
    }
}
