//! What is asked of those who answer callbacks, as the operator set it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::webhook::Key;

/// How callbacks are taken.
#[derive(Clone, Debug)]
pub struct Callbacks {
    /// `Access-Control-Allow-Origin` of every answer in the seeds' shape.
    pub cors_origin: String,
    /// Where large results go.
    pub artifact_bucket: String,
    /// A result with more bytes becomes an artifact, and the callback's result a reference to it.
    pub artifact_threshold_bytes: usize,
    /// A result with more bytes is refused.
    pub result_bytes_max: u64,
    /// Large results for nobody are kept while they have no more bytes together.
    pub orphan_bytes_max: u64,
    /// Of large results whose token has not come yet, or is none: all that are on their way together.
    pub incoming_bytes_max: u64,
    /// How deep arrays and objects may lie in each other.
    pub json_depth_max: usize,
    /// How far a webhook's time may be from the engine's.
    pub webhook_tolerance: Duration,
    /// What proves that somebody may answer.
    pub policy: Policy,
    /// Policies of single functions and state machines, in the place of the one above.
    pub definitions: BTreeMap<String, Policy>,
    pub rates: Rates,
}

impl Default for Callbacks {
    fn default() -> Self {
        Self {
            cors_origin: "*".to_owned(),
            artifact_bucket: "everstep-artifacts".to_owned(),
            artifact_threshold_bytes: 200_000,
            result_bytes_max: 1 << 30,
            orphan_bytes_max: 1 << 30,
            incoming_bytes_max: 4 << 30,
            json_depth_max: 128,
            webhook_tolerance: Duration::from_secs(5 * 60),
            policy: Policy::default(),
            definitions: BTreeMap::new(),
            rates: Rates::default(),
        }
    }
}

impl Callbacks {
    /// What holds for executions of a function or state machine.
    pub(super) fn of(&self, definition: Option<&str>) -> &Policy {
        definition
            .and_then(|name| self.definitions.get(name))
            .unwrap_or(&self.policy)
    }
}

/// Which proofs are good.
#[derive(Clone, Debug)]
pub struct Policy {
    /// A callback's own token, or one made from it, as bearer or in the seeds' body.
    pub bearer: bool,
    /// The same token in the headers of an A2A push.
    pub a2a: bool,
    /// Who signs by the Standard Webhooks scheme. Each key may answer every callback that this policy is about.
    pub webhook_keys: Vec<Key>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            bearer: true,
            a2a: true,
            webhook_keys: Vec::new(),
        }
    }
}

/// So many per second, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

/// How much is taken from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of one token of a callback.
    pub callback: Rate,
    /// Of one address; of IPv6, of one /64.
    pub source: Rate,
    /// Of all together.
    pub all: Rate,
    /// Wrong credentials that one address may show, here and at the door.
    pub failures: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        let rate = |per_second, burst| Rate { per_second, burst };
        Self {
            callback: rate(20, 60),
            source: rate(5_000, 10_000),
            all: rate(20_000, 40_000),
            failures: rate(5, 300),
        }
    }
}
