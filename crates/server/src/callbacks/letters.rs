//! Dead letters: answers that came late, twice and differently, or for nobody; notifications that could not be delivered; steps out of attempts.
//! They are listed, shown, sent again, and thrown away.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use everstep_core::{Failure, LetterId, Settlement};
use everstep_engine::letter::topic;
use everstep_engine::{Error, Letter, LetterFilter, LetterState, SettleWith, Source, Via, claim};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::address::{self, Address};
use super::{history, intake, orphans, tokens};
use crate::claims::{self, Checked};
use crate::door::Caller;
use crate::errors::Code;
use crate::executions::find;
use crate::http::App;
use crate::query::Query;
use crate::rest::{Problem, read_json_or_default, time};
use crate::server::Peer;

/// A payload that is shown beside its letter.
const SHOWN_BYTES_MAX: usize = 1 << 20;

/// What the body of an answer's letter says of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Unwanted {
    verb: String,
    generation: Option<u32>,
    error: Option<ErrorIn>,
    /// Where a large result for nobody lies.
    artifact: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorIn {
    kind: Option<String>,
    message: Option<String>,
    data: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReplayIn {
    /// Another callback than the one that it was for.
    callback: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref());
    let mut filter = LetterFilter {
        dead: Some(true),
        ..LetterFilter::default()
    };
    for (name, value) in query.pairs() {
        match (name, value) {
            ("state", "dead") => filter.dead = Some(true),
            ("state", "waiting") => filter.dead = Some(false),
            ("state", "all") => filter.dead = None,
            ("topic", _) => filter.topic = Some(value.to_owned()),
            ("execution", _) => filter.execution = Some(find(&app, value).await?),
            ("cursor" | "limit", _) => {}
            _ => {
                let text = format!("Letters can't be listed by {name}={value}");
                return Err(Problem::new(Code::InvalidParameter, text));
            }
        }
    }
    let (cursor, limit) = (history::cursor(&query)?, history::limit(&query)?);
    let page = app.handle.letters(filter, cursor, limit).await?;
    let letters: Vec<Value> = page.rows.iter().map(shown).collect();
    let next = page.next.map(|next| URL_SAFE_NO_PAD.encode(&next.0));
    let figures = app.handle.letter_figures();
    let answer = json!({
        "letters": letters,
        "next": next,
        "counts": { "waiting": figures.waiting, "dead": figures.dead, "dead_bytes": figures.dead_bytes },
    });
    Ok(Json(answer).into_response())
}

