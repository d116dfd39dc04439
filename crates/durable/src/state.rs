//! What is known of an execution: built from its events alone, with an index for everything that a checkpoint asks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use everstep_core::{Failure, Generation, Operation, OperationStatus, Outcome, Payload, Timestamp};

use crate::model::{Details, Divergence, Identity, OperationKind, OperationSnapshot};
use crate::pause::{Asked, Pause};
use crate::request::{Position, Settings};

/// How many answers are kept for repeated calls. Clients call one after another, so a lost answer is among the latest.
pub(crate) const ANSWERS_KEPT_MAX: usize = 64;
/// How long an answer is given again to the same token and client token.
pub(crate) const ANSWER_KEPT_MS: u64 = 15 * 60 * 1_000;

/// The state of one execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub(crate) settings: Option<Box<Settings>>,
    /// By number; 0 is the execution.
    pub(crate) operations: Vec<OperationSnapshot>,
    pub(crate) by_id: BTreeMap<Arc<str>, Operation>,
    pub(crate) children: BTreeMap<Operation, Vec<Operation>>,
    /// Of every operation that failed and every context that closed: the number that the next new operation had then. What has this number
    /// or a later one was started afterwards.
    pub(crate) closed_before: BTreeMap<Operation, Operation>,
    /// What handlers are shown: not what lies in a context that has ended and does not replay its children.
    pub(crate) visible: BTreeSet<Operation>,
    /// What changed since the handler last saw it.
    pub(crate) unseen: BTreeSet<Operation>,
    /// Whether something among that is a reason to invoke the function.
    pub(crate) stirred: bool,
    /// Whether an answer told the invocation in flight of something that it may not have looked at again; see `tell`.
    pub(crate) overlooked: bool,
    /// Chained invokes that have ended while the function runs, and is not shown it yet.
    pub(crate) kept_back: BTreeMap<Operation, Outcome>,
    /// When the time to answer of a callback began anew, after a redrive or in a fork.
    pub(crate) asked_anew: BTreeMap<Operation, Timestamp>,
    /// The pause that lasts or is about to begin.
    pub(crate) pause: Option<Pause>,
    pub(crate) asked: Option<Asked>,
    /// Where the code last differed from what is recorded.
    pub(crate) divergence: Option<Arc<Divergence>>,
    /// How many operations wait for something outside.
    pub(crate) waiting: u32,
    /// Payloads and errors so far.
    pub(crate) bytes: u64,
    /// The latest token.
    pub(crate) position: Position,
    pub(crate) invocation: Option<Running>,
    /// What the invocation in flight finds changed.
    pub(crate) updated: Vec<Operation>,
    /// Failed invocations in a row that were tried again at once.
    pub(crate) failed_immediate: u32,
    /// Failed invocations in a row that were, or are, tried again after a delay.
    pub(crate) failed_delayed: u32,
    /// Why the last of them did.
    pub(crate) failed_because: Option<Failure>,
    pub(crate) answers: VecDeque<Given>,
    pub(crate) result: Option<Payload>,
    pub(crate) error: Option<Failure>,
}

/// The invocation in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    pub generation: Generation,
    pub request_id: String,
    pub started: Timestamp,
}

/// An answer to a checkpoint, as it was given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Given {
    pub at: Timestamp,
    pub position: Position,
    pub client_token: Option<Arc<str>>,
    pub next: Option<Position>,
    pub operations: Vec<OperationSnapshot>,
}

impl State {
    /// The operation with this number.
    #[must_use]
    pub fn operation(&self, operation: Operation) -> Option<&OperationSnapshot> {
        self.operations.get(usize::try_from(operation.0).ok()?)
    }

