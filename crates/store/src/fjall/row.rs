//! What all rows have in common: the frame around a value, and fjall's errors in our words.
//!
//! A value is the format version, the body, and a CRC-32 over family, key, version and body: a flipped bit is noticed, and so is a value
//! under a key that is not its own.

use std::fmt::Display;
use std::io::ErrorKind;

use ::fjall::{Guard, LsmError};
use everstep_core::codec::{Corrupt, Reader};

use crate::{Error, FORMAT};

/// The families of rows. The numbers go into every checksum and the names into every folder: neither is ever changed or used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Execution = 1,
    Journal = 2,
    Timer = 3,
    Task = 4,
    Start = 5,
    List = 6,
    Expire = 7,
    Catalogue = 8,
    Meta = 9,
    Attempt = 10,
    Letter = 11,
}

impl Family {
    pub const ALL: [Self; 11] = [
        Self::Execution,
        Self::Journal,
        Self::Timer,
        Self::Task,
        Self::Start,
        Self::List,
        Self::Expire,
        Self::Catalogue,
        Self::Meta,
        Self::Attempt,
        Self::Letter,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Execution => "execution",
            Self::Journal => "journal",
            Self::Timer => "timer",
            Self::Task => "task",
            Self::Start => "start",
            Self::List => "list",
            Self::Expire => "expire",
            Self::Catalogue => "catalogue",
            Self::Meta => "meta",
            Self::Attempt => "attempt",
            Self::Letter => "letter",
        }
    }

    /// Rows that wait in memory are replayed from the journals when the store is opened, so not many may wait.
    pub const fn memtable_bytes(self) -> u64 {
        match self {
            Self::Journal => 16 * 1024 * 1024,
            Self::Execution
            | Self::Timer
            | Self::Task
            | Self::Start
            | Self::List
            | Self::Attempt
            | Self::Letter => 8 * 1024 * 1024,
            Self::Expire | Self::Catalogue | Self::Meta => 2 * 1024 * 1024,
        }
    }
}

const VERSION: u8 = FORMAT as u8;
const FRAME_BYTES: usize = 1 + 4;

fn checksum(family: Family, key: &[u8], framed: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[family as u8]);
    hasher.update(key);
    hasher.update(framed);
    hasher.finalize().to_be_bytes()
}

/// The value to store for a row's body.
pub fn seal(family: Family, key: &[u8], body: &[u8]) -> Vec<u8> {
    seal_as(VERSION, family, key, body)
}

/// As [`seal`], for a body of a later version.
pub fn seal_as(version: u8, family: Family, key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(body.len() + FRAME_BYTES);
    value.push(version);
    value.extend_from_slice(body);
    value.extend_from_slice(&checksum(family, key, &value));
    value
}

/// The body of a stored value. `what` names the row when it is damaged.
pub fn unseal<'a, W: Display>(
    family: Family,
    key: &[u8],
    value: &'a [u8],
    what: impl FnOnce() -> W,
) -> Result<&'a [u8], Error> {
    unseal_up_to(VERSION, family, key, value, what).map(|(_, body)| body)
}

/// The version and the body of a stored value whose family has versions up to `known`.
pub fn unseal_up_to<'a, W: Display>(
    known: u8,
    family: Family,
    key: &[u8],
    value: &'a [u8],
    what: impl FnOnce() -> W,
) -> Result<(u8, &'a [u8]), Error> {
    let Some((framed, checked)) = value.split_last_chunk::<4>() else {
        return Err(Error::Damaged {
            detail: format!("{} is cut off", what()),
        });
    };
    if checksum(family, key, framed) != *checked {
        return Err(Error::Damaged {
            detail: format!("{} does not match its checksum", what()),
        });
    }
    match framed {
        [version, body @ ..] if (1..=known).contains(version) => Ok((*version, body)),
        [found, ..] if *found > known => Err(Error::Newer {
            found: u32::from(*found),
            known: u32::from(known),
        }),
        _ => Err(Error::Damaged {
            detail: format!("{} has no format version", what()),
        }),
    }
}

/// Reads a whole key or body; anything left over is damage.
pub fn parse<T>(
    what: &str,
    bytes: &[u8],
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, Corrupt>,
) -> Result<T, Error> {
    let mut from = Reader::new(bytes);
    let parsed = read(&mut from).and_then(|parsed| {
        if from.is_empty() {
            Ok(parsed)
        } else {
            Err(Corrupt::Malformed { what: "row" })
        }
    });
    parsed.map_err(|corrupt| Error::Damaged {
        detail: format!("{what}: {corrupt}"),
    })
}

/// A row that an iteration came to.
pub fn pair(guard: Guard) -> Result<(::fjall::UserKey, ::fjall::UserValue), Error> {
    guard.into_inner().map_err(lost)
}

pub fn io(error: &std::io::Error) -> Error {
    Error::Io {
        detail: error.to_string(),
    }
}

/// fjall's errors: what speaks of the bytes is damage, the rest may pass.
pub fn lost(error: ::fjall::Error) -> Error {
    match error {
        ::fjall::Error::Io(error) | ::fjall::Error::Storage(LsmError::Io(error)) => {
            match error.kind() {
                // A length or an offset that was read from a damaged file leads to a place where none can be: an invalid argument.
                ErrorKind::UnexpectedEof
                | ErrorKind::InvalidData
                | ErrorKind::InvalidInput
                | ErrorKind::NotFound => Error::Damaged {
                    detail: format!("a data file is missing, cut off or changed: {error}"),
                },
                _ => io(&error),
            }
        }
        ::fjall::Error::Locked => Error::InUse {
            detail: "its data files are locked".to_owned(),
        },
        ::fjall::Error::Poisoned => Error::Io {
            detail: "an earlier write failed; the store has to be reopened".to_owned(),
        },
        other => Error::Damaged {
            detail: other.to_string(),
        },
    }
}
