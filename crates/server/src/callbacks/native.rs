//! `POST /callbacks/{id}/succeed`, `fail`, `heartbeat` and `progress`: the first answer wins, and everybody hears what theirs was.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use everstep_core::{Failure, NOTE_BYTES_MAX, Settlement};
use everstep_engine::{Error, SettleWith, Via};
use hyper::Request;
use hyper::http::request::Parts;
use serde::{Deserialize, Serialize};

use super::AGENT_ERROR;
use super::address::Address;
use super::events::Received;
use super::intake::{self, Taken};
use super::proof::{self, Denied, Proven, Shown};
use super::rates::TooMany;
use super::scoped::Verb;
use crate::claims;
use crate::errors::Code;
use crate::http::{self, App};
use crate::rest::Problem;
use crate::server::Peer;

/// Of an error.
const ERROR_BYTES_MAX: usize = 256 << 10;
const SIGNATURE: &str = "webhook-signature";

/// What an answer was.
#[derive(Serialize)]
struct Heard {
    id: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

/// What went wrong, in our own words; all of it may be missing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FailureIn {
    kind: Option<String>,
    message: Option<String>,
    data: Option<String>,
    stack: Vec<String>,
}

pub(super) async fn receive(
    State(app): State<App>,
    Path((id, verb)): Path<(String, String)>,
    peer: Option<Extension<Peer>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let Some(verb) = Verb::named(&verb) else {
        let text = "Callbacks are answered with succeed, fail, heartbeat and progress";
        return Err(Problem::new(Code::UnknownRoute, text));
    };
    let received = Received::new(peer.map(|Extension(Peer(peer))| peer));
    app.callbacks.limiter.request(received.peer)?;
    let (head, body) = request.into_parts();
    claims::plain(&head.headers)?;
    let taken = if head.headers.contains_key(SIGNATURE) {
        signed(&app, &id, verb, &head, body).await
    } else {
        shown(&app, &id, verb, &head, body).await
    };
    let (proven, body) = match taken? {
        Ok(taken) => taken,
        Err(Denied) => {
            app.callbacks.limiter.failure(received.peer)?;
            return Err(unknown());
        }
    };
    proven.limited(&app)?;
    act(&app, &received, verb, &proven, body).await
}

type Admitted = Result<(Proven, Body), Denied>;

/// A signature is over the whole body: it is read and checked before anything else is made of it.
async fn signed(
    app: &App,
    id: &str,
    verb: Verb,
    head: &Parts,
    body: Body,
) -> Result<Admitted, Problem> {
    let limits = app.options.limits;
    let bytes = http::read(body, limits.callback_bytes_max, limits.body_timeout).await?;
    let proven = proof::by_signature(app, id, verb, &head.headers, &bytes).await;
    Ok(proven.map(|proven| (proven, Body::from(bytes))))
}

async fn shown(
    app: &App,
    id: &str,
    verb: Verb,
    head: &Parts,
    body: Body,
) -> Result<Admitted, Problem> {
    let shown = Shown::of_headers(&head.headers);
    match proof::by_token(app, Some(id), verb, shown, Some(&head.headers)).await {
        Ok(proven) => Ok(Ok((proven, body))),
        Err(Denied) => {
            if let Ok(pieces) = claims::pieces(app, body) {
                claims::drain(app, pieces);
            }
            Ok(Err(Denied))
        }
    }
}

pub(super) fn unknown() -> Problem {
    Problem::new(
        Code::UnknownCallback,
        "There is no such callback, or the credentials are not good for it",
    )
}

