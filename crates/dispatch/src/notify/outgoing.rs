//! A request that a sink makes of an event, how it is sent, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everstep_agent::{Guard, Network};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};

use super::{Undelivered, never, not_yet};

const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(10);
/// How much of an answer that refuses is kept as the reason.
const REASON_BYTES_MAX: usize = 300;

/// A POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub url: Url,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

impl Outgoing {
    pub(super) fn json(url: &Url, body: &serde_json::Value) -> Self {
        Self {
            url: url.clone(),
            headers: vec![("content-type", "application/json".to_owned())],
            body: Bytes::from(body.to_string()),
        }
    }
}

/// Posts to addresses that the guard lets through: no proxy, no redirect.
#[derive(Clone, Debug)]
pub(super) struct Post {
    guard: Guard,
    client: Result<reqwest::Client, String>,
}

impl Post {
    pub(super) fn new(allowed: &[Network]) -> Self {
        let guard = Guard::new(allowed);
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(guard.clone()))
            .build()
            .map_err(|error| crate::remote::describe(&error));
        Self { guard, client }
    }

    pub(super) async fn send(&self, outgoing: Outgoing) -> Result<(), Undelivered> {
        let host = outgoing.url.host_str().unwrap_or_default();
        self.guard
            .check_literal(host)
            .map_err(|guarded| never(guarded.to_string()))?;
        let client = self.client.as_ref().map_err(never)?;
        let mut request = client.post(outgoing.url).body(outgoing.body);
        for (name, value) in outgoing.headers {
            request = request.header(name, value);
        }
        // An address may hold a secret: it is told by no error.
        let answer = request
            .send()
            .await
            .map_err(|error| not_yet(crate::remote::describe(&error.without_url())))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let said = said(answer).await;
        let reason = format!("it answered {status}{said}");
        Err(if is_passing(status) {
            not_yet(reason)
        } else {
            never(reason)
        })
    }
}

/// Whether the same request may be taken later.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || [
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::CONFLICT,
            StatusCode::TOO_EARLY,
            StatusCode::TOO_MANY_REQUESTS,
        ]
        .contains(&status)
}

async fn said(mut answer: reqwest::Response) -> String {
    let mut kept = Vec::new();
    while kept.len() < REASON_BYTES_MAX {
        match answer.chunk().await {
            Ok(Some(chunk)) => kept.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    kept.truncate(REASON_BYTES_MAX);
    let text = String::from_utf8_lossy(&kept);
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if text.trim().is_empty() {
        String::new()
    } else {
        format!(": {}", text.trim())
    }
}
