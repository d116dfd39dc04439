//! Tasks that wait in a queue until somebody outside claims one, and those who wait for a task: first come, first served. A claim is journaled
//! before its claimant hears of it, so that no task goes out twice.

use std::collections::{BTreeMap, HashMap, VecDeque};

use everstep_core::{Answer, ExecutionId, Generation, Operation, Target, Task, Timestamp};

use super::Owner;
use crate::Error;
use crate::input::{Claimed, ReplyTo};
use crate::registry::Built;

type Key = (ExecutionId, Operation);

/// Somebody who waits for a task.
pub(super) struct Poller {
    pub ticket: u64,
    pub by: String,
    pub reply: ReplyTo<Claimed>,
}

#[derive(Default)]
pub(super) struct Offers {
    queues: HashMap<Target, BTreeMap<u64, (Key, Generation)>>,
    /// Where an offer stands, so that it goes when its task ends.
    places: HashMap<Key, (Target, u64)>,
    pollers: HashMap<Target, VecDeque<Poller>>,
    last: u64,
    /// Queues in which an offer and a poller may meet.
    changed: Vec<Target>,
}

impl Offers {
    pub(super) fn push(&mut self, id: ExecutionId, task: &Task) {
        let key = (id, task.operation);
        self.end(id, task.operation);
        self.last += 1;
        let queue = self.queues.entry(task.target.clone()).or_default();
        queue.insert(self.last, (key, task.generation));
        self.places.insert(key, (task.target.clone(), self.last));
        self.changed.push(task.target.clone());
    }

    /// The task is over, whoever ended it.
    pub(super) fn end(&mut self, id: ExecutionId, operation: Operation) {
        let Some((target, place)) = self.places.remove(&(id, operation)) else {
            return;
        };
        if let Some(queue) = self.queues.get_mut(&target) {
            queue.remove(&place);
            if queue.is_empty() {
                self.queues.remove(&target);
            }
        }
    }

    pub(super) fn wait(&mut self, target: Target, poller: Poller) {
        let waiting = self.pollers.entry(target.clone()).or_default();
        waiting.retain(|other| !other.reply.is_closed());
        waiting.push_back(poller);
        self.changed.push(target);
    }

    /// A poller's patience is over; one that has been served is not found, and hears of its task.
    pub(super) fn withdraw(&mut self, target: &Target, ticket: u64) {
        if let Some(waiting) = self.pollers.get_mut(target) {
            waiting.retain(|poller| poller.ticket != ticket);
            if waiting.is_empty() {
                self.pollers.remove(target);
            }
        }
    }

    /// The first offer and the first poller of a queue, if it has both.
    fn meet(&mut self, target: &Target) -> Option<(Key, Generation, Poller)> {
        let (key, generation) = *self.queues.get(target)?.first_key_value()?.1;
        let waiting = self.pollers.get_mut(target)?;
        let poller = loop {
            let poller = waiting.pop_front()?;
            if !poller.reply.is_closed() {
                break poller;
            }
        };
        if waiting.is_empty() {
            self.pollers.remove(target);
        }
        Some((key, generation, poller))
    }
}

impl Owner {
    pub(super) fn poll(&mut self, now: Timestamp, target: Target, poller: Poller) {
        self.offers.wait(target, poller);
        self.serve_pollers(now);
    }

    /// Brings offers and pollers together, and records each claim.
    pub(super) fn serve_pollers(&mut self, now: Timestamp) {
        while let Some(target) = self.offers.changed.pop() {
            while let Some(((id, operation), generation, poller)) = self.offers.meet(&target) {
                match self.claim(now, id, operation, generation, &poller.by) {
                    Ok(Some(claimed)) => self.reply(poller.reply, Ok(claimed)),
                    Ok(None) => {
                        self.offers.end(id, operation);
                        let waiting = self.offers.pollers.entry(target.clone()).or_default();
                        waiting.push_front(poller);
                    }
                    Err(error) => {
                        tracing::warn!(execution = %id, %operation, %error, "a task can't be claimed: its execution can't be read");
                        if matches!(
                            error,
                            Error::UnknownExecution { .. } | Error::Damaged { .. }
                        ) {
                            self.offers.end(id, operation);
                        }
                        self.reply(poller.reply, Err(error));
                    }
                }
            }
        }
    }

    /// `None` when there is no such task any more.
    fn claim(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        operation: Operation,
        generation: Generation,
        by: &str,
    ) -> Result<Option<Claimed>, Error> {
        self.load(id)?;
        let slot = self.cells.get(&id).ok_or(Error::UnknownExecution { id })?;
        let task = slot.cell.execution().task(operation);
        let Some(task) = task.filter(|task| task.generation == generation) else {
            return Ok(None);
        };
        let Some(Built::Late(work)) = slot.cell.late(task) else {
            return Ok(None);
        };
        let claim = everstep_core::Input::Claim {
            operation,
            generation,
            by: by.to_owned(),
        };
        Ok(match self.turn(now, id, claim)? {
            Answer::Done => Some(Claimed {
                execution: id,
                operation,
                generation,
                work,
            }),
            Answer::Settled(_) | Answer::AlreadyClosed | Answer::Refused(_) | Answer::Own(_) => {
                None
            }
        })
    }
}