pub(super) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let letter = letter(&app, &id).await?;
    let mut shown = shown(&letter);
    let size = letter.payload.as_ref().map_or(0, |payload| payload.len());
    if size <= SHOWN_BYTES_MAX
        && let Some(members) = shown.as_object_mut()
        && letter.payload.is_some()
    {
        let payload = match app.handle.letter_payload(&letter).await {
            Ok(bytes) => bytes.map(|bytes| legible(&bytes)),
            // It went with its execution.
            Err(Error::Payload { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(artifact) = claims::shown(&app, &caller, payload.as_ref()).await {
            members.insert("payload_artifact".to_owned(), json!(artifact));
        }
        members.insert("payload".to_owned(), payload.unwrap_or(Value::Null));
    }
    Ok(Json(shown).into_response())
}

pub(super) async fn discard(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let letter = letter(&app, &id).await?;
    app.handle.discard_letter(letter.id).await?;
    forget(&app, &unwanted(&letter)).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Sends a letter again: an answer to a callback, anything else to where it was going.
pub(super) async fn replay(
    State(app): State<App>,
    Path(id): Path<String>,
    Extension(caller): Extension<Caller>,
    peer: Option<Extension<Peer>>,
    body: Body,
) -> Result<Response, Problem> {
    let asked: ReplayIn = read_json_or_default(&app, body).await?;
    let letter = letter(&app, &id).await?;
    if letter.topic.starts_with("callback.") {
        let peer = peer.map(|Extension(peer)| peer);
        return answer_again(&app, &letter, asked, (&caller, peer)).await;
    }
    if letter.topic == topic::TASK_FAILED {
        let text = "A step that is out of attempts goes on when its execution is redriven: `everstep redrive`";
        return Err(Problem::new(Code::Conflict, text));
    }
    if asked.callback.is_some() {
        let text = "Only answers of callbacks can be sent to another callback";
        return Err(Problem::new(Code::InvalidParameter, text));
    }
    app.handle.retry_letter(letter.id).await?;
    let state = json!({ "id": letter.id.to_string(), "state": "waiting" });
    Ok((StatusCode::ACCEPTED, Json(state)).into_response())
}

async fn answer_again(
    app: &App,
    letter: &Letter,
    asked: ReplayIn,
    (caller, peer): (&Caller, Option<Peer>),
) -> Result<Response, Problem> {
    let unwanted = unwanted(letter);
    let address = match asked.callback {
        Some(text) => text
            .parse::<Address>()
            .map_err(|error| Problem::new(Code::InvalidParameter, error.to_string()))?,
        None => own(letter, &unwanted).ok_or_else(|| {
            let text = "The letter is for no callback that is known: name one with `callback`";
            Problem::new(Code::InvalidParameter, text)
        })?,
    };
    let purpose = tokens::purpose(app, &address).await;
    let purpose = purpose.ok_or_else(super::native::unknown)?;
    let with = settle_with(app, letter, &unwanted, &address).await?;
    let bytes = letter.payload.as_ref().map_or(0, |payload| payload.len());
    let from = letter.source.as_ref();
    let source = Source {
        token_hash: from.and_then(|source| source.token_hash.clone()),
        ..caller.source(Via::Replay, peer, bytes)
    };
    let token = address::token(&app.handle, purpose, &address);
    let settlement = app
        .handle
        .settle_from(purpose, &token, with, source)
        .await?;
    match settlement {
        Settlement::Applied | Settlement::Duplicate => {
            match app.handle.discard_letter(letter.id).await {
                Ok(()) | Err(Error::UnknownLetter { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            forget(app, &unwanted).await;
            let answer = json!({
                "id": letter.id.to_string(),
                "callback": address.to_string(),
                "outcome": settlement.as_str(),
            });
            Ok(Json(answer).into_response())
        }
        Settlement::Conflict => Err(Problem::new(
            Code::CallbackAnswered,
            format!("Callback {address} has been answered otherwise; the letter stays"),
        )),
        Settlement::TimedOut | Settlement::Closed | Settlement::Superseded => Err(Problem::new(
            Code::CallbackClosed,
            format!("Nobody waits for callback {address}; the letter stays"),
        )),
        Settlement::Unknown => Err(super::native::unknown()),
    }
}

/// The callback that a letter was for.
fn own(letter: &Letter, unwanted: &Unwanted) -> Option<Address> {
    Some(Address {
        execution: letter.execution?,
        operation: letter.operation?,
        generation: everstep_core::Generation(unwanted.generation?),
    })
}

fn unwanted(letter: &Letter) -> Unwanted {
    serde_json::from_slice(&letter.body).unwrap_or_default()
}

/// What a letter kept of its own goes with it.
async fn forget(app: &App, unwanted: &Unwanted) {
    if let Some(key) = &unwanted.artifact {
        orphans::forget(app, key).await;
    }
}

async fn settle_with(
    app: &App,
    letter: &Letter,
    unwanted: &Unwanted,
    address: &Address,
) -> Result<SettleWith, Problem> {
    let gone = || {
        let text = "What came with the letter was not kept, or went with its execution";
        Problem::new(Code::Conflict, text)
    };
    let payload = match app.handle.letter_payload(letter).await {
        Ok(payload) => payload,
        Err(Error::Payload { .. }) => return Err(gone()),
        Err(error) => return Err(error.into()),
    };
    match (unwanted.verb.as_str(), &unwanted.error, payload) {
        ("fail", Some(error), _) => Ok(SettleWith::Failed(Failure {
            kind: error.kind.clone(),
            message: error.message.clone(),
            data: error.data.clone(),
            ..Failure::default()
        })),
        ("fail", None, Some(error)) => Ok(SettleWith::Failed(super::failure(&error))),
        ("succeed", _, None) if letter.execution.is_some() => Ok(SettleWith::Succeeded(None)),
        ("succeed", _, Some(result)) => {
            let Some(key) = own_artifact(app, letter, unwanted, &result) else {
                return Ok(SettleWith::Succeeded(Some(result)));
            };
            // What is kept for a letter ends with it: whoever gets the result keeps an artifact of its own.
            let content = orphans::content(app, &key).await?.ok_or_else(gone)?;
            let kept = intake::keep(app, address, Checked::trusted(content)).await?;
            let reference = kept.reference(&app.options.callbacks.artifact_bucket);
            Ok(SettleWith::Succeeded(Some(reference)))
        }
        _ => Err(gone()),
    }
}

/// The artifact behind a letter's payload, where the server stored it: a reference that somebody sent is a result like any other.
fn own_artifact(app: &App, letter: &Letter, unwanted: &Unwanted, payload: &[u8]) -> Option<String> {
    if unwanted.artifact.is_some() {
        return unwanted.artifact.clone();
    }
    let (bucket, key) = claim::place_in(payload)?;
    let below = format!("callbacks/{}/", own(letter, unwanted)?);
    (bucket == app.options.callbacks.artifact_bucket && key.starts_with(&below)).then_some(key)
}

async fn letter(app: &App, id: &str) -> Result<Letter, Problem> {
    Ok(app.handle.letter(id_of(id)?).await?)
}

fn id_of(text: &str) -> Result<LetterId, Problem> {
    text.parse().map_err(|_| {
        let text = format!("There is no dead letter {text:.64}");
        Problem::new(Code::UnknownLetter, text)
    })
}

/// A letter without its payload.
fn shown(letter: &Letter) -> Value {
    let (state, at, tries, reason) = match &letter.state {
        LetterState::Waiting { due, tries, error } => ("waiting", due, *tries, error.clone()),
        LetterState::Dead {
            since,
            tries,
            reason,
        } => ("dead", since, *tries, Some(reason.clone())),
    };
    let source = letter.source.as_ref().map(|source| {
        json!({
            "via": source.via.as_str(),
            "source": source.peer,
            "who": source.who,
            "token_hash": source.token_hash,
            "bytes": source.bytes,
        })
    });
    json!({
        "id": letter.id.to_string(),
        "topic": letter.topic,
        "state": state,
        "at": time(*at),
        "tries": tries,
        "reason": reason,
        "execution": letter.execution.map(|id| id.to_string()),
        "operation": letter.operation.map(|operation| operation.0),
        "created_at": time(letter.created),
        "source": source,
        "body": legible(&letter.body),
        "payload_bytes": letter.payload.as_ref().map(|payload| payload.len()),
    })
}

/// JSON where it is JSON, else text.
fn legible(bytes: &Bytes) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes).into_owned()))
}
