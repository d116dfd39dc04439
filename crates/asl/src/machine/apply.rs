//! How events change the state. Total: an event about a frame that is not there changes nothing.

use std::sync::Arc;

use everstep_core::{EventId, Generation, Operation, Stamp, Timestamp};

use super::document::Document;
use super::event::{Assigned, Attempt, ErrorOutput, Event, FrameId, StateKind};
use super::state::{Frame, Phase, State, Visit, Visited};
use super::{fan, redrive};
use crate::definition::StateId;

pub(crate) fn apply(state: &mut State, event: &Event, stamp: Stamp) {
    if let Some(id) = stamp.event_id {
        state.last_event = id;
    }
    match event {
        Event::ExecutionStarted {
            name,
            input,
            settings,
        } => {
            state.settings = Some(settings.clone());
            state.name = name.clone();
            state.started = stamp.at;
            state.next_operation = Operation(1);
            state.input = state.take(input);
            if let Some(input) = state.input.clone() {
                state.next_frame = FrameId(1);
                state
                    .frames
                    .insert(FrameId(0), Frame::new(None, None, EventId(0), input));
                state.touch(FrameId(0));
            }
        }
        Event::ExecutionSucceeded { output, .. } => {
            state.output = state.take(output);
            state.rest();
            state.frames.clear();
        }
        Event::ExecutionFailed { failure, .. } | Event::ExecutionAborted { failure } => {
            state.failure = failure.clone();
            state.rest();
        }
        Event::ExecutionTimedOut => {
            state.failure = ErrorOutput::default();
            state.rest();
        }
        Event::ExecutionRedriven { count, .. } => redrive::apply(state, *count, stamp),
        _ => match event.place() {
            Some(place) => {
                let id = stamp.event_id.unwrap_or_else(|| state.count_hidden(place));
                of_state(state, event, place.frame, id, stamp.at);
            }
            None => internal(state, event, stamp.at),
        },
    }
}

fn internal(state: &mut State, event: &Event, at: Timestamp) {
    match event {
        Event::WaitStarted {
            frame,
            operation,
            until,
        } => {
            state.own(*operation, *frame);
            state.phase(*frame, Phase::Waiting { until: *until });
        }
        Event::RetryDecided {
            frame,
            operation,
            retrier,
            delay_ms,
            ..
        } => retry_decided(state, *frame, *operation, *retrier, at.after_ms(*delay_ms)),
        Event::Woken { frame } => woken(state, *frame),
        Event::BranchFailed { frame, failure } => fan::branch_failed(state, *frame, failure),
        Event::BranchAborted { frame } => state.abort(*frame),
        Event::StopDecided { operation, arn } => {
            state.count_operation(*operation);
            state.stops.insert(*operation, arn.clone());
        }
        Event::Logged {
            operation,
            first,
            last,
            done,
        } => {
            state.count_operation(*operation);
            for operation in done {
                state.logs.remove(operation);
            }
            state.logs.insert(*operation, (*first, *last));
        }
        _ => {}
    }
}

fn of_state(state: &mut State, event: &Event, frame: FrameId, id: EventId, at: Timestamp) {
    match event {
        Event::StateEntered {
            kind,
            state: entered,
            name,
            input,
            ..
        } => {
            if let Some(input) = state.take(input) {
                enter(state, frame, (*kind, *entered), name, input, (id, at));
            }
        }
        Event::StateExited {
            output,
            assigned,
            next,
            ..
        } => {
            if let Some(output) = state.take(output) {
                leave(state, frame, assigned, (id, at));
                go_on(state, frame, *next, output);
            }
        }
        Event::StateAborted { .. } => {
            state.disown(frame);
            state.abort(frame);
        }
        Event::StateFailed { .. } => state.advance(frame, id),
        Event::EvaluationFailed { failure, .. } => {
            state.advance(frame, id);
            state.phase(frame, Phase::failing(failure.clone()));
        }
        Event::MapStateStarted { .. }
        | Event::ParallelStateStarted { .. }
        | Event::MapIterationStarted { .. }
        | Event::MapIterationSucceeded { .. }
        | Event::MapIterationFailed { .. }
        | Event::MapIterationAborted { .. }
        | Event::MapRunStarted { .. }
        | Event::MapRunSucceeded { .. }
        | Event::MapRunFailed { .. }
        | Event::MapRunRedriven { .. } => fan::apply(state, event, frame, id),
        _ => of_task(state, event, frame, id),
    }
}

