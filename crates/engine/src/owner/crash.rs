//! A turn that panics: it is discarded with the state that it spoiled, which the journal still has. The third time the execution is quarantined.

use std::collections::HashMap;

use everstep_core::{ExecutionId, Timestamp};

use super::Owner;
use crate::Error;
use crate::input::Input;

/// A turn that panics this often takes its execution out of the loop.
const CRASHES_MAX: u32 = 3;

/// Executions that have crashed since this owner began.
#[derive(Default)]
pub(super) struct Crashes {
    counts: HashMap<ExecutionId, u32>,
    /// The state can be rebuilt once this group is durable.
    rebuild: HashMap<ExecutionId, u64>,
    /// To be quarantined as soon as they can be rebuilt, and why.
    condemned: HashMap<ExecutionId, String>,
    /// What waits for a state that can't be rebuilt yet.
    parked: Vec<(ExecutionId, Input)>,
}

impl Crashes {
    pub(super) fn must_wait(&self, id: ExecutionId) -> bool {
        self.rebuild.contains_key(&id)
    }

    pub(super) fn park(&mut self, id: ExecutionId, input: Input) {
        self.parked.push((id, input));
    }

    pub(super) fn forget(&mut self, id: ExecutionId) {
        self.counts.remove(&id);
        self.condemned.remove(&id);
        self.rebuild.remove(&id);
    }
}

impl Owner {
    /// Discards a turn. The answer is what its caller is told.
    pub(super) fn crashed(&mut self, now: Timestamp, id: ExecutionId, detail: &str) -> Error {
        tracing::error!(execution = %id, detail, "a turn crashed and was discarded");
        let written = self.cells.remove(&id).map_or(0, |slot| slot.group);
        let count = self.crashes.counts.entry(id).or_insert(0);
        *count += 1;
        if *count >= CRASHES_MAX {
            self.crashes.condemned.insert(id, detail.to_owned());
        }
        if written > self.durable_group {
            // The rows that the state would be rebuilt from are still on their way.
            self.crashes.rebuild.insert(id, written);
        } else {
            self.quarantine(now, id);
        }
        Error::Crashed {
            id,
            detail: detail.lines().next().unwrap_or_default().to_owned(),
        }
    }

    /// Takes a condemned execution out of the loop.
    fn quarantine(&mut self, now: Timestamp, id: ExecutionId) {
        let Some(reason) = self.crashes.condemned.remove(&id) else {
            return;
        };
        let input = everstep_core::Input::Quarantine { reason };
        if let Err(error) = self.turn(now, id, input) {
            tracing::error!(execution = %id, %error, "an execution could not be quarantined");
        }
    }

    /// Goes on with what waited for a group: quarantines first, then what was parked, in its order.
    pub(super) fn rebuild(&mut self, now: Timestamp) {
        let durable = self.durable_group;
        let ready: Vec<ExecutionId> = self
            .crashes
            .rebuild
            .extract_if(|_, group| *group <= durable)
            .map(|(id, _)| id)
            .collect();
        if ready.is_empty() {
            return;
        }
        for id in ready {
            self.quarantine(now, id);
        }
        for (id, input) in std::mem::take(&mut self.crashes.parked) {
            if self.crashes.must_wait(id) {
                self.crashes.park(id, input);
            } else {
                self.step(now, input);
            }
        }
    }
}
