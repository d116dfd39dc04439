//! What can be run: functions with their revisions, versions and aliases, and agents. Revisions are immutable; everything else changes by
//! compare-and-set.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, Handle};

/// How a function's code is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    Python,
    Node,
    /// An executable named `bootstrap`.
    Provided,
}

/// Where a function's code lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Code {
    /// A zip archive in the artifact bucket [`CODE_BUCKET`], named by its SHA-256 in hexadecimal.
    Archive { sha256: String, size: u64 },
    /// A folder of this machine: for development.
    Folder { path: String },
}

/// The artifact bucket of code archives.
pub const CODE_BUCKET: &str = "everstep-code";

/// What a user says of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionConfig {
    pub runtime: Runtime,
    /// AWS's name of the runtime, as it was given: `python3.12`.
    pub runtime_name: String,
    pub handler: String,
    pub role: String,
    pub description: String,
    pub timeout_s: u32,
    pub memory_mb: u32,
    pub environment: BTreeMap<String, String>,
    pub durable: Option<DurableConfig>,
    /// `Text` or `JSON`.
    pub log_format: String,
    pub architecture: String,
}

/// AWS's DurableConfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurableConfig {
    pub execution_timeout_s: Option<u32>,
    pub retention_days: u16,
}

/// One state of a function's code and configuration. Immutable: executions keep the revision they began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    pub function: String,
    /// A UUID.
    pub revision: String,
    pub config: FunctionConfig,
    pub code: Code,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
}

impl Revision {
    /// What a task or call names: `FUNCTION/REVISION`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}/{}", self.function, self.revision)
    }
}

/// A function: its latest revision, and its published versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionRecord {
    pub name: String,
    pub latest: String,
    /// Version number to revision, in order; numbers are never used twice.
    pub versions: BTreeMap<u32, Published>,
    pub next_version: u32,
    pub aliases: BTreeMap<String, Alias>,
    pub tags: BTreeMap<String, String>,
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub revision: String,
    pub description: String,
}

/// A name for a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// A number, or `$LATEST`.
    pub version: String,
    pub description: String,
    pub revision: String,
}

/// An agent that can be named instead of its URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    pub name: String,
    pub url: String,
    pub description: String,
}

/// A function as a qualifier found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What is executed: `$LATEST` or a number.
    pub version: String,
    pub revision: Revision,
}

impl Handle {
    async fn entry<T: DeserializeOwned>(&self, key: String) -> Result<Option<(u64, T)>, Error> {
        let found = self
            .read(move |store| store.catalogue(&key).map(|found| (key, found)))
            .await?;
        let (key, Some((revision, bytes))) = found else {
            return Ok(None);
        };
        Ok(Some((revision, decode(&key, &bytes)?)))
    }

    async fn put_entry<T: Serialize>(
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

    /// Makes a new function.
    ///
    /// # Errors
    /// [`Error::EntryExists`], or the store's.
    pub async fn create_function(
        &self,
        revision: Revision,
        tags: BTreeMap<String, String>,
    ) -> Result<FunctionRecord, Error> {
        let record = FunctionRecord {
            name: revision.function.clone(),
            latest: revision.revision.clone(),
            versions: BTreeMap::new(),
            next_version: 1,
            aliases: BTreeMap::new(),
            tags,
        };
        self.put_entry(
            revision_key(&revision.function, &revision.revision),
            None,
            Some(&revision),
        )
        .await?;
        match self
            .put_entry(function_key(&record.name), None, Some(&record))
            .await
        {
            Ok(_) => Ok(record),
            Err(Error::EntryChanged { .. }) => Err(Error::EntryExists {
                what: "function",
                name: record.name,
            }),
            Err(error) => Err(error),
        }
    }

    /// The function, or [`Error::UnknownEntry`].
    ///
    /// # Errors
    /// The store's.
    pub async fn function(&self, name: &str) -> Result<FunctionRecord, Error> {
        self.entry(function_key(name))
            .await?
            .map(|(_, record)| record)
            .ok_or_else(|| unknown("function", name))
    }

    /// Every function, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn functions(&self) -> Result<Vec<FunctionRecord>, Error> {
        let entries = self.read(|store| store.catalogue_scan("function/")).await?;
        entries
            .iter()
            .map(|(key, _, bytes)| decode(key, bytes))
            .collect()
    }

