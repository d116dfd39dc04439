//! How the events of Parallel and Map states change the state.

use everstep_core::EventId;

use super::document::Document;
use super::event::{ErrorOutput, Event, FrameId, MapRules};
use super::state::{Fan, Frame, Phase, Seat, State};

pub(crate) fn apply(state: &mut State, event: &Event, frame: FrameId, id: EventId) {
    match event {
        Event::MapStateStarted {
            length,
            rules,
            items,
            ..
        } => {
            state.advance(frame, id);
            let items = state.take(items);
            spread(state, frame, Fan::new(items, *rules, *length));
            // A distributed map's iterations begin with its run.
            let phase = if rules.is_distributed {
                Phase::Spread
            } else {
                after_iteration(state, frame)
            };
            state.phase(frame, phase);
        }
        Event::ParallelStateStarted {
            branches,
            first,
            input,
            ..
        } => {
            state.advance(frame, id);
            if let Some(input) = state.take(input) {
                branch(state, frame, (*branches, *first), &input, id);
            }
        }
        Event::MapIterationStarted {
            index,
            frame: iteration,
            input,
            ..
        } => {
            if let Some(input) = state.take(input) {
                begin(state, frame, (*index, *iteration), input, id);
            }
        }
        Event::MapIterationSucceeded { index, .. } => succeeded(state, frame, *index, id),
        Event::MapIterationFailed { failure, .. } => failed(state, frame, failure),
        Event::MapIterationAborted { .. } => state.abort(frame),
        Event::MapRunStarted { arn, .. } => {
            state.advance(frame, id);
            change(state, frame, |fan| fan.run = Some((arn.clone(), 0)));
            let phase = after_iteration(state, frame);
            state.phase(frame, phase);
        }
        Event::MapRunSucceeded { .. } => {
            state.advance(frame, id);
            change(state, frame, |fan| fan.is_over = true);
            state.phase(frame, Phase::Joined);
        }
        Event::MapRunFailed { failure, .. } => {
            state.advance(frame, id);
            state.phase(frame, Phase::failing(failure.clone()));
        }
        Event::MapRunRedriven { arn, count, .. } => {
            state.advance(frame, id);
            change(state, frame, |fan| fan.run = Some((arn.clone(), *count)));
        }
        _ => {}
    }
}

impl Fan {
    fn new(items: Option<Document>, rules: MapRules, length: u32) -> Self {
        Self {
            items,
            rules,
            length,
            next: 0,
            open: 0,
            failed: 0,
            results: vec![None; usize::try_from(length).unwrap_or(0)],
            frames: std::collections::BTreeMap::new(),
            run: None,
            is_over: false,
        }
    }

    fn put(&mut self, index: u32, result: Document) {
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(place) = self.results.get_mut(place) {
            *place = Some(result);
        }
    }
}

fn change(state: &mut State, frame: FrameId, change: impl FnOnce(&mut Fan)) {
    if let Some(fan) = state
        .visit_mut(frame)
        .and_then(|visit| visit.fan.as_deref_mut())
    {
        change(fan);
    }
}

fn spread(state: &mut State, frame: FrameId, fan: Fan) {
    state.drop_below(frame);
    if let Some(visit) = state.visit_mut(frame) {
        visit.fan = Some(Box::new(fan));
    }
}

fn branch(
    state: &mut State,
    frame: FrameId,
    (branches, first): (u32, FrameId),
    input: &Document,
    id: EventId,
) {
    let rules = MapRules {
        concurrency: branches,
        is_distributed: false,
        tolerated: 0,
    };
    let mut fan = Fan::new(None, rules, branches);
    (fan.next, fan.open) = (branches, branches);
    let within = state.frame(frame).and_then(|frame| frame.within);
    let ids = (first.0..first.0.saturating_add(branches)).map(FrameId);
    fan.frames = (0..branches).zip(ids).collect();
    let frames = fan.frames.clone();
    spread(state, frame, fan);
    state.phase(frame, Phase::Fanned);
    for (index, branch) in frames {
        let seat = Seat { frame, index };
        add(
            state,
            branch,
            Frame::new(Some(seat), within, id, input.clone()),
        );
    }
}

