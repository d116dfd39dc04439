//! The persisted form of events and settings. The numbers are stable and never reused; our own public events have 40 and 41, internal ones begin
//! at 64.

use std::sync::Arc;

use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_core::{ExecutionId, Failure, Generation, Operation, Outcome, Payload, Timestamp};

use crate::event::{Event, InvocationError, StepRetry};
use crate::model::{ChainedCall, ChainedTarget, Divergence, Identity, OperationKind};
use crate::request::{ErrorClass, Position, Settings};

pub(crate) fn encode_event(event: &Event, to: &mut Writer) {
    match event {
        Event::ExecutionStarted { input, settings } => {
            to.u8(1);
            payload(to, input.as_ref());
            settings.write(to);
        }
        Event::ExecutionSucceeded { result } => {
            to.u8(2);
            payload(to, result.as_ref());
        }
        Event::ExecutionFailed { error } => {
            to.u8(3);
            error.encode(to);
        }
        Event::ExecutionTimedOut => to.u8(4),
        Event::ExecutionStopped { error } => {
            to.u8(5);
            error.encode(to);
        }
        Event::InvocationCompleted {
            generation,
            request_id,
            started,
            error,
        } => {
            to.u8(25);
            to.u32(generation.0);
            to.str(request_id);
            to.u64(started.0);
            to.option(error.as_ref(), |to, error| {
                error.failure.encode(to);
                to.u8(error.class as u8);
            });
        }
        Event::InvocationStarted {
            request_id,
            position,
        } => {
            to.u8(66);
            to.str(request_id);
            write_position(to, position);
        }
        Event::Answered {
            position,
            client_token,
            next,
        } => {
            to.u8(67);
            write_position(to, position);
            to.option(client_token.as_ref(), |to, token| to.str(token));
            to.option(next.as_ref(), write_position);
        }
        _ => encode_of_operation(event, to),
    }
}

fn encode_of_operation(event: &Event, to: &mut Writer) {
    let mut head = |tag: u8, operation: &Operation| {
        to.u8(tag);
        to.u32(operation.0);
    };
    match event {
        Event::ContextStarted { operation } => head(8, operation),
        Event::ContextSucceeded {
            operation,
            result,
            replay_children,
        } => {
            head(9, operation);
            payload(to, result.as_ref());
            to.bool(*replay_children);
        }
        Event::ContextFailed { operation, error } => {
            head(10, operation);
            error.encode(to);
        }
        Event::WaitStarted {
            operation,
            duration_s,
            scheduled_end,
        } => {
            head(11, operation);
            to.u32(*duration_s);
            to.u64(scheduled_end.0);
        }
        Event::WaitSucceeded {
            operation,
            duration_s,
        } => {
            head(12, operation);
            to.u32(*duration_s);
        }
        Event::WaitCancelled { operation } => head(13, operation),
        Event::StepStarted { operation } => head(14, operation),
        Event::StepSucceeded {
            operation,
            result,
            attempt,
            retry,
        } => {
            head(15, operation);
            payload(to, result.as_ref());
            attempts(to, *attempt, retry.as_ref());
        }
        Event::StepFailed {
            operation,
            error,
            attempt,
            retry,
        } => {
            head(16, operation);
            error.encode(to);
            attempts(to, *attempt, retry.as_ref());
        }
        Event::Declared {
            operation,
            kind,
            identity,
        } => {
            head(64, operation);
            to.u8(*kind as u8);
            write_identity(to, identity);
        }
        Event::StepReady { operation } => head(65, operation),
        _ => encode_of_callback(event, to),
    }
}

