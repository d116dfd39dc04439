//! Letters. Key: 1 for those that wait or 2 for the dead, id 16. Value: the letter as the engine encoded it.

use std::ops::Bound;

use ::fjall::Keyspace;
use bytes::Bytes;
use everstep_core::LetterId;
use everstep_core::codec::Corrupt;

use super::row::{Family, lost, pair, parse, seal, unseal};
use crate::{Direction, Error, LetterRow};

pub const KEY_BYTES: usize = 1 + 16;

const WAITING: u8 = 1;
const DEAD: u8 = 2;

pub fn key(is_dead: bool, id: LetterId) -> [u8; KEY_BYTES] {
    let mut key = [if is_dead { DEAD } else { WAITING }; KEY_BYTES];
    let (_, tail) = key.split_at_mut(1);
    tail.copy_from_slice(id.as_bytes());
    key
}

pub fn value(row: &LetterRow) -> Vec<u8> {
    seal(Family::Letter, &key(row.is_dead, row.id), &row.letter)
}

fn decode(key: &[u8], value: &[u8]) -> Result<LetterRow, Error> {
    let (is_dead, id) = parse("a letter's key", key, |from| {
        let is_dead = match from.u8()? {
            WAITING => false,
            DEAD => true,
            tag => return Err(Corrupt::tag("state of a letter", tag)),
        };
        Ok((is_dead, LetterId::from_bytes(from.raw()?)))
    })?;
    let letter = unseal(Family::Letter, key, value, || format!("letter {id}"))?;
    Ok(LetterRow {
        id,
        is_dead,
        letter: Bytes::copy_from_slice(letter),
    })
}

pub fn find(letters: &Keyspace, id: LetterId) -> Result<Option<LetterRow>, Error> {
    for is_dead in [false, true] {
        let key = key(is_dead, id);
        if let Some(value) = letters.get(key).map_err(lost)? {
            return decode(&key, &value).map(Some);
        }
    }
    Ok(None)
}

pub fn read(
    letters: &Keyspace,
    is_dead: bool,
    after: Option<LetterId>,
    direction: Direction,
    limit: usize,
) -> Result<Vec<LetterRow>, Error> {
    let first = key(is_dead, LetterId::from_bytes([0; 16]));
    let last = key(is_dead, LetterId::from_bytes([u8::MAX; 16]));
    let decoded = |guard| {
        let (key, value) = pair(guard)?;
        decode(&key, &value)
    };
    let behind = after.map(|after| key(is_dead, after));
    match direction {
        Direction::Forward => {
            if behind == Some(last) {
                return Ok(Vec::new());
            }
            let from = behind.map_or(Bound::Included(first), Bound::Excluded);
            let rows = letters.range((from, Bound::Included(last)));
            rows.take(limit).map(decoded).collect()
        }
        Direction::Backward => {
            if behind == Some(first) {
                return Ok(Vec::new());
            }
            let to = behind.map_or(Bound::Included(last), Bound::Excluded);
            let rows = letters.range((Bound::Included(first), to));
            rows.rev().take(limit).map(decoded).collect()
        }
    }
}