fn of_task(state: &mut State, event: &Event, frame: FrameId, id: EventId) {
    let phase = match event {
        Event::Scheduled { attempt, input, .. } => {
            let Some(input) = state.take(input) else {
                return;
            };
            schedule(state, frame, attempt, input)
        }
        Event::Started { .. } => Phase::Running,
        Event::Submitted { output, .. } => {
            let output = state.take(output);
            if let Some(visit) = state.visit_mut(frame) {
                visit.submitted = output;
            }
            Phase::Running
        }
        Event::Succeeded { output, .. } => {
            let Some(result) = state.take(output) else {
                return;
            };
            Phase::Done { result }
        }
        Event::Failed { failure, .. } => Phase::failing(failure.clone()),
        Event::TimedOut {
            failure,
            is_heartbeat,
            ..
        } => Phase::Failing {
            failure: failure.clone(),
            is_heartbeat: *is_heartbeat,
        },
        _ => return,
    };
    if !matches!(phase, Phase::Running | Phase::Scheduled | Phase::Queued) {
        state.disown(frame);
    }
    state.advance(frame, id);
    state.phase(frame, phase);
}

fn schedule(state: &mut State, frame: FrameId, attempt: &Arc<Attempt>, input: Document) -> Phase {
    state.own(attempt.operation, frame);
    if let Some(token) = attempt.token {
        state.count_operation(token);
        state.operations.insert(token, frame);
    }
    if let Some(visit) = state.visit_mut(frame) {
        visit.operation = Some(attempt.operation);
        visit.generation = Generation(attempt.generation.0.saturating_add(1));
        visit.attempt = Some((attempt.clone(), input));
        visit.submitted = None;
    }
    match attempt.worker {
        super::event::Worker::Activity => Phase::Queued,
        super::event::Worker::Function | super::event::Worker::Service { .. } => Phase::Scheduled,
    }
}

fn enter(
    state: &mut State,
    frame: FrameId,
    (kind, entered): (StateKind, StateId),
    name: &Arc<str>,
    input: Document,
    (id, at): (EventId, Timestamp),
) {
    if let Some(frame) = state.frames.get_mut(&frame) {
        frame.visit = Some(Visit {
            state: entered,
            name: name.clone(),
            kind,
            entered: id,
            entered_at: at,
            before: frame.previous,
            input,
            retries: Vec::new(),
            operation: None,
            generation: Generation(0),
            attempt: None,
            submitted: None,
            fan: None,
        });
        frame.previous = id;
    }
    state.phase(frame, Phase::Work);
}

fn leave(state: &mut State, id: FrameId, assigned: &[Assigned], (event, at): (EventId, Timestamp)) {
    state.disown(id);
    state.drop_below(id);
    for (name, value) in assigned {
        let value = state.take(value);
        if let (Some(value), Some(frame)) = (value, state.frames.get_mut(&id)) {
            frame.variables.insert(name.clone(), value);
        }
    }
    let outer = state.frame(id).and_then(|frame| frame.seat);
    let within = outer.and_then(|seat| state.visit(seat.frame).map(|visit| visit.entered));
    let Some(frame) = state.frames.get_mut(&id) else {
        return;
    };
    frame.previous = event;
    if let Some(visit) = frame.visit.take() {
        let attempts = visit.retry_count().saturating_add(1);
        state.remember(Visited {
            name: visit.name,
            kind: visit.kind,
            entered: visit.entered,
            entered_at: visit.entered_at,
            left_at: at,
            attempts,
            within,
        });
    }
}

fn go_on(state: &mut State, frame: FrameId, next: Option<StateId>, output: Document) {
    match next {
        Some(next) => state.phase(
            frame,
            Phase::Next {
                state: next,
                input: output,
            },
        ),
        None => {
            state.phase(
                frame,
                Phase::Ended {
                    output: output.clone(),
                },
            );
            fan::ended(state, frame, output);
        }
    }
}

fn retry_decided(
    state: &mut State,
    frame: FrameId,
    operation: Operation,
    retrier: u32,
    due: Timestamp,
) {
    state.drop_below(frame);
    state.own(operation, frame);
    if let Some(visit) = state.visit_mut(frame) {
        let index = usize::try_from(retrier).unwrap_or(usize::MAX);
        if visit.retries.len() <= index {
            visit.retries.resize(index.saturating_add(1), 0);
        }
        if let Some(count) = visit.retries.get_mut(index) {
            *count = count.saturating_add(1);
        }
        visit.operation = Some(operation);
        visit.fan = None;
        visit.attempt = None;
        visit.submitted = None;
    }
    state.phase(frame, Phase::Retrying { due });
}

fn woken(state: &mut State, frame: FrameId) {
    match state.frame(frame).map(|frame| &frame.phase) {
        Some(Phase::Waiting { .. }) => state.phase(frame, Phase::Waited),
        Some(Phase::Retrying { .. }) => state.phase(frame, Phase::Work),
        _ => {}
    }
}
