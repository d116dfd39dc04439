//! Attempts. Key: execution 16, operation u32, index u32. Value: the attempt as the engine encoded it.

use std::ops::Bound;

use ::fjall::{Keyspace, UserKey};
use bytes::Bytes;
use everstep_core::{ExecutionId, Operation};

use super::row::{Family, pair, parse, seal, unseal};
use crate::{AttemptRow, Error};

pub const KEY_BYTES: usize = 16 + 4 + 4;

pub fn key(execution: ExecutionId, operation: Operation, index: u32) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    let (id, rest) = key.split_at_mut(16);
    let (head, tail) = rest.split_at_mut(4);
    id.copy_from_slice(execution.as_bytes());
    head.copy_from_slice(&operation.0.to_be_bytes());
    tail.copy_from_slice(&index.to_be_bytes());
    key
}

pub fn value(row: &AttemptRow) -> Vec<u8> {
    let key = key(row.execution, row.operation, row.index);
    seal(Family::Attempt, &key, &row.attempt)
}

fn decode(key: &[u8], value: &[u8]) -> Result<AttemptRow, Error> {
    let (execution, operation, index) = parse("an attempt's key", key, |from| {
        Ok((
            ExecutionId::from_bytes(from.raw()?),
            Operation(u32::from_be_bytes(from.raw()?)),
            u32::from_be_bytes(from.raw()?),
        ))
    })?;
    let attempt = unseal(Family::Attempt, key, value, || {
        format!("attempt {index} of execution {execution}, operation {operation}")
    })?;
    Ok(AttemptRow {
        execution,
        operation,
        index,
        attempt: Bytes::copy_from_slice(attempt),
    })
}

pub fn read(
    attempts: &Keyspace,
    id: ExecutionId,
    after: Option<(Operation, u32)>,
    limit: usize,
) -> Result<Vec<AttemptRow>, Error> {
    let first = match after {
        None => Bound::Included(key(id, Operation(0), 0)),
        Some((operation, index)) => Bound::Excluded(key(id, operation, index)),
    };
    let last = key(id, Operation(u32::MAX), u32::MAX);
    // A range that ends before it begins is not an empty one to every reader.
    if matches!(&first, Bound::Excluded(first) if *first >= last) {
        return Ok(Vec::new());
    }
    let rows = attempts.range((first, Bound::Included(last)));
    rows.take(limit)
        .map(|guard| {
            let (key, value) = pair(guard)?;
            decode(&key, &value)
        })
        .collect()
}

pub fn last(
    attempts: &Keyspace,
    id: ExecutionId,
    operation: Operation,
) -> Result<Option<AttemptRow>, Error> {
    let mut rows = attempts.range(key(id, operation, 0)..=key(id, operation, u32::MAX));
    rows.next_back()
        .map(|guard| {
            let (key, value) = pair(guard)?;
            decode(&key, &value)
        })
        .transpose()
}

/// The keys of an execution's attempts.
pub fn keys_of(attempts: &Keyspace, id: ExecutionId) -> Result<Vec<UserKey>, Error> {
    attempts
        .prefix(id.as_bytes())
        .map(|guard| pair(guard).map(|(key, _)| key))
        .collect()
}
