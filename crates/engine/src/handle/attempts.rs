//! Settles, heartbeats and notes that say where they come from, and the trace that they leave.

use bytes::Bytes;
use everstep_core::codec::{Reader, Writer};
use everstep_core::token::{Purpose, Token};
use everstep_core::{Answer, ExecutionId, NOTE_BYTES_MAX, Operation, Parent, Settlement};
use everstep_store::{AttemptRow, Cursor, Page};

use super::{Handle, SettleWith};
use crate::input::{Input, Outside, What};
use crate::pressure::Urgency;
use crate::{Attempt, Error, Source};

const CURSOR: u8 = 1;

impl Handle {
    /// As [`Handle::settle`]; that it was tried is written with what came of it. What is not wanted (any more) is kept as a dead letter.
    ///
    /// # Errors
    /// As [`Handle::settle`].
    pub async fn settle_from(
        &self,
        purpose: Purpose,
        token: &str,
        with: SettleWith,
        source: Source,
    ) -> Result<Settlement, Error> {
        let known = self.verify(purpose, token)?;
        let outcome = self.outcome(known.execution, with).await?;
        self.outside(&known, token, What::Settle(outcome), source)
            .await
    }

    /// As [`Handle::heartbeat`]; that it was tried leaves a trace.
    ///
    /// # Errors
    /// As [`Handle::settle`].
    pub async fn heartbeat_from(
        &self,
        purpose: Purpose,
        token: &str,
        source: Source,
    ) -> Result<Settlement, Error> {
        let known = self.verify(purpose, token)?;
        self.outside(&known, token, What::Beat, source).await
    }

    /// Leaves a note at an open operation or a task that is out, in the place of an earlier one; it is a sign of life too. The answer is
    /// [`Settlement::Applied`] when it is still waited for.
    ///
    /// # Errors
    /// As [`Handle::settle`], and [`Error::Refused`] for a note of more than [`NOTE_BYTES_MAX`] bytes.
    pub async fn note_from(
        &self,
        purpose: Purpose,
        token: &str,
        note: Bytes,
        source: Source,
    ) -> Result<Settlement, Error> {
        let known = self.verify(purpose, token)?;
        if note.len() > NOTE_BYTES_MAX {
            return Err(Error::Refused {
                id: known.execution,
                why: "a note has at most 8 KiB",
            });
        }
        self.outside(&known, token, What::Note(note), source).await
    }

    async fn outside(
        &self,
        known: &Token,
        token: &str,
        what: What,
        mut source: Source,
    ) -> Result<Settlement, Error> {
        source
            .token_hash
            .get_or_insert_with(|| Source::token_hash(token));
        let asked = Box::new(Outside {
            operation: known.operation,
            generation: known.generation,
            what,
            source,
        });
        let execution = known.execution;
        self.ask(Urgency::Never, |reply| Input::Outside {
            execution,
            asked,
            reply,
        })
        .await
    }

    /// Asks an execution to tell when an operation closes.
    pub(crate) async fn watch(&self, token: &Token, watcher: Parent) -> Result<Settlement, Error> {
        let watch = everstep_core::Input::Watch {
            operation: token.operation,
            generation: token.generation,
            watcher,
        };
        match self.turn(Urgency::Never, token.execution, watch).await? {
            Answer::Settled(settlement) => Ok(settlement),
            Answer::Done | Answer::AlreadyClosed | Answer::Refused(_) | Answer::Own(_) => {
                Ok(Settlement::Unknown)
            }
        }
    }

    /// What was tried from outside on an execution: by operation, and then in the order in which it came.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`], [`Error::Overloaded`], or the store's, for a cursor of something else among others.
    pub async fn attempts(
        &self,
        execution: ExecutionId,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Attempt>, Error> {
        let after = match cursor {
            Some(cursor) => Some(read(execution, &cursor)?),
            None => None,
        };
        self.attempts_behind(execution, after, limit).await
    }

    /// What was tried on one operation, in the order in which it came: all that is kept.
    ///
    /// # Errors
    /// As [`Handle::attempts`].
    pub async fn attempts_of(
        &self,
        execution: ExecutionId,
        operation: Operation,
    ) -> Result<Vec<Attempt>, Error> {
        let after = operation.0.checked_sub(1).map(Operation);
        let after = after.map(|before| (before, u32::MAX));
        let limit = crate::attempt::KEPT as usize;
        let mut page = self.attempts_behind(execution, after, limit).await?;
        page.rows.retain(|attempt| attempt.operation == operation);
        Ok(page.rows)
    }

    async fn attempts_behind(
        &self,
        execution: ExecutionId,
        after: Option<(Operation, u32)>,
        limit: usize,
    ) -> Result<Page<Attempt>, Error> {
        self.ask(Urgency::Read, |reply| Input::Attempts { execution, reply })
            .await?;
        let more = limit.saturating_add(1);
        let mut rows = self
            .read(move |store| store.attempts(execution, after, more))
            .await?;
        let next = if rows.len() > limit {
            rows.truncate(limit);
            rows.last().map(write)
        } else {
            None
        };
        let rows = rows.iter().map(|row| {
            Attempt::decode(row.operation, &row.attempt).map_err(|corrupt| Error::Damaged {
                id: execution,
                detail: format!("attempt {} of {}: {corrupt}", row.index, row.operation),
            })
        });
        let rows = rows.collect::<Result<_, _>>()?;
        Ok(Page { rows, next })
    }
}

fn write(row: &AttemptRow) -> Cursor {
    let mut to = Writer::new();
    to.u8(CURSOR);
    to.raw(row.execution.as_bytes());
    to.u32(row.operation.0);
    to.u32(row.index);
    Cursor(to.finish())
}

fn read(execution: ExecutionId, cursor: &Cursor) -> Result<(Operation, u32), Error> {
    let mut from = Reader::new(&cursor.0);
    let mut fields = || -> Result<_, everstep_core::codec::Corrupt> {
        let version = from.u8()?;
        let of = ExecutionId::from_bytes(from.raw()?);
        let place = (Operation(from.u32()?), from.u32()?);
        Ok((version, of, place, from.is_empty()))
    };
    match fields() {
        Ok((CURSOR, of, place, true)) if of == execution => Ok(place),
        _ => Err(everstep_store::Error::InvalidCursor.into()),
    }
}
