//! The engine's limits.

use everstep_store::blobs::ArtifactOptions;

use crate::catalogue::machine_name;
use crate::{ClaimOptions, ClockMode, LetterOptions, PERSONAL, StateMachineLimits};

/// How an engine runs.
#[derive(Clone, Debug)]
pub struct Options {
    pub clock: ClockMode,
    /// Commands that may wait before starts are shed; reads are shed at one and a half times this, other requests at twice. Settles never are.
    pub queue_max: usize,
    /// Executions kept in memory beside those that are busy.
    pub resident_max: usize,
    /// Tasks out at one target at a time; the others wait in its queue.
    pub in_flight_per_target_max: usize,
    /// What is added to a task's timeout before it is taken to be forgotten.
    pub lease_grace_ms: u64,
    /// Lease of a task without a timeout.
    pub lease_default_ms: u64,
    /// What executions of state machines may do.
    pub state_machines: StateMachineLimits,
    /// How letters are delivered and kept.
    pub letters: LetterOptions,
    /// Who hears of what.
    pub subscriptions: Vec<Subscription>,
    /// Where an engine that opens its own storage keeps artifacts.
    pub artifacts: ArtifactOptions,
    /// What becomes an artifact where it is too large to travel.
    pub claims: ClaimOptions,
}

/// Events that a sink wants to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The name under which the dispatcher knows it.
    pub sink: String,
    /// Each is a whole name, such as `execution.failed`, or ends with `*`, such as `approval.*` or `*`.
    pub events: Vec<String>,
    /// Only of executions of these definitions, each named as events are; empty: of all.
    pub definitions: Vec<String>,
}

impl Subscription {
    /// Whether it wants an event, from some execution at least.
    #[must_use]
    pub fn wants(&self, event: &str) -> bool {
        let mut events = self.events.iter();
        match event {
            PERSONAL => events.any(|wanted| wanted == event),
            _ => events.any(|wanted| fits(wanted, event)),
        }
    }

    /// Whether it wants an event from executions of this definition.
    #[must_use]
    pub fn wants_from(&self, event: &str, definition: &str) -> bool {
        let definitions = &self.definitions;
        // A function and a state machine are named in the same way; where both have one name, both are meant.
        let name = machine_name(definition).unwrap_or(definition);
        (definitions.is_empty() || definitions.iter().any(|wanted| fits(wanted, name)))
            && self.wants(event)
    }
}

/// Whether a name is the one that is wanted, or begins as is wanted.
fn fits(wanted: &str, name: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == wanted,
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: ClockMode::Real,
            queue_max: 16_384,
            resident_max: 1_024,
            in_flight_per_target_max: 256,
            lease_grace_ms: 60_000,
            lease_default_ms: 24 * 3_600_000,
            state_machines: StateMachineLimits::default(),
            letters: LetterOptions::default(),
            subscriptions: Vec::new(),
            artifacts: ArtifactOptions::default(),
            claims: ClaimOptions::default(),
        }
    }
}
