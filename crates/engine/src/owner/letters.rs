//! The outbox and the dead letters: which letter is due, what follows from its delivery, and how many are kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use everstep_core::{ExecutionId, LetterId, Outcome, Settlement, Timestamp};
use everstep_store::{Direction, LetterRow, Write};

use super::Owner;
use crate::Error;
use crate::attempt::{Attempt, Via};
use crate::group::Release;
use crate::input::Change;
use crate::letter::{Counters, Letter, LetterState, Undelivered, topic};

const PAGE: usize = 1_024;
const AGAIN_FIRST_MS: u64 = 1_000;
const AGAIN_MAX_MS: u64 = 600_000;
/// How long a letter waits that can't be read just now.
const UNREAD_MS: u64 = 1_000;

impl Owner {
    pub(crate) fn letter_counters(&self) -> Arc<Counters> {
        Arc::clone(&self.letters.counters)
    }

    /// Learns what waits and what is dead.
    pub(super) fn load_letters(&mut self) -> Result<(), Error> {
        for is_dead in [false, true] {
            let mut after = None;
            loop {
                let rows = self
                    .store
                    .letters(is_dead, after, Direction::Forward, PAGE)?;
                for row in &rows {
                    self.load_letter(row);
                }
                after = rows.last().map(|row| row.id);
                if rows.len() < PAGE {
                    break;
                }
            }
        }
        self.letters.count();
        Ok(())
    }

    fn load_letter(&mut self, row: &LetterRow) {
        if !self.epochs.contains_key(&row.id.shard()) {
            return;
        }
        match Letter::decode(row.id, &row.letter) {
            Ok(letter) => match letter.state {
                LetterState::Waiting { due, .. } => {
                    self.letters.wait(&letter, due, 0);
                }
                LetterState::Dead { .. } => self.letters.bury(&letter),
            },
            Err(corrupt) => {
                tracing::error!(letter = %row.id, %corrupt, "a letter can't be read; it is left as it is");
            }
        }
    }

