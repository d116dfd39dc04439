use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;

/// The vector of the reference implementations.
const SECRET_TEXT: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const TIME: &str = "1649367553";
const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

fn headers(id: &str, time: &str, signatures: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (HEADER_WEBHOOK_ID, id),
        (HEADER_WEBHOOK_TIMESTAMP, time),
        (HEADER_WEBHOOK_SIGNATURE, signatures),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    headers
}

fn is_good(keys: &[Key], headers: &HeaderMap, body: &[u8]) -> bool {
    Signed::read(headers).is_some_and(|signed| signed.verify(keys, body))
}

#[test]
fn the_official_vector_is_good_and_every_change_of_it_is_not() {
    let keys = [SECRET_TEXT.parse().unwrap()];
    assert!(is_good(&keys, &headers(ID, TIME, SIGNATURE), BODY));
    let rotated = format!("v1,AAAA v2,xyz v1 {SIGNATURE} v1,");
    assert!(is_good(&keys, &headers(ID, TIME, &rotated), BODY));
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLjSw".parse().unwrap();
    assert!(is_good(
        &[other, keys[0].clone()],
        &headers(ID, TIME, SIGNATURE),
        BODY
    ));
    for (id, time, signature, body) in [
        ("msg_other", TIME, SIGNATURE, BODY),
        (ID, "1649367554", SIGNATURE, BODY),
        (
            ID,
            TIME,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kk0=",
            BODY,
        ),
        (ID, TIME, "v1,tZ1I4", BODY),
        (ID, TIME, "v1,", BODY),
        (
            ID,
            TIME,
            "v1a,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            BODY,
        ),
        (ID, TIME, SIGNATURE, b"{}".as_slice()),
        (ID, "soon", SIGNATURE, BODY),
        ("", TIME, SIGNATURE, BODY),
        ("msg.1", TIME, SIGNATURE, BODY),
    ] {
        assert!(!is_good(&keys, &headers(id, time, signature), body));
    }
}

#[test]
fn an_ed25519_signature_is_checked_with_its_public_key() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let public = format!("whpk_{}", STANDARD.encode(pair.public_key()));
    let mut message = format!("{ID}.{TIME}.").into_bytes();
    message.extend(BODY);
    let signature = format!("v1a,{}", STANDARD.encode(pair.sign(&message)));
    let keys = [public.parse().unwrap()];
    assert!(is_good(&keys, &headers(ID, TIME, &signature), BODY));
    assert!(!is_good(&keys, &headers(ID, TIME, &signature), b"{}"));
    assert!(!is_good(
        &keys,
        &headers(ID, "1649367554", &signature),
        BODY
    ));
    let other = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    let other = format!("whpk_{}", STANDARD.encode(other.public_key()));
    assert!(!is_good(
        &[other.parse().unwrap()],
        &headers(ID, TIME, &signature),
        BODY
    ));
}

#[test]
fn a_time_is_good_within_the_tolerance_on_both_sides() {
    let headers = headers(ID, TIME, SIGNATURE);
    let signed = Signed::read(&headers).unwrap();
    for (now, timely) in [
        (-301, false),
        (-300, true),
        (0, true),
        (300, true),
        (301, false),
    ] {
        assert_eq!(
            signed.is_timely(signed.timestamp + now, 300),
            timely,
            "{now}"
        );
    }
}

#[test]
fn keys_are_whole_and_are_not_shown() {
    for wrong in [
        "",
        "whsec_",
        "whsec_AAAA",
        "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "whpk_AAAA",
        "whsec_!",
    ] {
        assert!(wrong.parse::<Key>().is_err(), "{wrong}");
    }
    let key: Key = SECRET_TEXT.parse().unwrap();
    assert_eq!(format!("{key:?}"), "Key(v1)");
}