async fn act(
    app: &App,
    received: &Received,
    verb: Verb,
    proven: &Proven,
    body: Body,
) -> Result<Response, Problem> {
    let is_again = matches!(proven.webhook, Some((_, true)));
    let token = proven.token(app);
    let source = |bytes| proven.source(Via::Callbacks, received.peer, bytes);
    let settled = match verb {
        // A recorded sign of life proves nothing. Answers that are sent again are known by their gate.
        Verb::Heartbeat | Verb::Progress if is_again => Ok(Settlement::Duplicate),
        Verb::Heartbeat => {
            let handle = &app.handle;
            handle
                .heartbeat_from(proven.purpose, &token, source(0))
                .await
        }
        Verb::Progress => {
            let note = note(app, body).await?;
            let source = source(note.len() as u64);
            app.handle
                .note_from(proven.purpose, &token, note, source)
                .await
        }
        Verb::Succeed => {
            let Taken {
                result,
                bytes,
                kept,
            } = intake::result(app, &proven.address, body).await?;
            if let Some(kept) = &kept {
                received.result_stored(kept);
            }
            let with = SettleWith::Succeeded((!result.is_empty()).then_some(result));
            let settled = app
                .handle
                .settle_from(proven.purpose, &token, with, source(bytes))
                .await;
            if let (Some(kept), Ok(settlement)) = (&kept, &settled) {
                intake::settled(app, kept, *settlement).await;
            }
            settled
        }
        Verb::Fail => {
            let (failure, bytes) = failure(app, body).await?;
            let with = SettleWith::Failed(failure);
            app.handle
                .settle_from(proven.purpose, &token, with, source(bytes))
                .await
        }
    };
    heard(app, received, verb, proven, settled).await
}

async fn heard(
    app: &App,
    received: &Received,
    verb: Verb,
    proven: &Proven,
    settled: Result<Settlement, Error>,
) -> Result<Response, Problem> {
    let token = proven.token(app);
    let settles = matches!(verb, Verb::Succeed | Verb::Fail);
    let settlement = match settled {
        Ok(settlement) => settlement,
        Err(Error::UnknownExecution { .. } | Error::InvalidToken) => Settlement::Unknown,
        Err(error) => {
            received.storage_error(&token, &error);
            return Err(error.into());
        }
    };
    if settles {
        received.completed(&token, settlement.as_str());
    }
    match settlement {
        Settlement::Applied | Settlement::Duplicate => {
            proven.remember(app);
            if settlement == Settlement::Applied && settles {
                received.stored(&token);
                received.updated(app, proven.address.execution).await;
            }
            Ok(Json(Heard {
                id: proven.address.to_string(),
                outcome: settlement.as_str(),
                duplicate: settlement == Settlement::Duplicate,
            })
            .into_response())
        }
        Settlement::Conflict if settles => Err(Problem::new(
            Code::CallbackAnswered,
            "Another answer came first; this one lies among the dead letters",
        )),
        Settlement::Unknown => Err(unknown()),
        closed => Err(gone(&proven.address, closed)),
    }
}

fn gone(address: &Address, closed: Settlement) -> Problem {
    let why = match closed {
        Settlement::TimedOut => "its time was over",
        Settlement::Superseded => "it is asked for anew",
        Settlement::Conflict | Settlement::Duplicate | Settlement::Applied => "it was answered",
        Settlement::Closed | Settlement::Unknown => "it is not wanted any more",
    };
    let text = format!("Nobody waits for callback {address}: {why}");
    Problem::new(Code::CallbackClosed, text)
}

/// Progress: any JSON that is short, as it was written.
async fn note(app: &App, body: Body) -> Result<Bytes, Problem> {
    let limits = app.options.limits;
    let bytes = http::read(body, NOTE_BYTES_MAX, limits.body_timeout).await?;
    claims::check(app, &bytes)?;
    Ok(bytes)
}

async fn failure(app: &App, body: Body) -> Result<(Failure, u64), Problem> {
    let limits = app.options.limits;
    let bytes = http::read(body, ERROR_BYTES_MAX, limits.body_timeout).await?;
    let given: FailureIn = if bytes.is_empty() {
        FailureIn::default()
    } else {
        serde_json::from_slice(&bytes).map_err(|error| {
            let text = format!(
                "An error has the members kind, message, data and stack, all texts: {error}"
            );
            Problem::new(Code::MalformedJson, text)
        })?
    };
    let failure = Failure {
        kind: given.kind.or_else(|| Some(AGENT_ERROR.to_owned())),
        message: given.message,
        data: given.data,
        stack: given.stack,
    };
    Ok((failure, bytes.len() as u64))
}

impl From<TooMany> for Problem {
    fn from(too_many: TooMany) -> Self {
        Self {
            retry_after_s: Some(too_many.retry_after_s),
            ..Self::new(Code::TooManyRequests, too_many.to_string())
        }
    }
}
