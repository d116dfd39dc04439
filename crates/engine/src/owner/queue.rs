//! Task queues: one for each target, rebuilt from the task rows. A claim has a lease; a lease that runs out gives the task back.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use std::panic::{AssertUnwindSafe, catch_unwind};

use everstep_core::{
    ExecutionId, Generation, Operation, Payload, Recovery, Target, TargetKind, Task, TaskPayload,
    Timestamp,
};

use super::Owner;
use crate::dispatcher::{Work, WorkPayload};
use crate::exchange::{Content, Message};
use crate::figures::Targets;
use crate::group::Release;
use crate::registry::{AnyCell, Built};
use crate::{Error, Options};

type Key = (ExecutionId, Operation);

/// How long a task stays out of its queue when its execution can't be read just now.
const AGAIN_MS: u64 = 1_000;

struct Queued {
    key: Key,
    generation: Generation,
    repeated: bool,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Queued>,
    claimed: usize,
    /// It stands in [`Queues::ready`].
    ready: bool,
}

struct Claim {
    target: Target,
    until: Timestamp,
    lease_ms: u64,
    generation: Generation,
    held: Held,
}

/// What a claim takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// A place at the target.
    Place,
    /// None: whoever has the task waits for something of this server.
    Parked,
    /// None: whoever has it waits for somebody outside.
    Away,
}

pub(super) struct Queues {
    queues: HashMap<Target, Queue>,
    claims: BTreeMap<Key, Claim>,
    leases: BTreeSet<(Timestamp, Key)>,
    /// Queues that may have both a waiting task and a free place, each once.
    ready: VecDeque<Target>,
    per_target_max: usize,
    /// How many claims are parked.
    parked: usize,
}

impl Queues {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            queues: HashMap::new(),
            claims: BTreeMap::new(),
            leases: BTreeSet::new(),
            ready: VecDeque::new(),
            per_target_max: options.in_flight_per_target_max,
            parked: 0,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.claims.len() == self.parked && self.ready.is_empty()
    }

    /// Whether any task of this execution is out.
    pub(super) fn holds_any(&self, id: ExecutionId) -> bool {
        let all = (id, Operation(0))..=(id, Operation(u32::MAX));
        self.claims.range(all).next().is_some()
    }

    /// How many queues, claims and leases there are.
    #[cfg(test)]
    pub(super) fn figures(&self) -> (usize, usize, usize) {
        (self.queues.len(), self.claims.len(), self.leases.len())
    }

    /// How many tasks wait and are out, by target. Those for pollers are offers, and not among them.
    pub(super) fn targets(&self) -> Targets {
        let mut targets = Targets::default();
        for (target, queue) in &self.queues {
            targets.at(target.kind, &target.address).waiting += queue.waiting.len();
        }
        for claim in self.claims.values() {
            targets.at(claim.target.kind, &claim.target.address).out += 1;
        }
        targets
    }

    pub(super) fn push(&mut self, id: ExecutionId, task: &Task, repeated: bool) {
        let queue = self.queues.entry(task.target.clone()).or_default();
        queue.waiting.push_back(Queued {
            key: (id, task.operation),
            generation: task.generation,
            repeated,
        });
        self.look_at(&task.target);
    }

    fn look_at(&mut self, target: &Target) {
        if let Some(queue) = self.queues.get_mut(target)
            && !queue.ready
            && !queue.waiting.is_empty()
            && queue.claimed < self.per_target_max
        {
            queue.ready = true;
            self.ready.push_back(target.clone());
        }
    }

    /// The task is over: its place is free. One that still waits is skipped when its turn comes.
    pub(super) fn end(&mut self, id: ExecutionId, operation: Operation) {
        let Some(claim) = self.claims.remove(&(id, operation)) else {
            return;
        };
        self.leases.remove(&(claim.until, (id, operation)));
        match claim.held {
            Held::Place => self.free(&claim.target),
            Held::Parked => self.parked = self.parked.saturating_sub(1),
            Held::Away => {}
        }
    }

    /// Gives the task's place at its target to others, while its claim lasts.
    fn park(&mut self, id: ExecutionId, task: (Operation, Generation), is_away: bool) {
        let (operation, generation) = task;
        let claim = self.claims.get_mut(&(id, operation));
        let Some(claim) = claim.filter(|claim| claim.generation == generation) else {
            return;
        };
        if claim.held == Held::Place {
            claim.held = if is_away { Held::Away } else { Held::Parked };
            self.parked += usize::from(!is_away);
            let target = claim.target.clone();
            self.free(&target);
        }
    }

    /// One place less is taken at the target.
    fn free(&mut self, target: &Target) {
        let Some(queue) = self.queues.get_mut(target) else {
            return;
        };
        queue.claimed = queue.claimed.saturating_sub(1);
        if queue.waiting.is_empty() && queue.claimed == 0 && !queue.ready {
            self.queues.remove(target);
        } else {
            self.look_at(target);
        }
    }

    fn next(&mut self) -> Option<(Target, Queued)> {
        while let Some(target) = self.ready.pop_front() {
            let Some(queue) = self.queues.get_mut(&target) else {
                continue;
            };
            queue.ready = false;
            if queue.claimed >= self.per_target_max {
                continue;
            }
            if let Some(queued) = queue.waiting.pop_front() {
                queue.claimed += 1;
                self.look_at(&target);
                return Some((target, queued));
            }
        }
        None
    }

    fn claim(&mut self, now: Timestamp, key: Key, target: Target, lease: (Generation, u64)) {
        let (generation, lease_ms) = lease;
        let until = now.after_ms(lease_ms);
        let claim = Claim {
            target,
            until,
            lease_ms,
            generation,
            held: Held::Place,
        };
        self.leases.insert((claim.until, key));
        self.claims.insert(key, claim);
    }

    pub(super) fn renew(&mut self, now: Timestamp, id: ExecutionId, operation: Operation) {
        let key = (id, operation);
        if let Some(claim) = self.claims.get_mut(&key) {
            self.leases.remove(&(claim.until, key));
            claim.until = now.after_ms(claim.lease_ms);
            self.leases.insert((claim.until, key));
        }
    }

    pub(super) fn next_lease(&self) -> Option<Timestamp> {
        self.leases.first().map(|(until, _)| *until)
    }

    fn expired(&mut self, now: Timestamp) -> Option<(Key, Claim)> {
        let (until, key) = self
            .leases
            .first()
            .copied()
            .filter(|(until, _)| *until <= now)?;
        self.leases.remove(&(until, key));
        let claim = self.claims.remove(&key)?;
        if claim.held != Held::Place {
            // From here on it has a place like any other.
            if claim.held == Held::Parked {
                self.parked = self.parked.saturating_sub(1);
            }
            self.queues.entry(claim.target.clone()).or_default().claimed += 1;
        }
        Some((key, claim))
    }
}

