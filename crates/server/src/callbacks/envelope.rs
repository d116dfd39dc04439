//! The seeds' body as it arrives. A small one is read as it is; of a large one only the result is large, and goes to the artifact store while it
//! comes: whose it is stands in the token, which may come behind it.

use axum::body::Body;

use super::address::Address;
use super::intake::{self, Kept};
use super::request::{self, Answer, Invalid, Outcome};
use crate::claims::{self, Checked, Parted, Refused, Shape, Staged};
use crate::http::App;

/// Why a body of the seeds' shape is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Invalid(#[from] Invalid),
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
pub(super) async fn read(app: &App, body: Body) -> Result<Envelope, Fault> {
    let shape = Shape {
        large: b"result",
        is_wanted: |name| matches!(name, b"token" | b"status" | b"error"),
        held_max: app.options.callbacks.artifact_threshold_bytes,
    };
    match claims::read(app, body, shape).await? {
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
