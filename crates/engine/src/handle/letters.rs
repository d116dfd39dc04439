//! Letters: posted, listed, read, discarded, sent again.

use bytes::Bytes;
use everstep_core::codec::{Reader, Writer};
use everstep_core::{LetterId, SHARDS, Shard};
use everstep_store::{Cursor, Direction, Page};

use super::Handle;
use crate::input::{Change, Input};
use crate::letter::BODY_BYTES_MAX;
use crate::pressure::Urgency;
use crate::{Error, Letter, LetterFigures, LetterFilter, LetterState, NewLetter};

const CURSOR: u8 = 1;
/// Letters read for one page at most: a selective filter may end it early.
const READ_MAX: usize = 10_000;
const PAGE: usize = 256;

impl Handle {
    /// Writes a letter: one that is to be delivered, or one that is dead from its beginning. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::LetterRefused`] for a body of more than 256 KiB, [`Error::Overloaded`], [`Error::Payload`], or the store's.
    pub async fn post(&self, new: NewLetter) -> Result<LetterId, Error> {
        self.admit(Urgency::Request)?;
        let now = self.clock().now();
        let shard = new.execution.map_or_else(
            || Shard(fastrand::u16(..SHARDS)),
            |execution| execution.shard(),
        );
        let id = LetterId::new(now.0, fastrand::u64(..), shard);
        if new.body.len() > BODY_BYTES_MAX {
            let why = "its body has more than 256 KiB";
            return Err(Error::LetterRefused { id, why });
        }
        let payload = match new.payload {
            Some(bytes) => Some(self.put_payload(id.folder(), bytes).await?),
            None => None,
        };
        let state = match new.dead {
            Some(reason) => LetterState::Dead {
                since: now,
                tries: 0,
                reason,
            },
            None => LetterState::Waiting {
                due: now,
                tries: 0,
                error: None,
            },
        };
        let letter = Box::new(Letter {
            id,
            topic: new.topic,
            state,
            execution: new.execution,
            operation: new.operation,
            created: now,
            source: new.source,
            body: new.body,
            payload,
            keeper: None,
        });
        self.ask(Urgency::Request, |reply| Input::Post { letter, reply })
            .await?;
        Ok(id)
    }

    /// One page of letters, the newest first; with no side chosen those that wait come before the dead. The listing has ended when there is
    /// no next page, not when a page is short.
    ///
    /// # Errors
    /// The store's, for a cursor of something else among others.
    pub async fn letters(
        &self,
        filter: LetterFilter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Letter>, Error> {
        let place = match cursor {
            Some(cursor) => read(&cursor)?,
            None => (filter.dead.unwrap_or(false), None),
        };
        self.read(move |store| {
            let (mut is_dead, mut after) = place;
            let (mut rows, mut seen) = (Vec::new(), 0);
            loop {
                let page = store.letters(is_dead, after, Direction::Backward, PAGE)?;
                let ends = page.len() < PAGE;
                for row in page {
                    if rows.len() == limit || seen == READ_MAX {
                        let next = Some(write(is_dead, after));
                        return Ok(Page { rows, next });
                    }
                    seen += 1;
                    after = Some(row.id);
                    // One that can't be read is told of in the log; the others are still there.
                    let letter = Letter::decode(row.id, &row.letter).ok();
                    rows.extend(letter.filter(|letter| filter.matches(letter)));
                }
                if ends && (is_dead || filter.dead.is_some()) {
                    return Ok(Page { rows, next: None });
                }
                if ends {
                    (is_dead, after) = (true, None);
                }
            }
        })
        .await
    }

    /// # Errors
    /// [`Error::UnknownLetter`], or the store's.
    pub async fn letter(&self, id: LetterId) -> Result<Letter, Error> {
        let row = self.read(move |store| store.letter(id)).await?;
        let row = row.ok_or(Error::UnknownLetter { id })?;
        Letter::decode(id, &row.letter).map_err(|corrupt| Error::Store {
            detail: format!("letter {id}: {corrupt}"),
            kind: everstep_core::Kind::Corrupt,
        })
    }

    /// What came with a letter.
    ///
    /// # Errors
    /// [`Error::Payload`] when it is gone: a late result goes with its execution.
    pub async fn letter_payload(&self, letter: &Letter) -> Result<Option<Bytes>, Error> {
        let folder = letter.keeper.unwrap_or_else(|| letter.id.folder());
        match &letter.payload {
            Some(payload) => self.payload(folder, payload).await.map(Some),
            None => Ok(None),
        }
    }

    /// Takes a letter away, dead or not.
    ///
    /// # Errors
    /// [`Error::UnknownLetter`], or the store's.
    pub async fn discard_letter(&self, id: LetterId) -> Result<(), Error> {
        self.change_letter(id, Change::Discard).await
    }

    /// Delivers a letter now, with as many tries as a new one has.
    ///
    /// # Errors
    /// [`Error::UnknownLetter`], [`Error::LetterRefused`] for one that nothing delivers or that is on its way, or the store's.
    pub async fn retry_letter(&self, id: LetterId) -> Result<(), Error> {
        self.change_letter(id, Change::Retry).await
    }

    async fn change_letter(&self, letter: LetterId, change: Change) -> Result<(), Error> {
        self.ask(Urgency::Request, |reply| Input::ChangeLetter {
            letter,
            change,
            reply,
        })
        .await
    }

    /// How many letters there are.
    #[must_use]
    pub fn letter_figures(&self) -> LetterFigures {
        self.inner.letters.read()
    }
}

fn write(is_dead: bool, after: Option<LetterId>) -> Cursor {
    let mut to = Writer::new();
    to.u8(CURSOR);
    to.bool(is_dead);
    to.option(after.as_ref(), |to, id| to.raw(id.as_bytes()));
    Cursor(to.finish())
}

fn read(cursor: &Cursor) -> Result<(bool, Option<LetterId>), Error> {
    let mut from = Reader::new(&cursor.0);
    let mut fields = || -> Result<_, everstep_core::codec::Corrupt> {
        let version = from.u8()?;
        let is_dead = from.bool()?;
        let after = from.option(|from| Ok(LetterId::from_bytes(from.raw()?)))?;
        Ok((version, (is_dead, after), from.is_empty()))
    };
    match fields() {
        Ok((CURSOR, place, true)) => Ok(place),
        _ => Err(everstep_store::Error::InvalidCursor.into()),
    }
}
