//! The common operation tree: the wait for a decision, and the votes in it.

use everstep_core::{Execution, Operation, OperationStatus, View, ViewOperation};

use crate::event::Decision;
use crate::machine::DECISION;
use crate::outcome;
use crate::state::{State, Vote};

/// The first number of a vote.
const VOTES: u32 = 16;

pub(crate) fn view(execution: &Execution, state: &State) -> View {
    let Some(settings) = &state.settings else {
        return View::default();
    };
    let status = state
        .ended
        .as_ref()
        .map_or(OperationStatus::Started, |ended| match ended.decision {
            Decision::Approved | Decision::Rejected | Decision::ChangesRequested => {
                OperationStatus::Succeeded
            }
            Decision::Expired => OperationStatus::TimedOut,
            Decision::Cancelled => OperationStatus::Cancelled,
        });
    let ended = state.ended.as_ref().map(|ended| ended.at);
    let failure = state
        .ended
        .as_ref()
        .filter(|ended| matches!(ended.decision, Decision::Expired | Decision::Cancelled))
        .map(|_| outcome::failure(state));
    let decision = ViewOperation {
        operation: DECISION,
        parent: None,
        id: "decision".to_owned(),
        kind: "CALLBACK",
        sub_kind: Some("Approval".to_owned()),
        name: Some(settings.title.clone()),
        status,
        started: execution.started(),
        ended,
        attempts: 0,
        due: Some(state.due).filter(|_| ended.is_none()),
        failure,
    };
    let votes = (VOTES..)
        .zip(&state.votes)
        .map(|(number, vote)| show(number, vote));
    View {
        operations: std::iter::once(decision).chain(votes).collect(),
    }
}

fn show(number: u32, vote: &Vote) -> ViewOperation {
    ViewOperation {
        operation: Operation(number),
        parent: Some(DECISION),
        id: format!("vote-{}", number - VOTES + 1),
        kind: "STEP",
        sub_kind: Some("Vote".to_owned()),
        name: Some(format!(
            "{} by {}",
            vote.cast.verdict.as_str(),
            vote.cast.by
        )),
        status: OperationStatus::Succeeded,
        started: vote.at,
        ended: Some(vote.at),
        attempts: 1,
        due: None,
        failure: None,
    }
}
