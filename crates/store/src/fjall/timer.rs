//! Timers. Key: shard u16, due u64, execution 16, operation u32, kind u8, which is the order in which they fire.

use std::ops::Bound;

use ::fjall::Keyspace;
use everstep_core::codec::{Reader, Writer};
use everstep_core::{ExecutionId, Operation, Shard, TimerKind, Timestamp};

use super::row::{Family, pair, parse, seal, unseal};
use crate::{Error, TimerRow};

pub const KEY_BYTES: usize = 2 + 8 + 16 + 4 + 1;

pub fn key(
    shard: Shard,
    due: Timestamp,
    execution: ExecutionId,
    operation: Operation,
    kind: TimerKind,
) -> [u8; KEY_BYTES] {
    let [s0, s1] = shard.0.to_be_bytes();
    let [d0, d1, d2, d3, d4, d5, d6, d7] = due.0.to_be_bytes();
    let mut key = [0; KEY_BYTES];
    let (head, rest) = key.split_at_mut(10);
    let (id, tail) = rest.split_at_mut(16);
    let [o0, o1, o2, o3] = operation.0.to_be_bytes();
    head.copy_from_slice(&[s0, s1, d0, d1, d2, d3, d4, d5, d6, d7]);
    id.copy_from_slice(execution.as_bytes());
    tail.copy_from_slice(&[o0, o1, o2, o3, kind.0]);
    key
}

pub fn key_of(shard: Shard, row: &TimerRow) -> [u8; KEY_BYTES] {
    key(shard, row.due, row.execution, row.operation, row.kind)
}

pub fn value(shard: Shard, row: &TimerRow) -> Vec<u8> {
    let mut to = Writer::new();
    to.option(row.heartbeat_ms.as_ref(), |to, ms| to.u64(*ms));
    seal(Family::Timer, &key_of(shard, row), &to.finish())
}

pub fn decode(key: &[u8], value: &[u8]) -> Result<TimerRow, Error> {
    let (due, execution, operation, kind) = parse("a timer's key", key, |from| {
        let _shard: [u8; 2] = from.raw()?;
        Ok((
            Timestamp(u64::from_be_bytes(from.raw()?)),
            ExecutionId::from_bytes(from.raw()?),
            Operation(u32::from_be_bytes(from.raw()?)),
            TimerKind(from.u8()?),
        ))
    })?;
    let body = unseal(Family::Timer, key, value, || {
        format!("a timer of execution {execution}, operation {operation}")
    })?;
    let heartbeat_ms = parse("a timer", body, |from| from.option(Reader::u64))?;
    Ok(TimerRow {
        due,
        execution,
        operation,
        kind,
        heartbeat_ms,
    })
}

pub fn read(
    timers: &Keyspace,
    shard: Shard,
    until: Timestamp,
    after: Option<TimerRow>,
    limit: usize,
) -> Result<Vec<TimerRow>, Error> {
    let none = ExecutionId::from_bytes([0; 16]);
    let first = match after {
        None => Bound::Included(key(shard, Timestamp(0), none, Operation(0), TimerKind(0))),
        Some(row) => Bound::Excluded(key_of(shard, &row)),
    };
    let last = key(
        shard,
        until,
        ExecutionId::from_bytes([0xff; 16]),
        Operation(u32::MAX),
        TimerKind(u8::MAX),
    );
    // A range that ends before it begins is not an empty one to every reader.
    if matches!(&first, Bound::Excluded(first) if *first >= last) {
        return Ok(Vec::new());
    }
    let rows = timers
        .range((first, Bound::Included(last)))
        .take(limit)
        .map(|guard| {
            let (key, value) = pair(guard)?;
            decode(&key, &value)
        });
    rows.collect()
}

/// Every timer of a shard, as stored keys: for the rare purge of an execution that is not closed.
pub fn keys_of(
    timers: &Keyspace,
    shard: Shard,
    execution: ExecutionId,
) -> Result<Vec<::fjall::UserKey>, Error> {
    let mut found = Vec::new();
    for guard in timers.prefix(shard.0.to_be_bytes()) {
        let (key, _) = pair(guard)?;
        if key.get(10..26) == Some(execution.as_bytes().as_slice()) {
            found.push(key);
        }
    }
    Ok(found)
}
