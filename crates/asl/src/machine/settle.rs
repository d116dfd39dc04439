//! What comes back from outside: results, claims, submissions, time.

use std::sync::Arc;

use bytes::Bytes;
use everstep_core::{
    Failure, Generation, Operation, Outcome, Payload, Reply as KernelReply, Settlement, TimerKind,
};

use super::document::Body;
use super::event::{Attempt, ErrorOutput, Event, FrameId, Stage, Worker};
use super::flow::Fault;
use super::nested;
use super::request::{Reply, stage};
use super::run::{EXECUTION_TIMEOUT, HEARTBEAT, Halt, RETRY, Run, Step, TASK_TIMEOUT, WAIT};
use super::state::Phase;

const TIMEOUT: &str = "States.Timeout";
const TASK_FAILED: &str = "States.TaskFailed";
const DATA_LIMIT: &str = "States.DataLimitExceeded";

impl Run<'_, '_> {
    /// The frame whose attempt this is.
    fn attempt(
        &self,
        operation: Operation,
        generation: Option<Generation>,
    ) -> Option<(FrameId, Arc<Attempt>)> {
        let state = self.turn.state();
        let frame = *state.operations.get(&operation)?;
        let (attempt, _) = state.visit(frame)?.attempt.as_ref()?;
        let is_it = generation.is_none_or(|generation| attempt.generation == generation);
        is_it.then(|| (frame, attempt.clone()))
    }

    pub fn settled(&mut self, operation: Operation, generation: Generation, outcome: &Outcome) {
        if let Some((frame, attempt)) = self.attempt(operation, Some(generation)) {
            let is_token = attempt.token == Some(operation);
            // Of a job and its token the first end counts.
            if let Some(token) = attempt.token {
                let other = if is_token { attempt.operation } else { token };
                self.release(other, Settlement::Closed);
            }
            for kind in [TASK_TIMEOUT, HEARTBEAT] {
                self.turn.clear_timer(operation, kind);
            }
            let step = self.take(frame, &attempt, outcome, is_token);
            self.heed(step);
        }
        self.go();
    }

    fn take(
        &mut self,
        frame: FrameId,
        attempt: &Attempt,
        outcome: &Outcome,
        is_token: bool,
    ) -> Step {
        if matches!(self.frame(frame)?.phase, Phase::Scheduled) {
            self.started(frame)?;
        }
        let now = self.turn.now();
        let end = nested::result(self.visit(frame)?, outcome, now);
        match end.filter(|_| !is_token) {
            Some(Ok(end)) => return self.succeeded(frame, attempt, end.to_text().into()),
            Some(Err(end)) => {
                let failure = error_output(Some(TASK_FAILED), Some(&end.to_text()));
                return self.failed(frame, attempt, Stage::Run, failure);
            }
            None => {}
        }
        match outcome {
            Outcome::Succeeded(payload) => match text_of(payload.as_ref()) {
                Some(text) => self.succeeded(frame, attempt, text),
                None => {
                    let failure =
                        error_output(Some(TASK_FAILED), Some("The result is not JSON text."));
                    self.failed(frame, attempt, Stage::Run, failure)
                }
            },
            Outcome::Failed(failure) => self.failed_outside(frame, attempt, failure),
            Outcome::TimedOut(_) => self.timed_out(frame, attempt, false),
            Outcome::Stopped(failure) => self.failed_outside(frame, attempt, failure),
        }
    }

    fn succeeded(&mut self, frame: FrameId, attempt: &Attempt, text: Arc<str>) -> Step {
        if text.len() > self.limits().payload_bytes {
            let of = match &attempt.worker {
                Worker::Service { service, .. } => service.to_string(),
                Worker::Function | Worker::Activity => attempt.resource.to_string(),
            };
            let cause = Fault::DataLimit { of }.to_string();
            let failure = error_output(Some(DATA_LIMIT), Some(&cause));
            return self.failed(frame, attempt, Stage::Run, failure);
        }
        let given = self
            .visit(frame)?
            .attempt
            .as_ref()
            .map(|(_, input)| input.clone());
        let body = match given.filter(|given| **given.text() == *text) {
            Some(given) => Body::again(given),
            None => Body::first(self.document(text, None)),
        };
        if body
            .document()
            .is_some_and(|document| document.parsed().is_err())
        {
            let failure = error_output(Some(TASK_FAILED), Some("The result is not JSON text."));
            return self.failed(frame, attempt, Stage::Run, failure);
        }
        let place = self.place(frame)?;
        self.emit(Event::Succeeded {
            place,
            worker: attempt.worker.clone(),
            output: body,
        })
    }

    fn failed_outside(&mut self, frame: FrameId, attempt: &Attempt, failure: &Failure) -> Step {
        let stage = match failure.data.as_deref() {
            Some(stage::SCHEDULE) => Stage::Schedule,
            Some(stage::START) => Stage::Start,
            Some(stage::SUBMIT) => Stage::Submit,
            Some(stage::RUNTIME) => {
                let detail = failure.message.clone().unwrap_or_default();
                return self.fault(frame, &Fault::runtime(detail));
            }
            _ => Stage::Run,
        };
        let failure = error_output(failure.kind.as_deref(), failure.message.as_deref());
        self.failed(frame, attempt, stage, failure)
    }

