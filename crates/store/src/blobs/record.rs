//! What is written behind an artifact's content: its digest, how it was cut, its type and its end.
//!
//! Two formats. 1, which is only read, knows size and digest. 2 also has a table of pieces, each with its length on disk and a checksum,
//! so that a part of an artifact can be trusted without reading the whole, and a content type and an expiry.

use everstep_core::{Digest, Timestamp};

use super::Error;

/// Bytes of content in one piece; the last one may be shorter.
pub const PIECE_BYTES: usize = 256 * 1024;
/// Longest content type that is kept.
pub const TYPE_BYTES_MAX: usize = 255;

const MAGIC_1: [u8; 8] = *b"evartif\x01";
const MAGIC_2: [u8; 8] = *b"evartif\x02";
const END_1_BYTES: usize = 8 + 32 + 8 + 4;
const END_2_BYTES: usize = 32 + 8 + 8 + 8 + 2 + 8 + 4;
const ENTRY_BYTES: usize = 8;
/// The longest end of the two: what has to be read first.
pub const END_BYTES_MAX: usize = END_2_BYTES;

/// A piece as it lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Shorter than its content when it is compressed.
    pub stored: u32,
    /// CRC-32 of what is stored; unknown in format 1.
    pub checksum: Option<u32>,
}

/// All that is known of a content beside its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub size: u64,
    pub digest: Digest,
    pub expires: Option<Timestamp>,
    pub content_type: Option<String>,
    pub pieces: Vec<Piece>,
}

/// The last bytes of a record.
#[derive(Clone, Copy, Debug)]
pub struct End {
    format: u8,
    size: u64,
    stored: u64,
    digest: Digest,
    expires: u64,
    type_bytes: usize,
}

/// Bytes of content that a piece holds.
pub fn piece_bytes(size: u64, index: usize) -> usize {
    let before = index as u64 * PIECE_BYTES as u64;
    usize::try_from(size.saturating_sub(before)).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES))
}

