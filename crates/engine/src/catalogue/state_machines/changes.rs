//! Making, changing and deleting state machines.

use super::super::entries::{decode, unknown};
use super::{StateMachineRecord, StateMachineRevision};
use crate::{Error, Handle};

const WHAT: &str = "state machine";

impl Handle {
    /// Makes a new state machine, whose latest revision is this one.
    ///
    /// # Errors
    /// [`Error::EntryExists`], or the store's.
    pub async fn create_state_machine(
        &self,
        record: &StateMachineRecord,
        revision: &StateMachineRevision,
    ) -> Result<(), Error> {
        let unused = self.put_machine_revision(revision).await?;
        let put = self.put_entry(machine_key(&record.name), None, Some(record));
        match put.await {
            Ok(_) => Ok(()),
            Err(Error::EntryChanged { .. }) => {
                self.drop_machine_revision(revision, unused).await?;
                Err(Error::EntryExists {
                    what: WHAT,
                    name: record.name.clone(),
                })
            }
            Err(error) => Err(error),
        }
    }

    /// The state machine, or [`Error::UnknownEntry`].
    ///
    /// # Errors
    /// The store's.
    pub async fn state_machine(&self, name: &str) -> Result<StateMachineRecord, Error> {
        let found = self.entry(machine_key(name)).await?;
        found
            .map(|(_, record)| record)
            .ok_or_else(|| unknown(WHAT, name))
    }

    /// Every state machine, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn state_machines(&self) -> Result<Vec<StateMachineRecord>, Error> {
        let entries = self
            .read(|store| store.catalogue_scan("state-machine/"))
            .await?;
        entries
            .iter()
            .map(|(key, _, bytes)| decode(key, bytes))
            .collect()
    }

    /// The revision of a machine that is or was.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], or the store's.
    pub async fn machine_revision(
        &self,
        name: &str,
        revision: &str,
    ) -> Result<StateMachineRevision, Error> {
        let found = self.entry(revision_key(name, revision)).await?;
        found
            .map(|(_, revision)| revision)
            .ok_or_else(|| unknown("state machine revision", &format!("{name}/{revision}")))
    }

    /// Changes a machine's record; `change` may be called again when somebody else was faster. What it returns comes back with the record.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], what `change` refuses, or the store's.
    pub async fn change_state_machine<T, E: From<Error>>(
        &self,
        name: &str,
        mut change: impl FnMut(&mut StateMachineRecord) -> Result<T, E>,
    ) -> Result<(StateMachineRecord, T), E> {
        loop {
            let found = self.entry::<StateMachineRecord>(machine_key(name)).await?;
            let (entry, before) = found.ok_or_else(|| unknown(WHAT, name))?;
            let mut record = before.clone();
            let told = change(&mut record)?;
            if record == before {
                return Ok((record, told));
            }
            match self
                .put_entry(machine_key(name), Some(entry), Some(&record))
                .await
            {
                Ok(_) => return Ok((record, told)),
                Err(Error::EntryChanged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes a revision a machine's latest; `change` sees the record once it is.
    ///
    /// # Errors
    /// As [`Handle::change_state_machine`]; [`Error::EntryChanged`] when the latest is not `instead_of` any more.
    pub async fn add_machine_revision<T, E: From<Error>>(
        &self,
        revision: &StateMachineRevision,
        instead_of: &str,
        mut change: impl FnMut(&mut StateMachineRecord) -> Result<T, E>,
    ) -> Result<(StateMachineRecord, T), E> {
        let unused = self.put_machine_revision(revision).await?;
        let changed = self.change_state_machine(&revision.state_machine, |record| {
            if record.latest != instead_of {
                return Err(E::from(Error::EntryChanged {
                    what: WHAT,
                    name: record.name.clone(),
                }));
            }
            record.latest.clone_from(&revision.revision);
            change(record)
        });
        match changed.await {
            Ok(done) => Ok(done),
            Err(error) => {
                // Whatever refused it, nothing names it. A fault of the store may leave it there, which harms nobody.
                self.drop_machine_revision(revision, unused).await?;
                Err(error)
            }
        }
    }

    /// Takes a machine that is being deleted out of the catalogue. Its revisions stay for the executions that are kept.
    ///
    /// # Errors
    /// The store's.
    pub async fn remove_state_machine(&self, name: &str) -> Result<(), Error> {
        let found = self.entry::<StateMachineRecord>(machine_key(name)).await?;
        let Some((entry, _)) = found.filter(|(_, record)| record.deleting) else {
            return Ok(());
        };
        let put = self.put_entry::<StateMachineRecord>(machine_key(name), Some(entry), None);
        match put.await {
            // Somebody else was faster.
            Ok(_) | Err(Error::EntryChanged { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn put_machine_revision(&self, revision: &StateMachineRevision) -> Result<u64, Error> {
        let key = revision_key(&revision.state_machine, &revision.revision);
        self.put_entry(key, None, Some(revision)).await
    }

    async fn drop_machine_revision(
        &self,
        revision: &StateMachineRevision,
        entry: u64,
    ) -> Result<(), Error> {
        let key = revision_key(&revision.state_machine, &revision.revision);
        self.put_entry::<StateMachineRevision>(key, Some(entry), None)
            .await?;
        Ok(())
    }
}

fn machine_key(name: &str) -> String {
    format!("state-machine/{name}")
}

fn revision_key(name: &str, revision: &str) -> String {
    format!("machine-revision/{name}/{revision}")
}
