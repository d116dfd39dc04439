//! The lists. Key: order u8 (1 all, 2 by definition, 3 by attribute), for 2 and 3 eight bytes of the definition's or attribute's SHA-256, status u8, start u64 and execution 16,
//! both inverted so that the newest come first. No value: the state row is read beside it, from the same snapshot, and judges alone.

use std::iter::Peekable;
use std::ops::Bound;

use ::fjall::{Iter, Keyspace, Readable as _, Snapshot};
use everstep_core::{ExecutionId, Status, Timestamp};
use sha2::{Digest as _, Sha256};

use super::execution;
use super::row::{Family, lost, pair, seal, unseal};
use crate::cursor::{Position, Resume};
use crate::{Cursor, Error, ExecutionRow, ListFilter, ListKey, Page};

/// One page looks at no more entries than this, however few of them match.
const ENTRIES_PER_PAGE_MAX: usize = 20_000;
const POSITION_BYTES: usize = 8 + 16;

/// What a list is read from.
pub struct Rows<'a> {
    pub snapshot: Snapshot,
    pub list: &'a Keyspace,
    pub executions: &'a Keyspace,
}

fn prefix(definition: Option<&str>, status: Status) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(10 + POSITION_BYTES);
    match definition {
        None => prefix.push(1),
        Some(definition) => {
            prefix.push(2);
            // Definitions of one digest share a part of the list; the state row tells them apart.
            prefix.extend(Sha256::digest(definition.as_bytes()).into_iter().take(8));
        }
    }
    prefix.push(status.number());
    prefix
}

/// Attributes of one digest share a part of the list, as definitions do.
fn prefix_of_attribute(key: &str, value: &str, status: Status) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update((key.len() as u64).to_be_bytes());
    hash.update(key.as_bytes());
    hash.update(value.as_bytes());
    let mut prefix = Vec::with_capacity(10 + POSITION_BYTES);
    prefix.push(3);
    prefix.extend(hash.finalize().into_iter().take(8));
    prefix.push(status.number());
    prefix
}

fn place(mut prefix: Vec<u8>, position: Position) -> Vec<u8> {
    prefix.extend((!position.started.0).to_be_bytes());
    prefix.extend(position.id.as_bytes().map(|byte| !byte));
    prefix
}

/// The entries of an execution: in the list of all, in that of its definition, and in those of its attributes.
pub fn keys(at: &ListKey) -> Vec<Vec<u8>> {
    let position = Position {
        started: at.started,
        id: at.id,
    };
    let mut keys = vec![
        place(prefix(None, at.status), position),
        place(prefix(Some(&at.definition), at.status), position),
    ];
    keys.extend(
        at.attributes
            .iter()
            .map(|(key, value)| place(prefix_of_attribute(key, value, at.status), position)),
    );
    keys
}

pub fn value(key: &[u8]) -> Vec<u8> {
    seal(Family::List, key, &[])
}

pub fn decode(key: &[u8], value: &[u8]) -> Result<Position, Error> {
    unseal(Family::List, key, value, || "a list entry")?;
    let Some((_, place)) = key.split_last_chunk::<POSITION_BYTES>() else {
        return Err(Error::Damaged {
            detail: "a list entry's key is cut off".to_owned(),
        });
    };
    let (started, id) = place.split_at(8);
    let started = started
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(id) {
        *to = !from;
    }
    Ok(Position {
        started: Timestamp(!started),
        id: ExecutionId::from_bytes(bytes),
    })
}

/// The entries of one status, in the listing's direction.
struct Entries {
    iter: Iter,
    status: Status,
    oldest_first: bool,
}

impl Iterator for Entries {
    type Item = Result<(Position, Status), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let guard = if self.oldest_first {
            self.iter.next_back()
        } else {
            self.iter.next()
        };
        guard.map(|guard| {
            let (key, value) = pair(guard)?;
            decode(&key, &value).map(|position| (position, self.status))
        })
    }
}

