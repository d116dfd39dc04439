//! What an execution waits for, and since when.

use std::collections::BTreeSet;

use everstep_core::{ExecutionId, Generation, Operation, TargetKind};

use super::{NO_BEATS, Owner};
use crate::input::Wait;

impl Owner {
    /// Open operations and tasks that are out, without what the kernel tells others.
    pub(super) fn waits(&self, id: ExecutionId) -> Vec<Wait> {
        let Some(slot) = self.cells.get(&id) else {
            return Vec::new();
        };
        let execution = slot.cell.execution();
        let gates = execution.open_gates();
        let tasks = execution.tasks().filter(|task| {
            !matches!(
                task.target.kind,
                TargetKind::Parent | TargetKind::Watcher | TargetKind::Log
            )
        });
        let tasks = tasks.map(|task| (task.operation, task.generation));
        let waits: BTreeSet<(Operation, Generation)> = gates.into_iter().chain(tasks).collect();
        waits
            .into_iter()
            .map(|(operation, generation)| self.wait_of(id, operation, generation))
            .collect()
    }

    fn wait_of(&self, id: ExecutionId, operation: Operation, generation: Generation) -> Wait {
        let beats = self.beats.get(&id).unwrap_or(&NO_BEATS);
        let last_beat = beats.get(&operation).copied();
        let mut wait = Wait {
            operation,
            generation,
            since: everstep_core::Timestamp::default(),
            is_open: false,
            target: None,
            last_beat,
            note: None,
            timeout: None,
            heartbeat_timeout: None,
        };
        let Some(slot) = self.cells.get(&id) else {
            return wait;
        };
        let execution = slot.cell.execution();
        wait.is_open = execution.open_generation(operation) == Some(generation);
        let task = execution.task(operation);
        let task = task.filter(|task| task.generation == generation);
        let opened = execution.open_since(operation).filter(|_| wait.is_open);
        let sent = task.and_then(|_| execution.task_since(operation));
        wait.since = opened.or(sent).unwrap_or_default();
        wait.target = task.map(|task| task.target.clone());
        let note = execution.note(operation);
        wait.note = note.filter(|note| note.generation == generation).cloned();
        for timer in execution
            .timers()
            .filter(|timer| timer.operation == operation)
        {
            let due = timer.effective_due(last_beat);
            let side = if timer.heartbeat_ms.is_some() {
                &mut wait.heartbeat_timeout
            } else {
                &mut wait.timeout
            };
            *side = Some(side.map_or(due, |other| other.min(due)));
        }
        wait
    }
}
