//! The canonical form of a request, by AWS's rules for every service but S3.

use std::fmt::Write as _;

use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};

/// What stays as it is: RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The parameter that carries the signature itself.
const SIGNATURE: &str = "X-Amz-Signature";

/// A request's parts as they came over the wire.
pub(super) struct Canonical<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    /// Names of the signed headers in lower case.
    pub signed: &'a [String],
    pub payload: &'a str,
}

impl Canonical<'_> {
    /// The text whose hash is signed; `None` when a signed header is not there.
    pub(super) fn write<'h>(&self, values: impl Fn(&str) -> Vec<&'h [u8]>) -> Option<String> {
        let mut text = format!(
            "{}\n{}\n{}\n",
            self.method,
            path(self.path),
            query(self.query)
        );
        for name in self.signed {
            let found = values(name);
            if found.is_empty() {
                return None;
            }
            let found: Vec<String> = found.into_iter().map(folded).collect();
            let _ = writeln!(text, "{name}:{}", found.join(","));
        }
        let _ = write!(text, "\n{}\n{}", self.signed.join(";"), self.payload);
        Some(text)
    }
}

/// The path without dot segments and double slashes, encoded once more than it came.
fn path(raw: &str) -> String {
    let mut segments = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut text = String::with_capacity(raw.len() + 16);
    for segment in &segments {
        text.push('/');
        text.extend(utf8_percent_encode(segment, RESERVED));
    }
    if segments.is_empty() || raw.ends_with('/') {
        text.push('/');
    }
    text
}

/// A query's pairs, decoded. A plus sign is itself.
pub(super) fn pairs(raw: &str) -> impl Iterator<Item = (String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(move |pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
}

fn query(raw: &str) -> String {
    let encoded = |text: &str| {
        let bytes: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&bytes, RESERVED).to_string()
    };
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .filter(|(name, _)| name != SIGNATURE)
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// A header's value without spaces around it, and with single ones within.
fn folded(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}
