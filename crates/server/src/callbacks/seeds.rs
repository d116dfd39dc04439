//! `POST /callbacks` and `POST /callbacks/{id}` in the research workflow's shape. The token in the body decides; the path's id is the caller's own note.
//!
//! What can be read is answered with 200, whatever becomes of it: agents would otherwise go on trying. The body says what it was, and so do the
//! history and the dead letters.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use everstep_core::Settlement;
use everstep_engine::letter::topic;
use everstep_engine::{Error, NewLetter, SettleWith, Source, Via};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    CONTENT_TYPE, HeaderValue, RETRY_AFTER,
};
use hyper::http::request::Parts;
use hyper::{Request, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::envelope::{self, Envelope, Fault};
use super::events::Received;
use super::intake::{self, Kept};
use super::proof::{self, By, Proven, Shown};
use super::rates::TooMany;
use super::request::{Answer, Invalid, Outcome};
use super::scoped::Verb;
use super::{a2a, failure, orphans};
use crate::claims::{self, JsonFault, Refused, Staged};
use crate::http::{App, BodyError};
use crate::lambda::arn::is_word;
use crate::rest::time;
use crate::server::Peer;

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    Applied,
    Duplicate,
    Conflict,
    Late,
    Orphan,
}

impl Became {
    pub(super) const fn of(settlement: Settlement) -> Self {
        match settlement {
            Settlement::Applied => Self::Applied,
            Settlement::Duplicate => Self::Duplicate,
            Settlement::Conflict => Self::Conflict,
            Settlement::TimedOut | Settlement::Closed | Settlement::Superseded => Self::Late,
            Settlement::Unknown => Self::Orphan,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Late => "late",
            Self::Orphan => "orphan",
        }
    }
}

/// The seeds' answer; what an answer was stands in it where it was not the first.
#[derive(Serialize)]
struct Delivered<'a> {
    status: &'static str,
    token: &'a str,
    timestamp: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    conflict: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    orphan: bool,
}

/// Why an answer is not taken, in the seeds' shape.
pub(super) enum Declined {
    Fault(Fault),
    TooMany(TooMany),
    /// It can't be kept now.
    Failed,
}

impl From<Fault> for Declined {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooMany(too_many) => Self::TooMany(too_many),
            Fault::Refused(Refused::Full) => Self::TooMany(TooMany {
                retry_after_s: claims::FULL_RETRY_SECONDS,
            }),
            fault => Self::Fault(fault),
        }
    }
}

impl From<Refused> for Declined {
    fn from(refused: Refused) -> Self {
        Fault::from(refused).into()
    }
}

pub(super) async fn receive(State(app): State<App>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let peer = head.extensions.get::<Peer>().map(|peer| peer.0);
    let received = Received::new(peer);
    if let Err(too_many) = app.callbacks.limiter.request(peer) {
        return declined(&app, &received, Declined::TooMany(too_many));
    }
    let taken = match Shown::of_headers(&head.headers).filter(|shown| shown.by == By::A2a) {
        Some(shown) => a2a::take(&app, &received, shown, &head, body).await,
        None => take(&app, &received, &head, body).await,
    };
    taken.unwrap_or_else(|why| declined(&app, &received, why))
}

/// What a browser asks before it sends.
pub(super) async fn preflight(State(app): State<App>) -> Response {
    let mut response = answer(&app, StatusCode::NO_CONTENT, &());
    *response.body_mut() = Body::empty();
    let headers = response.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST, OPTIONS"),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("content-type, authorization"),
    );
    response
}

