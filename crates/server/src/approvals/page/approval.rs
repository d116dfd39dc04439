//! One approval for somebody who has signed in, and what forms of it do.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use everstep_approval::{Described, Person, Request, Verdict, Via};
use everstep_core::ExecutionId;
use hyper::{HeaderMap, StatusCode};
use serde_json::Value;

use super::html::{self, Sheet};
use super::{fields, page, pairs, see, session, trouble, value};
use crate::approvals::decide::{Said, Way, plain, remark, text, vote};
use crate::approvals::identity::Named;
use crate::approvals::{content, describe, find};
use crate::errors::Code;
use crate::http::App;
use crate::rest::Problem;

/// What somebody did on a page.
pub(super) enum Done {
    Decided,
    Said,
}

/// An approval and what it asks.
pub(super) async fn read(app: &App, id: ExecutionId) -> Result<(Described, Value), Problem> {
    let described = describe(app, id).await?;
    let input = content(app, id, &described).await?;
    let content = input.get("content").cloned().unwrap_or_default();
    Ok((described, content))
}

pub(super) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(session) = session::read(&app, &headers) else {
        return session::first(&format!("/approvals/{name}/page"));
    };
    let shown = async {
        let id = find(&app, &name).await?;
        let (described, content) = read(&app, id).await?;
        Ok::<_, Problem>(html::approval(&sheet(&app, &session, &described, &content)))
    };
    match shown.await {
        Ok(html) => page(StatusCode::OK, html),
        Err(problem) => trouble(&problem),
    }
}

fn sheet<'a>(
    app: &App,
    session: &'a session::Session,
    described: &'a Described,
    content: &'a Value,
) -> Sheet<'a> {
    let state = &described.state;
    let person = &session.person;
    Sheet {
        described,
        content,
        person,
        now: app.handle.clock().now(),
        action: format!("/approvals/{}/page", state.id),
        proof: Some(&session.proof),
        asked: state.asks(&person.name, &person.groups),
        problem: None,
        sent: &[],
    }
}

pub(super) async fn decide(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    mut way: Way,
    body: Body,
) -> Response {
    way.via = Via::Page;
    let Some(session) = session::read(&app, &headers) else {
        return session::first(&format!("/approvals/{name}/page"));
    };
    let id = match find(&app, &name).await {
        Ok(id) => id,
        Err(problem) => return trouble(&problem),
    };
    let pairs = match pairs(&app, &headers, body).await {
        Ok(pairs) => pairs,
        Err(problem) => return trouble(&problem),
    };
    if !session::proves(&session, &headers, &pairs) {
        return trouble(&Problem::new(
            Code::NotAllowed,
            "This did not come from a page of your session: open the approval again",
        ));
    }
    let problem = match act(&app, id, &session.person, way, None, &pairs).await {
        Ok(_) => return see(&format!("/approvals/{id}/page"), None),
        Err(problem) => problem,
    };
    match read(&app, id).await {
        Ok((described, content)) => {
            let mut sheet = sheet(&app, &session, &described, &content);
            (sheet.problem, sheet.sent) = (Some(&problem), &pairs);
            page(problem.status(), html::approval(&sheet))
        }
        Err(problem) => trouble(&problem),
    }
}

/// Does what a form says.
pub(super) async fn act(
    app: &App,
    id: ExecutionId,
    person: &Person,
    way: Way,
    link: Option<u32>,
    pairs: &[(String, String)],
) -> Result<Done, Problem> {
    let person = person.clone();
    let sent = |name: &str| value(pairs, name).map(str::to_owned);
    let verdict = match value(pairs, "decision").unwrap_or_default() {
        "approve" => Verdict::Approve,
        "reject" => Verdict::Reject,
        "request_changes" => Verdict::RequestChanges,
        "comment" | "ask" => {
            let asks = value(pairs, "decision") == Some("ask");
            let said = sent("text").unwrap_or_default();
            remark(app, id, person, (way, link), (said, asks)).await?;
            return Ok(Done::Said);
        }
        "delegate" => {
            hand_on(app, id, person, way, link, pairs).await?;
            return Ok(Done::Said);
        }
        _ => {
            return Err(Problem::new(
                Code::InvalidParameter,
                "The form does not say what is decided",
            ));
        }
    };
    let (described, content) = read(app, id).await?;
    let has_form = described
        .state
        .settings
        .is_some_and(|settings| settings.has_form);
    let form = (has_form && verdict == Verdict::Approve).then(|| {
        let schema = content.get("form").unwrap_or(&Value::Null);
        fields::values(schema, pairs)
    });
    let said = Said {
        verdict,
        digest: sent("digest").unwrap_or_default(),
        comment: sent("comment"),
        form,
        link,
    };
    vote(app, id, person, way, said).await?;
    Ok(Done::Decided)
}

async fn hand_on(
    app: &App,
    id: ExecutionId,
    by: Person,
    way: Way,
    link: Option<u32>,
    pairs: &[(String, String)],
) -> Result<(), Problem> {
    let named = value(pairs, "to").unwrap_or_default().trim().to_owned();
    let to = Named::Text(named).approver()?;
    let handed = Request::Delegate {
        by,
        from: None,
        to,
        reassigns: false,
        comment: text(value(pairs, "text").map(str::to_owned))?,
        via: way.via,
        peer: way.peer,
        link,
    };
    plain(app, id, handed).await
}
