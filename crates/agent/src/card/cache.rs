//! Cards that were read before, for as long as they say that they hold.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use reqwest::{Method, Url};
use serde_json::Value;

use super::{Card, read, signature};
use crate::agent::Agent;
use crate::error::Error;
use crate::http::{Http, Request};

/// A card is a page of JSON.
const CARD_BYTES_MAX: u64 = 1024 * 1024;
/// How long a card holds that does not say so, and the longest that any does: agents move.
const KEPT: Duration = Duration::from_secs(300);
const KEPT_MAX: Duration = Duration::from_secs(3600);
/// How many cards are kept.
const CARDS_MAX: usize = 1024;
/// Where cards lie, since 0.3 and before.
const PLACES: [&str; 2] = [".well-known/agent-card.json", ".well-known/agent.json"];

/// What there is at the card's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Card(Card),
    /// JSON that is no card of A2A.
    Unknown,
    /// Nothing.
    Nothing,
}

#[derive(Debug)]
struct Entry {
    said: Place,
    /// With the keys that it was verified by: with others it is read again.
    keys: usize,
    place: Url,
    etag: Option<String>,
    until: Instant,
}

/// By the agent's address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cards {
    known: Arc<Mutex<HashMap<Url, Entry>>>,
}

impl Cards {
    /// What the agent at this address says of itself.
    pub(crate) async fn of(&self, http: &Http, agent: &Agent, base: &Url) -> Result<Place, Error> {
        let known = self.known(base, agent.keys.len());
        let stale = match known {
            Known::Fresh(said) => return Ok(said),
            Known::Stale(stale) => Some(stale),
            Known::Not => None,
        };
        let places = match &stale {
            Some(stale) => vec![stale.place.clone()],
            None => places(base)?,
        };
        for place in places {
            if let Some(entry) = Self::ask(http, agent, place, stale.as_ref()).await? {
                let said = entry.said.clone();
                self.keep(base.clone(), entry);
                return Ok(said);
            }
        }
        Ok(Place::Nothing)
    }

    /// Asks again the next time: the agent may have moved.
    pub(crate) fn forget(&self, base: &Url) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(base);
    }

    /// `None` when there is nothing at this place.
    async fn ask(
        http: &Http,
        agent: &Agent,
        place: Url,
        stale: Option<&Stale>,
    ) -> Result<Option<Entry>, Error> {
        let timeout = agent.call_timeout;
        let mut request = Request::new(Method::GET, place.clone(), timeout, CARD_BYTES_MAX);
        request.header("accept", "application/json")?;
        request.authorize(&agent.credentials)?;
        if let Some(stale) = stale {
            request.header(IF_NONE_MATCH.as_str(), &stale.etag).ok();
        }
        let answer = http.call(request).await?;
        let holds = held(answer.header(CACHE_CONTROL.as_str()));
        let header = answer.header(ETAG.as_str()).map(str::to_owned);
        let said = match (answer.status, stale) {
            (304, Some(stale)) => stale.said.clone(),
            (200..=299, _) => understood(&answer.body, agent, &place)?,
            // A server without cards has no such page, or lets nobody ask for it in this way.
            (404 | 405 | 410 | 501, _) => return Ok(None),
            _ => return Err(answer.refusal()),
        };
        let unchanged = stale.filter(|_| answer.status == 304);
        let kept = header.or_else(|| unchanged.map(|stale| stale.etag.clone()));
        Ok(Some(Entry {
            said,
            keys: agent.keys.len(),
            place,
            etag: kept,
            until: Instant::now() + holds,
        }))
    }

    fn known(&self, base: &Url, keys: usize) -> Known {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(base).filter(|entry| entry.keys == keys) {
            Some(entry) if entry.until > Instant::now() => Known::Fresh(entry.said.clone()),
            Some(entry) => match &entry.etag {
                Some(etag) => Known::Stale(Stale {
                    said: entry.said.clone(),
                    place: entry.place.clone(),
                    etag: etag.clone(),
                }),
                None => Known::Not,
            },
            None => Known::Not,
        }
    }

    fn keep(&self, base: Url, entry: Entry) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CARDS_MAX && !known.contains_key(&base) {
            // The one that would be asked for first anyway.
            let oldest = known.iter().min_by_key(|(_, entry)| entry.until);
            if let Some(oldest) = oldest.map(|(base, _)| base.clone()) {
                known.remove(&oldest);
            }
        }
        known.insert(base, entry);
    }
}

enum Known {
    Fresh(Place),
    Stale(Stale),
    Not,
}

/// What was said when it was last asked for: who answers that nothing has changed means this, whatever was forgotten meanwhile.
struct Stale {
    said: Place,
    place: Url,
    etag: String,
}

fn understood(body: &[u8], agent: &Agent, place: &Url) -> Result<Place, Error> {
    let Ok(card) = serde_json::from_slice::<Value>(body) else {
        return Ok(Place::Nothing);
    };
    if !agent.keys.is_empty() {
        signature::verify(&card, &agent.keys)?;
    }
    Ok(match read(&card, place) {
        Some(card) => Place::Card(card),
        None => Place::Unknown,
    })
}

/// Where an address' card may be: the address itself, if it is that of a page of JSON.
fn places(base: &Url) -> Result<Vec<Url>, Error> {
    if base.path().ends_with(".json") {
        return Ok(vec![base.clone()]);
    }
    let place = |end: &&str| {
        let mut url = base.clone();
        url.set_query(None);
        url.set_path(&format!("{}/{end}", base.path().trim_end_matches('/')));
        url
    };
    Ok(PLACES.iter().map(place).collect())
}

/// How long an answer says that it holds.
fn held(control: Option<&str>) -> Duration {
    let Some(control) = control else { return KEPT };
    let mut directives = control
        .split(',')
        .map(|one| one.trim().to_ascii_lowercase());
    let mut holds = KEPT;
    for directive in directives.by_ref() {
        if matches!(&*directive, "no-store" | "no-cache") {
            return Duration::ZERO;
        }
        let seconds = directive.strip_prefix("max-age=");
        if let Some(seconds) = seconds.and_then(|text| text.trim_matches('"').parse().ok()) {
            holds = Duration::from_secs(seconds).min(KEPT_MAX);
        }
    }
    holds
}