fn encode_of_callback(event: &Event, to: &mut Writer) {
    match event {
        Event::CallbackStarted {
            operation,
            timeout_s,
            heartbeat_s,
        } => {
            to.u8(17);
            to.u32(operation.0);
            to.option(timeout_s.as_ref(), |to, s| to.u32(*s));
            to.option(heartbeat_s.as_ref(), |to, s| to.u32(*s));
        }
        Event::CallbackSucceeded { operation, result } => {
            to.u8(18);
            to.u32(operation.0);
            payload(to, result.as_ref());
        }
        Event::CallbackFailed { operation, error } => {
            to.u8(19);
            to.u32(operation.0);
            error.encode(to);
        }
        Event::CallbackTimedOut { operation, error } => {
            to.u8(26);
            to.u32(operation.0);
            error.encode(to);
        }
        Event::CallbackReopened {
            operation,
            generation,
            timeout_s,
            heartbeat_s,
        } => {
            to.u8(41);
            to.u32(operation.0);
            to.u32(generation.0);
            to.option(timeout_s.as_ref(), |to, s| to.u32(*s));
            to.option(heartbeat_s.as_ref(), |to, s| to.u32(*s));
        }
        Event::Forked { operations } => {
            to.u8(80);
            to.list(operations, |to, operation| to.u32(operation.0));
        }
        Event::Redriven { operations } => {
            to.u8(40);
            to.list(operations, |to, operation| to.u32(operation.0));
        }
        _ => encode_of_chained_invoke(event, to),
    }
}

fn encode_of_chained_invoke(event: &Event, to: &mut Writer) {
    let mut failed = |tag: u8, operation: &Operation, error: &Failure| {
        to.u8(tag);
        to.u32(operation.0);
        error.encode(to);
    };
    match event {
        Event::ChainedInvokeStarted { operation, call } => {
            to.u8(20);
            to.u32(operation.0);
            to.str(&call.function_name);
            to.option(call.tenant_id.as_ref(), |to, text| to.str(text));
            payload(to, call.input.as_ref());
            to.option(call.target.as_ref(), |to, target| {
                to.raw(target.id.as_bytes());
                target.settings.write(to);
            });
        }
        Event::ChainedInvokeSucceeded { operation, result } => {
            to.u8(21);
            to.u32(operation.0);
            payload(to, result.as_ref());
        }
        Event::ChainedInvokeFailed { operation, error } => failed(22, operation, error),
        Event::ChainedInvokeTimedOut { operation, error } => failed(23, operation, error),
        Event::ChainedInvokeStopped { operation, error } => failed(24, operation, error),
        Event::KeptBack { operation, outcome } => {
            to.u8(68);
            to.u32(operation.0);
            write_outcome(to, outcome);
        }
        _ => encode_of_pause(event, to),
    }
}

pub(crate) fn decode_event(from: &mut Reader<'_>) -> Result<Event, Corrupt> {
    let tag = from.u8()?;
    Ok(match tag {
        1 => Event::ExecutionStarted {
            input: from.option(Payload::decode)?,
            settings: Box::new(Settings::read(from)?),
        },
        2 => Event::ExecutionSucceeded {
            result: from.option(Payload::decode)?,
        },
        3 => Event::ExecutionFailed {
            error: Failure::decode(from)?,
        },
        4 => Event::ExecutionTimedOut,
        5 => Event::ExecutionStopped {
            error: Failure::decode(from)?,
        },
        25 => Event::InvocationCompleted {
            generation: Generation(from.u32()?),
            request_id: from.str()?,
            started: Timestamp(from.u64()?),
            error: from.option(|from| {
                Ok(InvocationError {
                    failure: Failure::decode(from)?,
                    class: read_class(from)?,
                })
            })?,
        },
        80 => Event::Forked {
            operations: from.list(|from| from.u32().map(Operation))?,
        },
        40 => Event::Redriven {
            operations: from.list(|from| from.u32().map(Operation))?,
        },
        41 => Event::CallbackReopened {
            operation: Operation(from.u32()?),
            generation: Generation(from.u32()?),
            timeout_s: from.option(Reader::u32)?,
            heartbeat_s: from.option(Reader::u32)?,
        },
        66 => Event::InvocationStarted {
            request_id: from.str()?,
            position: read_position(from)?,
        },
        67 => Event::Answered {
            position: read_position(from)?,
            client_token: from.option(text)?,
            next: from.option(read_position)?,
        },
        6 | 7 | 69 | 70 => decode_of_pause(tag, from)?,
        71 => Event::Diverged {
            operation: Operation(from.u32()?),
            divergence: Arc::new(Divergence {
                id: text(from)?,
                what: from.str()?,
                recorded: from.str()?,
                asked: from.str()?,
            }),
        },
        20..=24 | 68 => decode_of_chained_invoke(tag, from)?,
        _ => decode_of_operation(tag, from)?,
    })
}