fn entries(
    rows: &Rows<'_>,
    filter: &ListFilter,
    status: Status,
    after: Option<Position>,
) -> Option<Peekable<Entries>> {
    let at = |started: Timestamp, id: [u8; 16]| {
        let position = Position {
            started,
            id: ExecutionId::from_bytes(id),
        };
        let prefix = match filter.attributes.first() {
            Some((key, value)) => prefix_of_attribute(key, value, status),
            None => prefix(filter.definition.as_deref(), status),
        };
        place(prefix, position)
    };
    // Keys run from the newest to the oldest.
    let mut first = Bound::Included(at(
        filter.started_before.unwrap_or(Timestamp::NEVER),
        [0xff; 16],
    ));
    let mut last = Bound::Included(at(filter.started_after.unwrap_or(Timestamp(0)), [0; 16]));
    if let Some(after) = after {
        let key = at(after.started, *after.id.as_bytes());
        if filter.oldest_first && matches!(&last, Bound::Included(oldest) if key <= *oldest) {
            last = Bound::Excluded(key);
        } else if !filter.oldest_first
            && matches!(&first, Bound::Included(newest) if key >= *newest)
        {
            first = Bound::Excluded(key);
        }
    }
    let is_empty = match (&first, &last) {
        (Bound::Included(first), Bound::Included(last)) => first > last,
        (
            Bound::Included(first) | Bound::Excluded(first),
            Bound::Included(last) | Bound::Excluded(last),
        ) => first >= last,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    };
    if is_empty {
        return None;
    }
    let iter = rows.snapshot.range(rows.list, (first, last));
    Some(
        Entries {
            iter,
            status,
            oldest_first: filter.oldest_first,
        }
        .peekable(),
    )
}

/// The next entry of all statuses together.
fn next(
    sources: &mut [Peekable<Entries>],
    oldest_first: bool,
) -> Option<Result<(Position, Status), Error>> {
    let mut best: Option<(usize, Position)> = None;
    for (index, source) in sources.iter_mut().enumerate() {
        let position = match source.peek() {
            None => continue,
            Some(Err(_)) => return source.next(),
            Some(Ok((position, _))) => *position,
        };
        let is_first = best.is_none_or(|(_, other)| {
            if oldest_first {
                position < other
            } else {
                position > other
            }
        });
        if is_first {
            best = Some((index, position));
        }
    }
    sources.get_mut(best?.0)?.next()
}

pub fn read(
    rows: &Rows<'_>,
    filter: &ListFilter,
    cursor: Option<&Cursor>,
    limit: usize,
) -> Result<Page<ExecutionRow>, Error> {
    let resume = Resume::new(filter, cursor)?;
    let statuses = Status::ALL
        .into_iter()
        .filter(|status| filter.statuses.is_empty() || filter.statuses.contains(status));
    let mut sources: Vec<_> = statuses
        .filter_map(|status| entries(rows, filter, status, resume.after))
        .collect();
    let mut page = Page {
        rows: Vec::new(),
        next: None,
    };
    let mut last = None;
    for _ in 0..ENTRIES_PER_PAGE_MAX {
        let Some((position, status)) = next(&mut sources, filter.oldest_first).transpose()? else {
            return Ok(page);
        };
        last = Some(position);
        let Some(value) = rows
            .snapshot
            .get(rows.executions, execution::key(position.id))
            .map_err(lost)?
        else {
            continue;
        };
        let row = execution::decode(position.id, &value)?;
        if row.started != position.started || row.status != status || !filter.matches(&row) {
            continue;
        }
        if page.rows.len() == limit {
            page.next = page.rows.last().map(|row| resume.cursor(Position::of(row)));
            return Ok(page);
        }
        page.rows.push(row);
    }
    page.next = last.map(|last| resume.cursor(last));
    Ok(page)
}
