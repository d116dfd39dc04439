//! The kernel's identifiers: one type for each kind, so that no number is ever taken for another.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// How many shards the space of executions is cut into. Persisted in every key: it never changes.
pub const SHARDS: u16 = 256;

macro_rules! numeric_ids {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}

numeric_ids! {
    /// The fencing number of a shard's owner: every commit carries it, an older one is refused.
    Epoch(u64);
    /// The number under which a protocol shows a public event: 1, 2, 3 … without gaps within an execution.
    EventId(u32);
    /// Counts decided retries, loop re-entries and redrives of an operation, from 0.
    Generation(u32);
    /// An operation's place in the order in which an execution started its operations; 0 is the execution itself.
    Operation(u32);
    /// A journal batch's place in its execution's journal, from 0.
    Sequence(u32);
    /// A slice of the executions with one owner.
    Shard(u16);
}

/// Identifies an execution. The layout is a UUIDv7's (48 bits of time first, so that journals of one time lie together); the last
/// two bytes are the shard, so that an id alone finds its owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionId([u8; 16]);

impl ExecutionId {
    /// Makes an id from the time in milliseconds, 58 bits of `chance` and the shard.
    #[must_use]
    pub fn new(unix_ms: u64, chance: u64, shard: Shard) -> Self {
        let [_, _, t0, t1, t2, t3, t4, t5] = unix_ms.to_be_bytes();
        let [c0, c1, c2, c3, c4, c5, c6, c7] = chance.to_be_bytes();
        let [s0, s1] = shard.0.to_be_bytes();
        Self([
            t0,
            t1,
            t2,
            t3,
            t4,
            t5,
            0x70 | (c0 & 0x0f),
            c1,
            0x80 | (c2 & 0x3f),
            c3,
            c4,
            c5,
            c6,
            c7,
            s0,
            s1,
        ])
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The shard that owns this execution.
    #[must_use]
    pub fn shard(&self) -> Shard {
        let [.., s0, s1] = self.0;
        Shard(u16::from_be_bytes([s0, s1]))
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a hyphenated UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an execution id is 32 hexadecimal digits in the groups 8-4-4-4-12")]
pub struct InvalidExecutionId;

impl FromStr for ExecutionId {
    type Err = InvalidExecutionId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let groups: Vec<&str> = text.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        if lengths != [8, 4, 4, 4, 12] {
            return Err(InvalidExecutionId);
        }
        let digits: String = groups.concat();
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidExecutionId);
        }
        let value = u128::from_str_radix(&digits, 16).map_err(|_| InvalidExecutionId)?;
        let id = Self(value.to_be_bytes());
        if id.shard().0 < SHARDS {
            Ok(id)
        } else {
            Err(InvalidExecutionId)
        }
    }
}

/// The identity of a name: the first 16 bytes of SHA-256 over the definition (without version) and the execution's name. Two starts
/// with the same key are the same execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StartKey(pub [u8; 16]);

impl StartKey {
    #[must_use]
    pub fn new(definition: &str, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(definition.as_bytes());
        hash.update([0]);
        hash.update(name.as_bytes());
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(key)
    }

    /// The shard that owns every execution of this key.
    #[must_use]
    pub fn shard(&self) -> Shard {
        let [first, ..] = self.0;
        Shard(u16::from(first))
    }
}

#[cfg(test)]
mod tests;
