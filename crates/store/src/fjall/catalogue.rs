//! The catalogue. Key: the entry's name. Value: its revision and its bytes.

use ::fjall::{Keyspace, OwnedWriteBatch};
use bytes::Bytes;
use everstep_core::codec::{Reader, Writer};

use super::row::{Family, lost, pair, parse, seal, unseal};
use crate::Error;

pub fn value(key: &str, revision: u64, entry: &[u8]) -> Vec<u8> {
    let mut to = Writer::new();
    to.u64(revision);
    to.bytes(entry);
    seal(Family::Catalogue, key.as_bytes(), &to.finish())
}

pub fn decode(key: &str, value: &[u8]) -> Result<(u64, Bytes), Error> {
    let body = unseal(Family::Catalogue, key.as_bytes(), value, || {
        format!("the catalogue entry {key}")
    })?;
    parse("a catalogue entry", body, |from: &mut Reader<'_>| {
        Ok((from.u64()?, from.bytes()?))
    })
}

pub fn read(catalogue: &Keyspace, key: &str) -> Result<Option<(u64, Bytes)>, Error> {
    // fjall takes no empty keys, and no entry has one.
    if key.is_empty() {
        return Ok(None);
    }
    catalogue
        .get(key)
        .map_err(lost)?
        .map(|value| decode(key, &value))
        .transpose()
}

pub fn scan(catalogue: &Keyspace, prefix: &str) -> Result<Vec<(String, u64, Bytes)>, Error> {
    let rows = catalogue.prefix(prefix).map(|guard| {
        let (key, value) = pair(guard)?;
        let key = std::str::from_utf8(&key).map_err(|_| Error::Damaged {
            detail: "a catalogue key is not text".to_owned(),
        })?;
        let (revision, entry) = decode(key, &value)?;
        Ok((key.to_owned(), revision, entry))
    });
    rows.collect()
}

pub fn put(
    batch: &mut OwnedWriteBatch,
    catalogue: &Keyspace,
    key: &str,
    revision: u64,
    entry: Option<&[u8]>,
) {
    match entry {
        Some(entry) => batch.insert(catalogue, key, value(key, revision, entry)),
        None => batch.remove(catalogue, key),
    }
}
