//! Invitations: each person who is asked by name is told alone, with a link of their own. The journal has the link's number; the link itself is
//! made when it is sent.

use bytes::Bytes;
use everstep_core::{Timestamp, Turn};
use serde_json::json;

use crate::event::Event;
use crate::machine::Approval;
use crate::outcome::{Notice, notice};
use crate::people::LINKS_MAX;
use crate::settings::Approver;
use crate::state::{LinkState, State};

/// The event that is told to one person. No notice for many has its links.
pub const INVITED: &str = "approval.invited";

/// Who made the links of invitations.
const SERVER: &str = "the server";

/// Invites whoever a notice is for.
pub(crate) fn invite(turn: &mut Turn<'_, Approval>, which: Notice) {
    let state = turn.state();
    let links_ms = state
        .settings
        .as_ref()
        .and_then(|settings| settings.links_ms);
    let Some(life) = links_ms.filter(|_| state.ended.is_none()) else {
        return;
    };
    for name in guests(state, which) {
        let Some((number, expires)) = link(turn, &name, life) else {
            return;
        };
        let Some(mut body) = notice(turn.state(), Notice::Invited, turn.now()) else {
            return;
        };
        let pages = turn.state().settings.as_ref();
        let pages = pages.map_or("", |settings| settings.pages.as_str());
        if let Some(body) = body.as_object_mut() {
            body.insert("occasion".to_owned(), which.as_str().into());
            body.insert("approver".to_owned(), name.into());
            body.insert(
                "link".to_owned(),
                json!({ "number": number, "expires_ms": expires.0, "under": format!("{pages}link/") }),
            );
        }
        turn.post(INVITED, Bytes::from(body.to_string()));
    }
}

/// Those of the names asked whom a notice concerns: who has voted has no need of it, and who asked does not decide.
fn guests(state: &State, which: Notice) -> Vec<String> {
    let seats = state.seats.iter().filter(|seat| match which {
        Notice::Escalated => seat.escalated,
        _ => true,
    });
    // A place that was handed on is the last one.
    let skipped = match which {
        Notice::Delegated => state.seats.len().saturating_sub(1),
        _ => 0,
    };
    let names = seats.skip(skipped).filter_map(|seat| match &seat.approver {
        Approver::User(name) => Some(name),
        Approver::Group(_) => None,
    });
    names
        .filter(|name| !state.votes.iter().any(|vote| vote.cast.by == **name))
        .filter(|name| !state.is_own(name))
        .cloned()
        .collect()
}

/// The link that the person has already, or a new one; none when there are too many.
fn link(turn: &mut Turn<'_, Approval>, name: &str, life: u64) -> Option<(u32, Timestamp)> {
    let (now, state) = (turn.now(), turn.state());
    let mut links = state.links.iter().rev();
    let old = links.find(|(_, link)| {
        link.approver == name && link.by == SERVER && link.state == LinkState::Good
    });
    if let Some((number, link)) = old.filter(|(_, link)| now < link.expires) {
        return Some((*number, link.expires));
    }
    if state.links.len() >= LINKS_MAX as usize {
        return None;
    }
    let number = u32::try_from(state.links.len()).unwrap_or(LINKS_MAX) + 1;
    // A link does not outlive what it decides.
    let expires = now.after_ms(life).min(state.due);
    turn.emit(Event::LinkMade {
        number,
        approver: name.to_owned(),
        expires,
        by: SERVER.to_owned(),
    });
    Some((number, expires))
}
