//! State rows. Key: execution 16.

use ::fjall::Keyspace;
use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_core::{ExecutionId, Status, Timestamp};

use super::row::{Family, lost, parse, seal, unseal};
use crate::{Error, ExecutionRow};

pub fn key(id: ExecutionId) -> [u8; 16] {
    *id.as_bytes()
}

pub fn value(row: &ExecutionRow) -> Vec<u8> {
    let mut to = Writer::new();
    to.str(&row.definition);
    to.str(&row.version);
    to.u8(row.machine);
    to.str(&row.name);
    to.u8(row.status.number());
    to.u64(row.started.0);
    to.option(row.closed.as_ref(), |to, closed| to.u64(closed.0));
    seal(Family::Execution, &key(row.id), &to.finish())
}

pub fn decode(id: ExecutionId, value: &[u8]) -> Result<ExecutionRow, Error> {
    let body = unseal(Family::Execution, &key(id), value, || {
        format!("the state row of execution {id}")
    })?;
    parse(
        "a state row",
        body,
        |from: &mut Reader<'_>| -> Result<_, Corrupt> {
            Ok(ExecutionRow {
                id,
                definition: from.str()?,
                version: from.str()?,
                machine: from.u8()?,
                name: from.str()?,
                status: Status::from_number(from.u8()?)?,
                started: Timestamp(from.u64()?),
                closed: from.option(|from| from.u64().map(Timestamp))?,
            })
        },
    )
}

pub fn read(executions: &Keyspace, id: ExecutionId) -> Result<Option<ExecutionRow>, Error> {
    executions
        .get(key(id))
        .map_err(lost)?
        .map(|value| decode(id, &value))
        .transpose()
}
