//! The door: who sends a request, and what they may do.
//!
//! A caller shows an AWS signature (header or query), a bearer key, or nothing. Keys are the operator's ([`Keys`]); a worker's are known through
//! [`Workers`] and good for its own executions alone. Artifacts also open to a signed link. Callbacks carry tokens of their own and pass.
//!
//! Invariants
//! - A signature by a known key is checked, always. An open door lets only unknown callers pass.
//! - Secrets are compared in constant time and stand in no log, error or `Debug`.
//! - Time is the machine's clock, whatever the engine's clock does: signatures come from outside.

mod caller;
mod credentials;
mod keys;
mod origin;
mod permission;
mod refusal;
mod sigv4;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use everstep_core::ExecutionId;
use hyper::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};

use crate::callbacks;
use crate::http::{self, App};
use crate::server::Peer;

pub(crate) use caller::Caller;
use credentials::Presented;
pub use keys::{AccessKey, Key, Keys, Role, fingerprint};
pub(crate) use origin::check as check_origin;
pub(crate) use permission::Need;
pub(crate) use refusal::Refusal;
use refusal::Surface;

/// How requests are admitted.
#[derive(Clone)]
pub struct Door {
    /// The operator's keys.
    pub keys: Keys,
    /// Where the keys of workers are known.
    pub workers: Option<Arc<dyn Workers>>,
    /// Whether callers without credentials, or with unknown ones, may do everything except touch artifacts: development on loopback.
    pub open: bool,
    /// Whether `/metrics` is told to everybody.
    pub open_metrics: bool,
    /// How far a signature's time may be from ours.
    pub skew: Duration,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            keys: Keys::default(),
            workers: None,
            open: true,
            open_metrics: false,
            skew: Duration::from_secs(5 * 60),
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("keys", &self.keys)
            .field("open", &self.open)
            .field("skew", &self.skew)
            .finish_non_exhaustive()
    }
}

/// Where the access keys of workers are known: whoever runs functions implements it.
pub trait Workers: Send + Sync {
    /// Whether an access key has the form of a worker's. One that has, and is not known, belonged to a worker that has ended.
    fn is_worker_key(&self, access_key_id: &str) -> bool;
    /// The worker that holds this access key now.
    fn by_access_key(&self, access_key_id: &str) -> Option<Worker>;
    /// The worker whose bearer token this is; compared in constant time.
    fn by_token(&self, token: &str) -> Option<Worker>;
}

/// A worker that lives.
#[derive(Clone, Debug)]
pub struct Worker {
    pub secret_access_key: SecretString,
    /// Qualified ARN of its function.
    pub function_arn: String,
    /// The executions whose invocations it holds now.
    pub executions: Vec<ExecutionId>,
}

/// The answer to a client of AWS's REST protocol.
pub(crate) fn refuse_aws(refusal: &Refusal) -> Response {
    tracing::debug!(reason = %refusal, "a request was refused at the door");
    Surface::Aws.answer(refusal)
}

/// The answer to a client of AWS's JSON protocols.
pub(crate) fn refuse_json(refusal: &Refusal) -> Response {
    tracing::debug!(reason = %refusal, "a request was refused behind the door");
    Surface::AwsJson.answer(refusal)
}

/// Admits a request or answers it; what is behind finds a [`Caller`] among its extensions.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let surface = Surface::of(&request);
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    match admit(&app, request, surface).await {
        Ok(request) => answered(&app, request, next).await,
        Err(refusal) => {
            tracing::debug!(reason = %refusal, "a request was refused at the door");
            surface.answer(&counted(&app, peer, refusal))
        }
    }
}

/// What is behind answers; who only looks is shown no token that answers something.
async fn answered(app: &App, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let caller = head.extensions.get::<Caller>().cloned();
    let veiled = caller.filter(|caller| callbacks::is_veiled(&head, caller));
    let response = next.run(Request::from_parts(head, body)).await;
    match veiled {
        Some(caller) => callbacks::cover(app, &caller, response).await,
        None => response,
    }
}

/// Whoever shows too many wrong credentials hears nothing of them any more for a while.
fn counted(app: &App, peer: Option<SocketAddr>, refusal: Refusal) -> Refusal {
    if !refusal.is_wrong_credential() {
        return refusal;
    }
    match app.callbacks.limiter.failure(peer) {
        Ok(()) => refusal,
        Err(too_many) => Refusal::TooMany(too_many),
    }
}

