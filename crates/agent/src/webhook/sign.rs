//! Signatures of Standard Webhooks: HMAC-SHA256 over id, time and body.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The least and the most bytes of a key, as the specification has it.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Signs webhooks with one key.
#[derive(Clone)]
pub struct Signer {
    mac: Hmac<Sha256>,
}

/// The text is no key: `whsec_` and the base64 of 24 to 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook's secret is whsec_ and the base64 of 24 to 64 bytes")]
pub struct NotASecret;

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// # Errors
    /// The text is no key.
    pub fn new(secret: &str) -> Result<Self, NotASecret> {
        let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
        let key = STANDARD.decode(encoded).map_err(|_| NotASecret)?;
        if !KEY_BYTES.contains(&key.len()) {
            return Err(NotASecret);
        }
        let mac = Hmac::new_from_slice(&key).map_err(|_| NotASecret)?;
        Ok(Self { mac })
    }

    /// The header's value for one webhook.
    #[must_use]
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut mac = self.mac.clone();
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_specification_has_its_signature() {
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let signature = signer.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for wrong in ["", "whsec_", "whsec_!", "whsec_c2hvcnQ="] {
            assert_eq!(Signer::new(wrong).err(), Some(NotASecret), "{wrong}");
        }
        assert!(!format!("{:?}", Signer::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).contains("Mf"));
    }
}
