//! What a turn looks at beside the state: the definition, keys, limits.

use std::sync::Arc;

use everstep_core::token::{Keyring, Purpose, Token};
use everstep_core::{ExecutionId, Generation, Operation};
use everstep_expr::jsonata;

use crate::definition::Definition;

/// What an execution may use. The defaults are AWS's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The last event of a Standard execution's history: the one that ends it.
    pub history_events: u32,
    /// Of an input, an output, a result or a variable.
    pub payload_bytes: usize,
    /// Of all variables of an execution together.
    pub variables_bytes: usize,
    pub wait_s_max: u64,
    /// How many iterations of an inline map run at once, at most.
    pub inline_map_concurrency: u32,
    /// How many iterations of a distributed map run at once, at most.
    pub distributed_map_concurrency: u32,
    /// How long an Express execution may take.
    pub express_timeout_s: u64,
    /// How long after its end an execution may be redriven.
    pub redrive_window_ms: u64,
    /// How often an execution may be redriven.
    pub redrives: u32,
    /// What one JSONata program may use.
    pub expression: jsonata::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            history_events: 25_000,
            payload_bytes: 262_144,
            variables_bytes: 10 * 1024 * 1024,
            wait_s_max: 99_999_999,
            inline_map_concurrency: 40,
            distributed_map_concurrency: 10_000,
            express_timeout_s: 300,
            redrive_window_ms: 14 * 24 * 60 * 60 * 1_000,
            redrives: 1_000,
            expression: jsonata::Limits::default(),
        }
    }
}

/// What is looked up outside of an execution when a state begins. What comes of it stands in events.
pub trait Catalogue: Send + Sync {
    /// Whether this region and account have an activity of this name.
    fn has_activity(&self, name: &str) -> bool;
}

/// What a turn looks at beside the state. None of it is journaled, and applying an event never needs it.
#[derive(Clone)]
pub struct Surroundings {
    pub definition: Arc<Definition>,
    /// Signs task tokens.
    pub keyring: Keyring,
    pub limits: Limits,
    /// Without one, every activity is taken to exist.
    pub catalogue: Option<Arc<dyn Catalogue>>,
}

impl Surroundings {
    /// What settles an attempt: the arguments of a task and the worker of an activity get the same.
    pub(crate) fn task_token(
        &self,
        execution: ExecutionId,
        operation: Operation,
        generation: Generation,
    ) -> String {
        self.keyring.sign(&Token {
            purpose: Purpose::Task,
            execution,
            operation,
            generation,
            position: 0,
        })
    }
}
