//! Names that are taken. Key: start key 16.

use ::fjall::Keyspace;
use everstep_core::codec::{Reader, Writer};
use everstep_core::{ExecutionId, StartKey};

use super::row::{Family, lost, parse, seal, unseal};
use crate::{Error, StartRow};

pub fn value(row: &StartRow) -> Vec<u8> {
    let mut to = Writer::new();
    to.raw(row.execution.as_bytes());
    to.raw(&row.digest);
    seal(Family::Start, &row.key.0, &to.finish())
}

pub fn decode(key: StartKey, value: &[u8]) -> Result<StartRow, Error> {
    let body = unseal(Family::Start, &key.0, value, || {
        format!("the name row {:02x?}", key.0)
    })?;
    parse("a name row", body, |from: &mut Reader<'_>| {
        Ok(StartRow {
            key,
            execution: ExecutionId::from_bytes(from.raw()?),
            digest: from.raw()?,
        })
    })
}

pub fn read(starts: &Keyspace, key: StartKey) -> Result<Option<StartRow>, Error> {
    starts
        .get(key.0)
        .map_err(lost)?
        .map(|value| decode(key, &value))
        .transpose()
}
