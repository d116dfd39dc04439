use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::json;

use super::*;

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key of each kind that can be made here, and what signs with it.
fn p256() -> (Value, impl Fn(&[u8]) -> Vec<u8>) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let point = pair.public_key().as_ref().to_vec();
    let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": "k1", "x": encoded(&point[1..33]), "y": encoded(&point[33..]) });
    let sign = move |message: &[u8]| {
        let signed = pair.sign(&SystemRandom::new(), message);
        signed.expect("a signature").as_ref().to_vec()
    };
    (jwk, sign)
}

fn ed25519() -> (Value, impl Fn(&[u8]) -> Vec<u8>) {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key().as_ref()) });
    let sign = move |message: &[u8]| pair.sign(message).as_ref().to_vec();
    (jwk, sign)
}

fn card() -> Value {
    json!({ "name": "researcher", "skills": [{ "id": "s", "tags": [] }], "version": "1", "description": "" })
}

fn signed(card: &Value, form: &str, header: &Value, sign: &dyn Fn(&[u8]) -> Vec<u8>) -> Value {
    let protected = encoded(header.to_string());
    let signature = encoded(sign(format!("{protected}.{}", encoded(form)).as_bytes()));
    let mut card = card.clone();
    card["signatures"] = json!([{ "protected": protected, "signature": signature }]);
    card
}

fn code(card: &Value, keys: &[Key]) -> Option<&'static str> {
    verify(card, keys).err().and_then(|error| error.code())
}

#[test]
fn a_card_by_a_known_key_passes_and_a_changed_one_does_not() {
    let (jwk, sign) = p256();
    let keys = [Key::of_jwk(&jwk).expect("a key")];
    let whole = canonical::text(&card()).expect("a form");
    let bare = r#"{"name":"researcher","skills":[{"id":"s"}],"version":"1"}"#;
    let header = json!({ "alg": "ES256", "kid": "k1", "typ": "JOSE" });
    for form in [&*whole, bare] {
        let mut card = signed(&card(), form, &header, &sign);
        assert_eq!(code(&card, &keys), None);
        card["name"] = json!("somebody else");
        assert_eq!(code(&card, &keys), Some("E0309"));
    }
}

#[test]
fn each_kind_of_key_signs_in_its_own_way_only() {
    let (jwk, sign) = ed25519();
    let keys = [Key::of_jwk(&jwk).expect("a key")];
    let form = canonical::text(&card()).expect("a form");
    let with = |header: Value| signed(&card(), &form, &header, &sign);
    assert_eq!(code(&with(json!({ "alg": "EdDSA" })), &keys), None);
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "EdDSA", "crit": ["b64"], "b64": false }),
        json!({}),
    ] {
        assert_eq!(
            code(&with(header.clone()), &keys),
            Some("E0309"),
            "{header}"
        );
    }
}

#[test]
fn without_a_signature_by_a_known_key_a_card_is_refused() {
    let (jwk, sign) = p256();
    let (other, _) = ed25519();
    let form = canonical::text(&card()).expect("a form");
    let header = json!({ "alg": "ES256", "kid": "k2" });
    let by_another = signed(&card(), &form, &header, &sign);
    let known = [
        Key::of_jwk(&jwk).expect("a key"),
        Key::of_jwk(&other).expect("a key"),
    ];
    assert_eq!(code(&by_another, &known), Some("E0309"));
    assert_eq!(code(&card(), &known), Some("E0309"));
    let odd = json!({ "signatures": [1, {}, { "protected": "!", "signature": "!" }] });
    assert_eq!(code(&odd, &known), Some("E0309"));
}

#[test]
fn what_is_no_key_is_refused() {
    for wrong in [
        json!({}),
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
        json!({ "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" }),
        json!({ "kty": "RSA", "n": "AA", "e": "AQAB" }),
        json!({ "kty": "EC", "crv": "P-256", "x": "!" }),
    ] {
        assert!(Key::of_jwk(&wrong).is_err(), "{wrong}");
    }
}