fn add(state: &mut State, id: FrameId, frame: Frame) {
    let next = FrameId(id.0.saturating_add(1));
    state.next_frame = state.next_frame.max(next);
    state.frames.insert(id, frame);
    state.touch(id);
}

fn begin(
    state: &mut State,
    frame: FrameId,
    (index, iteration): (u32, FrameId),
    input: Document,
    id: EventId,
) {
    let mut is_distributed = false;
    change(state, frame, |fan| {
        is_distributed = fan.rules.is_distributed;
        fan.next = fan.next.max(index.saturating_add(1));
        fan.open = fan.open.saturating_add(1);
        fan.frames.insert(index, iteration);
    });
    let outer = state.frame(frame).and_then(|frame| frame.within);
    let (within, previous) = if is_distributed {
        (Some(iteration), EventId(0))
    } else {
        (outer, id)
    };
    let seat = Seat { frame, index };
    add(
        state,
        iteration,
        Frame::new(Some(seat), within, previous, input),
    );
    let phase = after_iteration(state, frame);
    state.phase(frame, phase);
}

/// What a Map or Parallel state does when an iteration or branch has begun or ended.
pub(crate) fn after_iteration(state: &State, frame: FrameId) -> Phase {
    match state.fan(frame) {
        Some(fan) if fan.next < fan.length && fan.open < fan.rules.concurrency => Phase::Spread,
        Some(fan) if fan.open == 0 && fan.next >= fan.length => Phase::Joined,
        _ => Phase::Fanned,
    }
}

/// A frame's last state was left: a branch has ended by that; an iteration is told to have.
pub(crate) fn ended(state: &mut State, branch: FrameId, output: Document) {
    let Some((seat, previous)) = seat(state, branch) else {
        return;
    };
    if state.fan(seat.frame).is_none_or(|fan| fan.items.is_some()) {
        return;
    }
    let mut is_joined = false;
    change(state, seat.frame, |fan| {
        fan.put(seat.index, output);
        fan.open = fan.open.saturating_sub(1);
        is_joined = fan.open == 0;
    });
    state.advance(seat.frame, previous);
    if is_joined {
        state.phase(seat.frame, Phase::Joined);
    }
}

fn seat(state: &State, frame: FrameId) -> Option<(Seat, EventId)> {
    let frame = state.frame(frame)?;
    Some((frame.seat?, frame.previous))
}

fn succeeded(state: &mut State, iteration: FrameId, index: u32, id: EventId) {
    let Some((seat, previous)) = seat(state, iteration) else {
        return;
    };
    let Some(Phase::Ended { output }) = state.frame(iteration).map(|frame| frame.phase.clone())
    else {
        return;
    };
    state.remove(iteration);
    let mut is_shown = false;
    change(state, seat.frame, |fan| {
        fan.put(index, output);
        fan.frames.remove(&index);
        fan.open = fan.open.saturating_sub(1);
        is_shown = !fan.rules.is_distributed;
    });
    let phase = after_iteration(state, seat.frame);
    if is_shown {
        // The next iteration follows this one's last state; the end of the Map state follows the end of the last iteration.
        let is_joined = matches!(phase, Phase::Joined);
        state.advance(seat.frame, if is_joined { id } else { previous });
    }
    state.phase(seat.frame, phase);
}

fn failed(state: &mut State, iteration: FrameId, failure: &ErrorOutput) {
    let Some((seat, previous)) = seat(state, iteration) else {
        return;
    };
    state.phase(iteration, Phase::Failed);
    let mut is_distributed = false;
    change(state, seat.frame, |fan| {
        is_distributed = fan.rules.is_distributed;
        fan.open = fan.open.saturating_sub(1);
        fan.failed = fan.failed.saturating_add(1);
    });
    let phase = if is_distributed {
        after_iteration(state, seat.frame)
    } else {
        state.advance(seat.frame, previous);
        Phase::failing(failure.clone())
    };
    state.phase(seat.frame, phase);
}

pub(crate) fn branch_failed(state: &mut State, branch: FrameId, failure: &ErrorOutput) {
    let Some((seat, previous)) = seat(state, branch) else {
        return;
    };
    state.phase(branch, Phase::Failed);
    state.advance(seat.frame, previous);
    state.phase(seat.frame, Phase::failing(failure.clone()));
}
