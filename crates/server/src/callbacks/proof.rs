//! Who may answer a callback: tokens and signatures, held against the policy of what waits.
//!
//! Every refusal is one and the same [`Denied`]: an id that does not exist, a callback of somebody else, a token that is damaged, expired, or made
//! for something else look alike, and take the same steps.

use std::net::SocketAddr;

use everstep_core::ExecutionId;
use everstep_core::token::Purpose;
use everstep_engine::{Source, Via};
use hyper::header::{AUTHORIZATION, HeaderMap};

use super::address::{self, Address};
use super::policy::Policy;
use super::rates::TooMany;
use super::scoped::{Scoped, Verb};
use super::seen::Stands;
use super::webhook::Signed;
use crate::executions;
use crate::http::App;
use crate::trace;

/// In the path, for "the callback that my token is for".
pub(super) const SELF: &str = "self";
/// The kind of a callback among an execution's operations.
pub(super) const CALLBACK: &str = "CALLBACK";
/// Who a sender says it is; a token for somebody else is not good then.
const AUDIENCE: &str = "everstep-audience";

/// Somebody who may do something with a callback.
#[derive(Debug)]
pub(super) struct Proven {
    pub purpose: Purpose,
    pub address: Address,
    who: Option<String>,
    hash: Option<String>,
    /// A signed request by its id, to be remembered once it has been acted on, and whether it was before.
    pub webhook: Option<(String, bool)>,
}

/// Not for this callback, or there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Denied;

/// A token as it was shown, and by which of the ways.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub token: &'a str,
    pub by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// `Authorization: Bearer`, or in the seeds' body.
    Bearer,
    /// The headers of A2A's pushes.
    A2a,
}

impl<'a> Shown<'a> {
    pub(super) fn of_headers(headers: &'a HeaderMap) -> Option<Self> {
        if let Some(token) = super::push::token(headers) {
            let by = By::A2a;
            return Some(Self { token, by });
        }
        let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Self {
            token: token.trim(),
            by: By::Bearer,
        })
    }
}

impl Proven {
    /// The token that acts for what was proven.
    pub(super) fn token(&self, app: &App) -> String {
        address::token(&app.handle, self.purpose, &self.address)
    }

    pub(super) fn source(&self, via: Via, peer: Option<SocketAddr>, bytes: u64) -> Source {
        Source {
            via,
            peer: peer.map(|peer| peer.ip().to_string()),
            who: self.who.clone(),
            token_hash: self.hash.clone(),
            bytes,
        }
    }

    /// Remembers a signed request that was acted on.
    pub(super) fn remember(&self, app: &App) {
        if let Some((id, _)) = &self.webhook {
            app.callbacks.seen.done(id);
        }
    }

    /// What one credential may do of this is limited, whoever else has another one. All signed requests of a callback are one.
    pub(super) fn limited(&self, app: &App) -> Result<(), TooMany> {
        let credential = self.hash.as_deref().filter(|_| self.webhook.is_none());
        app.callbacks.limiter.callback(&self.address, credential)
    }
}

/// Whether a shown token is good for doing this to the callback that the path names; without a name, to its own.
///
/// # Errors
/// [`Denied`].
pub(super) async fn by_token(
    app: &App,
    id: Option<&str>,
    verb: Verb,
    shown: Option<Shown<'_>>,
    headers: Option<&HeaderMap>,
) -> Result<Proven, Denied> {
    let named: Option<Address> = id.and_then(|id| id.parse().ok());
    let is_self = id.is_none_or(|id| id == SELF);
    let text = shown.map_or("", |shown| shown.token);
    let now = app.handle.clock().now().0 / 1_000;
    let own = address::of_token(&app.handle, text);
    let scoped =
        Scoped::read(app.handle.keyring(), text).filter(|scoped| scoped.is_good(verb, now));
    let audience = headers.and_then(|headers| headers.get(AUDIENCE));
    let (purpose, address, who) = match (own, scoped) {
        (Some((purpose, address)), _) => (purpose, address, None),
        (None, Some(scoped))
            if audience.is_none_or(|named| named.as_bytes() == scoped.audience.as_bytes()) =>
        {
            (scoped.purpose, scoped.address, Some(scoped.audience))
        }
        _ => return Err(Denied),
    };
    if !is_self && named != Some(address) {
        return Err(Denied);
    }
    let policy = policy(app, address.execution).await;
    let allowed = match shown.map(|shown| shown.by) {
        Some(By::Bearer) => policy.bearer,
        Some(By::A2a) => policy.a2a,
        None => false,
    };
    if !allowed {
        return Err(Denied);
    }
    trace::link(&app.handle, address.execution).await;
    Ok(Proven {
        purpose,
        address,
        who,
        hash: Some(Source::token_hash(text)),
        webhook: None,
    })
}

/// Whether a signed body may do something to the callback of a function that the path names.
///
/// # Errors
/// [`Denied`].
pub(super) async fn by_signature(
    app: &App,
    id: &str,
    verb: Verb,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Proven, Denied> {
    let options = &app.options.callbacks;
    let named: Option<Address> = id.parse().ok();
    let definition = match &named {
        Some(address) => definition(app, address.execution).await,
        None => None,
    };
    let policy = options.of(definition.as_deref());
    let signed = Signed::read(headers).ok_or(Denied)?;
    let now = app.handle.clock().now();
    let seconds = i64::try_from(now.0 / 1_000).unwrap_or(i64::MAX);
    let good = signed.verify(&policy.webhook_keys, body)
        && signed.is_timely(seconds, options.webhook_tolerance.as_secs())
        && app.callbacks.seen.covers(signed.timestamp);
    let address = named.filter(|_| good).ok_or(Denied)?;
    // Signers are known to the operator, not to the execution: they answer what waits for an answer and nothing else of it.
    if !is_callback(app, &address).await {
        return Err(Denied);
    }
    let what = (&address, verb);
    let tolerance = options.webhook_tolerance;
    let is_again = match app.callbacks.seen.take(signed.id, what, now, tolerance) {
        Stands::First => false,
        Stands::Again => true,
        Stands::Elsewhere => return Err(Denied),
    };
    trace::link(&app.handle, address.execution).await;
    Ok(Proven {
        purpose: Purpose::Callback,
        address,
        who: Some("webhook".to_owned()),
        hash: Some(Source::token_hash(signed.id)),
        webhook: Some((signed.id.to_owned(), is_again)),
    })
}

/// Whether this is a callback of a durable function.
async fn is_callback(app: &App, address: &Address) -> bool {
    let Ok(snapshot) = app.handle.snapshot(address.execution).await else {
        return false;
    };
    let mut operations = snapshot.view.operations.iter();
    operations
        .any(|operation| operation.operation == address.operation && operation.kind == CALLBACK)
}

async fn definition(app: &App, execution: ExecutionId) -> Option<String> {
    let row = app.handle.row(execution).await.ok()?;
    Some(executions::definition(&row).to_owned())
}

/// The policy of an execution's definition; the execution is only asked for when there are several policies.
async fn policy(app: &App, execution: ExecutionId) -> &Policy {
    let options = &app.options.callbacks;
    if options.definitions.is_empty() {
        return &options.policy;
    }
    options.of(definition(app, execution).await.as_deref())
}
