//! The seeds' body as it arrives. A small one is read as it is; of a large one only the result is large, and goes to the artifact store while it
//! comes: whose it is stands in the token, which may come behind it.

use std::io;

use axum::body::Body;
use bytes::{BufMut as _, Bytes, BytesMut};
use everstep_engine::blobs::{self, Meta, PutOptions};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;

use super::address::Address;
use super::intake::{self, Begun, Checked, Kept, Pieces, Refused};
use super::json::{self, Part, Scanner};
use super::request::{self, Answer, Invalid, Outcome};
use crate::http::App;

/// Results whose token has not come yet.
const BUCKET: &str = "everstep-incoming";
/// Of the members beside the result.
const MEMBER_BYTES_MAX: usize = 256 << 10;
/// Pieces of a result between its scanner and the store.
const PIECES_MAX: usize = 4;
/// What a crash leaves of them goes after a day.
const LIFETIME_SECONDS: u64 = 24 * 3_600;

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

/// A result that belongs to nobody yet.
pub(super) struct Staged {
    key: String,
}

impl Staged {
    /// Moves it below its callback.
    ///
    /// # Errors
    /// [`Refused::Store`].
    pub(super) async fn keep(self, app: &App, address: &Address) -> Result<Kept, Refused> {
        let (_, body) = app
            .handle
            .blobs()
            .artifacts()
            .get(BUCKET, &self.key)
            .await?;
        let content: Pieces = Box::pin(body.map_err(io::Error::other));
        let kept = intake::keep(app, address, Checked::trusted(content)).await;
        self.discard(app).await;
        kept
    }

    pub(super) async fn discard(self, app: &App) {
        discard(app, &self.key).await;
    }
}

/// Reads a body.
///
/// # Errors
/// [`Fault`]; what was staged is gone then.
pub(super) async fn read(app: &App, body: Body) -> Result<Envelope, Fault> {
    let options = &app.options.callbacks;
    match intake::begin(app, intake::pieces(app, body)?).await? {
        Begun::Whole(bytes) => {
            let answer = request::parse(&bytes)?;
            json::check(&bytes, options.json_depth_max).map_err(Refused::Json)?;
            Ok(Envelope {
                bytes: answer.outcome.bytes().len() as u64,
                staged: None,
                answer,
            })
        }
        Begun::Large(held, rest) => large(app, held, rest).await,
    }
}

async fn large(app: &App, held: Bytes, rest: Pieces) -> Result<Envelope, Fault> {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let key = format!("{}.json", uuid::Uuid::new_v4());
    let content = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    let artifacts = app.handle.blobs().artifacts();
    let now = app.handle.clock().now();
    let with = PutOptions {
        expires: Some(now.after_seconds(LIFETIME_SECONDS)),
        now,
        ..PutOptions::default()
    };
    let (cut, stored) = tokio::join!(
        cut(app, held, rest, sender),
        artifacts.put_with(BUCKET, &key, content, with)
    );
    let members = match (cut, &stored) {
        (Ok(members), Ok(_)) => members,
        (Err(refused), _) => {
            discard_if(app, &key, stored.is_ok()).await;
            return Err(refused.into());
        }
        // Without a result there was nothing to store.
        (Ok(members), Err(blobs::Error::Source { .. })) if !members.has_result => members,
        (Ok(_), Err(_)) => {
            return Err(stored.err().map_or(Refused::Encoded, Refused::Store).into());
        }
    };
    match parsed(app, &key, members, stored.ok()).await {
        Ok(envelope) => Ok(envelope),
        Err(fault) => {
            discard(app, &key).await;
            Err(fault)
        }
    }
}

/// What is left when a result has gone its own way.
struct Members {
    /// The members but the result, which is a zero here, as one object.
    object: Bytes,
    has_result: bool,
}