    /// Changes a function's record; `change` may be called again when somebody else was faster.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], what `change` refuses, or the store's.
    pub async fn change_function(
        &self,
        name: &str,
        mut change: impl FnMut(&mut FunctionRecord) -> Result<(), Error>,
    ) -> Result<FunctionRecord, Error> {
        loop {
            let found = self.entry::<FunctionRecord>(function_key(name)).await?;
            let (revision, mut record) = found.ok_or_else(|| unknown("function", name))?;
            change(&mut record)?;
            match self
                .put_entry(function_key(name), Some(revision), Some(&record))
                .await
            {
                Ok(_) => return Ok(record),
                Err(Error::EntryChanged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a revision the function's latest.
    ///
    /// # Errors
    /// As [`Handle::change_function`].
    pub async fn add_revision(&self, revision: Revision) -> Result<FunctionRecord, Error> {
        self.put_entry(
            revision_key(&revision.function, &revision.revision),
            None,
            Some(&revision),
        )
        .await?;
        self.change_function(&revision.function, |record| {
            record.latest.clone_from(&revision.revision);
            Ok(())
        })
        .await
    }

    /// Gives the latest revision a number; the same revision keeps the number it has.
    ///
    /// # Errors
    /// As [`Handle::change_function`].
    pub async fn publish_version(
        &self,
        name: &str,
        description: &str,
    ) -> Result<(u32, FunctionRecord), Error> {
        let mut number = 0;
        let record = self
            .change_function(name, |record| {
                let last = record
                    .versions
                    .iter()
                    .next_back()
                    .filter(|(_, published)| published.revision == record.latest);
                if let Some((same, _)) = last {
                    number = *same;
                    return Ok(());
                }
                number = record.next_version;
                record.next_version += 1;
                let published = Published {
                    revision: record.latest.clone(),
                    description: description.to_owned(),
                };
                record.versions.insert(number, published);
                Ok(())
            })
            .await?;
        Ok((number, record))
    }

    /// Deletes a function. Its revisions stay for the executions that run on them.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], or the store's.
    pub async fn delete_function(&self, name: &str) -> Result<(), Error> {
        let found = self.entry::<FunctionRecord>(function_key(name)).await?;
        let (revision, _) = found.ok_or_else(|| unknown("function", name))?;
        self.put_entry::<FunctionRecord>(function_key(name), Some(revision), None)
            .await
            .map(|_| ())
    }

    /// What a name and a qualifier (`$LATEST`, a number, an alias; `None` is `$LATEST`) mean now.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`] for the function, the version or the alias.
    pub async fn resolve(&self, name: &str, qualifier: Option<&str>) -> Result<Resolved, Error> {
        let record = self.function(name).await?;
        let qualifier = qualifier.unwrap_or("$LATEST");
        let version = record
            .aliases
            .get(qualifier)
            .map_or(qualifier, |alias| &alias.version)
            .to_owned();
        let revision = if version == "$LATEST" {
            record.latest
        } else {
            let number = version.parse::<u32>().ok();
            let published = number.and_then(|number| record.versions.get(&number));
            published
                .ok_or_else(|| unknown("function version", &format!("{name}:{qualifier}")))?
                .revision
                .clone()
        };
        let revision = self.revision(&format!("{name}/{revision}")).await?;
        Ok(Resolved { version, revision })
    }

    /// The revision that a task or call names.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], or the store's.
    pub async fn revision(&self, address: &str) -> Result<Revision, Error> {
        let found = self.entry(format!("revision/{address}")).await?;
        found
            .map(|(_, revision)| revision)
            .ok_or_else(|| unknown("function revision", address))
    }

    /// Names an agent, or gives its name another URL.
    ///
    /// # Errors
    /// The store's.
    pub async fn put_agent(&self, agent: &Agent) -> Result<(), Error> {
        loop {
            let key = format!("agent/{}", agent.name);
            let expected = self
                .entry::<Agent>(key.clone())
                .await?
                .map(|(revision, _)| revision);
            match self.put_entry(key, expected, Some(agent)).await {
                Err(Error::EntryChanged { .. }) => {}
                other => return other.map(|_| ()),
            }
        }
    }

    /// The agent of this name, or [`Error::UnknownEntry`].
    ///
    /// # Errors
    /// The store's.
    pub async fn agent(&self, name: &str) -> Result<Agent, Error> {
        let found = self.entry(format!("agent/{name}")).await?;
        found
            .map(|(_, agent)| agent)
            .ok_or_else(|| unknown("agent", name))
    }

    /// Every agent, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn agents(&self) -> Result<Vec<Agent>, Error> {
        let entries = self.read(|store| store.catalogue_scan("agent/")).await?;
        entries
            .iter()
            .map(|(key, _, bytes)| decode(key, bytes))
            .collect()
    }
}

fn function_key(name: &str) -> String {
    format!("function/{name}")
}

fn revision_key(function: &str, revision: &str) -> String {
    format!("revision/{function}/{revision}")
}

fn unknown(what: &'static str, name: &str) -> Error {
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

fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
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
