//! Layers: archives that functions share, by name and number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Policy;
use super::entries::{decode, unknown};
use crate::{Error, Handle};

/// A layer as a function uses it. It says all that is needed to run, so that the layer may be deleted meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerUse {
    /// With the version's number.
    pub arn: String,
    /// Of its archive in [`super::CODE_BUCKET`], in hexadecimal.
    pub sha256: String,
    pub size: u64,
}

/// A layer with its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    pub name: String,
    /// Numbers are never used twice.
    pub versions: BTreeMap<u32, LayerVersion>,
    pub next_version: u32,
}

/// One version of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerVersion {
    pub sha256: String,
    pub size: u64,
    pub description: String,
    pub license: Option<String>,
    pub runtimes: Vec<String>,
    pub architectures: Vec<String>,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    pub policy: Policy,
}

impl Handle {
    /// Gives a layer another version, or begins a layer; answers with its number.
    ///
    /// # Errors
    /// The store's.
    pub async fn publish_layer(&self, name: &str, version: LayerVersion) -> Result<u32, Error> {
        loop {
            let found = self.entry::<LayerRecord>(layer_key(name)).await?;
            let (expected, mut record) = match found {
                Some((revision, record)) => (Some(revision), record),
                None => (
                    None,
                    LayerRecord {
                        name: name.to_owned(),
                        versions: BTreeMap::new(),
                        next_version: 1,
                    },
                ),
            };
            let number = record.next_version;
            record.next_version += 1;
            record.versions.insert(number, version.clone());
            let put = self.put_entry(layer_key(name), expected, Some(&record));
            match put.await {
                Ok(_) => return Ok(number),
                Err(Error::EntryChanged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The layer, or [`Error::UnknownEntry`]; one whose versions are all deleted is there, with none.
    ///
    /// # Errors
    /// The store's.
    pub async fn layer(&self, name: &str) -> Result<LayerRecord, Error> {
        let found = self.entry(layer_key(name)).await?;
        found
            .map(|(_, record)| record)
            .ok_or_else(|| unknown("layer", name))
    }

    /// Every layer, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn layers(&self) -> Result<Vec<LayerRecord>, Error> {
        let entries = self.read(|store| store.catalogue_scan("layer/")).await?;
        entries
            .iter()
            .map(|(key, _, bytes)| decode(key, bytes))
            .collect()
    }

    /// Changes a layer's record; `change` may be called again when somebody else was faster.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], what `change` refuses, or the store's.
    pub async fn change_layer(
        &self,
        name: &str,
        mut change: impl FnMut(&mut LayerRecord) -> Result<(), Error>,
    ) -> Result<LayerRecord, Error> {
        loop {
            let found = self.entry::<LayerRecord>(layer_key(name)).await?;
            let (revision, mut record) = found.ok_or_else(|| unknown("layer", name))?;
            change(&mut record)?;
            let put = self.put_entry(layer_key(name), Some(revision), Some(&record));
            match put.await {
                Ok(_) => return Ok(record),
                Err(Error::EntryChanged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn layer_key(name: &str) -> String {
    format!("layer/{name}")
}
