//! Answers of agents and people to what executions wait for: in the research workflow's shape (`seeds`), by our own verbs (`native`), and as pushes
//! of A2A agents (`a2a`); what was tried (`history`), and what nobody wanted (`letters`).
//!
//! A callback has a public id, which stands in paths and lists, and a token, which stands in neither. Who shows the token, a token made from it
//! (`scoped`), or a signature by a key of the policy (`webhook`) may answer. Every try is told to the engine with its source, and leaves a trace.
//!
//! Invariants
//! - No token stands in a log line, a history, a letter or an error: the beginning of its hash does.
//! - Unknown ids and wrong credentials are answered alike.
//! - A large result is never held in memory.

mod a2a;
mod address;
mod envelope;
mod events;
mod history;
mod intake;
mod letters;
mod moved;
mod native;
mod orphans;
mod policy;
mod proof;
mod push;
mod rates;
mod request;
mod scoped;
mod seeds;
mod seen;
mod tokens;
mod veil;
mod webhook;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::routing::{get, post};
use everstep_core::{Failure, Timestamp};

use crate::claims;
use crate::http::App;
pub use policy::{Callbacks, Policy, Rate, Rates};
pub(crate) use rates::{Limiter, TooMany};
pub(crate) use veil::{cover, is_for as is_veiled};
pub use webhook::{InvalidKey as InvalidWebhookKey, Key as WebhookKey};

/// The code of an agent's failure, as the seeds' specification has it.
const AGENT_ERROR: &str = "AgentExecutionError";

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/callbacks", post(seeds::receive).options(seeds::preflight))
        .route(
            "/callbacks/{id}",
            post(seeds::receive).options(seeds::preflight),
        )
        .route("/callbacks/{id}/tokens", post(tokens::create))
        .route("/callbacks/{id}/{verb}", post(native::receive))
        .route("/a2a/push/{id}", post(a2a::receive))
        .route("/executions/{id}/callbacks", get(history::of_execution))
        .route("/workflows/{id}/callbacks", get(history::of_workflow))
        .route("/dead-letters", get(letters::list))
        .route(
            "/dead-letters/{id}",
            get(letters::get).delete(letters::discard),
        )
        .route("/dead-letters/{id}/replay", post(letters::replay))
}

const WRITERS: usize = 256;

/// What is remembered of callbacks while a server runs.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    seen: seen::Seen,
    /// Held while a large result for nobody is kept.
    orphans: tokio::sync::Mutex<()>,
    /// Held while a callback's first large result is written. Callbacks may share one, which costs time and nothing else.
    first: [tokio::sync::Mutex<()>; WRITERS],
    /// Room for what nobody has proven yet to be theirs.
    incoming: claims::Incoming,
}

/// What is counted and remembered of callbacks: how much came from whom, and which webhooks were seen. Servers of one process share it, so that a
/// limit is one limit by whichever address somebody comes.
#[derive(Clone, Debug, Default)]
pub struct Traffic(Arc<OnceLock<Arc<State>>>);

impl Traffic {
    /// The limits are those of the first server that asks.
    pub(crate) fn state(&self, callbacks: &Callbacks, now: Timestamp) -> Arc<State> {
        Arc::clone(self.0.get_or_init(|| Arc::new(State::new(callbacks, now))))
    }
}

impl State {
    fn first(&self, address: &address::Address) -> &tokio::sync::Mutex<()> {
        let hash = crc32fast::hash(address.to_string().as_bytes()) as usize;
        let [first, ..] = &self.first;
        self.first.get(hash % WRITERS).unwrap_or(first)
    }

    fn new(callbacks: &Callbacks, now: Timestamp) -> Self {
        Self {
            limiter: Limiter::new(&callbacks.rates),
            seen: seen::Seen::new(now),
            orphans: tokio::sync::Mutex::default(),
            first: std::array::from_fn(|_| tokio::sync::Mutex::default()),
            incoming: claims::Incoming::new(callbacks.incoming_bytes_max),
        }
    }
}

/// The failure that an agent tells as any JSON: a text is the message; anything else is kept beside it as it was written.
fn failure(error: &[u8]) -> Failure {
    match serde_json::from_slice::<String>(error) {
        Ok(text) => Failure::new(AGENT_ERROR, text),
        Err(_) => {
            let text = String::from_utf8_lossy(error).into_owned();
            Failure {
                data: Some(text.clone()),
                ..Failure::new(AGENT_ERROR, text)
            }
        }
    }
}