/// What one execution says to another by a task whose payload says it all.
fn between(task: &Task) -> Option<Content> {
    let TaskPayload::Stored(Payload::Inline(payload)) = &task.payload else {
        return None;
    };
    let address = task.target.address.clone();
    match task.target.kind {
        TargetKind::Watch => Some(Content::Watch { address }),
        TargetKind::Token => {
            let outcome = Task::decode_outcome(payload).ok()?;
            Some(Content::Settle { address, outcome })
        }
        TargetKind::Watcher => {
            let (watcher, settlement) = Task::decode_watcher(payload).ok()?;
            Some(Content::Told {
                watcher,
                settlement,
            })
        }
        TargetKind::Function
        | TargetKind::Execution
        | TargetKind::Queue
        | TargetKind::Agent
        | TargetKind::Http
        | TargetKind::Parent
        | TargetKind::Destination
        | TargetKind::Service
        | TargetKind::Log => None,
    }
}

/// What the one who had the task before left with it.
fn execution_note(cell: &AnyCell, task: &Task) -> Option<bytes::Bytes> {
    let note = cell.execution().note(task.operation);
    let note = note.filter(|note| note.generation == task.generation);
    note.map(|note| note.bytes.clone())
}

/// What goes out for a task, and to whom; `None` when there is nothing left to do for it.
fn release(cell: &AnyCell, task: &Task, repeated: bool) -> Option<Release> {
    let execution = cell.execution().id();
    let message = |content: Content| {
        Release::Exchange(Box::new(Message {
            from: execution,
            operation: task.operation,
            generation: task.generation,
            recovery: task.recovery,
            repeated,
            content,
        }))
    };
    if task.target.kind == TargetKind::Parent {
        let parent = cell.execution().parent()?.clone();
        return Some(message(Content::Ended {
            parent,
            outcome: cell.outcome(),
            after_start: cell.is_started_outside(),
        }));
    }
    if let Some(content) = between(task) {
        return Some(message(content));
    }
    let payload = match &task.payload {
        TaskPayload::Stored(payload) => WorkPayload::Stored(payload.clone()),
        TaskPayload::Late => match cell.late(task)? {
            Built::Late(late) => WorkPayload::Late(late),
            Built::Start(child, start) => return Some(message(Content::Start(child, start))),
        },
    };
    Some(Release::Dispatch(Box::new(Work {
        execution,
        task: task.clone(),
        payload,
        repeated,
        note: execution_note(cell, task),
    })))
}

impl Owner {
    /// A task goes out by itself, or waits for somebody to claim it.
    pub(super) fn enqueue(&mut self, id: ExecutionId, task: &Task, repeated: bool) {
        if task.target.kind == TargetKind::Queue {
            self.offers.push(id, task);
        } else {
            self.queues.push(id, task, repeated);
        }
    }

