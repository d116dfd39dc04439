//! Taking up a failed, stopped or timed-out execution where it ended.

use everstep_core::{Reply as KernelReply, Stamp, Status};

use super::event::{ErrorOutput, Event, FrameId, StateKind};
use super::request::Reply;
use super::run::Run;
use super::settings::Kind;
use super::state::{Phase, State};

/// Changes the state: what failed or was ended is done again, what succeeded stays, and retriers count anew.
pub(crate) fn apply(state: &mut State, count: u32, stamp: Stamp) {
    state.redrives = count;
    state.redriven = Some(stamp.at);
    state.failure = ErrorOutput::default();
    state.operations.clear();
    if let Some(id) = stamp.event_id {
        state.advance(FrameId(0), id);
    }
    let frames: Vec<FrameId> = state.frames.keys().copied().collect();
    for id in frames {
        revive(state, id);
    }
}

fn revive(state: &mut State, id: FrameId) {
    let Some(frame) = state.frames.get_mut(&id) else {
        return;
    };
    if let Some(visit) = &mut frame.visit {
        visit.retries.clear();
        visit.attempt = None;
        visit.submitted = None;
        if let Some(fan) = &mut visit.fan {
            fan.failed = 0;
        }
    }
    let has_branches = state.fan(id).is_some_and(|fan| !fan.frames.is_empty());
    let phase = match state.frame(id).map(|frame| &frame.phase) {
        Some(Phase::Ended { .. }) | None => return,
        Some(phase @ (Phase::Begin { .. } | Phase::Next { .. })) => phase.clone(),
        // What was on its way is taken up there: branches and iterations that ended well are not done again.
        Some(Phase::Spread | Phase::Joined) => return state.touch(id),
        Some(Phase::Aborted { was }) if !matches!(**was, Phase::Work) => (**was).clone(),
        Some(_) if has_branches => Phase::Fanned,
        Some(_) => again(state, id),
    };
    state.phase(id, phase);
    count_in(state, id);
}

/// A state does its work again. A Fail state is entered again, and fails again.
fn again(state: &State, id: FrameId) -> Phase {
    match state.visit(id) {
        Some(visit) if visit.kind == StateKind::Fail => Phase::Next {
            state: visit.state,
            input: visit.input.clone(),
        },
        _ => Phase::Work,
    }
}

/// A branch that runs again counts again.
fn count_in(state: &mut State, id: FrameId) {
    let Some(seat) = state.frame(id).and_then(|frame| frame.seat) else {
        return;
    };
    let open = state.fan(seat.frame).map(|fan| {
        let running = fan.frames.values().filter(|inner| {
            let phase = state.frame(**inner).map(|frame| &frame.phase);
            !matches!(phase, None | Some(Phase::Ended { .. }))
        });
        u32::try_from(running.count()).unwrap_or(u32::MAX)
    });
    let fan = state
        .visit_mut(seat.frame)
        .and_then(|visit| visit.fan.as_deref_mut());
    if let (Some(fan), Some(open)) = (fan, open) {
        fan.open = open;
    }
}

impl Run<'_, '_> {
    pub fn redrive(&mut self) -> KernelReply<Reply> {
        let execution = self.turn.execution();
        let state = self.turn.state();
        let is_standard = state
            .settings
            .as_ref()
            .is_some_and(|settings| settings.kind == Kind::Standard);
        if !is_standard {
            return KernelReply::Refused("only a Standard execution can be redriven");
        }
        if !matches!(
            execution.status(),
            Status::Failed | Status::Stopped | Status::TimedOut
        ) {
            return KernelReply::Refused("the execution has not ended badly");
        }
        let ended = execution.closed().unwrap_or_default();
        if self.turn.now().since_ms(ended) > self.limits().redrive_window_ms {
            return KernelReply::Refused("the execution ended too long ago");
        }
        if state.redrives >= self.limits().redrives {
            return KernelReply::Refused("the execution was redriven too often");
        }
        if execution.next_event().0 >= self.limits().history_events {
            return KernelReply::Refused("the history is full");
        }
        let (previous, count) = (state.last_event, state.redrives.saturating_add(1));
        self.turn.reopen();
        self.record(Event::ExecutionRedriven { previous, count });
        self.limit_time();
        self.go();
        KernelReply::Done
    }
}
