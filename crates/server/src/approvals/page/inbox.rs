//! What somebody is asked: everything that is open and waits for their name or one of their groups.

use axum::extract::State;
use axum::response::Response;
use everstep_approval::{Described, Person};
use everstep_core::ExecutionId;
use hyper::{HeaderMap, StatusCode};

use super::{html, page, session, trouble};
use crate::approvals::describe;
use crate::approvals::list::{Wanted, ids};
use crate::http::App;
use crate::rest::Problem;

/// So many are shown: those that are due first.
const SHOWN_MAX: usize = 200;
/// So many are looked at of those that wait for a name, and of those that wait for each of its groups.
const READ_MAX: usize = 2_000;
const PAGE: usize = 500;

/// What waits for somebody.
pub(super) struct Inbox {
    /// What is due first stands first.
    pub approvals: Vec<(ExecutionId, Described)>,
    /// So many wait beside those; `None` when there are more than are looked at.
    pub more: Option<usize>,
}

pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Response {
    let Some(session) = session::read(&app, &headers) else {
        return session::first("/approvals/inbox");
    };
    match waiting(&app, &session.person).await {
        Ok(inbox) => {
            let now = app.handle.clock().now();
            page(StatusCode::OK, html::inbox(&session, &inbox, now))
        }
        Err(problem) => trouble(&problem),
    }
}

async fn waiting(app: &App, person: &Person) -> Result<Inbox, Problem> {
    let pending = Wanted {
        status: Some("PENDING".to_owned()),
        ..Wanted::default()
    };
    let name = Wanted {
        approver: Some(person.name.clone()),
        ..pending.clone()
    };
    let groups = person.groups.iter().map(|group| Wanted {
        group: Some(group.clone()),
        ..pending.clone()
    });
    let everybody = Wanted {
        everybody: true,
        ..pending.clone()
    };
    let (mut found, mut all) = (std::collections::BTreeSet::new(), true);
    for wanted in std::iter::once(name).chain(groups).chain([everybody]) {
        let (mut cursor, mut read) = (None, 0);
        while read < READ_MAX {
            let (page, next) = ids(app, &wanted, cursor, PAGE).await?;
            read += PAGE;
            found.extend(page);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        all &= cursor.is_none();
    }
    let mut approvals = Vec::new();
    for id in found {
        let described = describe(app, id).await?;
        let state = &described.state;
        if state.ended.is_none() && !state.is_own(&person.name) {
            approvals.push((id, described));
        }
    }
    // Lists come by their beginning: what is due first may be the oldest of them.
    approvals.sort_by_key(|(_, described)| described.state.due);
    let more = approvals.len().saturating_sub(SHOWN_MAX);
    approvals.truncate(SHOWN_MAX);
    let more = all.then_some(more);
    Ok(Inbox { approvals, more })
}