async fn take(
    app: &App,
    received: &Received,
    head: &Parts,
    body: Body,
) -> Result<Response, Declined> {
    claims::plain(&head.headers)?;
    let Envelope {
        answer: Answer { token, outcome },
        staged,
        bytes,
    } = envelope::read(app, received.peer, body).await?;
    received.processing(&token, &outcome);
    let verb = match outcome {
        Outcome::Success(_) => Verb::Succeed,
        Outcome::Failure(_) => Verb::Fail,
    };
    let shown = Shown {
        token: &token,
        by: By::Bearer,
    };
    match proof::by_token(app, None, verb, Some(shown), Some(&head.headers)).await {
        Ok(proven) => {
            if let Err(too_many) = proven.limited(app) {
                if let Some(staged) = staged {
                    staged.discard(app).await;
                }
                return Err(Declined::TooMany(too_many));
            }
            let (outcome, kept) = match staged {
                Some(staged) => {
                    let kept = envelope::keep(app, staged, &proven.address).await?;
                    received.result_stored(&kept);
                    let reference = kept.reference(&app.options.callbacks.artifact_bucket);
                    (Outcome::Success(reference), Some(kept))
                }
                None => (outcome, None),
            };
            let source = proven.source(Via::Callbacks, received.peer, bytes);
            settle(app, received, &proven, &token, (outcome, kept), source).await
        }
        Err(proof::Denied) => {
            received.workflow_id_missing(&token);
            let named = head.uri.path().strip_prefix("/callbacks/");
            let answer = Unwanted {
                verb,
                payload: match staged {
                    Some(_) => None,
                    None => Some(outcome.into_bytes()),
                },
                staged,
                bytes,
            };
            let from = (Via::Callbacks, &*token);
            orphan(app, received, from, named, answer).await
        }
    }
}

/// An answer for nobody.
pub(super) struct Unwanted {
    pub verb: Verb,
    pub payload: Option<Bytes>,
    /// A large result, in the place of a payload.
    pub staged: Option<Staged>,
    pub bytes: u64,
}

/// Settles what was proven, and answers in the seeds' shape.
pub(super) async fn settle(
    app: &App,
    received: &Received,
    proven: &Proven,
    token: &str,
    (outcome, kept): (Outcome, Option<Kept>),
    source: Source,
) -> Result<Response, Declined> {
    let with = match outcome {
        Outcome::Success(result) => SettleWith::Succeeded(Some(result)),
        Outcome::Failure(error) => SettleWith::Failed(failure(&error)),
    };
    let settled = app
        .handle
        .settle_from(proven.purpose, &proven.token(app), with, source)
        .await;
    match settled {
        Ok(settlement) => {
            if let Some(kept) = &kept {
                intake::settled(app, kept, settlement).await;
            }
            let became = Became::of(settlement);
            if became == Became::Applied {
                received.stored(token);
                received.updated(app, proven.address.execution).await;
            }
            Ok(delivered(app, received, token, became))
        }
        Err(Error::UnknownExecution { .. }) => {
            received.workflow_not_found(token);
            Ok(delivered(app, received, token, Became::Orphan))
        }
        Err(error) => Err(failed(received, token, &error)),
    }
}

pub(super) fn failed(received: &Received, token: &str, error: &Error) -> Declined {
    received.storage_error(token, error);
    match error {
        Error::Overloaded { retry_after_s, .. } => Declined::TooMany(TooMany {
            retry_after_s: *retry_after_s,
        }),
        _ => Declined::Failed,
    }
}

