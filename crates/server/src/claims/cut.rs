//! JSON objects as they arrive, of which one member may be large: it goes to the artifact store while it comes, and the others are held. Whose it
//! is may stand behind it.

use std::io;

use axum::body::Body;
use bytes::{BufMut as _, Bytes, BytesMut};
use everstep_engine::blobs::{self, Meta, PutOptions};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;

use super::Room;
use super::intake::{self, Begun, Pieces, Refused};
use super::json::{self, Part, Scanner};
use crate::http::App;

/// What belongs to nobody yet.
const BUCKET: &str = "everstep-incoming";
/// Of the members beside the large one.
const MEMBER_BYTES_MAX: usize = 256 << 10;
/// Pieces between the scanner and the store.
const PIECES_MAX: usize = 4;
/// What a crash leaves of them goes after a day.
const LIFETIME_SECONDS: u64 = 24 * 3_600;

/// What is looked for in a body.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// The member that may be large.
    pub large: &'static [u8],
    /// Whether another member is asked for; those that are not are left out.
    pub is_wanted: fn(&[u8]) -> bool,
    /// A body with no more bytes is held as it is.
    pub held_max: usize,
}

/// A body that was read.
pub(crate) enum Parted {
    Whole(Bytes),
    Parts {
        /// The members that are wanted as one object; the large one is a zero there.
        members: Bytes,
        /// `None` when the object has no such member.
        large: Option<Staged>,
    },
}

/// A value that belongs to nobody yet.
pub(crate) struct Staged {
    key: String,
    pub(crate) meta: Meta,
    /// Taken until it is gone from there.
    _room: Option<Room>,
}

impl Staged {
    /// Its bytes, as a stream.
    ///
    /// # Errors
    /// [`Refused::Store`].
    pub(crate) async fn content(&self, app: &App) -> Result<Pieces, Refused> {
        let artifacts = app.handle.blobs().artifacts();
        let (_, body) = artifacts.get(BUCKET, &self.key).await?;
        Ok(intake::stored(body))
    }

    /// All of them: for one that turned out to be small.
    ///
    /// # Errors
    /// [`Refused::Store`].
    pub(crate) async fn whole(&self, app: &App) -> Result<Bytes, Refused> {
        let artifacts = app.handle.blobs().artifacts();
        let (meta, mut body) = artifacts.get(BUCKET, &self.key).await?;
        let mut bytes = BytesMut::with_capacity(usize::try_from(meta.size).unwrap_or_default());
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(bytes.freeze())
    }

    pub(crate) async fn discard(self, app: &App) {
        discard(app, &self.key).await;
    }
}

/// Reads a body.
///
/// # Errors
/// [`Refused`]; what was staged is gone then.
pub(crate) async fn read(app: &App, body: Body, shape: Shape) -> Result<Parted, Refused> {
    match intake::begin(app, intake::pieces(app, body)?, shape.held_max).await? {
        Begun::Whole(bytes) => Ok(Parted::Whole(bytes)),
        Begun::Large(held, rest) => parts(app, (held, rest), shape, None).await,
    }
}

/// Reads the parts of a large body. What it stages takes `room`, where it is somebody's who has proven nothing.
///
/// # Errors
/// As [`read`].
pub(crate) async fn parts(
    app: &App,
    (held, rest): (Bytes, Pieces),
    shape: Shape,
    mut room: Option<Room>,
) -> Result<Parted, Refused> {
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
        cut(app, (held, rest), sender, shape, room.as_mut()),
        artifacts.put_with(BUCKET, &key, content, with)
    );
    let parts = |members: Members, large| {
        Ok(Parted::Parts {
            members: members.object,
            large,
        })
    };
    match (cut, stored) {
        (Ok(members), Ok(meta)) => {
            let staged = Staged {
                key,
                meta,
                _room: room,
            };
            parts(members, Some(staged))
        }
        (Err(refused), stored) => {
            if stored.is_ok() {
                discard(app, &key).await;
            }
            Err(refused)
        }
        // Without the member there was nothing to store.
        (Ok(members), Err(blobs::Error::Source { .. })) if !members.has_large => {
            parts(members, None)
        }
        (Ok(_), Err(error)) => Err(error.into()),
    }
}

/// What is left when the large member has gone its own way.
struct Members {
    /// The others, and a zero in its place, as one object.
    object: Bytes,
    has_large: bool,
}

/// Reads to the end, sends the large member away in pieces, and gives the other members. However it ends, the way is closed.
async fn cut(
    app: &App,
    (held, mut rest): (Bytes, Pieces),
    sender: mpsc::Sender<io::Result<Bytes>>,
    shape: Shape,
    mut room: Option<&mut Room>,
) -> Result<Members, Refused> {
    let mut cutting = Cutting::new(app, shape);
    let mut next = Some(held);
    while let Some(piece) = next {
        let fits = room
            .as_mut()
            .map_or(Ok(()), |room| room.take(piece.len() as u64));
        let sent = match fits.and_then(|()| cutting.feed(&piece)) {
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
                    has_large: true,
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
    if !matches!(&ended, Ok(members) if members.has_large) {
        let _ = sender.send(Err(io::Error::other("no such member"))).await;
    }
    ended
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passing {
    Large,
    /// Another one that is asked for.
    Small,
    Other,
}

struct Cutting {
    shape: Shape,
    scanner: Scanner,
    object: BytesMut,
    passing: Passing,
    has_large: bool,
    is_twice: bool,
    size: u64,
    size_max: u64,
}

impl Cutting {
    fn new(app: &App, shape: Shape) -> Self {
        let options = &app.options.callbacks;
        let mut object = BytesMut::new();
        object.put_u8(b'{');
        Self {
            shape,
            scanner: Scanner::new(options.json_depth_max),
            object,
            passing: Passing::Other,
            has_large: false,
            is_twice: false,
            size: 0,
            size_max: options.result_bytes_max,
        }
    }

    /// The pieces of the large member that these bytes hold.
    fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Bytes>, Refused> {
        let mut result = Vec::new();
        let shape = self.shape;
        let Self {
            scanner,
            object,
            passing,
            has_large,
            is_twice,
            size,
            ..
        } = self;
        scanner.feed(bytes, |part| match part {
            Part::Name(name) => {
                *passing = match name {
                    name if name == shape.large => Passing::Large,
                    name if (shape.is_wanted)(name) => Passing::Small,
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
                if *passing == Passing::Large {
                    object.put_u8(b'0');
                    *is_twice |= *has_large;
                    *has_large = true;
                }
            }
            Part::Value(bytes) => match *passing {
                Passing::Large => {
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
            has_large: self.has_large,
        })
    }
}

async fn discard(app: &App, key: &str) {
    if let Err(error) = app.handle.blobs().artifacts().delete(BUCKET, key).await {
        tracing::warn!(%error, key, "what was moved or not taken is still there");
    }
}
