//! Tokens: addresses that can't be guessed. They are derived from what they name and a key, never stored, so that they can be made again
//! after a crash and lead to their owner without a look-up.

mod address;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub use address::{Address, InvalidAddress};

use crate::{ExecutionId, Generation, Operation};

const VERSION: u8 = 1;
const FIELDS: usize = 1 + 1 + 1 + 16 + 4 + 4 + 8;
const LENGTH: usize = FIELDS + 32;

/// What a token may be used for; part of what is signed. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Settles a callback.
    Callback = 1,
    /// Extends an execution's state from a position.
    Position = 2,
    /// Settles a task.
    Task = 3,
    /// Says that a task has moved at its receiver, and no more.
    Push = 4,
}

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub purpose: Purpose,
    pub execution: ExecutionId,
    pub operation: Operation,
    pub generation: Generation,
    /// A position in the operation, where the purpose has one; else 0.
    pub position: u64,
}

/// The text is not a token of ours: damaged, forged, or made under a key that is gone. Which of them is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid token")]
pub struct InvalidToken;

/// The signing keys: one that signs, all that verify.
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<(u8, [u8; 32])>,
    current: u8,
}

impl Keyring {
    /// A ring with one key, which has the number 1.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            keys: vec![(1, key)],
            current: 1,
        }
    }

    fn mac(&self, key: u8) -> Option<Hmac<Sha256>> {
        let (_, secret) = self.keys.iter().find(|(number, _)| *number == key)?;
        Hmac::<Sha256>::new_from_slice(secret).ok()
    }

    /// The token in the standard base64 alphabet, 92 characters.
    #[must_use]
    pub fn sign(&self, token: &Token) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend([VERSION, self.current, token.purpose as u8]);
        bytes.extend(token.execution.as_bytes());
        bytes.extend(token.operation.0.to_be_bytes());
        bytes.extend(token.generation.0.to_be_bytes());
        bytes.extend(token.position.to_be_bytes());
        bytes.extend(self.tag(self.current, &bytes).unwrap_or_default());
        STANDARD.encode(bytes)
    }

    /// 256 bits over any message, for links and other signatures; `None` for an unknown key number.
    #[must_use]
    pub fn tag(&self, key: u8, message: &[u8]) -> Option<[u8; 32]> {
        let mut mac = self.mac(key)?;
        mac.update(message);
        Some(mac.finalize().into_bytes().into())
    }

    /// The number of the key that signs.
    #[must_use]
    pub const fn current(&self) -> u8 {
        self.current
    }

    /// Compares in constant time.
    #[must_use]
    pub fn verify_tag(&self, key: u8, message: &[u8], tag: &[u8]) -> bool {
        self.mac(key).is_some_and(|mut mac| {
            mac.update(message);
            mac.verify_slice(tag).is_ok()
        })
    }

    /// # Errors
    /// [`InvalidToken`] for everything that this ring did not sign for `purpose`.
    pub fn verify(&self, purpose: Purpose, text: &str) -> Result<Token, InvalidToken> {
        let bytes: [u8; LENGTH] = STANDARD
            .decode(text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(InvalidToken)?;
        let (fields, tag) = bytes.split_at(FIELDS);
        let [VERSION, key, purpose_number, rest @ ..] = fields else {
            return Err(InvalidToken);
        };
        if *purpose_number != purpose as u8 || !self.verify_tag(*key, fields, tag) {
            return Err(InvalidToken);
        }
        let mut rest = crate::codec::Reader::new(rest);
        let mut read = || -> Result<Token, crate::codec::Corrupt> {
            Ok(Token {
                purpose,
                execution: ExecutionId::from_bytes(rest.raw()?),
                operation: Operation(u32::from_be_bytes(rest.raw()?)),
                generation: Generation(u32::from_be_bytes(rest.raw()?)),
                position: u64::from_be_bytes(rest.raw()?),
            })
        };
        read().map_err(|_| InvalidToken)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring(current {})", self.current)
    }
}

#[cfg(test)]
mod tests;
