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

/// So many are shown of those that wait for a name, and of those that wait for each of its groups.
const SHOWN_MAX: usize = 100;

pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Response {
    let Some(session) = session::read(&app, &headers) else {
        return session::first("/approvals/inbox");
    };
    match waiting(&app, &session.person).await {
        Ok(approvals) => {
            let now = app.handle.clock().now();
            page(StatusCode::OK, html::inbox(&session, &approvals, now))
        }
        Err(problem) => trouble(&problem),
    }
}

/// What waits for somebody, what is due first standing first.
async fn waiting(app: &App, person: &Person) -> Result<Vec<(ExecutionId, Described)>, Problem> {
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
    let mut found = std::collections::BTreeSet::new();
    for wanted in std::iter::once(name).chain(groups).chain([everybody]) {
        found.extend(ids(app, &wanted, None, SHOWN_MAX).await?.0);
    }
    let mut approvals = Vec::new();
    for id in found {
        let described = describe(app, id).await?;
        let state = &described.state;
        if state.ended.is_none() && !state.is_own(&person.name) {
            approvals.push((id, described));
        }
    }
    approvals.sort_by_key(|(_, described)| described.state.due);
    Ok(approvals)
}
