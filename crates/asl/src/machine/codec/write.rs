//! How events are written.

use everstep_core::codec::Writer;

use crate::machine::event::{Attempt, ErrorOutput, Event, Place, StateKind, Worker};

pub(crate) fn encode(event: &Event, to: &mut Writer) {
    match event {
        Event::ExecutionStarted {
            name,
            input,
            settings,
        } => {
            to.u8(1);
            to.str(name);
            input.encode(to);
            settings.write(to);
        }
        Event::ExecutionSucceeded { previous, output } => {
            to.u8(2);
            to.u32(previous.0);
            output.encode(to);
        }
        Event::ExecutionFailed { previous, failure } => {
            to.u8(3);
            to.u32(previous.0);
            error_output(to, failure);
        }
        Event::ExecutionAborted { failure } => {
            to.u8(4);
            error_output(to, failure);
        }
        Event::ExecutionTimedOut => to.u8(5),
        Event::ExecutionRedriven { previous, count } => {
            to.u8(6);
            to.u32(previous.0);
            to.u32(*count);
        }
        _ => encode_of_state(event, to),
    }
}

fn encode_of_state(event: &Event, to: &mut Writer) {
    let mut head = |tag: u8, at: &Place, kind: &StateKind| {
        to.u8(tag);
        place(to, at);
        to.u8(*kind as u8);
    };
    match event {
        Event::StateEntered {
            place,
            kind,
            state,
            name,
            input,
        } => {
            head(10, place, kind);
            to.u32(state.0);
            to.str(name);
            input.encode(to);
        }
        Event::StateExited {
            place,
            kind,
            name,
            output,
            assigned,
            next,
        } => {
            head(11, place, kind);
            to.str(name);
            output.encode(to);
            to.list(assigned, |to, (name, value)| {
                to.str(name);
                value.encode(to);
            });
            to.option(next.as_ref(), |to, next| to.u32(next.0));
        }
        Event::StateAborted { place, kind } => head(12, place, kind),
        Event::StateSucceeded { place, kind } => head(13, place, kind),
        Event::StateFailed { place, kind } => head(14, place, kind),
        Event::EvaluationFailed {
            place: at,
            failure,
            location,
            state,
        } => {
            to.u8(15);
            place(to, at);
            error_output(to, failure);
            to.option(location.as_ref(), |to, location| to.str(location));
            to.str(state);
        }
        Event::ParallelStateStarted {
            place: at,
            branches,
            first,
            input,
        } => {
            to.u8(16);
            place(to, at);
            to.u32(*branches);
            to.u32(first.0);
            input.encode(to);
        }
        _ => encode_of_map(event, to),
    }
}

fn encode_of_map(event: &Event, to: &mut Writer) {
    let mut head = |tag: u8, at: &Place| {
        to.u8(tag);
        place(to, at);
    };
    match event {
        Event::MapStateStarted {
            place,
            length,
            rules,
            items,
        } => {
            head(20, place);
            to.u32(*length);
            to.u32(rules.concurrency);
            to.bool(rules.is_distributed);
            to.u32(rules.tolerated);
            items.encode(to);
        }
        Event::MapIterationStarted {
            place,
            name,
            index,
            frame,
            input,
        } => {
            head(21, place);
            iteration(to, name, *index);
            to.u32(frame.0);
            input.encode(to);
        }
        Event::MapIterationSucceeded { place, name, index } => {
            head(22, place);
            iteration(to, name, *index);
        }
        Event::MapIterationFailed {
            place,
            name,
            index,
            failure,
        } => {
            head(23, place);
            iteration(to, name, *index);
            error_output(to, failure);
        }
        Event::MapIterationAborted { place, name, index } => {
            head(24, place);
            iteration(to, name, *index);
        }
        Event::MapRunStarted { place, arn } => {
            head(25, place);
            to.str(arn);
        }
        Event::MapRunSucceeded { place } => head(26, place),
        Event::MapRunFailed { place, failure } => {
            head(27, place);
            error_output(to, failure);
        }
        Event::MapRunAborted { place } => head(28, place),
        Event::MapRunRedriven { place, arn, count } => {
            head(29, place);
            to.str(arn);
            to.u32(*count);
        }
        _ => encode_of_task(event, to),
    }
}

