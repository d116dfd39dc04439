//! Pushes of A2A agents, at `/a2a/push/{id}` and among the seeds' callbacks. The token in their headers decides.
//!
//! For an agent that this server drives a push is a wake-up and nothing more: what is true is asked from the agent. For a callback that a function
//! handed out itself, nobody here could ask: its push settles it.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use everstep_core::Settlement;
use everstep_core::token::Purpose;
use everstep_engine::{Error, Source, Via};
use hyper::http::request::Parts;
use hyper::{Request, StatusCode};
use serde_json::json;

use super::address::Address;
use super::events::Received;
use super::intake::{self, Kept};
use super::moved;
use super::proof::{self, Proven, Shown};
use super::push::{self, Push};
use super::request::Outcome;
use super::scoped::Verb;
use super::seeds::{self, Became, Declined, Unwanted};
use crate::claims::{self, Refused};
use crate::http::{self, App};
use crate::server::Peer;

/// What is kept of a push that ends nothing.
const ALIVE_BYTES_MAX: usize = 16 * 1024;

pub(super) async fn receive(State(app): State<App>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let received = Received::new(head.extensions.get::<Peer>().map(|peer| peer.0));
    let taken = match app.callbacks.limiter.request(received.peer) {
        Err(too_many) => Err(Declined::TooMany(too_many)),
        Ok(()) => {
            let shown = Shown::of_headers(&head.headers).unwrap_or(Shown {
                token: "",
                by: proof::By::A2a,
            });
            if let Ok(token) = app.handle.verify(Purpose::Push, shown.token) {
                let hash = Source::token_hash(shown.token);
                let limiter = &app.callbacks.limiter;
                if let Err(too_many) = limiter.callback(&Address::from(&token), Some(&hash)) {
                    return seeds::declined(&app, &received, Declined::TooMany(too_many));
                }
                return moved::moved(&app, shown.token, received.peer, body).await;
            }
            take(&app, &received, shown, &head, body).await
        }
    };
    taken.unwrap_or_else(|why| seeds::declined(&app, &received, why))
}

/// Takes a push.
pub(super) async fn take(
    app: &App,
    received: &Received,
    shown: Shown<'_>,
    head: &Parts,
    body: Body,
) -> Result<Response, Declined> {
    claims::plain(&head.headers)?;
    let limits = app.options.limits;
    let body = http::read(body, limits.callback_bytes_max, limits.body_timeout)
        .await
        .map_err(Refused::Body)?;
    claims::check(app, &body)?;
    let Some(push) = push::read(&body) else {
        let text = "The body is no A2A push";
        received.parse_error(text);
        let error = json!({ "error": text });
        return Ok(seeds::answer(app, StatusCode::BAD_REQUEST, &error));
    };
    let verb = match push {
        Push::Completed { .. } => Verb::Succeed,
        Push::Failed { .. } => Verb::Fail,
        Push::Alive => Verb::Heartbeat,
    };
    let Ok(proven) = proof::by_token(app, None, verb, Some(shown), Some(&head.headers)).await
    else {
        let named = head.uri.path().rsplit('/').next();
        return orphan(app, received, shown, named, push, &body).await;
    };
    proven.limited(app).map_err(Declined::TooMany)?;
    let bytes = body.len() as u64;
    match push {
        // What drives an agent asks it how its task stands: that something was pushed is all that is believed.
        _ if proven.purpose == Purpose::Task => woken(app, received, shown, &proven, bytes).await,
        Push::Alive => woken(app, received, shown, &proven, bytes).await,
        Push::Completed { result } => {
            let taken = intake::in_hand(app, &proven.address, result).await?;
            let answer = (Outcome::Success(taken.result), taken.kept);
            settled(app, received, shown, &proven, answer, bytes).await
        }
        Push::Failed { message } => {
            let error = Bytes::from(serde_json::to_vec(&message).unwrap_or_default());
            let answer = (Outcome::Failure(error), None);
            settled(app, received, shown, &proven, answer, bytes).await
        }
    }
}

async fn settled(
    app: &App,
    received: &Received,
    shown: Shown<'_>,
    proven: &Proven,
    answer: (Outcome, Option<Kept>),
    bytes: u64,
) -> Result<Response, Declined> {
    received.processing(shown.token, &answer.0);
    let source = proven.source(Via::A2a, received.peer, bytes);
    seeds::settle(app, received, proven, shown.token, answer, source).await
}

/// A sign of life, which also wakes what drives the agent.
async fn woken(
    app: &App,
    received: &Received,
    shown: Shown<'_>,
    proven: &Proven,
    bytes: u64,
) -> Result<Response, Declined> {
    received.alive(shown.token);
    let source = proven.source(Via::A2a, received.peer, bytes);
    let beaten = app
        .handle
        .heartbeat_from(proven.purpose, &proven.token(app), source)
        .await;
    match beaten {
        Ok(settlement) => Ok(seeds::delivered(
            app,
            received,
            shown.token,
            // One that comes when all is said is late, whatever it says.
            match settlement {
                Settlement::Applied => Became::Applied,
                Settlement::Unknown => Became::Orphan,
                _ => Became::Late,
            },
        )),
        Err(Error::UnknownExecution { .. }) => {
            received.workflow_not_found(shown.token);
            Ok(seeds::delivered(app, received, shown.token, Became::Orphan))
        }
        Err(error) => Err(seeds::failed(received, shown.token, &error)),
    }
}

/// A push for nobody, or with a wrong token, is kept like every answer that is nobody's: its sender goes away, and learns nothing. Of one that ends
/// nothing the beginning is kept, for whoever wants to know what it was.
async fn orphan(
    app: &App,
    received: &Received,
    shown: Shown<'_>,
    named: Option<&str>,
    push: Push,
    body: &Bytes,
) -> Result<Response, Declined> {
    received.workflow_id_missing(shown.token);
    let (verb, payload) = match push {
        Push::Completed { result } => (Verb::Succeed, Some(result)),
        Push::Failed { message } => {
            let error = serde_json::to_vec(&message).unwrap_or_default();
            (Verb::Fail, Some(Bytes::from(error)))
        }
        Push::Alive => {
            let is_short = body.len() <= ALIVE_BYTES_MAX;
            (Verb::Heartbeat, is_short.then(|| body.clone()))
        }
    };
    let answer = Unwanted {
        verb,
        payload,
        staged: None,
        bytes: body.len() as u64,
    };
    let from = (Via::A2a, shown.token);
    seeds::orphan(app, received, from, named, answer).await
}