fn pieces_of(size: u64) -> usize {
    usize::try_from(size.div_ceil(PIECE_BYTES as u64)).unwrap_or(usize::MAX)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

impl End {
    /// Reads the end of what is stored; `bytes` are its last [`END_BYTES_MAX`] ones, or all.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let from = bytes.len().checked_sub(END_2_BYTES);
        let second = from.and_then(|at| bytes.get(at..));
        if let Some(mut bytes) = second
            && bytes.get(END_2_BYTES - 12..END_2_BYTES - 4) == Some(&MAGIC_2)
        {
            let bytes = &mut bytes;
            return Some(Self {
                format: 2,
                digest: Digest(take(bytes)?),
                size: u64::from_be_bytes(take(bytes)?),
                stored: u64::from_be_bytes(take(bytes)?),
                expires: u64::from_be_bytes(take(bytes)?),
                type_bytes: usize::from(u16::from_be_bytes(take(bytes)?)),
            });
        }
        let mut bytes = bytes.get(bytes.len().checked_sub(END_1_BYTES)?..)?;
        let bytes = &mut bytes;
        if take(bytes)? != MAGIC_1 {
            return None;
        }
        let digest = Digest(take(bytes)?);
        let size = u64::from_be_bytes(take(bytes)?);
        Some(Self {
            format: 1,
            size,
            stored: size,
            digest,
            expires: 0,
            type_bytes: 0,
        })
    }

    /// Bytes of the whole record; `None` when no record can be so long.
    pub fn record_bytes(&self) -> Option<usize> {
        if self.format == 1 {
            return Some(END_1_BYTES);
        }
        pieces_of(self.size)
            .checked_mul(ENTRY_BYTES)?
            .checked_add(self.type_bytes + END_2_BYTES)
    }

    /// Bytes of content as they are stored.
    pub const fn stored(&self) -> u64 {
        self.stored
    }

    /// The record of these bytes, if they are one.
    fn record(self, bytes: &[u8]) -> Option<Record> {
        let (body, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(body) != u32::from_be_bytes(*checksum)
            || Some(bytes.len()) != self.record_bytes()
        {
            return None;
        }
        let count = pieces_of(self.size);
        if self.format == 1 {
            let plain = |index| Piece {
                stored: u32::try_from(piece_bytes(self.size, index)).unwrap_or(u32::MAX),
                checksum: None,
            };
            return Some(Record {
                size: self.size,
                digest: self.digest,
                expires: None,
                content_type: None,
                pieces: (0..count).map(plain).collect(),
            });
        }
        let mut rest = body;
        let mut pieces = Vec::with_capacity(count);
        let mut total = 0_u64;
        for index in 0..count {
            let stored = u32::from_be_bytes(take(&mut rest)?);
            let checksum = Some(u32::from_be_bytes(take(&mut rest)?));
            if stored as usize > piece_bytes(self.size, index) {
                return None;
            }
            total += u64::from(stored);
            pieces.push(Piece { stored, checksum });
        }
        let content_type = std::str::from_utf8(rest.get(..self.type_bytes)?).ok()?;
        (total == self.stored).then(|| Record {
            size: self.size,
            digest: self.digest,
            expires: (self.expires > 0).then_some(Timestamp(self.expires)),
            content_type: (!content_type.is_empty()).then(|| content_type.to_owned()),
            pieces,
        })
    }
}

impl Record {
    /// Bytes of content as they are stored.
    pub fn stored(&self) -> u64 {
        self.pieces
            .iter()
            .map(|piece| u64::from(piece.stored))
            .sum()
    }

    /// In format 2.
    pub fn encode(&self) -> Vec<u8> {
        let content_type = self.content_type.as_deref().unwrap_or_default();
        let length = self.pieces.len() * ENTRY_BYTES + content_type.len() + END_2_BYTES;
        let mut bytes = Vec::with_capacity(length);
        for piece in &self.pieces {
            bytes.extend(piece.stored.to_be_bytes());
            bytes.extend(piece.checksum.unwrap_or_default().to_be_bytes());
        }
        bytes.extend(content_type.as_bytes());
        bytes.extend(self.digest.0);
        bytes.extend(self.size.to_be_bytes());
        bytes.extend(self.stored().to_be_bytes());
        bytes.extend(self.expires.map_or(0, |at| at.0).to_be_bytes());
        let type_bytes = u16::try_from(content_type.len()).unwrap_or_default();
        bytes.extend(type_bytes.to_be_bytes());
        bytes.extend(MAGIC_2);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend(checksum.to_be_bytes());
        bytes
    }

    /// Reads a record; `before` is how many bytes lie before it, which has to be what it says of the content.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn decode(bytes: &[u8], before: u64, what: &str) -> Result<Self, Error> {
        End::read(bytes)
            .filter(|end| end.stored == before)
            .and_then(|end| end.record(bytes))
            .ok_or_else(|| Error::Damaged {
                what: what.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(size: u64, expires: Option<u64>, content_type: Option<&str>) -> Record {
        let piece = |index| Piece {
            stored: piece_bytes(size, index) as u32,
            checksum: Some(index as u32),
        };
        Record {
            size,
            digest: Digest([7; 32]),
            expires: expires.map(Timestamp),
            content_type: content_type.map(str::to_owned),
            pieces: (0..pieces_of(size)).map(piece).collect(),
        }
    }

    proptest! {
        #[test]
        fn a_record_reads_as_it_was_written(size in 0_u64..3_000_000, expires in prop::option::of(1_u64..), kind in prop::option::of("[a-z/]{1,30}")) {
            let given = record(size, expires, kind.as_deref());
            let bytes = given.encode();
            prop_assert_eq!(Some(bytes.len()), End::read(&bytes).and_then(|end| end.record_bytes()));
            prop_assert_eq!(Record::decode(&bytes, size, "x").unwrap(), given);
        }

        #[test]
        fn bytes_that_are_no_record_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
            let mut bytes = bytes;
            if let (true, Some(at)) = (magic, bytes.len().checked_sub(12)) {
                bytes[at..at + 8].copy_from_slice(&MAGIC_2);
            }
            prop_assert!(Record::decode(&bytes, 0, "x").is_err());
        }
    }

    #[test]
    fn what_format_1_wrote_is_read() {
        let mut bytes = MAGIC_1.to_vec();
        bytes.extend([9; 32]);
        bytes.extend(300_000_u64.to_be_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        let read = Record::decode(&bytes, 300_000, "x").unwrap();
        let stored: Vec<u32> = read.pieces.iter().map(|piece| piece.stored).collect();
        assert_eq!((read.size, stored), (300_000, vec![262_144, 37_856]));
        assert!(
            Record::decode(&bytes, 299_999, "x").is_err(),
            "the content is not as long as it says"
        );
    }
}