fn decode_of_operation(tag: u8, from: &mut Reader<'_>) -> Result<Event, Corrupt> {
    if !matches!(tag, 8..=19 | 26 | 64 | 65) {
        return Err(Corrupt::tag("durable event", tag));
    }
    let operation = Operation(from.u32()?);
    Ok(match tag {
        8 => Event::ContextStarted { operation },
        9 => Event::ContextSucceeded {
            operation,
            result: from.option(Payload::decode)?,
            replay_children: from.bool()?,
        },
        10 => Event::ContextFailed {
            operation,
            error: Failure::decode(from)?,
        },
        11 => Event::WaitStarted {
            operation,
            duration_s: from.u32()?,
            scheduled_end: Timestamp(from.u64()?),
        },
        12 => Event::WaitSucceeded {
            operation,
            duration_s: from.u32()?,
        },
        13 => Event::WaitCancelled { operation },
        14 => Event::StepStarted { operation },
        15 => Event::StepSucceeded {
            operation,
            result: from.option(Payload::decode)?,
            attempt: from.u32()?,
            retry: from.option(read_retry)?,
        },
        16 => Event::StepFailed {
            operation,
            error: Failure::decode(from)?,
            attempt: from.u32()?,
            retry: from.option(read_retry)?,
        },
        17 => Event::CallbackStarted {
            operation,
            timeout_s: from.option(Reader::u32)?,
            heartbeat_s: from.option(Reader::u32)?,
        },
        18 => Event::CallbackSucceeded {
            operation,
            result: from.option(Payload::decode)?,
        },
        19 => Event::CallbackFailed {
            operation,
            error: Failure::decode(from)?,
        },
        26 => Event::CallbackTimedOut {
            operation,
            error: Failure::decode(from)?,
        },
        64 => Event::Declared {
            operation,
            kind: read_kind(from)?,
            identity: read_identity(from)?,
        },
        _ => Event::StepReady { operation },
    })
}

fn decode_of_chained_invoke(tag: u8, from: &mut Reader<'_>) -> Result<Event, Corrupt> {
    let operation = Operation(from.u32()?);
    Ok(match tag {
        20 => Event::ChainedInvokeStarted {
            operation,
            call: Arc::new(ChainedCall {
                function_name: from.str()?,
                tenant_id: from.option(Reader::str)?,
                input: from.option(Payload::decode)?,
                target: from.option(|from| {
                    Ok(ChainedTarget {
                        id: ExecutionId::from_bytes(from.raw()?),
                        settings: Settings::read(from)?,
                    })
                })?,
            }),
        },
        21 => Event::ChainedInvokeSucceeded {
            operation,
            result: from.option(Payload::decode)?,
        },
        22 => Event::ChainedInvokeFailed {
            operation,
            error: Failure::decode(from)?,
        },
        23 => Event::ChainedInvokeTimedOut {
            operation,
            error: Failure::decode(from)?,
        },
        24 => Event::ChainedInvokeStopped {
            operation,
            error: Failure::decode(from)?,
        },
        _ => Event::KeptBack {
            operation,
            outcome: read_outcome(from)?,
        },
    })
}

fn encode_of_pause(event: &Event, to: &mut Writer) {
    let word = |to: &mut Writer, part: &Option<Arc<str>>| {
        to.option(part.as_ref(), |to, part| to.str(part));
    };
    match event {
        Event::ExecutionPaused {
            requested,
            reason,
            timeout_paused,
            timeout_left_ms,
            interrupted,
        } => {
            to.u8(6);
            to.u64(requested.0);
            word(to, reason);
            to.bool(*timeout_paused);
            to.option(timeout_left_ms.as_ref(), |to, ms| to.u64(*ms));
            to.bool(*interrupted);
        }
        Event::ExecutionResumed {
            reason,
            client_token,
        } => {
            to.u8(7);
            word(to, reason);
            word(to, client_token);
        }
        Event::PauseRequested {
            client_token,
            reason,
            timeout_paused,
        } => {
            to.u8(69);
            word(to, client_token);
            word(to, reason);
            to.bool(*timeout_paused);
        }
        Event::PauseCancelled { client_token } => {
            to.u8(70);
            word(to, client_token);
        }
        Event::Diverged {
            operation,
            divergence,
        } => {
            to.u8(71);
            to.u32(operation.0);
            to.str(&divergence.id);
            for part in [&divergence.what, &divergence.recorded, &divergence.asked] {
                to.str(part);
            }
        }
        _ => {}
    }
}

