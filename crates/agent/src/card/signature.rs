//! Who has signed a card: JSON Web Signatures over its canonical form.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{canonical, text};
use crate::error::Error;

/// How many signatures of a card are looked at.
const SIGNATURES_MAX: usize = 16;

/// A public key that signs cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    id: Option<String>,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

/// The text is no public key that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: a JSON Web Key of the kinds EC (P-256, P-384), OKP (Ed25519) or RSA is needed")]
pub struct NotAKey(String);

impl Key {
    /// Reads a public JSON Web Key.
    ///
    /// # Errors
    /// It is no such key.
    pub fn of_jwk(jwk: &Value) -> Result<Self, NotAKey> {
        let member = |name: &str| {
            let text = text(jwk, name).ok_or_else(|| NotAKey(format!("'{name}' is missing")))?;
            let bytes = URL_SAFE_NO_PAD.decode(text);
            bytes.map_err(|_| NotAKey(format!("'{name}' is no base64url")))
        };
        let point = || -> Result<Vec<u8>, NotAKey> {
            // Uncompressed, as SEC 1 has it.
            Ok([vec![4], member("x")?, member("y")?].concat())
        };
        let material = match (text(jwk, "kty"), text(jwk, "crv")) {
            (Some("EC"), Some("P-256")) => Material::P256(point()?),
            (Some("EC"), Some("P-384")) => Material::P384(point()?),
            (Some("OKP"), Some("Ed25519")) => Material::Ed25519(member("x")?),
            (Some("RSA"), _) => Material::Rsa {
                modulus: member("n")?,
                exponent: member("e")?,
            },
            (kind, curve) => {
                return Err(NotAKey(format!("kty {kind:?} with crv {curve:?}")));
            }
        };
        let key = Self {
            id: text(jwk, "kid").map(str::to_owned),
            material,
        };
        match key.is_usable() {
            true => Ok(key),
            false => Err(NotAKey("its numbers are no key".to_owned())),
        }
    }

    fn is_usable(&self) -> bool {
        match &self.material {
            Material::P256(point) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).is_ok(),
            Material::P384(point) => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).is_ok(),
            Material::Ed25519(bytes) => ParsedPublicKey::new(&ED25519, bytes).is_ok(),
            Material::Rsa { modulus, exponent } => modulus.len() >= 256 && !exponent.is_empty(),
        }
    }

    /// The one algorithm that the key is for: a signature does not choose another.
    const fn algorithm(&self) -> &'static str {
        match &self.material {
            Material::P256(_) => "ES256",
            Material::P384(_) => "ES384",
            Material::Ed25519(_) => "EdDSA",
            Material::Rsa { .. } => "RS256",
        }
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let check = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key)
                .verify(message, signature)
                .is_ok()
        };
        match &self.material {
            Material::P256(point) => check(&ECDSA_P256_SHA256_FIXED, point),
            Material::P384(point) => check(&ECDSA_P384_SHA384_FIXED, point),
            Material::Ed25519(bytes) => check(&ED25519, bytes),
            Material::Rsa { modulus, exponent } => RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok(),
        }
    }
}

/// Whether one of these keys has signed the card.
pub(super) fn verify(card: &Value, keys: &[Key]) -> Result<(), Error> {
    let refused = |why: &str| Error::Signature {
        why: why.to_owned(),
    };
    let signatures = card.get("signatures").and_then(Value::as_array);
    let signatures = signatures.map(Vec::as_slice).unwrap_or_default();
    if signatures.is_empty() {
        return Err(refused("it has no signature"));
    }
    let Value::Object(mut members) = card.clone() else {
        return Err(refused("it is no object"));
    };
    members.remove("signatures");
    // Signers leave out what is empty, and some servers show it all the same.
    let bare = Value::Object(bare(&members));
    let forms = [Value::Object(members), bare];
    let forms: Vec<String> = forms.iter().filter_map(canonical::text).collect();
    let mut is_known = false;
    for signature in signatures.iter().take(SIGNATURES_MAX) {
        let Some(signature) = Signature::read(signature) else {
            continue;
        };
        for key in keys.iter().filter(|key| signature.may_be_by(key)) {
            is_known = true;
            let mut forms = forms.iter();
            if forms.any(|form| key.has_signed(&signature.message(form), &signature.bytes)) {
                return Ok(());
            }
        }
    }
    Err(refused(match is_known {
        true => "the card is not what was signed",
        false => "no signature is by a key of this agent",
    }))
}

/// Without members that are empty, at any depth.
fn bare(members: &Map<String, Value>) -> Map<String, Value> {
    let members = members.iter();
    let members = members.map(|(name, value)| (name.clone(), bare_value(value)));
    members.filter(|(_, value)| !is_empty(value)).collect()
}

fn bare_value(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(bare(members)),
        Value::Array(items) => {
            let items = items.iter().map(bare_value);
            items.filter(|item| !is_empty(item)).collect()
        }
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

struct Signature<'a> {
    protected: &'a str,
    algorithm: String,
    key: Option<String>,
    bytes: Vec<u8>,
}

impl<'a> Signature<'a> {
    fn read(value: &'a Value) -> Option<Self> {
        let protected = text(value, "protected")?;
        let header = URL_SAFE_NO_PAD.decode(protected).ok()?;
        let header: Value = serde_json::from_slice(&header).ok()?;
        // What a signature calls critical is not understood here.
        if header.get("crit").is_some() {
            return None;
        }
        Some(Self {
            protected,
            algorithm: text(&header, "alg")?.to_owned(),
            key: text(&header, "kid").map(str::to_owned),
            bytes: URL_SAFE_NO_PAD.decode(text(value, "signature")?).ok()?,
        })
    }

    fn may_be_by(&self, key: &Key) -> bool {
        let is_named = match (&self.key, &key.id) {
            (Some(named), Some(known)) => named == known,
            (None, _) | (_, None) => true,
        };
        is_named && self.algorithm == key.algorithm()
    }

    fn message(&self, form: &str) -> Vec<u8> {
        format!("{}.{}", self.protected, URL_SAFE_NO_PAD.encode(form)).into_bytes()
    }
}

#[cfg(test)]
mod tests;
