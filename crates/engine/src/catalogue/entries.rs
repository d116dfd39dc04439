//! Entries of the catalogue by their keys.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Handle};

impl Handle {
    pub(super) async fn entry<T: DeserializeOwned>(
        &self,
        key: String,
    ) -> Result<Option<(u64, T)>, Error> {
        let found = self
            .read(move |store| store.catalogue(&key).map(|found| (key, found)))
            .await?;
        let (key, Some((revision, bytes))) = found else {
            return Ok(None);
        };
        Ok(Some((revision, decode(&key, &bytes)?)))
    }

    pub(super) async fn put_entry<T: Serialize>(
        &self,
        key: String,
        expected: Option<u64>,
        value: Option<&T>,
    ) -> Result<u64, Error> {
        let value = value.map(|value| encode(&key, value)).transpose()?;
        let name = key.clone();
        let put = self.read(
            move |store| match store.catalogue_put(&key, expected, value) {
                Err(everstep_store::Error::RevisionConflict { .. }) => Ok(None),
                other => other.map(Some),
            },
        );
        put.await?.ok_or(Error::EntryChanged {
            what: "the catalogue entry",
            name,
        })
    }
}

pub(super) fn unknown(what: &'static str, name: &str) -> Error {
    Error::UnknownEntry {
        what,
        name: name.to_owned(),
    }
}

/// Catalogue entries are JSON behind their format version: they are few, and their fields grow.
fn encode<T: Serialize>(key: &str, value: &T) -> Result<Bytes, Error> {
    let mut bytes = vec![everstep_core::codec::FORMAT];
    serde_json::to_writer(&mut bytes, value).map_err(|error| unreadable(key, &error))?;
    Ok(bytes.into())
}

pub(crate) fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    match bytes {
        [everstep_core::codec::FORMAT, json @ ..] => {
            serde_json::from_slice(json).map_err(|error| unreadable(key, &error))
        }
        _ => Err(unreadable(key, &"its format is not known")),
    }
}

fn unreadable(key: &str, detail: &dyn std::fmt::Display) -> Error {
    Error::Store {
        detail: format!("catalogue entry {key}: {detail}"),
        kind: everstep_core::Kind::Corrupt,
    }
}
