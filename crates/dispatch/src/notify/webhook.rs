//! Webhooks, signed as Standard Webhooks has it: any receiver that knows that scheme can check them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::Sha256;

use super::outgoing::Outgoing;
use super::{Event, WrongSink};

/// What a secret begins with that is given in base64.
const PREFIX: &str = "whsec_";
/// The scheme asks for 24 to 64 bytes; a shorter one can be guessed, a longer one adds nothing.
const KEY_BYTES_MIN: usize = 24;

/// A webhook's address and the key that its requests are signed with.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub url: Url,
    pub key: SigningKey,
}

/// A symmetric key.
#[derive(Clone)]
pub struct SigningKey(Bytes);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// `whsec_` and base64, or the bytes of the text.
    ///
    /// # Errors
    /// It is no base64, or too short.
    pub fn read(secret: &SecretString) -> Result<Self, WrongSink> {
        let text = secret.expose_secret();
        let bytes = match text.strip_prefix(PREFIX) {
            Some(encoded) => STANDARD
                .decode(encoded)
                .map_err(|_| WrongSink::KeyNotBase64)?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.len() < KEY_BYTES_MIN {
            return Err(WrongSink::KeyTooShort {
                bytes: bytes.len(),
                min: KEY_BYTES_MIN,
            });
        }
        Ok(Self(bytes.into()))
    }

    /// `v1,` and the signature of what is sent.
    #[must_use]
    pub fn sign(&self, id: &str, seconds: u64, body: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("an HMAC takes a key of any length");
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl Webhook {
    /// `seconds` since 1970 is when it is sent, not when it happened: receivers refuse what is old.
    #[must_use]
    pub fn request(&self, event: &Event, seconds: u64) -> Outgoing {
        let body = json!({
            "type": event.name,
            "timestamp": event.at,
            "data": event.data,
        });
        let mut outgoing = Outgoing::json(&self.url, &body);
        let signature = self.key.sign(&event.id, seconds, &outgoing.body);
        outgoing.headers.extend([
            ("webhook-id", event.id.clone()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signature),
        ]);
        if let Some(traceparent) = event.text(&["traceparent"]) {
            outgoing
                .headers
                .push(("traceparent", traceparent.to_owned()));
        }
        outgoing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::case;

    fn key(text: &str) -> Result<SigningKey, WrongSink> {
        SigningKey::read(&SecretString::from(text.to_owned()))
    }

    /// The example that the specification of Standard Webhooks prints.
    #[test]
    fn a_signature_is_the_specifications_own() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let signature = key.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_request_tells_the_event_and_is_signed_over_its_bytes() {
        let webhook = Webhook {
            url: Url::parse("https://example.org/hook").expect("a URL"),
            key: key("a key that is long enough, I should think").expect("a key"),
        };
        let event = case("callback.processed", r#"{"workflow_id":"w"}"#);
        let outgoing = webhook.request(&event, 1_700_000_000);
        assert_eq!(
            outgoing.body,
            r#"{"type":"callback.processed","timestamp":"2026-01-02T03:04:05Z","data":{"workflow_id":"w"}}"#
        );
        let expected = webhook.key.sign("letter-1", 1_700_000_000, &outgoing.body);
        assert!(outgoing.headers.contains(&("webhook-signature", expected)));
        assert!(
            outgoing
                .headers
                .contains(&("webhook-id", "letter-1".to_owned()))
        );
        let other = webhook.key.sign("letter-2", 1_700_000_000, &outgoing.body);
        assert!(!outgoing.headers.contains(&("webhook-signature", other)));
    }

    #[test]
    fn a_key_that_is_weak_or_damaged_is_refused_and_never_shown() {
        assert!(matches!(
            key("short"),
            Err(WrongSink::KeyTooShort { bytes: 5, .. })
        ));
        assert!(matches!(key("whsec_***"), Err(WrongSink::KeyNotBase64)));
        let shown = format!("{:?}", key("a key that is long enough, I should think"));
        assert!(!shown.contains("long enough"), "{shown}");
    }
}
