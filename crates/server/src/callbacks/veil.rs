//! Histories and lists for those who only look: where a token stands that they could not have made themselves, they are shown the public id.
//!
//! A token comes into a history as a callback's id in AWS's form, as a state machine's parameter, or as a part of whatever a function was given or
//! gave. So it is looked for in the whole answer, by what makes it one: its signature.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use everstep_core::ExecutionId;
use everstep_core::token::Purpose;
use everstep_engine::Handle;
use futures_util::StreamExt as _;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::http::request::Parts;

use super::address::Address;
use super::scoped::{self, Scoped};
use crate::door::{Caller, Need};
use crate::http::App;

/// Letters of a token of an operation.
const LENGTH: usize = 92;
/// What they begin with: a version and the number of a key.
const BEGINNING: &[u8] = b"AQ";

/// Whether tokens are taken out of the answer to a request.
pub(crate) fn is_for(head: &Parts, caller: &Caller) -> bool {
    // An artifact is what somebody put there, byte for byte. Functions answer for each other, as on AWS: the seeds' API finds what a
    // workflow waits for in its history.
    let is_artifact = head.uri.path().starts_with("/artifacts/");
    matches!(caller, Caller::Key { .. }) && !caller.may(Need::Operate) && !is_artifact
}

/// The answer as this caller may see it.
pub(crate) async fn cover(app: &App, caller: &Caller, response: Response) -> Response {
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (is_stream, is_json) = (
        kind.starts_with("text/event-stream"),
        kind.contains("json") || kind.starts_with("text/"),
    );
    if !is_stream && !is_json {
        return response;
    }
    let (mut head, body) = response.into_parts();
    if is_stream {
        let (app, caller) = (app.clone(), caller.clone());
        // An event of a stream is one piece of it.
        let pieces = body.into_data_stream();
        let covered =
            pieces.map(move |piece| piece.map(|piece| without(&app.handle, &caller, piece)));
        return Response::from_parts(head, Body::from_stream(covered));
    }
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return Response::from_parts(head, Body::empty());
    };
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Body::from(without(&app.handle, caller, bytes)))
}

/// A text without the tokens of executions that the caller may not answer for.
fn without(handle: &Handle, caller: &Caller, text: Bytes) -> Bytes {
    let mut covered = Vec::new();
    let (mut rest, mut kept) = (&text[..], &text[..]);
    while !rest.is_empty() {
        match found(handle, rest) {
            Some((address, letters)) if !may(caller, address.execution) => {
                let before = kept.len().saturating_sub(rest.len());
                covered.extend_from_slice(kept.get(..before).unwrap_or_default());
                covered.extend_from_slice(address.to_string().as_bytes());
                rest = rest.get(letters..).unwrap_or_default();
                kept = rest;
            }
            Some((_, letters)) => rest = rest.get(letters..).unwrap_or_default(),
            None => rest = rest.get(1..).unwrap_or_default(),
        }
    }
    if covered.is_empty() {
        return text;
    }
    covered.extend_from_slice(kept);
    Bytes::from(covered)
}

fn may(caller: &Caller, execution: ExecutionId) -> bool {
    caller.may(Need::Extend(execution))
}

/// The token that a text begins with: where it leads, and how many letters it has here.
fn found(handle: &Handle, text: &[u8]) -> Option<(Address, usize)> {
    if text.starts_with(BEGINNING) {
        let (token, letters) = unescaped(text)?;
        let purposes = [
            Purpose::Callback,
            Purpose::Task,
            Purpose::Push,
            Purpose::Position,
        ];
        return purposes.into_iter().find_map(|purpose| {
            let token = handle.verify(purpose, &token).ok()?;
            Some((Address::from(&token), letters))
        });
    }
    if !text.starts_with(scoped::PREFIX.as_bytes()) {
        return None;
    }
    let is_part = |letter: &&u8| letter.is_ascii_alphanumeric() || b"-_".contains(letter);
    let letters = text.iter().take_while(is_part).count();
    let token = std::str::from_utf8(text.get(..letters)?).ok()?;
    let scoped = Scoped::read(handle.keyring(), token)?;
    Some((scoped.address, letters))
}

/// As many letters as a token has; in an address some of them are escaped.
fn unescaped(text: &[u8]) -> Option<(String, usize)> {
    let (mut token, mut rest) = (String::with_capacity(LENGTH), text);
    while token.len() < LENGTH {
        let (letter, tail) = match rest {
            [b'%', b'2', b'b' | b'B', tail @ ..] => ('+', tail),
            [b'%', b'2', b'f' | b'F', tail @ ..] => ('/', tail),
            [b'%', b'3', b'd' | b'D', tail @ ..] => ('=', tail),
            [letter, tail @ ..] if letter.is_ascii_alphanumeric() || b"+/=".contains(letter) => {
                (char::from(*letter), tail)
            }
            _ => return None,
        };
        token.push(letter);
        rest = tail;
    }
    Some((token, text.len() - rest.len()))
}
