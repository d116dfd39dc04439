//! What comes from outside and leaves a trace: settles, heartbeats and notes with their source. The trace is written with what it did.

use std::collections::BTreeMap;

use everstep_core::{
    Answer, Digest, ExecutionId, Input as Kernel, Operation, Outcome, Settlement, Timestamp,
};
use everstep_store::{AttemptRow, Write};

use super::Owner;
use crate::Error;
use crate::attempt::{Attempt, KEPT, Verb};
use crate::input::{Outside, What};

/// Heartbeats that say nothing new are written this often at most; a read of the attempts writes them too.
const BEATS_EVERY_MS: u64 = 10_000;
/// Operations whose last attempt is remembered, for each execution.
const TAILS: usize = 256;

/// The last attempt of an operation.
struct Tail {
    index: u32,
    attempt: Attempt,
    /// When it was last written.
    written: Option<Timestamp>,
    /// Memory knows more of it than the store.
    is_ahead: bool,
    /// The group that wrote it: before it is durable, the store does not know better.
    group: u64,
}

/// The last attempts of an execution's operations, as far as they were asked for since it was loaded.
#[derive(Default)]
pub(super) struct Tails(BTreeMap<Operation, Tail>);

impl Owner {
    /// Does what somebody outside asks for and notes that it was tried.
    pub(super) fn outside(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        asked: Outside,
    ) -> Result<Settlement, Error> {
        let Outside {
            operation,
            generation,
            what,
            source,
        } = asked;
        let (verb, digest) = told(&what);
        let kept = what.outcome().cloned();
        let outcome = match what {
            What::Beat => self.beat(now, id, operation, generation)?,
            What::Settle(outcome) => {
                let settle = Kernel::Settle {
                    operation,
                    generation,
                    outcome,
                };
                settled(&self.turn(now, id, settle)?)
            }
            What::Note(note) => {
                let left = Kernel::Note {
                    operation,
                    generation,
                    note,
                };
                let settlement = settled(&self.turn(now, id, left)?);
                if settlement == Settlement::Applied {
                    // Who has something to say is alive.
                    self.alive(now, id, operation);
                }
                settlement
            }
        };
        let attempt = Attempt {
            operation,
            generation,
            number: 1,
            verb,
            outcome,
            source,
            first: now,
            last: now,
            times: 1,
            digest,
        };
        self.tally.tried(&attempt);
        self.processed(now, id, &attempt);
        let is_new = self.tried(now, id, attempt.clone());
        if is_new && let Some(kept) = kept {
            self.keep_unwanted(now, id, &attempt, kept);
        }
        Ok(outcome)
    }

    /// Notes an attempt; false when it only repeats the one before.
    fn tried(&mut self, now: Timestamp, id: ExecutionId, attempt: Attempt) -> bool {
        let operation = attempt.operation;
        let mut tail = match self.tail(id, operation) {
            Ok(tail) => tail,
            Err(error) => {
                // What was asked for is done; that its trace is lost is not a reason to say otherwise.
                tracing::warn!(execution = %id, %operation, %error, "an attempt can't be noted");
                return true;
            }
        };
        let is_beat = attempt.verb == Verb::Heartbeat && attempt.outcome == Settlement::Applied;
        let is_new = match &mut tail {
            Some(tail) if tail.attempt.is_repeated_by(&attempt) => {
                tail.attempt.times += 1;
                tail.attempt.number += 1;
                tail.attempt.last = now;
                tail.is_ahead = true;
                false
            }
            Some(before) => {
                self.write_tail(now, id, before);
                let index = (before.index + 1).min(KEPT - 1);
                let number = before.attempt.number + 1;
                *before = Tail {
                    index,
                    attempt: Attempt { number, ..attempt },
                    written: None,
                    is_ahead: true,
                    group: 0,
                };
                true
            }
            None => {
                tail = Some(Tail {
                    index: 0,
                    attempt,
                    written: None,
                    is_ahead: true,
                    group: 0,
                });
                true
            }
        };
        let Some(mut tail) = tail else {
            return is_new;
        };
        let fresh = tail
            .written
            .is_some_and(|at| now.since_ms(at) < BEATS_EVERY_MS);
        if !(is_beat && fresh) {
            self.write_tail(now, id, &mut tail);
        }
        self.remember(id, operation, tail);
        is_new
    }

    fn tail(&mut self, id: ExecutionId, operation: Operation) -> Result<Option<Tail>, Error> {
        let slot = self
            .cells
            .get_mut(&id)
            .ok_or(Error::UnknownExecution { id })?;
        if let Some(tail) = slot.tails.0.remove(&operation) {
            return Ok(Some(tail));
        }
        let Some(row) = self.store.last_attempt(id, operation)? else {
            return Ok(None);
        };
        let attempt = Attempt::decode(operation, &row.attempt);
        let attempt = attempt.map_err(|corrupt| Error::Damaged {
            id,
            detail: format!("attempt {} of operation {operation}: {corrupt}", row.index),
        })?;
        Ok(Some(Tail {
            index: row.index,
            written: Some(attempt.last),
            is_ahead: false,
            attempt,
            group: 0,
        }))
    }

    fn remember(&mut self, id: ExecutionId, operation: Operation, tail: Tail) {
        let durable = self.durable_group;
        let Some(slot) = self.cells.get_mut(&id) else {
            return;
        };
        let tails = &mut slot.tails.0;
        if tails.len() >= TAILS {
            tails.retain(|_, tail| tail.is_ahead || tail.group > durable);
        }
        tails.insert(operation, tail);
    }

    /// Writes what the store does not know of an attempt yet.
    fn write_tail(&mut self, now: Timestamp, id: ExecutionId, tail: &mut Tail) {
        if !tail.is_ahead {
            return;
        }
        let group = self.group.number;
        tail.written = Some(now);
        tail.is_ahead = false;
        tail.group = group;
        let row = AttemptRow {
            execution: id,
            operation: tail.attempt.operation,
            index: tail.index,
            attempt: tail.attempt.encode(),
        };
        self.write(id.shard(), Write::PutAttempt(row));
        if let Some(slot) = self.cells.get_mut(&id) {
            slot.group = group;
        }
    }

    /// Writes what is known of an execution's attempts in memory alone.
    pub(super) fn write_attempts(&mut self, now: Timestamp, id: ExecutionId) -> Result<(), Error> {
        self.load(id)?;
        let slot = self.cells.get_mut(&id);
        let mut tails = slot
            .map(|slot| std::mem::take(&mut slot.tails))
            .unwrap_or_default();
        for tail in tails.0.values_mut() {
            self.write_tail(now, id, tail);
        }
        if let Some(slot) = self.cells.get_mut(&id) {
            slot.tails = tails;
        }
        Ok(())
    }
}

fn told(what: &What) -> (Verb, Option<Digest>) {
    match what {
        What::Beat => (Verb::Heartbeat, None),
        What::Note(note) => (Verb::Note, Some(Digest::of(note))),
        What::Settle(outcome @ Outcome::Succeeded(_)) => (Verb::Succeed, Some(outcome.digest())),
        What::Settle(outcome) => (Verb::Fail, Some(outcome.digest())),
    }
}

fn settled<R>(answer: &Answer<R>) -> Settlement {
    match answer {
        Answer::Settled(settlement) => *settlement,
        Answer::Done | Answer::AlreadyClosed | Answer::Refused(_) | Answer::Own(_) => {
            Settlement::Unknown
        }
    }
}
