//! How events are read.

use std::sync::Arc;

use everstep_core::codec::{Corrupt, Reader};
use everstep_core::{EventId, Generation, Operation, Timestamp};

use crate::definition::StateId;
use crate::machine::document::Body;
use crate::machine::event::{
    Assigned, Attempt, ErrorOutput, Event, FrameId, MapRules, Place, Stage, StateKind, Worker,
};
use crate::machine::settings::Settings;

pub(crate) fn decode(from: &mut Reader<'_>) -> Result<Event, Corrupt> {
    Ok(match from.u8()? {
        1 => Event::ExecutionStarted {
            name: text(from)?,
            input: Body::decode(from)?,
            settings: Arc::new(Settings::read(from)?),
        },
        2 => Event::ExecutionSucceeded {
            previous: EventId(from.u32()?),
            output: Body::decode(from)?,
        },
        3 => Event::ExecutionFailed {
            previous: EventId(from.u32()?),
            failure: read_error_output(from)?,
        },
        4 => Event::ExecutionAborted {
            failure: read_error_output(from)?,
        },
        5 => Event::ExecutionTimedOut,
        6 => Event::ExecutionRedriven {
            previous: EventId(from.u32()?),
            count: from.u32()?,
        },
        tag @ 10..=14 => decode_of_state(tag, from)?,
        15 => Event::EvaluationFailed {
            place: read_place(from)?,
            failure: read_error_output(from)?,
            location: from.option(text)?,
            state: text(from)?,
        },
        16 => Event::ParallelStateStarted {
            place: read_place(from)?,
            branches: from.u32()?,
            first: FrameId(from.u32()?),
            input: Body::decode(from)?,
        },
        tag @ 20..=29 => decode_of_map(tag, from)?,
        tag @ 40..=45 => decode_of_task(tag, from)?,
        tag => decode_internal(tag, from)?,
    })
}

fn decode_internal(tag: u8, from: &mut Reader<'_>) -> Result<Event, Corrupt> {
    Ok(match tag {
        128 => Event::WaitStarted {
            frame: FrameId(from.u32()?),
            operation: Operation(from.u32()?),
            until: Timestamp(from.u64()?),
        },
        129 => Event::RetryDecided {
            frame: FrameId(from.u32()?),
            operation: Operation(from.u32()?),
            retrier: from.u32()?,
            delay_ms: from.u64()?,
            failure: read_error_output(from)?,
        },
        130 => Event::Woken {
            frame: FrameId(from.u32()?),
        },
        131 => Event::BranchFailed {
            frame: FrameId(from.u32()?),
            failure: read_error_output(from)?,
        },
        132 => Event::Logged {
            operation: Operation(from.u32()?),
            first: EventId(from.u32()?),
            last: EventId(from.u32()?),
            done: from.list(|from| from.u32().map(Operation))?,
        },
        133 => Event::BranchAborted {
            frame: FrameId(from.u32()?),
        },
        134 => Event::StopDecided {
            operation: Operation(from.u32()?),
            arn: text(from)?,
        },
        tag => return Err(Corrupt::tag("event", tag)),
    })
}

fn decode_of_state(tag: u8, from: &mut Reader<'_>) -> Result<Event, Corrupt> {
    let place = read_place(from)?;
    let number = from.u8()?;
    let kind = StateKind::ALL
        .into_iter()
        .find(|kind| *kind as u8 == number)
        .ok_or(Corrupt::tag("type of state", number))?;
    Ok(match tag {
        10 => Event::StateEntered {
            place,
            kind,
            state: StateId(from.u32()?),
            name: text(from)?,
            input: Body::decode(from)?,
        },
        11 => Event::StateExited {
            place,
            kind,
            name: text(from)?,
            output: Body::decode(from)?,
            assigned: from.list(|from| -> Result<Assigned, Corrupt> {
                Ok((text(from)?, Body::decode(from)?))
            })?,
            next: from.option(|from| from.u32().map(StateId))?,
        },
        12 => Event::StateAborted { place, kind },
        13 => Event::StateSucceeded { place, kind },
        14 => Event::StateFailed { place, kind },
        tag => return Err(Corrupt::tag("event", tag)),
    })
}

