//! Ids of nodes: derived from the source's path and the node's place in the tree and text, so that one input gives one output.

use std::fmt;

/// A 128-bit id, shown as a UUID of version 8 (RFC 9562, "custom").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(u128);

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

impl Id {
    /// The id of a source.
    #[must_use]
    pub fn root(path: &str) -> Self {
        Self(mix(OFFSET, path.as_bytes()))
    }

    /// The id of a node: its parent's, its kind, its position among its siblings and its text.
    #[must_use]
    pub fn child(self, kind: &str, index: usize, text: &str) -> Self {
        let seed = mix(OFFSET, &self.0.to_le_bytes());
        let seed = mix(seed, kind.as_bytes());
        let seed = mix(seed, &(index as u64).to_le_bytes());
        Self(mix(seed, text.as_bytes()))
    }
}

/// FNV-1a with 128 bits over eight bytes at a time, with a final fold: fast enough to hash each node's text.
fn mix(seed: u128, bytes: &[u8]) -> u128 {
    let mut hash = seed ^ (bytes.len() as u128);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash ^ u128::from(u64::from_le_bytes(*word))).wrapping_mul(PRIME);
        hash ^= hash >> 64;
    }
    for byte in rest {
        hash = (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
    }
    hash ^ (hash >> 67)
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0 & !(0xf << 76) & !(0x3 << 62) | (0x8 << 76) | (0x2 << 62);
        let part = |shift: u32, width: u32| (bits >> shift) & ((1 << width) - 1);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(96, 32),
            part(80, 16),
            part(64, 16),
            part(48, 16),
            part(0, 48)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_path_place_and_text() {
        let a = Id::root("a.afl");
        assert_eq!(
            a.child("Step", 0, "x = F()"),
            Id::root("a.afl").child("Step", 0, "x = F()")
        );
        assert_ne!(a.child("Step", 0, "x = F()"), a.child("Step", 1, "x = F()"));
        assert_ne!(
            a.child("Step", 0, "x = F()"),
            Id::root("b.afl").child("Step", 0, "x = F()")
        );
        let shown = a.to_string();
        assert_eq!((shown.len(), shown.chars().nth(14)), (36, Some('8')));
    }
}
