//! AWS's published signatures, taken apart and made again.

use hyper::Request;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Case {
    name: String,
    secret: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

fn cases() -> Vec<Case> {
    let text = include_str!("../../../tests/data/sigv4.json");
    serde_json::from_str(text).expect("cases")
}

/// Some of the paths have a space, which no URI has: they are handed over beside the head.
fn signed(case: &Case) -> (Signed, Parts) {
    let mut request = Request::builder()
        .method(case.method.as_str())
        .uri(format!("/?{}", case.query));
    for (name, value) in &case.headers {
        request = request.header(name, value.trim());
    }
    let (head, ()) = request.body(()).expect("a request").into_parts();
    let signed = match head.headers.get("authorization") {
        Some(text) => Signed::of_header(&head, text.to_str().expect("text")).expect(&case.name),
        None => Signed::of_query(&head)
            .expect(&case.name)
            .expect("a signature"),
    };
    (signed, head)
}

fn verified(case: &Case, path: &str, body: &str, secret: &str) -> Result<(), Refusal> {
    let (signed, head) = signed(case);
    signed.verify_target(&head, (path, &case.query), &hash(body.as_bytes()), secret)
}

#[test]
fn every_published_signature_is_made_again() {
    for case in cases() {
        assert_eq!(
            verified(&case, &case.path, &case.body, &case.secret),
            Ok(()),
            "{}",
            case.name
        );
    }
}

#[test]
fn a_change_of_path_body_or_secret_is_seen() {
    for case in cases() {
        let wrong = Err(Refusal::Signature);
        let other = format!("{}/x", case.path);
        assert_eq!(
            verified(&case, &other, &case.body, &case.secret),
            wrong,
            "{}",
            case.name
        );
        assert_eq!(
            verified(&case, &case.path, "other", &case.secret),
            wrong,
            "{}",
            case.name
        );
        assert_eq!(
            verified(&case, &case.path, &case.body, "other"),
            wrong,
            "{}",
            case.name
        );
    }
}

fn at(text: &str) -> SystemTime {
    text.parse::<Timestamp>().expect("a time").into()
}

#[test]
fn a_header_is_good_for_the_skew_to_both_sides_and_an_address_until_it_expires() {
    let skew = Duration::from_secs(300);
    for case in cases()
        .iter()
        .filter(|case| case.name.starts_with("get-vanilla ("))
    {
        let (signed, _) = signed(case);
        let says = |moment: &str| {
            signed
                .check_time(at(moment), skew)
                .map_err(|refusal| refusal.to_string())
        };
        assert_eq!(says("2015-08-30T12:36:00Z"), Ok(()));
        assert_eq!(says("2015-08-30T12:31:00Z"), Ok(()));
        assert_eq!(
            says("2015-08-30T12:30:59Z").expect_err("too early"),
            "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 300 s.)"
        );
        let (last, late) = if case.name.contains("query") {
            ("2015-08-30T13:36:00Z", "2015-08-30T13:36:01Z")
        } else {
            ("2015-08-30T12:41:00Z", "2015-08-30T12:41:01Z")
        };
        assert_eq!(says(last), Ok(()));
        assert!(
            says(late)
                .expect_err("too late")
                .starts_with("Signature expired: 20150830T123600Z is now earlier than ")
        );
    }
}

#[test]
fn what_is_missing_is_named() {
    let read = |authorization: &str, date: &str| {
        let request = Request::builder()
            .header("host", "h")
            .header("x-amz-date", date)
            .body(())
            .expect("a request");
        Signed::of_header(&request.into_parts().0, authorization)
            .map_err(|refusal| refusal.to_string())
    };
    let whole = "AWS4-HMAC-SHA256 Credential=A/20260101/r/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";
    assert!(read(whole, "20260101T000000Z").is_ok());
    for (change, with, says) in [
        (
            "Credential=A/20260101/r/lambda/aws4_request, ",
            "",
            "'Credential'",
        ),
        ("SignedHeaders=host;x-amz-date, ", "", "'SignedHeaders'"),
        (", Signature=00", "", "'Signature'"),
        ("SHA256", "SHA512", "AWS4-HMAC-SHA256"),
        ("A/20260101/", "20260101/", "5 slash-delimited"),
        ("aws4_request", "aws3_request", "5 slash-delimited"),
        ("20260101", "20260102", "Date in Credential scope"),
        ("host;", "", "'host' must be a 'SignedHeader'"),
    ] {
        let refused = read(&whole.replace(change, with), "20260101T000000Z").expect_err(says);
        assert!(refused.contains(says), "{refused}");
    }
    assert!(
        read(whole, "yesterday")
            .expect_err("no date")
            .contains("date")
    );
}