    /// The operation that a handler calls by this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&OperationSnapshot> {
        self.operation(*self.by_id.get(id)?)
    }

    /// The number that the next new operation takes.
    pub(crate) fn next_operation(&self) -> Operation {
        Operation(u32::try_from(self.operations.len()).unwrap_or(u32::MAX))
    }

    pub(crate) fn declare(&mut self, identity: Identity, details: Details, at: Timestamp) {
        let operation = self.next_operation();
        let parent = identity
            .parent
            .as_ref()
            .and_then(|id| self.by_id.get(id).copied());
        self.by_id.insert(identity.id.clone(), operation);
        let shown = parent.is_none_or(|parent| {
            self.visible.contains(&parent) && !self.operation(parent).is_some_and(hides_children)
        });
        if shown {
            self.visible.insert(operation);
        }
        if let Some(parent) = parent {
            self.children.entry(parent).or_default().push(operation);
        }
        let status = OperationStatus::Started;
        let snapshot = OperationSnapshot {
            operation,
            generation: Generation(0),
            identity,
            status,
            started: at,
            ended: None,
            details,
        };
        self.waiting = self
            .waiting
            .saturating_add(u32::from(snapshot.is_waiting()));
        self.operations.push(snapshot);
    }

    /// Changes an operation; whoever holds the handler's view has not seen it yet.
    pub(crate) fn change(
        &mut self,
        operation: Operation,
        change: impl FnOnce(&mut OperationSnapshot),
    ) {
        let index = usize::try_from(operation.0).unwrap_or(usize::MAX);
        let Some(snapshot) = self.operations.get_mut(index) else {
            return;
        };
        let before = snapshot.is_waiting();
        change(snapshot);
        match (before, snapshot.is_waiting()) {
            (false, true) => self.waiting = self.waiting.saturating_add(1),
            (true, false) => self.waiting = self.waiting.saturating_sub(1),
            _ => {}
        }
        let failed = snapshot.status.is_closed() && snapshot.status != OperationStatus::Succeeded;
        let closed = snapshot.status.is_closed() && snapshot.kind() == OperationKind::Context;
        if failed || closed {
            let next = self.next_operation();
            self.closed_before.entry(operation).or_insert(next);
        }
        self.unseen.insert(operation);
    }

    /// Changes an operation to a closed status.
    pub(crate) fn end(
        &mut self,
        operation: Operation,
        status: OperationStatus,
        at: Timestamp,
        change: impl FnOnce(&mut Details),
    ) {
        self.change(operation, |snapshot| {
            snapshot.status = status;
            snapshot.ended = Some(at);
            change(&mut snapshot.details);
        });
    }

    /// Takes what lies below an ended context out of the handler's sight. Each operation leaves it once.
    pub(crate) fn prune_below(&mut self, context: Operation) {
        if !self.operation(context).is_some_and(hides_children) {
            return;
        }
        let mut open = vec![context];
        while let Some(parent) = open.pop() {
            for child in self.children.get(&parent).into_iter().flatten() {
                if self.visible.remove(child) {
                    open.push(*child);
                }
            }
        }
    }

    /// Brings what lies below an open context back into the handler's sight, down to the contexts that hide theirs.
    pub(crate) fn show_below(&mut self, context: Operation) {
        let mut open = vec![context];
        while let Some(operation) = open.pop() {
            self.visible.insert(operation);
            if !self.operation(operation).is_some_and(hides_children) {
                open.extend(self.children.get(&operation).into_iter().flatten());
            }
        }
    }

    /// Counts a payload or an error.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// The answer given earlier to this very call.
    pub(crate) fn given(
        &self,
        position: Position,
        client_token: &str,
        now: Timestamp,
    ) -> Option<&Given> {
        self.answers.iter().rev().find(|given| {
            given.position == position
                && given.client_token.as_deref() == Some(client_token)
                && now.since_ms(given.at) <= ANSWER_KEPT_MS
        })
    }

    /// Whether this is the token of the invocation in flight.
    pub(crate) fn accepts(&self, position: Position) -> bool {
        let withdrawn = self.pause.as_ref().is_some_and(|pause| pause.begun);
        self.position == position
            && !withdrawn
            && self
                .invocation
                .as_ref()
                .is_some_and(|running| running.generation == position.generation)
    }
}

fn hides_children(snapshot: &OperationSnapshot) -> bool {
    match snapshot.details {
        Details::Context {
            replay_children, ..
        } => snapshot.status.is_closed() && !replay_children,
        _ => false,
    }
}
