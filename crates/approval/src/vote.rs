//! Votes, and the quorum that ends an approval.

use everstep_core::{Status, Timestamp, Turn};

use crate::event::{Cast, Decision, Event, Verdict};
use crate::machine::Approval;
use crate::outcome;
use crate::people::over;
use crate::request::{Refusal, Reply};
use crate::state::State;

/// So many votes after the end are recorded; who goes on is told what was decided all the same.
const LATE_MAX: u32 = 100;
/// So many votes are recorded in all: people may change their mind, but not for ever.
const VOTES_MAX: u32 = 1_000;

pub(crate) fn vote(
    turn: &mut Turn<'_, Approval>,
    cast: Cast,
    groups: &[String],
    digest: &str,
) -> Reply {
    let state = turn.state();
    let same = state
        .votes
        .iter()
        .any(|vote| vote.cast.says_the_same(&cast));
    if same {
        return Reply::Duplicate(state.ended.as_ref().map(|ended| ended.decision));
    }
    if let Some(refusal) = refusal(state, turn.now(), &cast, (groups, digest)) {
        return Reply::Refused(refusal);
    }
    if let Some(over) = over(state) {
        if state.late < LATE_MAX {
            turn.emit(Event::VotedLate(cast));
        }
        return Reply::Refused(over);
    }
    turn.emit(Event::Voted(cast));
    let decision = decided(turn.state());
    if let Some(decision) = decision {
        outcome::decide(turn, decision, Status::Succeeded);
    }
    Reply::Recorded(decision)
}

/// Why a vote does not count, whether or not the approval is open.
fn refusal(
    state: &State,
    now: Timestamp,
    cast: &Cast,
    (groups, digest): (&[String], &str),
) -> Option<Refusal> {
    let name = || cast.by.clone();
    if let Some(number) = cast.link {
        let link = state.links.get(&number);
        let own = link.is_some_and(|link| link.approver == cast.by);
        // Once all is decided, the answer is what was decided.
        let over = own && state.ended.is_some();
        if !over && !state.is_good(number, &cast.by, now) {
            return Some(Refusal::DeadLink);
        }
    } else if !state.asks(&cast.by, groups) {
        return Some(Refusal::NotAsked { name: name() });
    }
    if state.is_own(&cast.by) {
        return Some(Refusal::OwnRequest { name: name() });
    }
    let current = state
        .settings
        .as_ref()
        .map(|settings| settings.digest.hex());
    let current = current.unwrap_or_default();
    if !current.eq_ignore_ascii_case(digest) {
        return Some(Refusal::Stale {
            current,
            named: digest.to_owned(),
        });
    }
    (state.ended.is_none() && state.cast >= VOTES_MAX).then_some(Refusal::TooMany {
        what: "votes",
        max: VOTES_MAX,
    })
}

/// What the votes decide, if they do.
fn decided(state: &State) -> Option<Decision> {
    let settings = state.settings.as_ref()?;
    let count = |verdict: Verdict| {
        let votes = state.votes.iter();
        votes.filter(|vote| vote.cast.verdict == verdict).count() as u64
    };
    if count(Verdict::Approve) >= u64::from(settings.quorum) {
        return Some(Decision::Approved);
    }
    let against = u64::from(settings.quorum_against);
    if count(Verdict::Reject) >= against {
        return Some(Decision::Rejected);
    }
    (count(Verdict::RequestChanges) >= against).then_some(Decision::ChangesRequested)
}
