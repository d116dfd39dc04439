//! Approvals: what people are asked, and what they answer. JSON for programs here, pages for people in `page`.
//!
//! Who decides is a name that was proven: that of a key, of a session that began with a key, or of a link that was made for this one approver. An
//! open door believes what a request says. Workers ask, and never decide.

mod audit;
mod decide;
mod form;
mod identity;
mod link;
mod list;
mod page;
mod span;
mod start;
mod wire;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use everstep_approval::{Described, Refusal, Reply, Request};
use everstep_core::ExecutionId;
use everstep_engine::{APPROVAL, Error};
use serde_json::Value;

use crate::door::{Caller, Need};
use crate::errors::Code;
use crate::executions;
use crate::http::App;
use crate::options::Options;
use crate::rest::{Problem, time};

pub(crate) use audit::history_event;
pub(crate) use decide::stop;
pub(crate) use page::answers as is_page;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/approvals", get(list::list).post(start::start))
        .route("/approvals/{id}", get(show))
        .route("/approvals/{id}/audit", get(audit::audit))
        .route("/approvals/{id}/decide", post(decide::decide))
        .route("/approvals/{id}/comments", post(decide::comment))
        .route("/approvals/{id}/delegate", post(decide::delegate))
        .route("/approvals/{id}/cancel", post(decide::cancel))
        .route("/approvals/{id}/links", post(link::create))
        .merge(page::routes())
}

pub(crate) fn arn(options: &Options, id: ExecutionId) -> String {
    format!(
        "arn:aws:everstep:{}:{}:approval/{id}",
        options.region, options.account
    )
}

/// An approval as it stands.
pub(crate) async fn describe(app: &App, id: ExecutionId) -> Result<Described, Problem> {
    match ask(app, id, Request::Describe).await? {
        Reply::Described(described) => Ok(*described),
        _ => Err(unknown(&id.to_string())),
    }
}

async fn ask(app: &App, id: ExecutionId, request: Request) -> Result<Reply, Problem> {
    let asked = everstep_engine::Request::Approval(request);
    match app.handle.request(id, asked).await {
        Ok(everstep_engine::Reply::Approval(reply)) => Ok(reply),
        Ok(_) | Err(Error::UnknownExecution { .. } | Error::Refused { .. }) => {
            Err(unknown(&id.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn unknown(named: &str) -> Problem {
    let text = format!("There is no approval {named}");
    Problem::new(Code::UnknownApproval, text)
}

/// The approval that is meant, by its id or its name.
async fn find(app: &App, text: &str) -> Result<ExecutionId, Problem> {
    let id = match executions::find(app, text).await {
        Ok(id) => id,
        Err(problem) if problem.code == Code::UnknownExecution => return Err(unknown(text)),
        Err(problem) => return Err(problem),
    };
    match app.handle.row(id).await {
        Ok(row) if row.machine == APPROVAL => Ok(id),
        Ok(_) | Err(Error::UnknownExecution { .. }) => Err(unknown(text)),
        Err(error) => Err(error.into()),
    }
}

async fn show(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Problem> {
    let id = find(&app, &name).await?;
    Ok(axum::Json(whole(&app, id).await?).into_response())
}

/// All that is known of an approval.
async fn whole(app: &App, id: ExecutionId) -> Result<Value, Problem> {
    let described = describe(app, id).await?;
    let content = content(app, id, &described).await?;
    Ok(wire::show(app, id, &described, &content))
}

/// What is asked, as it was asked.
async fn content(app: &App, id: ExecutionId, described: &Described) -> Result<Value, Problem> {
    let bytes = match &described.state.content {
        Some(payload) => app.handle.payload(id, payload).await?,
        None => Bytes::new(),
    };
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// The audit goes with an approval: who may take it away is an administrator.
pub(crate) async fn may_delete(app: &App, caller: &Caller, id: ExecutionId) -> Result<(), Problem> {
    if caller.may(Need::Administer) || app.handle.row(id).await?.machine != APPROVAL {
        return Ok(());
    }
    let text =
        "An approval's audit goes with it: an administrator deletes it, or its retention does";
    Err(Problem::new(Code::NotAllowed, text))
}

fn refused(refusal: Refusal) -> Problem {
    let code = match &refusal {
        Refusal::NotAsked { .. } | Refusal::OwnRequest { .. } => Code::NotAsked,
        Refusal::Stale { .. } => Code::StaleDecision,
        Refusal::Over { .. } => Code::Decided,
        Refusal::DeadLink => Code::SpentLink,
        Refusal::NoDelegation
        | Refusal::NoSeat { .. }
        | Refusal::Voted { .. }
        | Refusal::Asked { .. } => Code::NotHandedOn,
        Refusal::TooMany { .. } => Code::Conflict,
    };
    let mut text = refusal.to_string();
    if let Refusal::Over { at, by, .. } = &refusal {
        let who = by.as_deref().map(|by| format!(" by {by}"));
        text.push_str(&format!("{} at {}", who.unwrap_or_default(), time(*at)));
    }
    Problem::new(code, sentence(&text))
}

/// With a capital letter, as all our answers have it. A name stays as it is.
fn sentence(text: &str) -> String {
    for word in ["what", "it", "the", "places", "there"] {
        if let Some(rest) = text.strip_prefix(word).filter(|rest| rest.starts_with(' ')) {
            let (first, tail) = word.split_at(1);
            return format!("{}{tail}{rest}", first.to_uppercase());
        }
    }
    text.to_owned()
}
