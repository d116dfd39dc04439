//! What a request shows of its sender.

use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::http::request::Parts;
use secrecy::SecretString;

use super::Refusal;
use super::sigv4::Signed;

/// Where a key may stand when `Authorization` is taken by something else.
const API_KEY: &str = "x-api-key";

/// The credentials of a request, not yet believed.
pub(super) enum Presented {
    Nothing,
    Bearer(SecretString),
    Signature(Box<Signed>),
}

/// # Errors
/// [`Refusal::Incomplete`] and [`Refusal::Scheme`].
pub(super) fn read(head: &Parts) -> Result<Presented, Refusal> {
    let mut all = head.headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (all.next(), all.next());
    if second.is_some() {
        return Err(Refusal::incomplete(
            "There is more than one Authorization header",
        ));
    }
    if let Some(value) = first {
        return of_header(head, value);
    }
    if let Some(signed) = Signed::of_query(head)? {
        return Ok(Presented::Signature(Box::new(signed)));
    }
    Ok(
        match head.headers.get(API_KEY).and_then(|key| key.to_str().ok()) {
            Some(key) => Presented::Bearer(key.to_owned().into()),
            None => Presented::Nothing,
        },
    )
}

fn of_header(head: &Parts, value: &HeaderValue) -> Result<Presented, Refusal> {
    let text = value.to_str().map_err(|_| Refusal::Scheme)?.trim();
    if text.starts_with("AWS4-") {
        let signed = Signed::of_header(head, text)?;
        return Ok(Presented::Signature(Box::new(signed)));
    }
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Presented::Bearer(token.trim().to_owned().into()))
        }
        Some(_) | None => Err(Refusal::Scheme),
    }
}

/// Whether there is anything to look at.
pub(super) fn are_shown(head: &Parts) -> bool {
    head.headers.contains_key(AUTHORIZATION) || head.headers.contains_key(API_KEY)
}

/// Removes what was shown.
pub(super) fn take(head: &mut Parts) {
    if head.headers.remove(AUTHORIZATION).is_none() {
        head.headers.remove(API_KEY);
    }
}