    /// Writes a letter: one that waits, or one that is dead.
    pub(super) fn post(&mut self, letter: &Letter) {
        let group = self.group.number;
        match &letter.state {
            LetterState::Waiting { due, .. } => {
                self.letters.wait(letter, *due, group);
            }
            LetterState::Dead { reason, .. } => {
                tracing::warn!(letter = %letter.id, topic = letter.topic, reason, "a letter is dead");
                self.letters.bury(letter);
                let died = &self.letters.counters.died;
                died.fetch_add(1, Ordering::Relaxed);
            }
        }
        let row = LetterRow {
            id: letter.id,
            is_dead: letter.is_dead(),
            letter: letter.encode(),
        };
        self.write(letter.id.shard(), Write::PutLetter(row));
        while let Some(oldest) = self.letters.surplus() {
            self.remove_letter(oldest, true);
            let dropped = &self.letters.counters.dropped;
            dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.letters.count();
    }

    fn remove_letter(&mut self, id: LetterId, is_dead: bool) {
        if self.letters.forget(id) {
            self.group.releases.push(Release::Purged(id.folder()));
        }
        self.write(id.shard(), Write::DeleteLetter { id, is_dead });
        self.letters.count();
    }

    /// A letter about an execution, or about nothing that is kept here.
    pub(super) fn letter(
        &mut self,
        now: Timestamp,
        execution: ExecutionId,
        topic: &str,
        body: bytes::Bytes,
    ) -> Letter {
        let chance = self.letters.place(now) << 48 | self.random.u64(..1 << 48);
        Letter {
            id: LetterId::new(now.0, chance, execution.shard()),
            topic: topic.to_owned(),
            state: LetterState::Waiting {
                due: now,
                tries: 0,
                error: None,
            },
            execution: Some(execution),
            operation: None,
            created: now,
            source: None,
            body,
            payload: None,
            keeper: None,
        }
    }

    /// Sends what is due.
    pub(super) fn deliver_due(&mut self, now: Timestamp) {
        for id in self.letters.take_due(now, self.durable_group) {
            let row = self.store.letter(id);
            let letter = row.map(|row| row.map(|row| Letter::decode(id, &row.letter)));
            match letter {
                Ok(Some(Ok(letter))) => {
                    let letter = Box::new(letter);
                    self.group.releases.push(Release::Deliver(letter));
                }
                Ok(Some(Err(corrupt))) => {
                    tracing::error!(letter = %id, %corrupt, "a letter can't be read; it is left as it is");
                    self.letters.forget(id);
                }
                Ok(None) => {
                    self.letters.forget(id);
                }
                Err(error) => {
                    tracing::warn!(letter = %id, %error, "a letter can't be read yet");
                    self.letters.wait_again(id, now.after_ms(UNREAD_MS));
                }
            }
        }
    }

    /// A letter has arrived, or has not.
    pub(super) fn delivered(
        &mut self,
        now: Timestamp,
        id: LetterId,
        outcome: Result<(), Undelivered>,
    ) {
        let known = self.letters.waiting.get(&id);
        if !known.is_some_and(|waiting| waiting.in_flight) {
            // Somebody has discarded it meanwhile.
            return;
        }
        let counters = &self.letters.counters;
        match outcome {
            Ok(()) => {
                counters.delivered.fetch_add(1, Ordering::Relaxed);
                self.remove_letter(id, false);
            }
            Err(undelivered) => {
                counters.failed.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = self.put_back(now, id, undelivered) {
                    tracing::warn!(letter = %id, %error, "a letter can't be put back yet");
                    self.letters.wait_again(id, now.after_ms(UNREAD_MS));
                }
            }
        }
    }

    /// Gives a letter another try later, or none any more.
    fn put_back(
        &mut self,
        now: Timestamp,
        id: LetterId,
        undelivered: Undelivered,
    ) -> Result<(), Error> {
        let mut letter = self.read_letter(id)?;
        let LetterState::Waiting { tries, .. } = letter.state else {
            return Ok(());
        };
        let tries = tries.saturating_add(1);
        let reason = undelivered.reason;
        if undelivered.again && tries < self.options.letters.tries_max {
            let due = now.after_ms(self.pause(tries));
            let error = Some(reason);
            letter.state = LetterState::Waiting { due, tries, error };
        } else {
            let since = now;
            letter.state = LetterState::Dead {
                since,
                tries,
                reason,
            };
            self.write(id.shard(), Write::DeleteLetter { id, is_dead: false });
        }
        self.post(&letter);
        Ok(())
    }

    /// 1 s, 2 s, 4 s … up to a bound, each a quarter shorter or longer: what failed together does not come back together.
    fn pause(&mut self, tries: u32) -> u64 {
        let doubled = AGAIN_FIRST_MS.checked_shl(tries.saturating_sub(1).min(32));
        let pause = doubled.unwrap_or(AGAIN_MAX_MS).min(AGAIN_MAX_MS);
        pause - pause / 4 + self.random.u64(..=pause / 2)
    }

    fn read_letter(&self, id: LetterId) -> Result<Letter, Error> {
        let row = self.store.letter(id)?;
        let row = row.ok_or(Error::UnknownLetter { id })?;
        Letter::decode(id, &row.letter).map_err(|corrupt| Error::Store {
            detail: format!("letter {id}: {corrupt}"),
            kind: everstep_core::Kind::Corrupt,
        })
    }

    /// Discards a letter, or gives a dead one as many tries as a new one has.
    pub(super) fn change_letter(
        &mut self,
        now: Timestamp,
        id: LetterId,
        change: Change,
    ) -> Result<(), Error> {
        let is_dead = self.letters.dead.contains_key(&id);
        if !is_dead && !self.letters.waiting.contains_key(&id) {
            return Err(Error::UnknownLetter { id });
        }
        if change == Change::Discard {
            self.remove_letter(id, is_dead);
            return Ok(());
        }
        let mut letter = self.read_letter(id)?;
        if topic::is_kept(&letter.topic) {
            let why = "nothing delivers letters under its topic: settle what it is about";
            return Err(Error::LetterRefused { id, why });
        }
        let waiting = self.letters.waiting.get(&id);
        if waiting.is_some_and(|waiting| waiting.in_flight) {
            let why = "it is on its way";
            return Err(Error::LetterRefused { id, why });
        }
        letter.state = LetterState::Waiting {
            due: now,
            tries: 0,
            error: None,
        };
        if is_dead {
            self.write(id.shard(), Write::DeleteLetter { id, is_dead });
        }
        self.post(&letter);
        Ok(())
    }

    /// Keeps what came for an operation that does not want it (any more).
    pub(super) fn keep_unwanted(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        attempt: &Attempt,
        outcome: Outcome,
    ) {
        let topic = match attempt.outcome {
            Settlement::Applied | Settlement::Duplicate => return,
            Settlement::Conflict => topic::CALLBACK_CONFLICT,
            Settlement::TimedOut | Settlement::Closed | Settlement::Superseded => {
                topic::CALLBACK_LATE
            }
            Settlement::Unknown => topic::CALLBACK_ORPHAN,
        };
        // What is replayed lies among the letters already.
        if matches!(attempt.source.via, Via::Replay) {
            return;
        }
        let (payload, failure) = match outcome {
            Outcome::Succeeded(payload) => (payload, None),
            Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Stopped(failure) => {
                (None, Some(failure))
            }
        };
        let body = super::events::unwanted(attempt, failure.as_ref());
        let mut letter = self.letter(now, id, topic, body);
        letter.state = LetterState::Dead {
            since: now,
            tries: 0,
            reason: attempt.outcome.as_str().to_owned(),
        };
        letter.operation = Some(attempt.operation);
        letter.source = Some(attempt.source.clone());
        letter.payload = payload;
        letter.keeper = Some(id);
        self.post(&letter);
    }

    /// Takes away the dead whose time is over. Their ids begin with the time of their birth.
    pub(super) fn purge_letters(&mut self, now: Timestamp) {
        let retention = self.options.letters.dead_retention_ms;
        let until = Timestamp(now.0.saturating_sub(retention));
        let bound = LetterId::new(until.0, 0, everstep_core::Shard(0));
        let old: Vec<LetterId> = self
            .letters
            .dead
            .range(..bound)
            .map(|(id, _)| *id)
            .take(PAGE)
            .collect();
        for id in old {
            self.remove_letter(id, true);
        }
    }
}
