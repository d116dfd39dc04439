//! Journal batches. Key: execution 16, sequence u32. Value: the batch as the kernel encoded it.

use ::fjall::Keyspace;
use bytes::Bytes;
use everstep_core::{ExecutionId, Sequence};

use super::row::{Family, pair, parse, seal, unseal};
use crate::{Direction, Error, JournalRow};

pub fn key(id: ExecutionId, sequence: Sequence) -> [u8; 20] {
    let mut key = [0; 20];
    let (execution, number) = key.split_at_mut(16);
    execution.copy_from_slice(id.as_bytes());
    number.copy_from_slice(&sequence.0.to_be_bytes());
    key
}

pub fn value(row: &JournalRow) -> Vec<u8> {
    seal(
        Family::Journal,
        &key(row.execution, row.sequence),
        &row.batch,
    )
}

pub fn sequence_of(key: &[u8]) -> Result<(ExecutionId, Sequence), Error> {
    parse("a journal key", key, |from| {
        Ok((
            ExecutionId::from_bytes(from.raw()?),
            Sequence(u32::from_be_bytes(from.raw()?)),
        ))
    })
}

pub fn decode(key: &[u8], value: &[u8]) -> Result<JournalRow, Error> {
    let (execution, sequence) = sequence_of(key)?;
    let batch = unseal(Family::Journal, key, value, || {
        format!("journal batch {sequence} of execution {execution}")
    })?;
    Ok(JournalRow {
        execution,
        sequence,
        batch: Bytes::copy_from_slice(batch),
    })
}

pub fn read(
    journal: &Keyspace,
    id: ExecutionId,
    from: Sequence,
    direction: Direction,
    limit: usize,
) -> Result<Vec<JournalRow>, Error> {
    let decoded = |guard| {
        let (key, value) = pair(guard)?;
        decode(&key, &value)
    };
    match direction {
        Direction::Forward => journal
            .range(key(id, from)..=key(id, Sequence(u32::MAX)))
            .take(limit)
            .map(decoded)
            .collect(),
        Direction::Backward => journal
            .range(key(id, Sequence(0))..=key(id, from))
            .rev()
            .take(limit)
            .map(decoded)
            .collect(),
    }
}

pub fn last(journal: &Keyspace, id: ExecutionId) -> Result<Option<Sequence>, Error> {
    let last = journal
        .range(key(id, Sequence(0))..=key(id, Sequence(u32::MAX)))
        .next_back();
    last.map(|guard| sequence_of(&pair(guard)?.0).map(|(_, sequence)| sequence))
        .transpose()
}
