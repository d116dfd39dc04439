//! Standard Webhooks (1.0): `webhook-signature` over id, time and the body as it came.
//!
//! The time is held against the engine's clock, so that a test's clock decides, too.

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};
use subtle::ConstantTimeEq as _;

const SECRET: &str = "whsec_";
const PUBLIC_KEY: &str = "whpk_";
/// Signatures that are looked at; a rotation needs two.
const SIGNATURES_MAX: usize = 16;
/// The specification asks for 24 to 64 bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What a signature is checked with.
#[derive(Clone)]
pub struct Key(Kind);

#[derive(Clone)]
enum Kind {
    /// `v1`: HMAC-SHA256, the secret as it was written.
    Secret(SecretString),
    /// `v1a`: ed25519.
    Public([u8; 32]),
}

/// The text is no key for webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a webhook's key is whsec_ with 24 to 64 bytes in base64, or whpk_ with the 32 bytes of an ed25519 key in base64"
)]
pub struct InvalidKey;

impl std::str::FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| InvalidKey);
        if let Some(key) = text.strip_prefix(PUBLIC_KEY) {
            let key = bytes(key)?.try_into().map_err(|_| InvalidKey)?;
            return Ok(Self(Kind::Public(key)));
        }
        let secret = text.strip_prefix(SECRET).ok_or(InvalidKey)?;
        if SECRET_BYTES.contains(&bytes(secret)?.len()) {
            return Ok(Self(Kind::Secret(text.to_owned().into())));
        }
        Err(InvalidKey)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Secret(_) => "Key(v1)",
            Kind::Public(_) => "Key(v1a)",
        })
    }
}

/// The three headers of a signed request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    pub id: &'a str,
    pub timestamp: i64,
    signatures: &'a str,
}

impl<'a> Signed<'a> {
    /// `None` when they are not all there, once, and legible.
    pub(super) fn read(headers: &'a HeaderMap) -> Option<Self> {
        let one = |name: &str| {
            let mut all = headers.get_all(name).iter();
            let first = all.next()?.to_str().ok()?;
            all.next().is_none().then_some(first)
        };
        let id = one(HEADER_WEBHOOK_ID)?;
        // A point would let one text be read as another id and time.
        if id.is_empty() || id.len() > 256 || id.contains('.') {
            return None;
        }
        Some(Self {
            id,
            timestamp: one(HEADER_WEBHOOK_TIMESTAMP)?.parse().ok()?,
            signatures: one(HEADER_WEBHOOK_SIGNATURE)?,
        })
    }

    /// Whether its time is near enough.
    pub(super) fn is_timely(&self, now_seconds: i64, tolerance_seconds: u64) -> bool {
        now_seconds.abs_diff(self.timestamp) <= tolerance_seconds
    }

    /// Whether one of the signatures is one of the keys' over this body. All of them are tried.
    pub(super) fn verify(&self, keys: &[Key], body: &[u8]) -> bool {
        let given = || {
            let pairs = self.signatures.split(' ').take(SIGNATURES_MAX);
            pairs.filter_map(|pair| pair.split_once(','))
        };
        let mut good = false;
        for key in keys {
            match &key.0 {
                Kind::Secret(secret) => {
                    let expected = Webhook::new(secret.expose_secret())
                        .and_then(|webhook| webhook.sign(self.id, self.timestamp, body));
                    let Ok(expected) = expected else { continue };
                    for (_, text) in given().filter(|(version, _)| *version == "v1") {
                        let expected = expected.trim_start_matches("v1,").as_bytes();
                        good |= bool::from(expected.ct_eq(text.as_bytes()));
                    }
                }
                Kind::Public(key) => {
                    let mut message = format!("{}.{}.", self.id, self.timestamp).into_bytes();
                    message.extend_from_slice(body);
                    let key = UnparsedPublicKey::new(&ED25519, key);
                    for (_, text) in given().filter(|(version, _)| *version == "v1a") {
                        good |= STANDARD
                            .decode(text)
                            .is_ok_and(|signature| key.verify(&message, &signature).is_ok());
                    }
                }
            }
        }
        good
    }
}

#[cfg(test)]
mod tests;
