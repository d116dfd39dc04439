//! Entering a state, and what the states do that nobody outside takes part in.

use everstep_core::Timer;

use super::document::{Body, Document};
use super::event::{Event, FrameId, StateKind};
use super::flow::{self, Fault, Left};
use super::run::{Halt, Run, Step, WAIT, following};
use crate::definition::{Choice, Fail, Kind, Pass, StateId, Succeed, Wait};

impl Run<'_, '_> {
    /// Where a frame begins.
    pub fn start_of(&self, id: FrameId) -> Step<StateId> {
        let Some(seat) = self.frame(id)?.seat else {
            return Ok(self.definition().machine.start);
        };
        match &self.defined(seat.frame)?.kind {
            Kind::Map(map) => Ok(map.processor.start),
            Kind::Parallel(parallel) => {
                let index = usize::try_from(seat.index).map_err(|_| Halt::Over)?;
                let branch = parallel.branches.get(index).ok_or(Halt::Over)?;
                Ok(branch.start)
            }
            _ => Err(Halt::Over),
        }
    }

    pub fn enter(&mut self, id: FrameId, state: StateId, input: Document) -> Step {
        let defined = self.definition().get(state).ok_or(Halt::Over)?;
        let place = self.place(id)?;
        self.emit(Event::StateEntered {
            place,
            kind: kind_of(&defined.kind),
            state,
            name: defined.name.clone(),
            input: Body::again(input),
        })?;
        self.work(id)
    }

    /// Does a state's work: after its entry, or again.
    pub fn work(&mut self, id: FrameId) -> Step {
        let input = self.visit(id)?.input.clone();
        match &self.defined(id)?.kind {
            Kind::Pass(pass) => self.pass(id, pass, &input),
            Kind::Choice(choice) => self.choice(id, choice, &input),
            Kind::Succeed(succeed) => self.succeed(id, succeed, &input),
            Kind::Fail(fail) => self.fail_state(id, fail, &input),
            Kind::Wait(wait) => self.wait(id, wait, &input),
            Kind::Task(task) => self.schedule(id, task, &input),
            Kind::Parallel(parallel) => self.parallel(id, parallel, &input),
            Kind::Map(map) => self.map(id, map, &input),
        }
    }

    fn pass(&mut self, id: FrameId, pass: &Pass, input: &Document) -> Step {
        let mut scene = self.scene(id);
        let left = flow::pass(pass, input.value(), &mut scene);
        self.done(id, left, input, following(pass.next))
    }

    fn choice(&mut self, id: FrameId, choice: &Choice, input: &Document) -> Step {
        let mut scene = self.scene(id);
        match flow::choose(choice, input.value(), &mut scene) {
            Ok(chosen) => self.exit(id, &chosen.left, &[input], Some(chosen.next)),
            Err(fault) => self.fault(id, &fault),
        }
    }

    fn succeed(&mut self, id: FrameId, succeed: &Succeed, input: &Document) -> Step {
        let mut scene = self.scene(id);
        let left = flow::idle(&succeed.flow, input.value(), &mut scene);
        self.done(id, left, input, None)
    }

    fn fail_state(&mut self, id: FrameId, fail: &Fail, input: &Document) -> Step {
        let mut scene = self.scene(id);
        let failure = flow::failure(fail, input.value(), &mut scene);
        match failure {
            Ok(failure) => self.fail(id, failure, false),
            Err(fault) => self.fault(id, &fault),
        }
    }

    fn wait(&mut self, id: FrameId, wait: &Wait, input: &Document) -> Step {
        let (now, seconds_max) = (self.turn.now(), self.limits().wait_s_max);
        let mut scene = self.scene(id);
        let until = flow::effective_input(&wait.flow, input.value(), &mut scene)
            .and_then(|data| flow::until(&wait.until, now, seconds_max, &data, &mut scene));
        let until = match until {
            Ok(until) => until,
            Err(fault) => return self.fault(id, &fault),
        };
        if until <= now {
            return self.waited(id);
        }
        let operation = self.next_operation();
        self.emit(Event::WaitStarted {
            frame: id,
            operation,
            until,
        })?;
        self.turn.set_timer(Timer {
            operation,
            kind: WAIT,
            due: until,
            heartbeat_ms: None,
        });
        Ok(())
    }

    pub fn waited(&mut self, id: FrameId) -> Step {
        let input = self.visit(id)?.input.clone();
        let Kind::Wait(wait) = &self.defined(id)?.kind else {
            return Err(Halt::Over);
        };
        let mut scene = self.scene(id);
        let left = flow::idle(&wait.flow, input.value(), &mut scene);
        self.done(id, left, &input, following(wait.next))
    }

    fn done(
        &mut self,
        id: FrameId,
        left: Result<Left, Fault>,
        input: &Document,
        next: Option<StateId>,
    ) -> Step {
        match left {
            Ok(left) => self.exit(id, &left, &[input], next),
            Err(fault) => self.fault(id, &fault),
        }
    }
}

const fn kind_of(kind: &Kind) -> StateKind {
    match kind {
        Kind::Task(_) => StateKind::Task,
        Kind::Pass(_) => StateKind::Pass,
        Kind::Choice(_) => StateKind::Choice,
        Kind::Wait(_) => StateKind::Wait,
        Kind::Parallel(_) => StateKind::Parallel,
        Kind::Map(_) => StateKind::Map,
        Kind::Succeed(_) => StateKind::Succeed,
        Kind::Fail(_) => StateKind::Fail,
    }
}
