//! Links for people without an account: each for one approver of one approval, for a short time, for one decision.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse as _, Response};
use everstep_approval::{Claim, Described, LinkState, Person, Presented, Reply, Request};
use everstep_core::ExecutionId;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::identity::{check, person};
use super::span::Span;
use super::{ask, describe, find, refused};
use crate::door::{Caller, Need};
use crate::errors::Code;
use crate::http::App;
use crate::rest::{Problem, read_json, time};

pub(super) const EXPIRES_MS_DEFAULT: u64 = 24 * 3_600_000;
pub(super) const EXPIRES_MS_MAX: u64 = 7 * 24 * 3_600_000;

/// What a link leads to.
pub(super) struct Opened {
    pub id: ExecutionId,
    pub number: u32,
    pub person: Person,
    pub described: Described,
    /// Whether it still decides.
    pub good: bool,
}

/// Whether a text is a link of ours, and what it leads to; the same `None` for every text that is not.
pub(super) async fn open(app: &App, text: &str) -> Result<Option<Opened>, Problem> {
    let Some(presented) = Presented::read(app.handle.keyring(), text) else {
        return Ok(None);
    };
    let (id, number) = (presented.approval, presented.number);
    let described = match describe(app, id).await {
        Ok(described) => described,
        Err(problem) if problem.code == Code::UnknownApproval => return Ok(None),
        Err(problem) => return Err(problem),
    };
    let state = &described.state;
    let (Some(link), Some(settings)) = (state.links.get(&number), &state.settings) else {
        return Ok(None);
    };
    let digest = settings.digest.hex();
    let claim = Claim {
        approval: id,
        number,
        approver: &link.approver,
        expires: link.expires,
        digest: &digest,
    };
    if !presented.is_of(&claim, app.handle.keyring()) {
        return Ok(None);
    }
    let in_time = app.handle.clock().now() < link.expires;
    let good = in_time && link.state == LinkState::Good && state.ended.is_none();
    Ok(Some(Opened {
        id,
        number,
        person: Person {
            name: link.approver.clone(),
            groups: Vec::new(),
        },
        good,
        described,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkIn {
    approver: String,
    /// The approver's, where a group is asked and no key says who is in it.
    #[serde(default)]
    groups: Vec<String>,
    expires_in: Option<Span>,
    by: Option<String>,
}

/// Whoever holds a link decides for its approver: only an administrator makes one.
pub(super) async fn create(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    let request: LinkIn = read_json(&app, body).await?;
    if !caller.may(Need::Administer) {
        return Err(Problem::new(
            Code::NotAllowed,
            "Whoever holds a link decides for its approver: an administrator makes it",
        ));
    }
    let by = match &caller {
        Caller::Anyone if request.by.is_none() => "anyone".to_owned(),
        caller => person(&app, caller, request.by, Vec::new())?.name,
    };
    check("An approver's name", &request.approver)?;
    let span = request.expires_in.map(|span| span.ms("expires_in"));
    let span = span.transpose().map(|ms| ms.unwrap_or(EXPIRES_MS_DEFAULT));
    let span = span
        .ok()
        .filter(|ms| *ms <= EXPIRES_MS_MAX)
        .ok_or_else(|| {
            Problem::new(
                Code::InvalidParameter,
                "expires_in is a number of seconds, or such as 90s, 45m or 12h, up to 7d",
            )
        })?;
    let id = find(&app, &name).await?;
    let due = describe(&app, id).await?.state.due;
    // A link does not outlive what it decides.
    let expires = app.handle.clock().now().after_ms(span).min(due);
    let known = app.options.door.keys.by_name(&request.approver);
    let groups = known.map_or(request.groups, |key| key.groups);
    let approver = Person {
        name: request.approver.clone(),
        groups,
    };
    let asked = Request::MakeLink {
        approver,
        expires,
        by,
    };
    let number = match ask(&app, id, asked).await? {
        Reply::Link { number } => number,
        Reply::Refused(refusal) => return Err(refused(refusal)),
        _ => return Err(Problem::new(Code::Crashed, "No link was made")),
    };
    let settings = describe(&app, id).await?.state.settings;
    let digest = settings.map(|settings| settings.digest.hex());
    let claim = Claim {
        approval: id,
        number,
        approver: &request.approver,
        expires,
        digest: &digest.unwrap_or_default(),
    };
    let token = claim.token(app.handle.keyring());
    let url = format!("{}/approvals/link/{token}", app.base);
    let shown = json!({
        "url": url, "number": number, "approver": request.approver, "expires_at": time(expires),
    });
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}
