//! Sessions of the pages: a cookie that names whoever signed in with a key, or, at an open door, whoever they say they are.
//!
//! Nothing is stored. A session is signed over its content and the fingerprint of its key: it ends with its time, and with the key.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use everstep_approval::Person;
use hyper::header::{COOKIE, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::{html, page, pairs, see, trouble, value};
use crate::approvals::identity::{check, person};
use crate::door::{self, Caller, Key};
use crate::errors::Code;
use crate::http::App;
use crate::query::Query;
use crate::rest::Problem;
use crate::server::Peer;

const COOKIE_NAME: &str = "everstep-approvals";
const SECONDS: u64 = 12 * 3_600;
const HOME: &str = "/approvals/inbox";

#[derive(Deserialize, Serialize)]
struct Content {
    name: String,
    #[serde(default)]
    groups: Vec<String>,
    /// It began at an open door, without a key.
    open: bool,
    /// Seconds since 1970.
    expires: u64,
}

/// Somebody who has signed in.
pub(super) struct Session {
    pub person: Person,
    /// What forms of this session carry and no other site knows.
    pub proof: String,
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn message(what: &str, text: &str, key: Option<&Key>) -> Vec<u8> {
    let fingerprint = key.map(|key| key.api_key).unwrap_or_default();
    let mut message = format!("everstep approvals {what}\n{text}\n").into_bytes();
    message.extend(fingerprint);
    message
}

fn sign(app: &App, content: &Content, key: Option<&Key>) -> String {
    let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(content).unwrap_or_default());
    let ring = app.handle.keyring();
    let number = ring.current();
    let tag = ring.tag(number, &message("session", &text, key));
    let tag = URL_SAFE_NO_PAD.encode(tag.unwrap_or_default());
    format!("{text}.{number}.{tag}")
}

/// Who looks at a page; `None` for somebody who has to sign in.
pub(super) fn read(app: &App, headers: &HeaderMap) -> Option<Session> {
    let cookies = headers.get_all(COOKIE).iter();
    let cookies = cookies.filter_map(|cookies| cookies.to_str().ok());
    let cookie = cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='))?;
    let mut parts = cookie.split('.');
    let (text, number, tag) = (parts.next()?, parts.next()?, parts.next()?);
    let number: u8 = number.parse().ok()?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    let content: Content = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let door = &app.options.door;
    let key = match content.open {
        true if door.open => None,
        true => return None,
        false => Some(door.keys.by_name(&content.name)?),
    };
    let ring = app.handle.keyring();
    if !ring.verify_tag(number, &message("session", text, key.as_ref()), &tag)
        || content.expires <= now()
    {
        return None;
    }
    let person = match key {
        None => Person {
            name: content.name,
            groups: content.groups,
        },
        Some(key) if key.is_over(SystemTime::now()) => return None,
        Some(key) => person(app, &Caller::key(&key), None, Vec::new()).ok()?,
    };
    let proof = ring.tag(ring.current(), &message("form", text, None))?;
    Some(Session {
        person,
        proof: URL_SAFE_NO_PAD.encode(proof),
    })
}

/// Whether a form was sent by a page of this session.
pub(super) fn proves(session: &Session, headers: &HeaderMap, pairs: &[(String, String)]) -> bool {
    use subtle::ConstantTimeEq as _;
    let sent = value(pairs, "proof").unwrap_or_default();
    bool::from(sent.as_bytes().ct_eq(session.proof.as_bytes())) && is_local_if_open(headers)
}

/// What browsers say of where a form comes from, where they say it.
fn is_local_if_open(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    let site = site.and_then(|site| site.to_str().ok());
    !matches!(site, Some("cross-site" | "same-site"))
}

fn next(query: Option<&str>) -> String {
    let query = Query::parse(query);
    let next = query.get("next").unwrap_or(HOME);
    local(next).to_owned()
}

/// A path of ours, whatever was asked for.
fn local(path: &str) -> &str {
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte));
    if plain && path.starts_with("/approvals/") && !path.contains("//") {
        path
    } else {
        HOME
    }
}

/// To the page that asks who somebody is, and back.
pub(super) fn first(path: &str) -> Response {
    see(&format!("/approvals/sign-in?next={}", local(path)), None)
}

pub(super) async fn ask(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let next = next(query.as_deref());
    page(
        StatusCode::OK,
        html::sign_in(app.options.door.open, &next, None),
    )
}

pub(super) async fn sign_in(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let peer = peer.map(|Extension(Peer(peer))| peer);
    let pairs = match pairs(&app, &headers, body).await {
        Ok(pairs) => pairs,
        Err(problem) => return trouble(&problem),
    };
    let next = local(value(&pairs, "next").unwrap_or(HOME)).to_owned();
    match begin(&app, peer, &headers, &pairs) {
        Ok(cookie) => see(&next, Some(cookie)),
        Err(problem) => {
            let shown = html::sign_in(app.options.door.open, &next, Some(&problem.detail));
            page(problem.status(), shown)
        }
    }
}

fn begin(
    app: &App,
    peer: Option<SocketAddr>,
    headers: &HeaderMap,
    pairs: &[(String, String)],
) -> Result<HeaderValue, Problem> {
    let door = &app.options.door;
    let shown = value(pairs, "key").map(str::trim).unwrap_or_default();
    let name = value(pairs, "name").map(str::trim).unwrap_or_default();
    let (content, key) = if door.open && shown.is_empty() {
        door::check_origin(headers)
            .map_err(|refusal| Problem::new(Code::NotAllowed, refusal.to_string()))?;
        check("A name", name)?;
        let groups = value(pairs, "groups").unwrap_or_default();
        let groups = groups.split(',').map(str::trim);
        let groups = groups.filter(|group| !group.is_empty()).map(str::to_owned);
        (content(name, groups.collect(), true), None)
    } else {
        let known = door.keys.by_api_key(shown);
        let Some(key) = known.filter(|key| !key.is_over(SystemTime::now())) else {
            // As the door does: whoever tries many is told to wait.
            app.callbacks.limiter.failure(peer)?;
            return Err(Problem::new(Code::UnknownKey, "Nobody has this key"));
        };
        let person = person(app, &Caller::key(&key), None, Vec::new())?;
        (content(&person.name, Vec::new(), false), Some(key))
    };
    let session = sign(app, &content, key.as_ref());
    cookie(app, &session, SECONDS)
}

fn content(name: &str, groups: Vec<String>, open: bool) -> Content {
    Content {
        name: name.to_owned(),
        groups,
        open,
        expires: now() + SECONDS,
    }
}

fn cookie(app: &App, text: &str, seconds: u64) -> Result<HeaderValue, Problem> {
    let secure = match app.base.starts_with("https:") {
        true => "; Secure",
        false => "",
    };
    let text = format!(
        "{COOKIE_NAME}={text}; Path=/approvals; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    );
    let mut cookie = HeaderValue::from_str(&text)
        .map_err(|_| Problem::new(Code::InvalidParameter, "The name can't be kept"))?;
    cookie.set_sensitive(true);
    Ok(cookie)
}

pub(super) async fn sign_out(State(app): State<App>) -> Response {
    see("/approvals/sign-in", cookie(&app, "", 0).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere_after_signing_in() {
        assert_eq!(local("/approvals/abc/page"), "/approvals/abc/page");
        for path in [
            "https://example.org",
            "//example.org",
            "/approvals//example.org",
            "/executions",
            "/approvals/a\r\nb",
            "",
        ] {
            assert_eq!(local(path), HOME, "{path:?}");
        }
    }
}
