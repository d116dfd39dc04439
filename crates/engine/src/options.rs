//! The engine's limits.

use everstep_store::blobs::ArtifactOptions;

use crate::{ClockMode, StateMachineLimits};

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
    /// Where an engine that opens its own storage keeps artifacts.
    pub artifacts: ArtifactOptions,
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
            artifacts: ArtifactOptions::default(),
        }
    }
}
