//! Content in pieces: cut, compressed and counted on the way in; checked, unpacked and cut to a range on the way out.

use std::ops::Range;
use std::pin::pin;

use bytes::{Buf as _, Bytes, BytesMut};
use everstep_core::Digest;
use futures_util::stream::{BoxStream, Stream, StreamExt as _, TryStreamExt as _, try_unfold};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::record::{PIECE_BYTES, Piece, Record, piece_bytes};
use super::{Body, Error};

/// How hard zstd tries: its own default.
const LEVEL: i32 = 3;

/// Where pieces go.
pub trait Sink: Send {
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What went in.
pub struct Written {
    pub size: u64,
    pub digest: Digest,
    pub pieces: Vec<Piece>,
}

/// Takes a stream to its end, holding one piece of it in memory.
///
/// # Errors
/// [`Error::Source`], and those of the sink.
pub async fn write(
    sink: &mut impl Sink,
    content: impl Stream<Item = std::io::Result<Bytes>> + Send,
    compress: bool,
) -> Result<Written, Error> {
    let mut content = pin!(content);
    let mut gathered = BytesMut::with_capacity(PIECE_BYTES);
    let (mut size, mut hash, mut pieces) = (0_u64, Sha256::new(), Vec::new());
    loop {
        let next = content.try_next().await;
        let next = next.map_err(|source| Error::Source { source })?;
        let ended = next.is_none();
        let mut piece = next.unwrap_or_default();
        hash.update(&piece);
        size += piece.len() as u64;
        while !piece.is_empty() {
            let wanted = (PIECE_BYTES - gathered.len()).min(piece.len());
            gathered.extend_from_slice(&piece.split_to(wanted));
            if gathered.len() == PIECE_BYTES {
                let full = gathered.split().freeze();
                pieces.push(store(sink, full, compress).await?);
                gathered.reserve(PIECE_BYTES);
            }
        }
        if ended {
            break;
        }
    }
    if !gathered.is_empty() {
        pieces.push(store(sink, gathered.freeze(), compress).await?);
    }
    let digest = Digest(hash.finalize().into());
    Ok(Written {
        size,
        digest,
        pieces,
    })
}

async fn store(sink: &mut impl Sink, plain: Bytes, compress: bool) -> Result<Piece, Error> {
    let packed = if compress {
        let packed = zstd::bulk::compress(&plain, LEVEL).map_err(Error::io)?;
        // What does not get shorter is stored as it is; its length says so.
        (packed.len() < plain.len()).then(|| Bytes::from(packed))
    } else {
        None
    };
    let bytes = packed.unwrap_or(plain);
    let piece = Piece {
        stored: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        checksum: Some(crc32fast::hash(&bytes)),
    };
    sink.write(bytes).await?;
    Ok(piece)
}

/// Where stored bytes come from, in order, beginning with the first one that is wanted.
pub enum Source {
    File(tokio::fs::File),
    Stream {
        stream: BoxStream<'static, object_store::Result<Bytes>>,
        rest: Bytes,
    },
}

impl Source {
    /// The next `count` bytes; `None` when there are fewer.
    async fn take(&mut self, count: usize) -> Result<Option<Bytes>, Error> {
        match self {
            Self::File(file) => {
                let mut bytes = vec![0; count];
                match file.read_exact(&mut bytes).await {
                    Ok(_) => Ok(Some(Bytes::from(bytes))),
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
                    Err(error) => Err(Error::io(error)),
                }
            }
            Self::Stream { stream, rest } => {
                if rest.len() >= count {
                    return Ok(Some(rest.split_to(count)));
                }
                let mut bytes = BytesMut::with_capacity(count);
                loop {
                    let wanted = (count - bytes.len()).min(rest.len());
                    bytes.extend_from_slice(&rest.split_to(wanted));
                    if bytes.len() == count {
                        return Ok(Some(bytes.freeze()));
                    }
                    match stream.try_next().await.map_err(Error::io)? {
                        Some(more) => *rest = more,
                        None => return Ok(None),
                    }
                }
            }
        }
    }
}

/// Which pieces hold a range of the content, and where they lie in what is stored.
pub struct Span {
    pieces: Range<usize>,
    pub stored: Range<u64>,
}

impl Span {
    pub fn of(record: &Record, range: &Range<u64>) -> Self {
        let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let pieces = if range.is_empty() {
            0..0
        } else {
            index(range.start / PIECE_BYTES as u64)..index(range.end.div_ceil(PIECE_BYTES as u64))
        };
        let sum = |pieces: &[Piece]| pieces.iter().map(|piece| u64::from(piece.stored)).sum();
        let start: u64 = sum(record.pieces.get(..pieces.start).unwrap_or_default());
        let length: u64 = sum(record.pieces.get(pieces.clone()).unwrap_or_default());
        Self {
            pieces,
            stored: start..start + length,
        }
    }
}

/// A range of an artifact, half read.
struct Reading {
    source: Source,
    record: Record,
    range: Range<u64>,
    next: usize,
    end: usize,
    /// Only a reader of the whole can hold it against the digest.
    hash: Option<Sha256>,
    what: String,
}

/// The content of a range; `source` begins with the span's first byte.
pub fn read(source: Source, record: Record, range: Range<u64>, span: &Span, what: String) -> Body {
    let whole = range.start == 0 && range.end == record.size;
    let reading = Reading {
        source,
        record,
        range,
        next: span.pieces.start,
        end: span.pieces.end,
        hash: whole.then(Sha256::new),
        what,
    };
    try_unfold(reading, Reading::next).boxed()
}

impl Reading {
    fn damaged(&self) -> Error {
        Error::Damaged {
            what: self.what.clone(),
        }
    }

    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        if self.next == self.end {
            let digest = self.hash.take().map(|hash| Digest(hash.finalize().into()));
            return match digest {
                Some(digest) if digest != self.record.digest => Err(self.damaged()),
                _ => Ok(None),
            };
        }
        let piece = *self
            .record
            .pieces
            .get(self.next)
            .ok_or_else(|| self.damaged())?;
        let stored = self.source.take(piece.stored as usize).await?;
        let stored = stored.ok_or_else(|| self.damaged())?;
        if piece
            .checksum
            .is_some_and(|checksum| checksum != crc32fast::hash(&stored))
        {
            return Err(self.damaged());
        }
        let length = piece_bytes(self.record.size, self.next);
        let mut plain = if stored.len() == length {
            stored
        } else {
            let plain = zstd::bulk::decompress(&stored, length).map_err(|_| self.damaged())?;
            if plain.len() != length {
                return Err(self.damaged());
            }
            Bytes::from(plain)
        };
        if let Some(hash) = &mut self.hash {
            hash.update(&plain);
        }
        let begins = self.next as u64 * PIECE_BYTES as u64;
        let within = |at: u64| {
            usize::try_from(at.saturating_sub(begins)).map_or(length, |at| at.min(length))
        };
        let (from, to) = (within(self.range.start), within(self.range.end));
        plain.truncate(to);
        plain.advance(from.min(plain.len()));
        self.next += 1;
        Ok(Some((plain, self)))
    }
}
