//! `POST /callbacks/{id}/tokens`: a token for somebody who is to do a part of what a callback's own token may.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use everstep_core::token::Purpose;
use everstep_engine::ASL;
use hyper::header::{CACHE_CONTROL, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode};
use serde::{Deserialize, Serialize};

use super::address::{self, Address};
use super::proof::{self, By, Shown};
use super::scoped::{AUDIENCE_BYTES_MAX, Scoped, Verb, Verbs};
use crate::door::{Caller, Need};
use crate::errors::Code;
use crate::http::App;
use crate::rest::{Problem, read_json, time};
use crate::server::Peer;

const EXPIRES_SECONDS_DEFAULT: u64 = 3_600;
/// A year: the longest that a callback waits.
const EXPIRES_SECONDS_MAX: u64 = 366 * 24 * 3_600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenIn {
    audience: String,
    verbs: Option<Vec<String>>,
    expires_in: Option<u64>,
    /// Seconds until it is good.
    valid_in: Option<u64>,
}

#[derive(Serialize)]
struct TokenOut {
    id: String,
    token: String,
    audience: String,
    verbs: Vec<&'static str>,
    not_before: String,
    expires_at: String,
}

pub(super) async fn create(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    peer: Option<Extension<Peer>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let peer = peer.map(|Extension(Peer(peer))| peer);
    app.callbacks.limiter.request(peer)?;
    let (head, body) = request.into_parts();
    let Some((purpose, address)) = asked(&app, &id, &caller, &head.headers).await? else {
        app.callbacks.limiter.failure(peer)?;
        return Err(super::native::unknown());
    };
    let asked: TokenIn = read_json(&app, body).await?;
    let scoped = scoped(&app, purpose, address, asked)?;
    let verbs = Verb::ALL.into_iter();
    let shown = TokenOut {
        id: address.to_string(),
        token: scoped.sign(app.handle.keyring()),
        verbs: verbs
            .filter(|verb| scoped.verbs.contains(*verb))
            .map(Verb::as_str)
            .collect(),
        not_before: at(scoped.not_before),
        expires_at: at(scoped.expires),
        audience: scoped.audience,
    };
    let mut response = (StatusCode::CREATED, Json(shown)).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn at(seconds: u64) -> String {
    time(everstep_core::Timestamp(seconds.saturating_mul(1_000)))
}

/// The callback that is meant, for those who may answer it themselves: who shows its own token, and whom the door lets change its execution.
async fn asked(
    app: &App,
    id: &str,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Option<(Purpose, Address)>, Problem> {
    let named: Option<Address> = id.parse().ok();
    let shown = Shown::of_headers(headers).filter(|shown| shown.by == By::Bearer);
    // At an open door everybody may; who shows a token is taken by it.
    if *caller == Caller::Nobody || (*caller == Caller::Anyone && shown.is_some()) {
        let own = address::of_token(&app.handle, shown.map_or("", |shown| shown.token));
        // A made token makes no further ones.
        let own = own.filter(|(_, address)| named.is_none_or(|named| named == *address));
        return Ok(own.filter(|_| named.is_some() || id == proof::SELF));
    }
    let Some(address) = named else {
        return Ok(None);
    };
    caller.must(Need::Extend(address.execution), "make tokens of callbacks")?;
    Ok(purpose(app, &address)
        .await
        .map(|purpose| (purpose, address)))
}

/// What the tokens of an operation are for that is settled from outside.
pub(super) async fn purpose(app: &App, address: &Address) -> Option<Purpose> {
    let snapshot = app.handle.snapshot(address.execution).await.ok()?;
    if snapshot.row.machine == ASL {
        let mut waits = snapshot.waits.iter();
        let is_open = waits.any(|wait| {
            wait.is_open
                && wait.operation == address.operation
                && wait.generation == address.generation
        });
        return is_open.then_some(Purpose::Task);
    }
    let mut operations = snapshot.view.operations.iter();
    operations
        .any(|known| known.operation == address.operation && known.kind == proof::CALLBACK)
        .then_some(Purpose::Callback)
}

fn scoped(
    app: &App,
    purpose: Purpose,
    address: Address,
    asked: TokenIn,
) -> Result<Scoped, Problem> {
    let invalid = |text: String| Problem::new(Code::InvalidParameter, text);
    let audience = asked.audience;
    if !(1..=AUDIENCE_BYTES_MAX).contains(&audience.len())
        || !audience.bytes().all(|byte| byte.is_ascii_graphic())
    {
        let text = format!("audience has 1 to {AUDIENCE_BYTES_MAX} letters, digits and signs");
        return Err(invalid(text));
    }
    let verbs = match asked.verbs {
        None => Verbs::ALL,
        Some(names) => names
            .iter()
            .map(|name| {
                let text =
                    || format!("verbs are succeed, fail, heartbeat and progress, not {name:.20}");
                Verb::named(name).ok_or_else(|| invalid(text()))
            })
            .collect::<Result<Verbs, _>>()?,
    };
    if !Verb::ALL.into_iter().any(|verb| verbs.contains(verb)) {
        return Err(invalid("a token is good for one verb at least".to_owned()));
    }
    let expires_in = asked.expires_in.unwrap_or(EXPIRES_SECONDS_DEFAULT);
    let valid_in = asked.valid_in.unwrap_or_default();
    if !(1..=EXPIRES_SECONDS_MAX).contains(&expires_in) || valid_in >= expires_in {
        let text =
            format!("expires_in lies between 1 and {EXPIRES_SECONDS_MAX}, and valid_in below it");
        return Err(invalid(text));
    }
    let now = app.handle.clock().now().0 / 1_000;
    Ok(Scoped {
        purpose,
        address,
        verbs,
        audience,
        not_before: now + valid_in,
        expires: now + expires_in,
    })
}