async fn admit(app: &App, request: Request, surface: Surface) -> Result<Request, Refusal> {
    http::unambiguous(&request)?;
    let (mut head, body) = request.into_parts();
    if permission::is_public(app, &head) {
        head.extensions.insert(Caller::Nobody);
        return Ok(Request::from_parts(head, body));
    }
    let (caller, body) = identify(app, &mut head, body, surface).await?;
    if caller == Caller::Anyone {
        origin::check(&head.headers)?;
    }
    match surface {
        Surface::Rest => permission::rest(app, &head, &caller)?,
        Surface::AwsJson => permission::json(&head, &caller)?,
        // `lambda` asks when it has read the path.
        Surface::Aws => {}
    }
    head.extensions.insert(caller);
    Ok(Request::from_parts(head, body))
}

/// Who sends this. A body that is signed is read first, and handed on as it is.
async fn identify(
    app: &App,
    head: &mut Parts,
    body: Body,
    surface: Surface,
) -> Result<(Caller, Body), Refusal> {
    let door = &app.options.door;
    // Functions behind addresses and links ask in their own ways, or not at all.
    let otherwise = if door.open && permission::makes_tokens(head) {
        Some(Caller::Anyone)
    } else if permission::asks_itself(head) {
        Some(Caller::Nobody)
    } else {
        door.open.then_some(Caller::Anyone)
    };
    let presented = match (credentials::read(head), otherwise.clone()) {
        (Ok(presented), _) => presented,
        // AWS's own scheme is never somebody else's.
        (Err(refusal), Some(caller)) if !refusal.is_of_signature() => return Ok((caller, body)),
        (Err(refusal), _) => return Err(refusal),
    };
    let caller = match presented {
        Presented::Signature(signed) => {
            return signature(app, head, body, *signed, surface).await;
        }
        Presented::Nothing => None,
        Presented::Bearer(token) => bearer(door, token.expose_secret())?,
    };
    match (caller, otherwise) {
        (Some(caller), _) => {
            // What was for the door is not told to functions behind it.
            credentials::take(head);
            Ok((caller, body))
        }
        (None, Some(caller)) => Ok((caller, body)),
        (None, None) if credentials::are_shown(head) => Err(Refusal::Unknown),
        (None, None) => Err(Refusal::Missing),
    }
}

/// Whose token or key this is; `None` when it is nobody's.
fn bearer(door: &Door, token: &str) -> Result<Option<Caller>, Refusal> {
    let workers = door.workers.as_ref();
    if let Some(worker) = workers.and_then(|workers| workers.by_token(token)) {
        return Ok(Some(Caller::worker(worker)));
    }
    match door.keys.by_api_key(token) {
        Some(key) if key.is_over(SystemTime::now()) => Err(Refusal::Expired),
        Some(key) => Ok(Some(Caller::key(&key))),
        None => Ok(None),
    }
}

async fn signature(
    app: &App,
    head: &Parts,
    body: Body,
    signed: sigv4::Signed,
    surface: Surface,
) -> Result<(Caller, Body), Refusal> {
    let door = &app.options.door;
    let Some((secret, caller)) = holder(door, &signed)? else {
        return Ok((Caller::Anyone, body));
    };
    signed.check_time(SystemTime::now(), surface.skew(door.skew))?;
    let limits = &app.options.limits;
    let (hash, body) = if signed.is_payload_unsigned() {
        (None, body)
    } else {
        let bytes = http::read(
            body,
            surface.signed_bytes_max(head, limits),
            limits.body_timeout,
        )
        .await
        .map_err(Refusal::Body)?;
        (Some(sigv4::hash(&bytes)), Body::from(bytes))
    };
    signed.verify(head, hash.as_deref(), secret.expose_secret())?;
    Ok((caller, body))
}

/// The secret that a signature has to be made with, and whose it is; `None` for a key that nobody knows at an open door.
fn holder(door: &Door, signed: &sigv4::Signed) -> Result<Option<(SecretString, Caller)>, Refusal> {
    let id = signed.access_key_id.as_str();
    if let Some(workers) = &door.workers {
        if let Some(worker) = workers.by_access_key(id) {
            signed.check_session(None)?;
            let secret = worker.secret_access_key.clone();
            return Ok(Some((secret, Caller::worker(worker))));
        }
        if workers.is_worker_key(id) {
            return Err(Refusal::Expired);
        }
    }
    match door.keys.by_access_key(id) {
        Some((key, _)) if key.is_over(SystemTime::now()) => Err(Refusal::Expired),
        Some((key, access)) => {
            signed.check_session(access.session_token.as_ref())?;
            Ok(Some((access.secret_access_key, Caller::key(&key))))
        }
        None if door.open => Ok(None),
        None => Err(Refusal::Unknown),
    }
}
