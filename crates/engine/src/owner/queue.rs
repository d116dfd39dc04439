//! Task queues: one for each target, rebuilt from the task rows. A claim has a lease; a lease that runs out gives the task back.

use std::collections::{BTreeSet, HashMap, VecDeque};

use everstep_core::{ExecutionId, Operation, Recovery, Target, Task, TaskPayload, Timestamp};

use super::Owner;
use crate::Options;
use crate::dispatcher::{Work, WorkPayload};
use crate::group::Release;

type Key = (ExecutionId, Operation);

struct Queued {
    key: Key,
    repeated: bool,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Queued>,
    claimed: usize,
}

struct Claim {
    target: Target,
    until: Timestamp,
    lease_ms: u64,
    recovery: Recovery,
}

pub(super) struct Queues {
    queues: HashMap<Target, Queue>,
    claims: HashMap<Key, Claim>,
    leases: BTreeSet<(Timestamp, Key)>,
    /// Queues that may have both a waiting task and a free place.
    ready: VecDeque<Target>,
    per_target_max: usize,
}

impl Queues {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            queues: HashMap::new(),
            claims: HashMap::new(),
            leases: BTreeSet::new(),
            ready: VecDeque::new(),
            per_target_max: options.in_flight_per_target_max,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.claims.is_empty() && self.ready.is_empty()
    }

    pub(super) fn push(&mut self, id: ExecutionId, task: &Task, repeated: bool) {
        let queue = self.queues.entry(task.target.clone()).or_default();
        queue.waiting.push_back(Queued {
            key: (id, task.operation),
            repeated,
        });
        self.ready.push_back(task.target.clone());
    }

    /// The task is over: its place is free. One that still waits is skipped when its turn comes.
    pub(super) fn end(&mut self, id: ExecutionId, operation: Operation) {
        let Some(claim) = self.claims.remove(&(id, operation)) else {
            return;
        };
        self.leases.remove(&(claim.until, (id, operation)));
        self.free(claim.target);
    }

    fn free(&mut self, target: Target) {
        let Some(queue) = self.queues.get_mut(&target) else {
            return;
        };
        queue.claimed = queue.claimed.saturating_sub(1);
        if !queue.waiting.is_empty() {
            self.ready.push_back(target);
        } else if queue.claimed == 0 {
            self.queues.remove(&target);
        }
    }

    fn next(&mut self) -> Option<(Target, Queued)> {
        while let Some(target) = self.ready.pop_front() {
            let Some(queue) = self.queues.get_mut(&target) else {
                continue;
            };
            if queue.claimed >= self.per_target_max {
                continue;
            }
            if let Some(queued) = queue.waiting.pop_front() {
                queue.claimed += 1;
                if !queue.waiting.is_empty() {
                    self.ready.push_back(target.clone());
                }
                return Some((target, queued));
            }
        }
        None
    }

    fn claim(&mut self, key: Key, claim: Claim) {
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
        self.claims.remove(&key).map(|claim| (key, claim))
    }
}

impl Owner {
    /// Claims what may go out and releases it with the present group.
    pub(super) fn send_waiting(&mut self, now: Timestamp) {
        while let Some((target, queued)) = self.queues.next() {
            if self.queues.claims.contains_key(&queued.key) {
                // A former generation waited here; the present one is out already.
                self.queues.free(target);
                continue;
            }
            match self.work(queued.key, queued.repeated) {
                Some(work) => {
                    let task = &work.task;
                    let lease_ms = match (task.heartbeat_ms, task.timeout_ms) {
                        (Some(ms), _) | (None, Some(ms)) => {
                            ms.saturating_add(self.options.lease_grace_ms)
                        }
                        (None, None) => self.options.lease_default_ms,
                    };
                    let claim = Claim {
                        target,
                        until: now.after_ms(lease_ms),
                        lease_ms,
                        recovery: task.recovery,
                    };
                    self.queues.claim(queued.key, claim);
                    self.group.releases.push(Release::Dispatch(Box::new(work)));
                }
                None => self.queues.free(target),
            }
        }
    }

    /// What is sent for a task; `None` when it ended while it waited.
    fn work(&mut self, (execution, operation): Key, repeated: bool) -> Option<Work> {
        if let Err(error) = self.load(execution) {
            tracing::warn!(%execution, %operation, %error, "a task can't be sent: its execution can't be read");
            return None;
        }
        let slot = self.cells.get(&execution)?;
        let task = slot.cell.execution().task(operation)?.clone();
        let payload = match &task.payload {
            TaskPayload::Stored(payload) => WorkPayload::Stored(payload.clone()),
            TaskPayload::Late => WorkPayload::Late(Box::new(slot.cell.late(&task)?)),
        };
        Some(Work {
            execution,
            task,
            payload,
            repeated,
        })
    }

    /// Gives back what nobody has answered for: to its queue, or to its machine as lost.
    pub(super) fn expire_leases(&mut self, now: Timestamp) {
        while let Some(((id, operation), claim)) = self.queues.expired(now) {
            tracing::warn!(execution = %id, %operation, target = %claim.target.address, "a task's lease ran out");
            self.queues.free(claim.target);
            self.resend(now, id, operation, claim.recovery);
        }
        self.send_waiting(now);
    }

    /// What happens to a task whose receiver is gone.
    pub(super) fn resend(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        operation: Operation,
        recovery: Recovery,
    ) {
        let task = match self.load(id) {
            Ok(()) => self
                .cells
                .get(&id)
                .and_then(|slot| slot.cell.execution().task(operation).cloned()),
            Err(error) => {
                tracing::error!(execution = %id, %operation, %error, "a task can't be recovered");
                None
            }
        };
        let Some(task) = task else { return };
        match recovery {
            Recovery::Repeat | Recovery::LookUp => self.queues.push(id, &task, true),
            Recovery::Lost => {
                let lost = everstep_core::Input::TaskLost {
                    operation,
                    generation: task.generation,
                };
                if let Err(error) = self.turn(now, id, lost) {
                    tracing::error!(execution = %id, %operation, %error, "a lost task could not be reported");
                }
            }
        }
    }
}
