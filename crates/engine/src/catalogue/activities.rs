//! Activities: names of work that outside pollers take.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use everstep_store::Store;

use super::Encryption;
use super::entries::{decode, unknown};
use crate::{Error, Handle};

/// An activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityRecord {
    pub name: String,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    pub tags: BTreeMap<String, String>,
    pub encryption: Option<Encryption>,
}

impl Handle {
    /// Makes a new activity.
    ///
    /// # Errors
    /// [`Error::EntryExists`], or the store's.
    pub async fn create_activity(&self, record: &ActivityRecord) -> Result<(), Error> {
        let put = self.put_entry(activity_key(&record.name), None, Some(record));
        match put.await {
            Ok(_) => Ok(()),
            Err(Error::EntryChanged { .. }) => Err(Error::EntryExists {
                what: "activity",
                name: record.name.clone(),
            }),
            Err(error) => Err(error),
        }
    }

    /// The activity, or [`Error::UnknownEntry`].
    ///
    /// # Errors
    /// The store's.
    pub async fn activity(&self, name: &str) -> Result<ActivityRecord, Error> {
        let found = self.entry(activity_key(name)).await?;
        found
            .map(|(_, record)| record)
            .ok_or_else(|| unknown("activity", name))
    }

    /// Every activity, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn activities(&self) -> Result<Vec<ActivityRecord>, Error> {
        let entries = self.read(|store| store.catalogue_scan("activity/")).await?;
        entries
            .iter()
            .map(|(key, _, bytes)| decode(key, bytes))
            .collect()
    }

    /// Changes an activity's tags.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], what `change` refuses, or the store's.
    pub async fn tag_activity<E: From<Error>>(
        &self,
        name: &str,
        mut change: impl FnMut(&mut BTreeMap<String, String>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let found = self.entry::<ActivityRecord>(activity_key(name)).await?;
            let (entry, mut record) = found.ok_or_else(|| unknown("activity", name))?;
            change(&mut record.tags)?;
            let put = self.put_entry(activity_key(name), Some(entry), Some(&record));
            match put.await {
                Ok(_) => return Ok(()),
                Err(Error::EntryChanged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Deletes an activity; one that is not there is deleted already.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete_activity(&self, name: &str) -> Result<(), Error> {
        let Some((entry, _)) = self.entry::<ActivityRecord>(activity_key(name)).await? else {
            return Ok(());
        };
        let put = self.put_entry::<ActivityRecord>(activity_key(name), Some(entry), None);
        match put.await {
            Ok(_) | Err(Error::EntryChanged { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether there is such an activity, for those who read the store themselves.
pub(crate) fn has_activity(store: &dyn Store, name: &str) -> Result<bool, Error> {
    Ok(store.catalogue(&activity_key(name))?.is_some())
}

fn activity_key(name: &str) -> String {
    format!("activity/{name}")
}