/// Keeps an answer that is nobody's as a dead letter. One address may send only so many.
pub(super) async fn orphan(
    app: &App,
    received: &Received,
    (via, token): (Via, &str),
    named: Option<&str>,
    answer: Unwanted,
) -> Result<Response, Declined> {
    if let Err(too_many) = app.callbacks.limiter.failure(received.peer) {
        if let Some(staged) = answer.staged {
            staged.discard(app).await;
        }
        return Err(Declined::TooMany(too_many));
    }
    let bytes = answer.bytes;
    let (payload, artifact) = match answer.staged {
        None => (answer.payload, None),
        Some(staged) => match orphans::keep(app, staged).await? {
            Some(kept) => (Some(kept.reference), Some(kept.key)),
            None => (None, None),
        },
    };
    let body = json!({
        "verb": answer.verb.as_str(),
        "outcome": Settlement::Unknown.as_str(),
        // Longer words may be tokens.
        "named": named.filter(|named| is_word(named, 64)),
        "bytes": bytes,
        // The payload is a reference to it.
        "artifact": artifact,
    });
    let letter = NewLetter {
        topic: topic::CALLBACK_ORPHAN.to_owned(),
        dead: Some("its token is none that is good here".to_owned()),
        source: Some(source((via, token), received.peer, bytes)),
        body: Bytes::from(body.to_string()),
        payload,
        ..NewLetter::default()
    };
    match app.handle.post(letter).await {
        Ok(_) => Ok(delivered(app, received, token, Became::Orphan)),
        Err(error) => {
            received.not_told(&error);
            Err(failed(received, token, &error))
        }
    }
}

fn source((via, token): (Via, &str), peer: Option<SocketAddr>, bytes: u64) -> Source {
    Source {
        peer: peer.map(|peer| peer.ip().to_string()),
        token_hash: Some(Source::token_hash(token)),
        bytes,
        ..Source::new(via)
    }
}

pub(super) fn delivered(app: &App, received: &Received, token: &str, became: Became) -> Response {
    received.completed(token, became.as_str());
    let body = Delivered {
        status: "callback_delivered",
        token,
        timestamp: time(app.handle.clock().now()),
        duplicate: became == Became::Duplicate,
        conflict: became == Became::Conflict,
        late: became == Became::Late,
        orphan: became == Became::Orphan,
    };
    answer(app, StatusCode::OK, &body)
}

pub(super) fn declined(app: &App, received: &Received, why: Declined) -> Response {
    let (status, text) = match why {
        Declined::TooMany(too_many) => {
            let error = json!({ "error": too_many.to_string() });
            let mut response = answer(app, StatusCode::TOO_MANY_REQUESTS, &error);
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, too_many.retry_after_s.into());
            return response;
        }
        Declined::Failed => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Failed to store callback result".to_owned(),
        ),
        Declined::Fault(fault) => of_fault(received, &fault),
    };
    answer(app, status, &json!({ "error": text }))
}

fn of_fault(received: &Received, fault: &Fault) -> (StatusCode, String) {
    let text = fault.to_string();
    match fault {
        Fault::Invalid(Invalid::NotJson) | Fault::Refused(Refused::Json(JsonFault::NotJson)) => {
            let text = Invalid::NotJson.to_string();
            received.parse_error(&text);
            (StatusCode::BAD_REQUEST, text)
        }
        Fault::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, text),
        Fault::Invalid(_) => {
            received.validation_error(&text);
            (StatusCode::BAD_REQUEST, text)
        }
        Fault::Refused(refused) => {
            let status = match refused {
                Refused::Json(_) | Refused::Body(BodyError::BrokenOff) => StatusCode::BAD_REQUEST,
                Refused::Body(BodyError::TooSlow { .. }) => StatusCode::REQUEST_TIMEOUT,
                Refused::Body(BodyError::TooLong { .. }) | Refused::TooLong { .. } => {
                    StatusCode::PAYLOAD_TOO_LARGE
                }
                Refused::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Refused::Full => StatusCode::TOO_MANY_REQUESTS,
                Refused::Store(error) => {
                    received.storage_failed("", error, crate::Code::StoreUnavailable.as_str());
                    let text = "Failed to store callback result".to_owned();
                    return (StatusCode::INTERNAL_SERVER_ERROR, text);
                }
            };
            received.parse_error(&text);
            (status, text)
        }
    }
}

/// An answer in the seeds' shape.
pub(super) fn answer(app: &App, status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = Response::new(Body::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let origin = HeaderValue::from_str(&app.options.callbacks.cors_origin);
    headers.insert(
        ACCESS_CONTROL_ALLOW_ORIGIN,
        origin.unwrap_or(HeaderValue::from_static("null")),
    );
    response
}
