//! Comments, places that are handed on, and links.

use everstep_core::{Timestamp, Turn};

use crate::event::{Event, Remark, Via};
use crate::machine::Approval;
use crate::request::{Person, Refusal, Reply};
use crate::settings::Approver;
use crate::state::State;

const COMMENTS_MAX: u32 = 500;
pub(crate) const LINKS_MAX: u32 = 500;
const DELEGATIONS_MAX: u32 = 500;

/// A place that somebody hands on.
pub(crate) struct Handing {
    pub by: Person,
    pub from: Option<Approver>,
    pub to: Approver,
    pub reassigns: bool,
    pub comment: Option<String>,
    pub via: Via,
    pub peer: Option<String>,
    pub link: Option<u32>,
}

/// That it has been decided.
pub(crate) fn over(state: &State) -> Option<Refusal> {
    let ended = state.ended.as_ref()?;
    let last = state.votes.last().map(|vote| vote.cast.by.clone());
    Some(Refusal::Over {
        decision: ended.decision,
        at: ended.at,
        by: ended.by.clone().or(last),
    })
}

pub(crate) fn comment(turn: &mut Turn<'_, Approval>, remark: Remark, link: Option<u32>) -> Reply {
    let state = turn.state();
    if let Some(over) = over(state) {
        return Reply::Refused(over);
    }
    if link.is_some_and(|number| !state.is_good(number, &remark.by, turn.now())) {
        return Reply::Refused(Refusal::DeadLink);
    }
    if state.comments.len() >= COMMENTS_MAX as usize {
        return Reply::Refused(Refusal::TooMany {
            what: "comments",
            max: COMMENTS_MAX,
        });
    }
    let asks = remark.asks;
    turn.emit(Event::Commented(remark));
    if asks {
        crate::outcome::tell(turn, crate::outcome::Notice::Asked);
    }
    Reply::Recorded(None)
}

pub(crate) fn delegate(turn: &mut Turn<'_, Approval>, handing: Handing) -> Reply {
    let state = turn.state();
    let from = match seat_of(state, turn.now(), &handing) {
        Ok(from) => from,
        Err(refusal) => return Reply::Refused(refusal),
    };
    let peer = handing.peer;
    turn.emit(Event::Delegated {
        from,
        to: handing.to,
        by: handing.by.name,
        comment: handing.comment,
        via: handing.via,
        peer,
    });
    crate::outcome::tell(turn, crate::outcome::Notice::Delegated);
    crate::invite::invite(turn, crate::outcome::Notice::Delegated);
    Reply::Recorded(None)
}

/// The place that is handed on; `None` when one is added beside a group, which keeps its own.
fn seat_of(state: &State, now: Timestamp, handing: &Handing) -> Result<Option<Approver>, Refusal> {
    if let Some(over) = over(state) {
        return Err(over);
    }
    let by = &handing.by;
    let settings = state.settings.as_ref();
    let may = settings.is_some_and(|settings| settings.delegation);
    if !may && !handing.reassigns {
        return Err(Refusal::NoDelegation);
    }
    let link = handing.link;
    if link.is_some_and(|number| !state.is_good(number, &by.name, now)) {
        return Err(Refusal::DeadLink);
    }
    if state.delegations >= DELEGATIONS_MAX {
        return Err(Refusal::TooMany {
            what: "delegations",
            max: DELEGATIONS_MAX,
        });
    }
    if state.seats.iter().any(|seat| seat.approver == handing.to) {
        let (Approver::User(name) | Approver::Group(name)) = handing.to.clone();
        return Err(Refusal::Asked { name });
    }
    let own = Approver::User(by.name.clone());
    let from = match &handing.from {
        Some(other) if *other != own && !handing.reassigns => {
            return Err(Refusal::NotAsked {
                name: by.name.clone(),
            });
        }
        Some(named) => named.clone(),
        None => own,
    };
    if let Approver::User(name) = &from
        && state.votes.iter().any(|vote| vote.cast.by == *name)
    {
        return Err(Refusal::Voted { name: name.clone() });
    }
    if state.seats.iter().any(|seat| seat.approver == from) {
        return Ok(Some(from));
    }
    let (Approver::User(name) | Approver::Group(name)) = from;
    // A member of a group brings somebody in beside it, and stands back: one place is one vote.
    if name == by.name && !state.asks_everybody() && state.asks(&name, &by.groups) {
        return Ok(None);
    }
    Err(Refusal::NoSeat { name })
}

pub(crate) fn make_link(
    turn: &mut Turn<'_, Approval>,
    approver: &Person,
    expires: Timestamp,
    by: String,
) -> Reply {
    let state = turn.state();
    let name = &approver.name;
    let refusal = over(state)
        .or_else(|| {
            let asked = state.asks(name, &approver.groups);
            (!asked).then(|| Refusal::NotAsked { name: name.clone() })
        })
        .or_else(|| {
            state
                .is_own(name)
                .then(|| Refusal::OwnRequest { name: name.clone() })
        })
        .or_else(|| {
            // Who asked for it would hold the vote of whoever the link is for.
            state
                .is_own(&by)
                .then(|| Refusal::OwnRequest { name: by.clone() })
        })
        .or_else(|| {
            (state.links.len() >= LINKS_MAX as usize).then_some(Refusal::TooMany {
                what: "links",
                max: LINKS_MAX,
            })
        });
    if let Some(refusal) = refusal {
        return Reply::Refused(refusal);
    }
    let number = u32::try_from(state.links.len()).unwrap_or(LINKS_MAX) + 1;
    turn.emit(Event::LinkMade {
        number,
        approver: name.clone(),
        expires,
        by,
    });
    Reply::Link { number }
}
