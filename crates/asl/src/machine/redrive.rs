//! Taking up a failed, stopped or timed-out execution where it ended.

use everstep_core::{Reply as KernelReply, Stamp, Status};

use super::event::{Event, FrameId, StateKind};
use super::fan::after_iteration;
use super::request::Reply;
use super::run::{Run, Step};
use super::settings::Kind;
use super::state::{Phase, State};

const DATA_LIMIT: &str = "States.DataLimitExceeded";

/// Changes the state: what failed or was ended is done again, what succeeded stays, and retriers count anew.
pub(crate) fn apply(state: &mut State, count: u32, stamp: Stamp) {
    state.redrives = count;
    state.redriven = Some(stamp.at);
    let failure = std::mem::take(&mut state.failure);
    state.operations.clear();
    if let Some(id) = stamp.event_id {
        state.advance(FrameId(0), id);
    }
    let is_too_large = failure.error.as_deref() == Some(DATA_LIMIT);
    let frames: Vec<FrameId> = state.frames.keys().copied().collect();
    for id in frames {
        revive(state, id, is_too_large);
    }
}

fn revive(state: &mut State, id: FrameId, is_too_large: bool) {
    let pending = pending(state, id);
    if let Some(visit) = state.visit_mut(id) {
        visit.retries.clear();
        visit.attempt = None;
        visit.submitted = None;
        if let Some(fan) = &mut visit.fan {
            fan.failed = 0;
            fan.open = pending;
        }
    }
    let phase = match state.frame(id).map(|frame| &frame.phase) {
        Some(Phase::Ended { .. }) | None => return,
        Some(phase @ (Phase::Begin { .. } | Phase::Next { .. })) => phase.clone(),
        Some(Phase::Aborted { was }) if !matches!(**was, Phase::Work) => (**was).clone(),
        Some(_) => again(state, id, is_too_large),
    };
    state.phase(id, phase);
}

/// How many of the frame's branches or iterations have begun and not ended well.
fn pending(state: &State, id: FrameId) -> u32 {
    let inner = state
        .fan(id)
        .into_iter()
        .flat_map(|fan| fan.frames.values());
    let pending = inner.filter(|inner| {
        let phase = state.frame(**inner).map(|frame| &frame.phase);
        !matches!(phase, None | Some(Phase::Ended { .. }))
    });
    u32::try_from(pending.count()).unwrap_or(u32::MAX)
}

/// A state does its work again, without what succeeded of its branches and iterations: unless their results were too large together.
/// A Fail state is entered again, and fails again.
fn again(state: &State, id: FrameId, is_too_large: bool) -> Phase {
    let Some(visit) = state.visit(id) else {
        return Phase::Work;
    };
    if visit.kind == StateKind::Fail {
        return Phase::Next {
            state: visit.state,
            input: visit.input.clone(),
        };
    }
    match &visit.fan {
        Some(fan) if fan.next > 0 || fan.length == 0 => match after_iteration(state, id) {
            Phase::Joined if is_too_large => Phase::Work,
            phase => phase,
        },
        _ => Phase::Work,
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
        let step = self.redrive_map_runs();
        self.heed(step);
        self.limit_time();
        self.go();
        KernelReply::Done
    }

    /// Tells that the runs of distributed maps go on.
    fn redrive_map_runs(&mut self) -> Step {
        let frames = self.turn.state().frames.iter();
        let runs: Vec<_> = frames
            .filter_map(|(id, frame)| {
                let fan = frame.visit.as_ref()?.fan.as_ref()?;
                let (arn, count) = fan.run.clone()?;
                (!fan.is_over && fan.next > 0).then_some((*id, arn, count))
            })
            .collect();
        for (id, arn, count) in runs {
            let place = self.place(id)?;
            self.emit(Event::MapRunRedriven {
                place,
                arn,
                count: count.saturating_add(1),
            })?;
        }
        Ok(())
    }
}
