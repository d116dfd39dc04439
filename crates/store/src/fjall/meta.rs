//! What the store knows of itself: its format, the newest LSN, the shards' epochs.

use ::fjall::{Keyspace, OwnedWriteBatch};
use everstep_core::codec::{Reader, Writer};
use everstep_core::{Epoch, Shard};

use super::row::{Family, lost, pair, parse, seal, unseal};
use super::{Keyspaces, Writer as State};
use crate::{Error, FORMAT};

const FORMAT_KEY: &[u8] = b"format";
const LSN_KEY: &[u8] = b"lsn";
const EPOCH_PREFIX: &[u8] = b"epoch/";

fn number(key: &[u8], value: u64) -> Vec<u8> {
    let mut to = Writer::new();
    to.u64(value);
    seal(Family::Meta, key, &to.finish())
}

fn read_number(key: &[u8], value: &[u8]) -> Result<u64, Error> {
    let what = || format!("the store's own row {}", key.escape_ascii());
    parse(
        "the store's own row",
        unseal(Family::Meta, key, value, what)?,
        |from: &mut Reader<'_>| from.u64(),
    )
}

fn epoch_key(shard: Shard) -> [u8; 8] {
    let [s0, s1] = shard.0.to_be_bytes();
    let mut key = [0, 0, 0, 0, 0, 0, s0, s1];
    if let Some((prefix, _)) = key.split_first_chunk_mut::<6>() {
        prefix.copy_from_slice(EPOCH_PREFIX);
    }
    key
}

pub fn put_format(batch: &mut OwnedWriteBatch, keyspaces: &Keyspaces) {
    batch.insert(
        keyspaces.of(Family::Meta),
        FORMAT_KEY,
        number(FORMAT_KEY, u64::from(FORMAT)),
    );
}

/// Has to come first in every batch: that is where `journals` looks for it.
pub fn put_lsn(batch: &mut OwnedWriteBatch, meta: &Keyspace, lsn: u64) {
    batch.insert(meta, LSN_KEY, number(LSN_KEY, lsn));
}

/// The LSN, if a batch's first row is the one that tells it.
pub fn lsn_of(key: &[u8], value: &[u8]) -> Option<u64> {
    if key == LSN_KEY {
        read_number(key, value).ok()
    } else {
        None
    }
}

pub fn put_epoch(batch: &mut OwnedWriteBatch, meta: &Keyspace, shard: Shard, epoch: Epoch) {
    let key = epoch_key(shard);
    batch.insert(meta, key, number(&key, epoch.0));
}

/// Reads the newest LSN and all epochs; refuses a later format first.
pub fn load(meta: &Keyspace, state: &mut State) -> Result<(), Error> {
    if let Some(value) = meta.get(FORMAT_KEY).map_err(lost)? {
        let found = u32::try_from(read_number(FORMAT_KEY, &value)?).unwrap_or(u32::MAX);
        if found > FORMAT {
            return Err(Error::Newer {
                found,
                known: FORMAT,
            });
        }
    }
    if let Some(value) = meta.get(LSN_KEY).map_err(lost)? {
        state.lsn = read_number(LSN_KEY, &value)?;
    }
    for guard in meta.prefix(EPOCH_PREFIX) {
        let (key, value) = pair(guard)?;
        let epoch = Epoch(read_number(&key, &value)?);
        let shard = parse("an epoch's key", &key, |from| {
            let _prefix: [u8; 6] = from.raw()?;
            Ok(Shard(u16::from_be_bytes(from.raw()?)))
        })?;
        state.epochs.insert(shard, epoch);
    }
    Ok(())
}
