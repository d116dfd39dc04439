//! Whether a request at an open door comes from this machine's programs, or from a page that its browser shows.
//!
//! A page may send requests to loopback: its `Origin` tells. A page whose name was made to lead here tells nothing, but its name stands in
//! `Host`.

use std::net::IpAddr;

use hyper::Uri;
use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};

use super::Refusal;

/// # Errors
/// [`Refusal::Foreign`].
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    for name in [HOST, ORIGIN] {
        if shown(headers, &name).is_some_and(|text| !is_local(text)) {
            return Err(Refusal::Foreign);
        }
    }
    Ok(())
}

fn shown<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // What is no text is no name of ours either.
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("?."))
}

/// Addresses, names without a point, and the names that are nobody's in public.
fn is_local(text: &str) -> bool {
    // The origin of a page that hides its own.
    if text == "null" {
        return false;
    }
    let authority = text.rsplit("//").next().unwrap_or(text);
    let Ok(uri) = authority.parse::<Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    // AWS's clients put `sync-` in front of the host of some operations of Step Functions.
    let host = host.strip_prefix("sync-").unwrap_or(&host);
    host.parse::<IpAddr>().is_ok()
        || !host.contains('.')
        || host.ends_with(".localhost")
        || host.ends_with(".internal")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: HeaderName, value: &str) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a value"));
        check(&headers)
    }

    #[test]
    fn programs_of_this_machine_pass_and_pages_of_others_do_not() {
        for host in [
            "127.0.0.1:9070",
            "[::1]:9070",
            "localhost",
            "LOCALHOST:1",
            "a.localhost:1",
            "everstep:9070",
            "host.docker.internal:9070",
            "sync-127.0.0.1:9070",
            "sync-localhost:9070",
        ] {
            assert_eq!(checked(HOST, host), Ok(()), "{host}");
        }
        for host in [
            "example.org",
            "example.org:9070",
            "127.0.0.1.example.org",
            "localhost.example.org:80",
            "sync-example.org",
            "a b",
        ] {
            assert_eq!(checked(HOST, host), Err(Refusal::Foreign), "{host}");
        }
        assert_eq!(checked(ORIGIN, "http://localhost:3000"), Ok(()));
        assert_eq!(checked(ORIGIN, "http://127.0.0.1:3000"), Ok(()));
        for origin in [
            "https://example.org",
            "http://localhost.example.org",
            "null",
        ] {
            assert_eq!(checked(ORIGIN, origin), Err(Refusal::Foreign), "{origin}");
        }
    }
}