    /// The task is over, wherever it stood.
    pub(super) fn dequeue(&mut self, id: ExecutionId, operation: Operation) {
        self.queues.end(id, operation);
        self.offers.end(id, operation);
    }

    /// Claims what may go out and releases it with the present group.
    pub(super) fn send_waiting(&mut self, now: Timestamp) {
        self.serve_pollers(now);
        while let Some((target, queued)) = self.queues.next() {
            if self.queues.claims.contains_key(&queued.key) {
                // A former generation waited here; the present one is out already.
                self.queues.free(&target);
                continue;
            }
            match self.work(now, &queued) {
                Ok(Some((lease_ms, release))) => {
                    let lease = (queued.generation, lease_ms);
                    self.queues.claim(now, queued.key, target, lease);
                    self.group.releases.push(release);
                }
                Ok(None) => self.queues.free(&target),
                Err(error) => self.put_off(now, &queued, target, &error),
            }
        }
    }

    /// A task whose place goes to the next one.
    pub(super) fn park(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        task: (Operation, Generation),
        is_away: bool,
    ) {
        self.queues.park(id, task, is_away);
        self.send_waiting(now);
    }

    fn lease_ms(&self, task: &Task) -> u64 {
        match task.heartbeat_ms.or(task.timeout_ms) {
            Some(ms) => ms.saturating_add(self.options.lease_grace_ms),
            None => self.options.lease_default_ms,
        }
    }

    /// A task whose execution can't be read now is held by a short lease; one that never can is let go of, while its row stays.
    fn put_off(&mut self, now: Timestamp, queued: &Queued, target: Target, error: &Error) {
        let (execution, operation) = queued.key;
        tracing::warn!(%execution, %operation, %error, "a task can't be sent: its execution can't be read");
        if matches!(
            error,
            Error::UnknownExecution { .. } | Error::Damaged { .. }
        ) {
            self.queues.free(&target);
        } else {
            let lease = (queued.generation, AGAIN_MS);
            self.queues.claim(now, queued.key, target, lease);
        }
    }

    /// What is sent for a task; `None` when it ended while it waited.
    fn work(&mut self, now: Timestamp, queued: &Queued) -> Result<Option<(u64, Release)>, Error> {
        let (execution, operation) = queued.key;
        self.load(execution)?;
        let Some(slot) = self.cells.get(&execution) else {
            return Ok(None);
        };
        let task = slot.cell.execution().task(operation);
        let Some(task) = task.filter(|task| task.generation == queued.generation) else {
            return Ok(None);
        };
        let lease_ms = self.lease_ms(task);
        match catch_unwind(AssertUnwindSafe(|| {
            release(&slot.cell, task, queued.repeated)
        })) {
            Ok(release) => Ok(release.map(|release| (lease_ms, release))),
            Err(panic) => {
                let detail = crate::panics::describe(panic.as_ref());
                Err(self.crashed(now, execution, &detail))
            }
        }
    }

    /// Gives back what nobody has answered for: to its queue, or to its machine as lost.
    pub(super) fn expire_leases(&mut self, now: Timestamp) {
        while let Some(((id, operation), claim)) = self.queues.expired(now) {
            tracing::warn!(execution = %id, %operation, target = %claim.target.address, "a task's lease ran out");
            let task = self.load(id).map(|()| {
                let slot = self.cells.get(&id);
                slot.and_then(|slot| slot.cell.execution().task(operation).cloned())
            });
            match task {
                Ok(Some(task)) if task.generation == claim.generation => {
                    self.queues.free(&claim.target);
                    match task.recovery {
                        Recovery::Repeat | Recovery::LookUp => self.enqueue(id, &task, true),
                        Recovery::Lost => self.lose(now, id, &task),
                    }
                }
                Ok(_) => self.queues.free(&claim.target),
                Err(error) => {
                    let queued = Queued {
                        key: (id, operation),
                        generation: claim.generation,
                        repeated: true,
                    };
                    self.put_off(now, &queued, claim.target, &error);
                }
            }
        }
        self.send_waiting(now);
    }

    /// Tells the machine that a task's receiver is gone.
    pub(super) fn lose(&mut self, now: Timestamp, id: ExecutionId, task: &Task) {
        let lost = everstep_core::Input::TaskLost {
            operation: task.operation,
            generation: task.generation,
        };
        let Err(error) = self.turn(now, id, lost) else {
            return;
        };
        tracing::error!(execution = %id, operation = %task.operation, %error, "a lost task could not be reported");
        if self.starts.is_leaving(id)
            || matches!(
                error,
                Error::UnknownExecution { .. } | Error::Damaged { .. }
            )
        {
            return;
        }
        // Its place at the target is taken again, until the next try.
        let lease = (task.generation, AGAIN_MS);
        let key = (id, task.operation);
        self.queues
            .queues
            .entry(task.target.clone())
            .or_default()
            .claimed += 1;
        self.queues.claim(now, key, task.target.clone(), lease);
    }
}
