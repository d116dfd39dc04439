//! State rows. Key: execution 16.

use std::collections::BTreeMap;

use ::fjall::Keyspace;
use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_core::{ExecutionId, Status, Timestamp};

use super::row::{Family, lost, parse, seal, seal_as, unseal_up_to};
use crate::{Error, ExecutionRow, Reopened};

/// The version of a row that has attributes: only a build that knows them reads it, any other refuses it by name.
const WITH_ATTRIBUTES: u8 = 2;
/// The version of a row that tells that its execution was reopened.
const WITH_REOPENED: u8 = 3;

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
    if row.attributes.is_empty() && row.reopened.is_none() {
        // As it always was: an earlier version goes on reading it.
        return seal(Family::Execution, &key(row.id), &to.finish());
    }
    let attributes: Vec<_> = row.attributes.iter().collect();
    to.list(&attributes, |to, (key, value)| {
        to.str(key);
        to.str(value);
    });
    let version = match row.reopened {
        None => WITH_ATTRIBUTES,
        Some(reopened) => {
            to.u32(reopened.count);
            to.u64(reopened.last.0);
            WITH_REOPENED
        }
    };
    seal_as(version, Family::Execution, &key(row.id), &to.finish())
}

pub fn decode(id: ExecutionId, value: &[u8]) -> Result<ExecutionRow, Error> {
    let (version, body) = unseal_up_to(WITH_REOPENED, Family::Execution, &key(id), value, || {
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
                attributes: if version >= WITH_ATTRIBUTES {
                    let attributes = from.list(|from| Ok((from.str()?, from.str()?)))?;
                    attributes.into_iter().collect()
                } else {
                    BTreeMap::new()
                },
                reopened: if version >= WITH_REOPENED {
                    Some(Reopened {
                        count: from.u32()?,
                        last: Timestamp(from.u64()?),
                    })
                } else {
                    None
                },
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
