//! Tasks that are out. Key: shard u16, execution 16, operation u32.

use std::ops::Bound;

use ::fjall::Keyspace;
use everstep_core::codec::{Reader, Writer};
use everstep_core::{ExecutionId, Generation, Operation, Shard};

use super::row::{Family, pair, parse, seal, unseal};
use crate::{Error, TaskRow};

pub const KEY_BYTES: usize = 2 + 16 + 4;

pub fn key(shard: Shard, execution: ExecutionId, operation: Operation) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    let (head, rest) = key.split_at_mut(2);
    let (id, tail) = rest.split_at_mut(16);
    head.copy_from_slice(&shard.0.to_be_bytes());
    id.copy_from_slice(execution.as_bytes());
    tail.copy_from_slice(&operation.0.to_be_bytes());
    key
}

pub fn value(shard: Shard, row: &TaskRow) -> Vec<u8> {
    let mut to = Writer::new();
    to.u32(row.generation.0);
    to.bytes(&row.task);
    seal(
        Family::Task,
        &key(shard, row.execution, row.operation),
        &to.finish(),
    )
}

pub fn decode(key: &[u8], value: &[u8]) -> Result<TaskRow, Error> {
    let (execution, operation) = parse("a task's key", key, |from| {
        let _shard: [u8; 2] = from.raw()?;
        Ok((
            ExecutionId::from_bytes(from.raw()?),
            Operation(u32::from_be_bytes(from.raw()?)),
        ))
    })?;
    let body = unseal(Family::Task, key, value, || {
        format!("the task of execution {execution}, operation {operation}")
    })?;
    let (generation, task) = parse("a task", body, |from: &mut Reader<'_>| {
        Ok((Generation(from.u32()?), from.bytes()?))
    })?;
    Ok(TaskRow {
        execution,
        operation,
        generation,
        task,
    })
}

pub fn read(
    tasks: &Keyspace,
    shard: Shard,
    after: Option<(ExecutionId, Operation)>,
    limit: usize,
) -> Result<Vec<TaskRow>, Error> {
    let first = match after {
        None => Bound::Included(key(shard, ExecutionId::from_bytes([0; 16]), Operation(0))),
        Some((execution, operation)) => Bound::Excluded(key(shard, execution, operation)),
    };
    let last = key(
        shard,
        ExecutionId::from_bytes([0xff; 16]),
        Operation(u32::MAX),
    );
    let rows = tasks
        .range((first, Bound::Included(last)))
        .take(limit)
        .map(|guard| {
            let (key, value) = pair(guard)?;
            decode(&key, &value)
        });
    rows.collect()
}

/// The keys of an execution's tasks.
pub fn keys_of(
    tasks: &Keyspace,
    shard: Shard,
    execution: ExecutionId,
) -> Result<Vec<::fjall::UserKey>, Error> {
    let range = key(shard, execution, Operation(0))..=key(shard, execution, Operation(u32::MAX));
    tasks
        .range(range)
        .map(|guard| pair(guard).map(|(key, _)| key))
        .collect()
}
