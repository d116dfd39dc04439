//! Links for people without an account: each for one approver of one approval, for a short time, for one decision.
//!
//! A link is signed over the approval, its own number, the approver, the digest of what is asked and its time. The last three stand in the journal:
//! nothing in the link can be changed, and what it says died with the journal's word for it. A seal over what stands in the link itself comes
//! first: for a text that was never a link of ours no journal is opened.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use everstep_approval::{Described, Link, LinkState, Person, Reply, Request};
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

const VERSION: u8 = 2;
const HEAD: usize = 1 + 1 + 16 + 4;
const LENGTH: usize = HEAD + 32 + 32;
const EXPIRES_MS_DEFAULT: u64 = 24 * 3_600_000;
const EXPIRES_MS_MAX: u64 = 7 * 24 * 3_600_000;

/// What a link is signed over. Lengths first: no two links have the same message.
fn message(id: ExecutionId, number: u32, link: &Link, digest: &str) -> Vec<u8> {
    let (approver, expires) = (&link.approver, link.expires.0);
    format!(
        "everstep approval link\n{id} {number} {expires} {} {digest}\n{approver}",
        approver.len()
    )
    .into_bytes()
}

/// What the seal is over.
fn sealed(head: &[u8]) -> Vec<u8> {
    [b"everstep approval link's seal\n", head].concat()
}

fn token(app: &App, id: ExecutionId, number: u32, link: &Link, digest: &str) -> String {
    let ring = app.handle.keyring();
    let key = ring.current();
    let tag = ring.tag(key, &message(id, number, link, digest));
    let mut bytes = vec![VERSION, key];
    bytes.extend(id.as_bytes());
    bytes.extend(number.to_be_bytes());
    let seal = ring.tag(key, &sealed(&bytes));
    bytes.extend(seal.unwrap_or_default());
    bytes.extend(tag.unwrap_or_default());
    URL_SAFE_NO_PAD.encode(bytes)
}

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
    let decoded = URL_SAFE_NO_PAD.decode(text).ok();
    let bytes: Option<[u8; LENGTH]> = decoded.and_then(|bytes| bytes.try_into().ok());
    let Some(bytes) = bytes else { return Ok(None) };
    let (head, tags) = bytes.split_at(HEAD);
    let (seal, tag) = tags.split_at(32);
    let &[VERSION, key, ref rest @ ..] = head else {
        return Ok(None);
    };
    if !app.handle.keyring().verify_tag(key, &sealed(head), seal) {
        return Ok(None);
    }
    let (id, number) = rest.split_at(16);
    let (Ok(id), Ok(number)) = (id.try_into(), number.try_into()) else {
        return Ok(None);
    };
    let id = ExecutionId::from_bytes(id);
    let number = u32::from_be_bytes(number);
    let described = match describe(app, id).await {
        Ok(described) => described,
        Err(problem) if problem.code == Code::UnknownApproval => return Ok(None),
        Err(problem) => return Err(problem),
    };
    let state = &described.state;
    let (Some(link), Some(settings)) = (state.links.get(&number), &state.settings) else {
        return Ok(None);
    };
    let message = message(id, number, link, &settings.digest.hex());
    if !app.handle.keyring().verify_tag(key, &message, tag) {
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
        by: by.clone(),
    };
    let number = match ask(&app, id, asked).await? {
        Reply::Link { number } => number,
        Reply::Refused(refusal) => return Err(refused(refusal)),
        _ => return Err(Problem::new(Code::Crashed, "No link was made")),
    };
    let link = Link {
        approver: request.approver,
        expires,
        by,
        state: LinkState::Good,
    };
    let settings = describe(&app, id).await?.state.settings;
    let digest = settings.map(|settings| settings.digest.hex());
    let token = token(&app, id, number, &link, &digest.unwrap_or_default());
    let url = format!("{}/approvals/link/{token}", app.base);
    let shown = json!({
        "url": url, "number": number, "approver": link.approver, "expires_at": time(expires),
    });
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}
