use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::*;

/// The outermost members, with the text cut into pieces of this size.
fn members(text: &[u8], piece: usize) -> Result<BTreeMap<String, String>, Fault> {
    let mut scanner = Scanner::new(16);
    let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for bytes in text.chunks(piece.max(1)) {
        scanner.feed(bytes, |part| match part {
            Part::Name(name) => found.push((name.to_vec(), Vec::new())),
            Part::Value(bytes) => found.last_mut().unwrap().1.extend(bytes),
        })?;
    }
    scanner.finish()?;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let pairs = found
        .into_iter()
        .map(|(name, value)| (text(name), text(value)));
    Ok(pairs.collect())
}

#[test]
fn members_are_cut_out_wherever_the_text_is_cut() {
    let text = r#" { "token" : "a\"}b" , "n":-1.5e+3,"result":{"a":[1,{"b":null}],"é":"ü😀"},"empty":{},"t":true ,"z":0} "#;
    let wanted: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap();
    for piece in 1..=text.len() {
        let found = members(text.as_bytes(), piece).unwrap();
        assert_eq!(found.len(), wanted.len());
        for (name, value) in &wanted {
            assert_eq!(found[name], value.get(), "{name} in pieces of {piece}");
        }
    }
}

#[test]
fn what_serde_takes_is_taken_and_what_it_refuses_is_refused() {
    let texts: &[&[u8]] = &[
        b"",
        b" ",
        b"1",
        b"-",
        b"-0",
        b"01",
        b"1.",
        b"1.0",
        b".5",
        b"1e",
        b"1e5",
        b"1E-5",
        b"1e+",
        b"tru",
        b"true",
        b"truex",
        b"null",
        b"nul ",
        b"false",
        b"\"",
        b"\"a",
        b"\"a\"",
        b"\"\\x\"",
        b"\"\\u12g4\"",
        b"\"\\u1234\"",
        b"\"\n\"",
        b"[",
        b"[]",
        b"[,]",
        b"[1,]",
        b"[1 2]",
        b"[1,2]",
        b"{",
        b"{}",
        b"{,}",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"{\"a\":1}",
        b"{a:1}",
        b"[}",
        b"{]",
        b"1 2",
        b"[] []",
        b"\"\xc3\xa9\"",
        b"\"\xc3\"",
        b"\"\xff\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\"\xe0\x80\x80\"",
        b"{\"a\":{\"b\":[1,2,{\"c\":\"d\"}]}}",
        b"-5",
        b"- 5",
        b"nan",
        b"'a'",
        b"[1]]",
    ];
    for text in texts {
        let serde = serde_json::from_slice::<serde_json::Value>(text).is_ok();
        let shown = String::from_utf8_lossy(text);
        assert_eq!(check(text, 16).is_ok(), serde, "{shown}");
    }
}

#[test]
fn depth_ends_at_its_limit() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(check(nested(16).as_bytes(), 16), Ok(()));
    assert_eq!(
        check(nested(17).as_bytes(), 16),
        Err(Fault::TooDeep { depth_max: 16 })
    );
}
