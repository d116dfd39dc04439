//! Places in a listing, and how a reader gets back to one.
//!
//! A list has one order whatever its filter is: by start, then by id. A cursor names the last row handed out, so a row that was there
//! all along is neither skipped nor repeated, even when rows before it come, go or change their status.

use everstep_core::codec::{Reader, Writer};
use everstep_core::{ExecutionId, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::{Cursor, Error, ExecutionRow, ListFilter};

const VERSION: u8 = 1;

/// Where a row stands in the order of every list, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub started: Timestamp,
    pub id: ExecutionId,
}

impl Position {
    pub fn of(row: &ExecutionRow) -> Self {
        Self {
            started: row.started,
            id: row.id,
        }
    }
}

/// A listing that goes on where a cursor points, or begins.
#[derive(Debug)]
pub(crate) struct Resume {
    bound_to: [u8; 8],
    oldest_first: bool,
    pub after: Option<Position>,
}

impl Resume {
    pub fn new(filter: &ListFilter, cursor: Option<&Cursor>) -> Result<Self, Error> {
        let bound_to = fingerprint(filter);
        let after = cursor.map(|cursor| read(cursor, bound_to)).transpose()?;
        Ok(Self {
            bound_to,
            oldest_first: filter.oldest_first,
            after,
        })
    }

    /// Whether a row at `position` comes behind the cursor in the listing's direction.
    pub fn is_behind(&self, position: Position) -> bool {
        match self.after {
            None => true,
            Some(after) if self.oldest_first => position > after,
            Some(after) => position < after,
        }
    }

    /// The cursor that goes on behind `position`.
    pub fn cursor(&self, position: Position) -> Cursor {
        let mut to = Writer::new();
        to.u8(VERSION);
        to.raw(&self.bound_to);
        to.u64(position.started.0);
        to.raw(position.id.as_bytes());
        Cursor(to.finish())
    }
}

fn read(cursor: &Cursor, bound_to: [u8; 8]) -> Result<Position, Error> {
    let mut from = Reader::new(&cursor.0);
    let mut fields = || -> Result<_, everstep_core::codec::Corrupt> {
        let position = (
            from.u8()?,
            from.raw()?,
            Timestamp(from.u64()?),
            ExecutionId::from_bytes(from.raw()?),
        );
        Ok((position, from.is_empty()))
    };
    match fields() {
        Ok(((VERSION, filter, started, id), true)) if filter == bound_to => {
            Ok(Position { started, id })
        }
        _ => Err(Error::InvalidCursor),
    }
}

/// Tells filters apart. The order and repetition of statuses do not matter.
fn fingerprint(filter: &ListFilter) -> [u8; 8] {
    let mut to = Writer::new();
    for text in [
        &filter.definition,
        &filter.name,
        &filter.name_prefix,
        &filter.version,
    ] {
        to.option(text.as_ref(), |to, text| to.str(text));
    }
    let mut statuses = filter.statuses.clone();
    statuses.sort_unstable();
    statuses.dedup();
    to.list(&statuses, |to, status| to.u8(status.number()));
    for time in [filter.started_after, filter.started_before] {
        to.option(time.as_ref(), |to, time| to.u64(time.0));
    }
    to.bool(filter.oldest_first);
    if !filter.attributes.is_empty() {
        let mut attributes: Vec<_> = filter.attributes.iter().collect();
        attributes.sort_unstable();
        to.list(&attributes, |to, (key, value)| {
            to.str(key);
            to.str(value);
        });
    }
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(to.finish()).into();
    [a, b, c, d, e, f, g, h]
}