fn encode_of_task(event: &Event, to: &mut Writer) {
    let mut head = |tag: u8, at: &Place, by: &Worker| {
        to.u8(tag);
        place(to, at);
        worker(to, by);
    };
    match event {
        Event::Scheduled {
            place,
            attempt,
            input,
        } => {
            head(40, place, &attempt.worker);
            encode_attempt(to, attempt);
            input.encode(to);
        }
        Event::Started { place, worker, by } => {
            head(41, place, worker);
            to.option(by.as_ref(), |to, by| to.str(by));
        }
        Event::Submitted {
            place,
            worker,
            output,
        } => {
            head(42, place, worker);
            output.encode(to);
        }
        Event::Succeeded {
            place,
            worker,
            output,
        } => {
            head(43, place, worker);
            output.encode(to);
        }
        Event::Failed {
            place,
            worker,
            stage,
            failure,
        } => {
            head(44, place, worker);
            to.u8(*stage as u8);
            error_output(to, failure);
        }
        Event::TimedOut {
            place,
            worker,
            failure,
            is_heartbeat,
        } => {
            head(45, place, worker);
            error_output(to, failure);
            to.bool(*is_heartbeat);
        }
        _ => encode_internal(event, to),
    }
}

fn encode_internal(event: &Event, to: &mut Writer) {
    match event {
        Event::WaitStarted {
            frame,
            operation,
            until,
        } => {
            to.u8(128);
            to.u32(frame.0);
            to.u32(operation.0);
            to.u64(until.0);
        }
        Event::RetryDecided {
            frame,
            operation,
            retrier,
            delay_ms,
            failure,
        } => {
            to.u8(129);
            to.u32(frame.0);
            to.u32(operation.0);
            to.u32(*retrier);
            to.u64(*delay_ms);
            error_output(to, failure);
        }
        Event::Woken { frame } => {
            to.u8(130);
            to.u32(frame.0);
        }
        Event::BranchFailed { frame, failure } => {
            to.u8(131);
            to.u32(frame.0);
            error_output(to, failure);
        }
        Event::Logged {
            operation,
            first,
            last,
            done,
        } => {
            to.u8(132);
            to.u32(operation.0);
            to.u32(first.0);
            to.u32(last.0);
            to.list(done, |to, operation| to.u32(operation.0));
        }
        Event::BranchAborted { frame } => {
            to.u8(133);
            to.u32(frame.0);
        }
        Event::StopDecided { operation, arn } => {
            to.u8(134);
            to.u32(operation.0);
            to.str(arn);
        }
        // The others are written before they get here.
        _ => {}
    }
}

fn place(to: &mut Writer, place: &Place) {
    to.u64(u64::from(place.frame.0) << 1 | u64::from(place.is_hidden));
    to.u32(place.previous.0);
}

fn error_output(to: &mut Writer, failure: &ErrorOutput) {
    to.option(failure.error.as_ref(), |to, error| to.str(error));
    to.option(failure.cause.as_ref(), |to, cause| to.str(cause));
}

fn iteration(to: &mut Writer, name: &str, index: u32) {
    to.str(name);
    to.u32(index);
}

fn worker(to: &mut Writer, worker: &Worker) {
    match worker {
        Worker::Function => to.u8(1),
        Worker::Activity => to.u8(2),
        Worker::Service { service, action } => {
            to.u8(3);
            to.str(service);
            to.str(action);
        }
    }
}

/// All but the worker, which stands before it.
fn encode_attempt(to: &mut Writer, attempt: &Attempt) {
    to.u32(attempt.operation.0);
    to.u32(attempt.generation.0);
    to.str(&attempt.resource);
    to.str(&attempt.region);
    to.option(attempt.timeout_s.as_ref(), |to, seconds| to.u64(*seconds));
    to.option(attempt.heartbeat_s.as_ref(), |to, seconds| to.u64(*seconds));
    to.option(attempt.credentials.as_ref(), |to, role| to.str(role));
    to.option(attempt.token.as_ref(), |to, operation| to.u32(operation.0));
}