fn decode_of_pause(tag: u8, from: &mut Reader<'_>) -> Result<Event, Corrupt> {
    Ok(match tag {
        6 => Event::ExecutionPaused {
            requested: Timestamp(from.u64()?),
            reason: from.option(text)?,
            timeout_paused: from.bool()?,
            timeout_left_ms: from.option(Reader::u64)?,
            interrupted: from.bool()?,
        },
        7 => Event::ExecutionResumed {
            reason: from.option(text)?,
            client_token: from.option(text)?,
        },
        69 => Event::PauseRequested {
            client_token: from.option(text)?,
            reason: from.option(text)?,
            timeout_paused: from.bool()?,
        },
        _ => Event::PauseCancelled {
            client_token: from.option(text)?,
        },
    })
}

fn write_outcome(to: &mut Writer, outcome: &Outcome) {
    let (tag, error) = match outcome {
        Outcome::Succeeded(result) => {
            to.u8(1);
            return payload(to, result.as_ref());
        }
        Outcome::Failed(error) => (2, error),
        Outcome::TimedOut(error) => (3, error),
        Outcome::Stopped(error) => (4, error),
    };
    to.u8(tag);
    error.encode(to);
}

fn read_outcome(from: &mut Reader<'_>) -> Result<Outcome, Corrupt> {
    Ok(match from.u8()? {
        1 => Outcome::Succeeded(from.option(Payload::decode)?),
        2 => Outcome::Failed(Failure::decode(from)?),
        3 => Outcome::TimedOut(Failure::decode(from)?),
        4 => Outcome::Stopped(Failure::decode(from)?),
        tag => return Err(Corrupt::tag("outcome", tag)),
    })
}

fn payload(to: &mut Writer, value: Option<&Payload>) {
    to.option(value, |to, value| value.encode(to));
}

fn attempts(to: &mut Writer, attempt: u32, retry: Option<&StepRetry>) {
    to.u32(attempt);
    to.option(retry, |to, retry| {
        to.u32(retry.delay_s);
        to.u64(retry.due.0);
    });
}

fn read_retry(from: &mut Reader<'_>) -> Result<StepRetry, Corrupt> {
    Ok(StepRetry {
        delay_s: from.u32()?,
        due: Timestamp(from.u64()?),
    })
}

fn write_position(to: &mut Writer, position: &Position) {
    to.u32(position.generation.0);
    to.u64(position.sequence);
}

fn read_position(from: &mut Reader<'_>) -> Result<Position, Corrupt> {
    Ok(Position {
        generation: Generation(from.u32()?),
        sequence: from.u64()?,
    })
}

fn write_identity(to: &mut Writer, identity: &Identity) {
    to.str(&identity.id);
    for part in [&identity.parent, &identity.name, &identity.sub_kind] {
        to.option(part.as_ref(), |to, part| to.str(part));
    }
}

fn read_identity(from: &mut Reader<'_>) -> Result<Identity, Corrupt> {
    Ok(Identity {
        id: text(from)?,
        parent: from.option(text)?,
        name: from.option(text)?,
        sub_kind: from.option(text)?,
    })
}

fn text(from: &mut Reader<'_>) -> Result<Arc<str>, Corrupt> {
    from.str().map(Arc::from)
}

fn read_kind(from: &mut Reader<'_>) -> Result<OperationKind, Corrupt> {
    let number = from.u8()?;
    OperationKind::ALL
        .into_iter()
        .find(|kind| *kind as u8 == number)
        .ok_or(Corrupt::tag("operation kind", number))
}

fn read_class(from: &mut Reader<'_>) -> Result<ErrorClass, Corrupt> {
    match from.u8()? {
        1 => Ok(ErrorClass::Handler),
        2 => Ok(ErrorClass::Runtime),
        3 => Ok(ErrorClass::Timeout),
        tag => Err(Corrupt::tag("error class", tag)),
    }
}
