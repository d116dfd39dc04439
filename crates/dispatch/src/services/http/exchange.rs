//! What an HTTP task sends and gets, as it is shown to whoever tests a state.

use std::sync::{Mutex, PoisonError};

use everstep_asl::test_state::{HttpRequest, HttpResponse};
use reqwest::header::HeaderMap;

use super::answer::Answer;
use super::request::Outgoing;

/// What an HTTP task sends and gets, as far as it came.
pub(crate) struct Exchange {
    reveal_secrets: bool,
    seen: Mutex<(Option<HttpRequest>, Option<HttpResponse>)>,
}

impl Exchange {
    pub(crate) fn new(reveal_secrets: bool) -> Self {
        Self {
            reveal_secrets,
            seen: Mutex::default(),
        }
    }

    pub(super) const fn reveals_secrets(&self) -> bool {
        self.reveal_secrets
    }

    pub(super) fn sends(&self, outgoing: &Outgoing) {
        let body = outgoing.body.as_ref();
        let request = HttpRequest {
            protocol: outgoing.url.scheme().to_owned(),
            method: outgoing.method.to_string(),
            url: outgoing.url.to_string(),
            headers: listed(&outgoing.headers),
            body: body.map(|body| String::from_utf8_lossy(body).into_owned()),
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(request);
    }

    pub(super) fn gets(&self, answer: &Answer, protocol: String) {
        let status = answer.status;
        let response = HttpResponse {
            protocol,
            status_code: status.as_u16().to_string(),
            status_message: status.canonical_reason().unwrap_or_default().to_owned(),
            headers: listed(&answer.headers),
            body: Some(String::from_utf8_lossy(&answer.body).into_owned()),
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(response);
    }

    pub(crate) fn into_parts(self) -> (Option<HttpRequest>, Option<HttpResponse>) {
        self.seen
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// `[name: value, name: value]`
fn listed(headers: &HeaderMap) -> String {
    let shown = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let headers: Vec<String> = headers.iter().map(shown).collect();
    format!("[{}]", headers.join(", "))
}
