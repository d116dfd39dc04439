//! What is still to be told to the outside, and what could not be.

use std::fmt;
use std::str::FromStr;

use crate::{ExecutionId, InvalidExecutionId, Shard};

/// Identifies a letter. As an [`ExecutionId`] it begins with the time and ends with the shard whose owner keeps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId(ExecutionId);

impl LetterId {
    /// Makes an id from the time in milliseconds, 58 bits of `chance` and the shard.
    #[must_use]
    pub fn new(unix_ms: u64, chance: u64, shard: Shard) -> Self {
        Self(ExecutionId::new(unix_ms, chance, shard))
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(ExecutionId::from_bytes(bytes))
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    #[must_use]
    pub fn shard(&self) -> Shard {
        self.0.shard()
    }

    /// The folder of its large payload, which is no execution's.
    #[must_use]
    pub const fn folder(&self) -> ExecutionId {
        self.0
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The text is not a hyphenated UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a letter is 32 hexadecimal digits in the groups 8-4-4-4-12")]
pub struct InvalidLetterId;

impl FromStr for LetterId {
    type Err = InvalidLetterId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = text.parse();
        id.map(Self).map_err(|InvalidExecutionId| InvalidLetterId)
    }
}