/// Reads to the end, sends the result away in pieces, and gives the other members. However it ends, the way is closed.
async fn cut(
    app: &App,
    held: Bytes,
    mut rest: Pieces,
    sender: mpsc::Sender<io::Result<Bytes>>,
) -> Result<Members, Refused> {
    let mut cutting = Cutting::new(app);
    let mut next = Some(held);
    while let Some(piece) = next {
        let sent = match cutting.feed(&piece) {
            Ok(sent) => sent,
            Err(refused) => {
                let _ = sender.send(Err(io::Error::other("not taken"))).await;
                intake::drain(app, rest);
                return Err(refused);
            }
        };
        for piece in sent {
            // A store that takes no more has said why, or will.
            if sender.send(Ok(piece)).await.is_err() {
                intake::drain(app, rest);
                return Ok(Members {
                    object: Bytes::new(),
                    has_result: true,
                });
            }
        }
        next = match rest.try_next().await {
            Ok(piece) => piece,
            Err(error) => {
                let _ = sender.send(Err(io::Error::other("broken off"))).await;
                return Err(intake::broken(app, &error).into());
            }
        };
    }
    let ended = cutting.end();
    if !matches!(&ended, Ok(members) if members.has_result) {
        let _ = sender.send(Err(io::Error::other("no result"))).await;
    }
    ended
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passing {
    Result,
    /// A member that is asked for.
    Small,
    Other,
}

struct Cutting {
    scanner: Scanner,
    object: BytesMut,
    passing: Passing,
    has_result: bool,
    is_twice: bool,
    size: u64,
    size_max: u64,
}

impl Cutting {
    fn new(app: &App) -> Self {
        let options = &app.options.callbacks;
        let mut object = BytesMut::new();
        object.put_u8(b'{');
        Self {
            scanner: Scanner::new(options.json_depth_max),
            object,
            passing: Passing::Other,
            has_result: false,
            is_twice: false,
            size: 0,
            size_max: options.result_bytes_max,
        }
    }

    /// The pieces of the result that these bytes hold.
    fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Bytes>, Refused> {
        let mut result = Vec::new();
        let Self {
            scanner,
            object,
            passing,
            has_result,
            is_twice,
            size,
            ..
        } = self;
        scanner.feed(bytes, |part| match part {
            Part::Name(name) => {
                *passing = match name {
                    b"result" => Passing::Result,
                    b"token" | b"status" | b"error" => Passing::Small,
                    _ => Passing::Other,
                };
                if *passing == Passing::Other {
                    return;
                }
                if object.len() > 1 {
                    object.put_u8(b',');
                }
                object.put_u8(b'"');
                object.extend_from_slice(name);
                object.extend_from_slice(b"\":");
                if *passing == Passing::Result {
                    object.put_u8(b'0');
                    *is_twice |= *has_result;
                    *has_result = true;
                }
            }
            Part::Value(bytes) => match *passing {
                Passing::Result => {
                    *size += bytes.len() as u64;
                    result.push(Bytes::copy_from_slice(bytes));
                }
                Passing::Small => object.extend_from_slice(bytes),
                Passing::Other => {}
            },
        })?;
        if self.is_twice {
            return Err(json::Fault::NotJson.into());
        }
        if self.object.len() > MEMBER_BYTES_MAX {
            return Err(Refused::TooLong {
                limit: MEMBER_BYTES_MAX as u64,
            });
        }
        if self.size > self.size_max {
            let limit = self.size_max;
            return Err(Refused::TooLong { limit });
        }
        Ok(result)
    }

    fn end(mut self) -> Result<Members, Refused> {
        self.scanner.finish()?;
        self.object.put_u8(b'}');
        Ok(Members {
            object: self.object.freeze(),
            has_result: self.has_result,
        })
    }
}

async fn parsed(
    app: &App,
    key: &str,
    members: Members,
    stored: Option<Meta>,
) -> Result<Envelope, Fault> {
    // An object that has other members alone is not empty, and has no token.
    let mut answer = match request::parse(&members.object) {
        Err(Invalid::Empty) => return Err(Invalid::NoToken.into()),
        parsed => parsed?,
    };
    let Some(meta) = stored else {
        return Ok(Envelope {
            bytes: answer.outcome.bytes().len() as u64,
            staged: None,
            answer,
        });
    };
    let is_failure = matches!(answer.outcome, Outcome::Failure(_));
    let threshold = app.options.callbacks.artifact_threshold_bytes as u64;
    if is_failure || meta.size <= threshold {
        if !is_failure {
            answer.outcome = Outcome::Success(whole(app, key).await?);
        }
        discard(app, key).await;
        return Ok(Envelope {
            bytes: answer.outcome.bytes().len() as u64,
            staged: None,
            answer,
        });
    }
    Ok(Envelope {
        bytes: meta.size,
        staged: Some(Staged {
            key: key.to_owned(),
        }),
        answer,
    })
}

/// A staged result that turned out to be small.
async fn whole(app: &App, key: &str) -> Result<Bytes, Refused> {
    let (meta, mut body) = app.handle.blobs().artifacts().get(BUCKET, key).await?;
    let mut bytes = BytesMut::with_capacity(usize::try_from(meta.size).unwrap_or_default());
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes.freeze())
}

async fn discard_if(app: &App, key: &str, is_there: bool) {
    if is_there {
        discard(app, key).await;
    }
}

async fn discard(app: &App, key: &str) {
    if let Err(error) = app.handle.blobs().artifacts().delete(BUCKET, key).await {
        tracing::warn!(%error, key, "a result that was moved or not taken is still there");
    }
}
