//! The seeds' body as it arrives. A small one is read as it is; of a large one only the result is large, and goes to the artifact store while it
//! comes: whose it is stands in the token, which may come behind it.

use std::net::SocketAddr;

use axum::body::Body;

use super::address::{self, Address};
use super::intake::{self, Kept};
use super::rates::TooMany;
use super::request::{self, Answer, Invalid, Outcome};
use super::scoped::Scoped;
use crate::claims::{self, Begun, Checked, Part, Parted, Refused, Room, Scanner, Shape, Staged};
use crate::http::App;

/// Why a body of the seeds' shape is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

/// A body that was read.
pub(super) struct Envelope {
    pub answer: Answer,
    /// Where the result lies if it is large.
    pub staged: Option<Staged>,
    /// Of the result or the error.
    pub bytes: u64,
}

/// Moves a result below its callback.
///
/// # Errors
/// [`Refused::Store`].
pub(super) async fn keep(app: &App, staged: Staged, address: &Address) -> Result<Kept, Refused> {
    let content = Checked::trusted(staged.content(app).await?);
    let kept = intake::keep(app, address, content).await;
    staged.discard(app).await;
    kept
}

/// Reads a body.
///
/// # Errors
/// [`Fault`]; what was staged is gone then.
pub(super) async fn read(
    app: &App,
    peer: Option<SocketAddr>,
    body: Body,
) -> Result<Envelope, Fault> {
    let shape = Shape {
        large: b"result",
        is_wanted: |name| matches!(name, b"token" | b"status" | b"error"),
        held_max: app.options.callbacks.artifact_threshold_bytes,
    };
    let parted = match claims::begin(app, claims::pieces(app, body)?, shape.held_max).await? {
        Begun::Whole(bytes) => Parted::Whole(bytes),
        Begun::Large(held, rest) => match room(app, peer, &held) {
            Ok(room) => claims::parts(app, (held, rest), shape, room).await?,
            Err(too_many) => {
                claims::drain(app, rest);
                return Err(too_many.into());
            }
        },
    };
    match parted {
        Parted::Whole(bytes) => {
            let answer = request::parse(&bytes)?;
            claims::check(app, &bytes)?;
            Ok(small(answer))
        }
        Parted::Parts { members, large } => {
            // An object that has other members alone is not empty, and has no token.
            let answer = match request::parse(&members) {
                Err(Invalid::Empty) => Err(Invalid::NoToken),
                parsed => parsed,
            };
            match (answer, large) {
                (Ok(answer), Some(staged)) => of(app, answer, staged).await,
                (Ok(answer), None) => Ok(small(answer)),
                (Err(invalid), staged) => {
                    if let Some(staged) = staged {
                        staged.discard(app).await;
                    }
                    Err(invalid.into())
                }
            }
        }
    }
}

/// What a large body may take before it is known whose it is. One whose token stands before the result, and is ours, takes no room from others.
fn room(app: &App, peer: Option<SocketAddr>, held: &[u8]) -> Result<Option<Room>, TooMany> {
    let room = || Some(app.callbacks.incoming.room());
    let Some(token) = token(app, held) else {
        return Ok(room());
    };
    let known = address::of_token(&app.handle, &token).is_some()
        || Scoped::read(app.handle.keyring(), &token).is_some();
    if known {
        return Ok(None);
    }
    app.callbacks.limiter.failure(peer)?;
    Ok(room())
}

/// The token in the beginning of a body, where it stands there whole.
fn token(app: &App, held: &[u8]) -> Option<String> {
    let mut scanner = Scanner::new(app.options.callbacks.json_depth_max);
    let (mut value, mut passing, mut whole) = (Vec::new(), false, false);
    let fed = scanner.feed(held, |part| match part {
        Part::Name(name) => {
            whole |= passing;
            passing = name == b"token";
        }
        Part::Value(bytes) if passing => value.extend_from_slice(bytes),
        Part::Value(_) => {}
    });
    fed.ok().filter(|()| whole)?;
    serde_json::from_slice(&value).ok()
}

fn small(answer: Answer) -> Envelope {
    Envelope {
        bytes: answer.outcome.bytes().len() as u64,
        staged: None,
        answer,
    }
}

/// A body whose result was staged, before it was known whether it is large.
async fn of(app: &App, mut answer: Answer, staged: Staged) -> Result<Envelope, Fault> {
    let threshold = app.options.callbacks.artifact_threshold_bytes as u64;
    let is_failure = matches!(answer.outcome, Outcome::Failure(_));
    if !is_failure && staged.meta.size > threshold {
        return Ok(Envelope {
            bytes: staged.meta.size,
            staged: Some(staged),
            answer,
        });
    }
    let whole = match is_failure {
        true => Ok(None),
        false => staged.whole(app).await.map(Some),
    };
    staged.discard(app).await;
    if let Some(result) = whole? {
        answer.outcome = Outcome::Success(result);
    }
    Ok(small(answer))
}
