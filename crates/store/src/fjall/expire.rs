//! When closed executions may be purged. Key: shard u16, time u64, execution 16. No value.

use ::fjall::Keyspace;
use everstep_core::{ExecutionId, Shard, Timestamp};

use super::row::{Family, pair, parse, seal, unseal};
use crate::Error;

pub const KEY_BYTES: usize = 2 + 8 + 16;

pub fn key(shard: Shard, at: Timestamp, execution: ExecutionId) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    let (head, rest) = key.split_at_mut(2);
    let (time, id) = rest.split_at_mut(8);
    head.copy_from_slice(&shard.0.to_be_bytes());
    time.copy_from_slice(&at.0.to_be_bytes());
    id.copy_from_slice(execution.as_bytes());
    key
}

pub fn value(key: &[u8]) -> Vec<u8> {
    seal(Family::Expire, key, &[])
}

pub fn decode(key: &[u8], value: &[u8]) -> Result<(Timestamp, ExecutionId), Error> {
    let (at, execution) = parse("an expiry's key", key, |from| {
        let _shard: [u8; 2] = from.raw()?;
        Ok((
            Timestamp(u64::from_be_bytes(from.raw()?)),
            ExecutionId::from_bytes(from.raw()?),
        ))
    })?;
    let body = unseal(Family::Expire, key, value, || {
        format!("the expiry of execution {execution}")
    })?;
    parse("an expiry", body, |_| Ok((at, execution)))
}

pub fn read(
    expiries: &Keyspace,
    shard: Shard,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<(Timestamp, ExecutionId)>, Error> {
    let first = key(shard, Timestamp(0), ExecutionId::from_bytes([0; 16]));
    let last = key(shard, now, ExecutionId::from_bytes([0xff; 16]));
    let rows = expiries.range(first..=last).take(limit).map(|guard| {
        let (key, value) = pair(guard)?;
        decode(&key, &value)
    });
    rows.collect()
}
