//! Functions with their revisions, versions and aliases.

use std::collections::BTreeMap;

use everstep_core::StartKey;

use super::entries::{decode, unknown};
use super::{FunctionRecord, FunctionSettings, Published, Resolved, Revision};
use crate::{Error, Handle};

impl Handle {
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
            settings: FunctionSettings::default(),
        };
        let unused = self.put_revision(&revision).await?;
        let put = self.put_entry(function_key(&record.name), None, Some(&record));
        match put.await {
            Ok(_) => Ok(record),
            Err(Error::EntryChanged { .. }) => {
                self.drop_revision(&revision, unused).await?;
                Err(Error::EntryExists {
                    what: "function",
                    name: record.name,
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn put_revision(&self, revision: &Revision) -> Result<u64, Error> {
        let key = revision_key(&revision.function, &revision.revision);
        self.put_entry(key, None, Some(revision)).await
    }

    /// Takes a revision back that nothing came to name.
    async fn drop_revision(&self, revision: &Revision, entry: u64) -> Result<(), Error> {
        let key = revision_key(&revision.function, &revision.revision);
        self.put_entry::<Revision>(key, Some(entry), None).await?;
        Ok(())
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
                Ok(revision) => {
                    self.reserved().set(&record, revision);
                    return Ok(record);
                }
                Err(Error::EntryChanged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a revision the function's latest. With `instead_of` only if that still is the latest.
    ///
    /// # Errors
    /// As [`Handle::change_function`]; [`Error::EntryChanged`] when the latest is another one.
    pub async fn add_revision(
        &self,
        revision: Revision,
        instead_of: Option<&str>,
    ) -> Result<FunctionRecord, Error> {
        let unused = self.put_revision(&revision).await?;
        let changed = self.change_function(&revision.function, |record| {
            if instead_of.is_some_and(|before| before != record.latest) {
                return Err(Error::EntryChanged {
                    what: "function",
                    name: record.name.clone(),
                });
            }
            record.latest.clone_from(&revision.revision);
            Ok(())
        });
        match changed.await {
            Err(error @ (Error::EntryChanged { .. } | Error::UnknownEntry { .. })) => {
                self.drop_revision(&revision, unused).await?;
                Err(error)
            }
            other => other,
        }
    }

    /// Gives the latest revision a number. If code and configuration are those of the last version, it keeps that one's number.
    ///
    /// # Errors
    /// As [`Handle::change_function`].
    pub async fn publish_version(
        &self,
        name: &str,
        description: &str,
    ) -> Result<(u32, FunctionRecord), Error> {
        let before = self.function(name).await?;
        let same = self.published_already(&before).await?;
        let mut number = 0;
        let record = self
            .change_function(name, |record| {
                if let Some((version, latest)) = &same
                    && *latest == record.latest
                    && record.versions.contains_key(version)
                {
                    number = *version;
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

    /// The last version's number and the latest revision, when both are the same code and configuration.
    async fn published_already(
        &self,
        record: &FunctionRecord,
    ) -> Result<Option<(u32, String)>, Error> {
        let Some((number, published)) = record.versions.iter().next_back() else {
            return Ok(None);
        };
        let same = if published.revision == record.latest {
            true
        } else {
            let of = |revision: &str| format!("{}/{revision}", record.name);
            let last = self.revision(&of(&published.revision)).await?;
            let latest = self.revision(&of(&record.latest)).await?;
            last.config == latest.config && last.code == latest.code
        };
        Ok(same.then(|| (*number, record.latest.clone())))
    }

    /// Deletes a function. Its revisions stay for the executions that run on them.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], or the store's.
    pub async fn delete_function(&self, name: &str) -> Result<(), Error> {
        let found = self.entry::<FunctionRecord>(function_key(name)).await?;
        let (revision, _) = found.ok_or_else(|| unknown("function", name))?;
        self.put_entry::<FunctionRecord>(function_key(name), Some(revision), None)
            .await?;
        self.reserved().forget(name);
        Ok(())
    }

    /// What a name and a qualifier (`$LATEST`, a number, an alias; `None` is `$LATEST`) mean now.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`] for the function, the version or the alias.
    pub async fn resolve(&self, name: &str, qualifier: Option<&str>) -> Result<Resolved, Error> {
        let record = self.function(name).await?;
        let qualifier = qualifier.unwrap_or("$LATEST");
        let alias = record.aliases.get(qualifier);
        let version = alias.map_or(qualifier, |alias| &alias.version).to_owned();
        self.version(record, version, qualifier).await
    }

    /// As [`Handle::resolve`], for a call: an alias with weights sends its share of the calls to each version. Calls with the same `key`
    /// go the same way as long as the alias stays what it is.
    ///
    /// # Errors
    /// As [`Handle::resolve`].
    pub async fn route(
        &self,
        name: &str,
        qualifier: Option<&str>,
        key: Option<&str>,
    ) -> Result<Resolved, Error> {
        let record = self.function(name).await?;
        let qualifier = qualifier.unwrap_or("$LATEST");
        let chance = || match key {
            Some(key) => {
                let [a, b, c, d, e, f, g, h, ..] = StartKey::new(name, key).0;
                u64::from_be_bytes([a, b, c, d, e, f, g, h])
            }
            None => fastrand::u64(..),
        };
        let alias = record.aliases.get(qualifier);
        let version = alias
            .map_or(qualifier, |alias| alias.route(chance()))
            .to_owned();
        self.version(record, version, qualifier).await
    }

    async fn version(
        &self,
        record: FunctionRecord,
        version: String,
        qualifier: &str,
    ) -> Result<Resolved, Error> {
        let name = &record.name;
        let revision = if version == "$LATEST" {
            &record.latest
        } else {
            let number = version.parse::<u32>().ok();
            let published = number.and_then(|number| record.versions.get(&number));
            &published
                .ok_or_else(|| unknown("function version", &format!("{name}:{qualifier}")))?
                .revision
        };
        let revision = self.revision(&format!("{name}/{revision}")).await?;
        let async_invoke = record.settings.async_invokes.get(qualifier).cloned();
        Ok(Resolved {
            version,
            revision,
            async_invoke,
        })
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
}

fn function_key(name: &str) -> String {
    format!("function/{name}")
}

fn revision_key(function: &str, revision: &str) -> String {
    format!("revision/{function}/{revision}")
}