    fn failed(
        &mut self,
        frame: FrameId,
        attempt: &Attempt,
        stage: Stage,
        failure: ErrorOutput,
    ) -> Step {
        let place = self.place(frame)?;
        self.emit(Event::Failed {
            place,
            worker: attempt.worker.clone(),
            stage,
            failure,
        })
    }

    fn timed_out(&mut self, frame: FrameId, attempt: &Attempt, is_heartbeat: bool) -> Step {
        let place = self.place(frame)?;
        self.emit(Event::TimedOut {
            place,
            worker: attempt.worker.clone(),
            failure: error_output(Some(TIMEOUT), None),
            is_heartbeat,
        })
    }

    /// A worker has the activity.
    pub fn claimed(&mut self, operation: Operation, generation: Generation, by: &str) {
        if let Some((frame, attempt)) = self.attempt(operation, Some(generation)) {
            let step = self.start_activity(frame, &attempt, by);
            self.heed(step);
        }
        self.go();
    }

    fn start_activity(&mut self, frame: FrameId, attempt: &Attempt, by: &str) -> Step {
        let place = self.place(frame)?;
        self.emit(Event::Started {
            place,
            worker: attempt.worker.clone(),
            by: (!by.is_empty()).then(|| by.into()),
        })?;
        self.listen(attempt);
        Ok(())
    }

    /// A service has taken a job.
    pub fn submitted(
        &mut self,
        operation: Operation,
        generation: Generation,
        output: &Bytes,
    ) -> KernelReply<Reply> {
        let is_open = self.turn.execution().open_generation(operation) == Some(generation);
        let attempt = self
            .attempt(operation, Some(generation))
            .filter(|_| is_open);
        let Some(((frame, attempt), text)) = attempt.zip(std::str::from_utf8(output).ok()) else {
            return KernelReply::Own(Reply::Superseded);
        };
        self.turn.end_task(operation);
        let step = self.submit(frame, &attempt, text.into());
        self.heed(step);
        self.go();
        KernelReply::Own(Reply::Recorded)
    }

    /// Whether a service has taken the job.
    pub fn is_submitted(&self, operation: Operation, generation: Generation) -> KernelReply<Reply> {
        let visit = self
            .attempt(operation, Some(generation))
            .and_then(|(frame, _)| self.turn.state().visit(frame));
        KernelReply::Own(match visit.map(|visit| visit.submitted.is_some()) {
            Some(true) => Reply::Recorded,
            Some(false) => Reply::NotYet,
            None => Reply::Superseded,
        })
    }

    fn submit(&mut self, frame: FrameId, attempt: &Attempt, text: Arc<str>) -> Step {
        if matches!(self.frame(frame)?.phase, Phase::Scheduled) {
            self.started(frame)?;
        }
        let output = Body::first(self.document(text, None));
        let place = self.place(frame)?;
        self.emit(Event::Submitted {
            place,
            worker: attempt.worker.clone(),
            output,
        })
    }

    pub fn due(&mut self, operation: Operation, kind: TimerKind) {
        match kind {
            EXECUTION_TIMEOUT => return self.execution_timed_out(),
            TASK_TIMEOUT | HEARTBEAT => {
                let step = self.attempt_timed_out(operation, kind == HEARTBEAT);
                self.heed(step);
            }
            WAIT | RETRY => {
                if let Some(frame) = self.turn.state().operations.get(&operation).copied() {
                    self.turn.emit(Event::Woken { frame });
                }
            }
            _ => {}
        }
        // What is due at the same time happens before what follows from either.
        if self.is_another_due() {
            self.finish();
        } else {
            self.go();
        }
    }

    fn attempt_timed_out(&mut self, operation: Operation, is_heartbeat: bool) -> Step {
        let (frame, attempt) = self.attempt(operation, None).ok_or(Halt::Over)?;
        self.jobs.extend(nested::job(self.visit(frame)?));
        for operation in self.visit(frame)?.operations().into_iter().flatten() {
            self.release(operation, Settlement::TimedOut);
        }
        if matches!(self.frame(frame)?.phase, Phase::Scheduled) {
            self.started(frame)?;
        }
        self.timed_out(frame, &attempt, is_heartbeat)
    }

    fn is_another_due(&self) -> bool {
        let execution = self.turn.execution();
        let now = execution.now();
        let mut due = execution.timers().take_while(|timer| timer.due <= now);
        let known = self.turn.state();
        !self.turn.is_spent()
            && due.any(|timer| {
                timer.heartbeat_ms.is_none() && known.operations.contains_key(&timer.operation)
            })
    }
}

fn error_output(error: Option<&str>, cause: Option<&str>) -> ErrorOutput {
    ErrorOutput {
        error: error.map(Arc::from),
        cause: cause.map(Arc::from),
    }
}

/// The JSON text of a result; none is null.
fn text_of(payload: Option<&Payload>) -> Option<Arc<str>> {
    match payload {
        None => Some("null".into()),
        Some(Payload::Inline(bytes)) => std::str::from_utf8(bytes).ok().map(Arc::from),
        Some(Payload::Blob { .. }) => None,
    }
}
