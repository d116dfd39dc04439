//! The page behind a link: for one person, without an account.

use std::net::SocketAddr;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use everstep_approval::Via;
use hyper::{HeaderMap, StatusCode};
use serde_json::Value;

use super::approval::{Done, act, read};
use super::html::{self, Sheet};
use super::{page, pairs, see, trouble, value};
use crate::approvals::decide::Way;
use crate::approvals::link::{Opened, open};
use crate::errors::Code;
use crate::http::App;
use crate::rest::Problem;
use crate::server::Peer;

/// One answer for what was never a link and for what was changed.
fn unknown() -> Problem {
    Problem::new(
        Code::UnknownApproval,
        "There is no approval behind this link: perhaps a part of the address is missing",
    )
}

fn spent() -> Problem {
    Problem::new(
        Code::SpentLink,
        "The link has been used, has expired, or was given up. Whoever sent it can send a new one",
    )
}

fn sheet<'a>(app: &App, token: &str, opened: &'a Opened, content: &'a Value) -> Sheet<'a> {
    Sheet {
        described: &opened.described,
        content,
        person: &opened.person,
        now: app.handle.clock().now(),
        action: format!("/approvals/link/{token}"),
        proof: None,
        asked: opened.good,
        problem: None,
        sent: &[],
    }
}

/// What a link leads to. Whoever tries many that are none is told to wait.
async fn opened(app: &App, token: &str, peer: Option<SocketAddr>) -> Result<Opened, Problem> {
    if let Some(opened) = open(app, token).await? {
        return Ok(opened);
    }
    app.callbacks.limiter.failure(peer)?;
    Err(unknown())
}

fn address(peer: Option<Extension<Peer>>) -> Option<SocketAddr> {
    peer.map(|Extension(Peer(peer))| peer)
}

pub(super) async fn show(
    State(app): State<App>,
    Path(token): Path<String>,
    peer: Option<Extension<Peer>>,
) -> Response {
    match shown(&app, &token, address(peer)).await {
        Ok(html) => page(StatusCode::OK, html),
        Err(problem) => trouble(&problem),
    }
}

async fn shown(app: &App, token: &str, peer: Option<SocketAddr>) -> Result<String, Problem> {
    let opened = opened(app, token, peer).await?;
    if !opened.good {
        return Err(spent());
    }
    let (_, content) = read(app, opened.id).await?;
    Ok(html::approval(&sheet(app, token, &opened, &content)))
}

pub(super) async fn decide(
    State(app): State<App>,
    Path(token): Path<String>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    mut way: Way,
    body: Body,
) -> Response {
    way.via = Via::Link;
    let opened = match opened(&app, &token, address(peer)).await {
        Ok(opened) => opened,
        Err(problem) => return trouble(&problem),
    };
    match decided(&app, (&token, opened), &headers, way, body).await {
        Ok(response) => response,
        Err(problem) => trouble(&problem),
    }
}

async fn decided(
    app: &App,
    (token, opened): (&str, Opened),
    headers: &HeaderMap,
    way: Way,
    body: Body,
) -> Result<Response, Problem> {
    let pairs = pairs(app, headers, body).await?;
    // A link that is not good any more may still repeat what it decided: the machine knows. It does nothing else.
    let decides = value(&pairs, "decision")
        .is_some_and(|word| ["approve", "reject", "request_changes"].contains(&word));
    if !opened.good && !decides {
        return Err(spent());
    }
    let acted = act(
        app,
        opened.id,
        &opened.person,
        way,
        Some(opened.number),
        &pairs,
    )
    .await;
    let problem = match acted {
        Ok(Done::Decided) => {
            let (described, _) = read(app, opened.id).await?;
            let html = html::thanks(&described, &opened.person.name);
            return Ok(page(StatusCode::OK, html));
        }
        Ok(Done::Said) => return Ok(see(&format!("/approvals/link/{token}"), None)),
        Err(problem) => problem,
    };
    if !opened.good {
        return Err(problem);
    }
    let (_, content) = read(app, opened.id).await?;
    let mut sheet = sheet(app, token, &opened, &content);
    (sheet.problem, sheet.sent) = (Some(&problem), &pairs);
    Ok(page(problem.status(), html::approval(&sheet)))
}