fn decode_of_map(tag: u8, from: &mut Reader<'_>) -> Result<Event, Corrupt> {
    let place = read_place(from)?;
    Ok(match tag {
        20 => Event::MapStateStarted {
            place,
            length: from.u32()?,
            rules: MapRules {
                concurrency: from.u32()?,
                is_distributed: from.bool()?,
                tolerated: from.u32()?,
            },
            items: Body::decode(from)?,
        },
        21 => Event::MapIterationStarted {
            place,
            name: text(from)?,
            index: from.u32()?,
            frame: FrameId(from.u32()?),
            input: Body::decode(from)?,
        },
        22 => Event::MapIterationSucceeded {
            place,
            name: text(from)?,
            index: from.u32()?,
        },
        23 => Event::MapIterationFailed {
            place,
            name: text(from)?,
            index: from.u32()?,
            failure: read_error_output(from)?,
        },
        24 => Event::MapIterationAborted {
            place,
            name: text(from)?,
            index: from.u32()?,
        },
        25 => Event::MapRunStarted {
            place,
            arn: text(from)?,
        },
        26 => Event::MapRunSucceeded { place },
        27 => Event::MapRunFailed {
            place,
            failure: read_error_output(from)?,
        },
        28 => Event::MapRunAborted { place },
        29 => Event::MapRunRedriven {
            place,
            arn: text(from)?,
            count: from.u32()?,
        },
        tag => return Err(Corrupt::tag("event", tag)),
    })
}

fn decode_of_task(tag: u8, from: &mut Reader<'_>) -> Result<Event, Corrupt> {
    let place = read_place(from)?;
    let worker = read_worker(from)?;
    Ok(match tag {
        40 => Event::Scheduled {
            place,
            attempt: Arc::new(read_attempt(from, worker)?),
            input: Body::decode(from)?,
        },
        41 => Event::Started {
            place,
            worker,
            by: from.option(text)?,
        },
        42 => Event::Submitted {
            place,
            worker,
            output: Body::decode(from)?,
        },
        43 => Event::Succeeded {
            place,
            worker,
            output: Body::decode(from)?,
        },
        44 => Event::Failed {
            place,
            worker,
            stage: read_stage(from)?,
            failure: read_error_output(from)?,
        },
        45 => Event::TimedOut {
            place,
            worker,
            failure: read_error_output(from)?,
            is_heartbeat: from.bool()?,
        },
        tag => return Err(Corrupt::tag("event", tag)),
    })
}

fn text(from: &mut Reader<'_>) -> Result<Arc<str>, Corrupt> {
    std::str::from_utf8(from.slice()?)
        .map(Arc::from)
        .map_err(|_| Corrupt::Malformed { what: "text" })
}

fn read_place(from: &mut Reader<'_>) -> Result<Place, Corrupt> {
    let number = from.u64()?;
    let frame = u32::try_from(number >> 1).map_err(|_| Corrupt::Malformed { what: "frame" })?;
    Ok(Place {
        frame: FrameId(frame),
        is_hidden: number & 1 == 1,
        previous: EventId(from.u32()?),
    })
}

fn read_error_output(from: &mut Reader<'_>) -> Result<ErrorOutput, Corrupt> {
    Ok(ErrorOutput {
        error: from.option(text)?,
        cause: from.option(text)?,
    })
}

fn read_worker(from: &mut Reader<'_>) -> Result<Worker, Corrupt> {
    Ok(match from.u8()? {
        1 => Worker::Function,
        2 => Worker::Activity,
        3 => Worker::Service {
            service: text(from)?,
            action: text(from)?,
        },
        tag => return Err(Corrupt::tag("worker", tag)),
    })
}

fn read_stage(from: &mut Reader<'_>) -> Result<Stage, Corrupt> {
    Ok(match from.u8()? {
        1 => Stage::Schedule,
        2 => Stage::Start,
        3 => Stage::Submit,
        4 => Stage::Run,
        tag => return Err(Corrupt::tag("stage", tag)),
    })
}

fn read_attempt(from: &mut Reader<'_>, worker: Worker) -> Result<Attempt, Corrupt> {
    Ok(Attempt {
        operation: Operation(from.u32()?),
        generation: Generation(from.u32()?),
        resource: text(from)?,
        worker,
        region: text(from)?,
        timeout_s: from.option(Reader::u64)?,
        heartbeat_s: from.option(Reader::u64)?,
        credentials: from.option(text)?,
        token: from.option(|from| from.u32().map(Operation))?,
    })
}
