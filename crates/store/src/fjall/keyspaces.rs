//! The keyspaces: one for each family of rows. One that an older store lacks is made when it is opened.

use ::fjall::{Database, Keyspace, KeyspaceCreateOptions};

use super::row::{Family, lost};
use crate::Error;

/// One keyspace for each family of rows.
pub struct Keyspaces {
    all: [Keyspace; Family::ALL.len()],
}

impl Keyspaces {
    pub fn open(db: &Database) -> Result<Self, Error> {
        let mut opened = Vec::with_capacity(Family::ALL.len());
        for family in Family::ALL {
            let options =
                || KeyspaceCreateOptions::default().max_memtable_size(family.memtable_bytes());
            opened.push(db.keyspace(family.name(), options).map_err(lost)?);
        }
        let all = opened.try_into().map_err(|_| Error::Io {
            detail: "not every keyspace was opened".to_owned(),
        })?;
        Ok(Self { all })
    }

    pub fn of(&self, family: Family) -> &Keyspace {
        let [
            execution,
            journal,
            timer,
            task,
            start,
            list,
            expire,
            catalogue,
            meta,
            attempt,
            letter,
        ] = &self.all;
        match family {
            Family::Execution => execution,
            Family::Journal => journal,
            Family::Timer => timer,
            Family::Task => task,
            Family::Start => start,
            Family::List => list,
            Family::Expire => expire,
            Family::Catalogue => catalogue,
            Family::Meta => meta,
            Family::Attempt => attempt,
            Family::Letter => letter,
        }
    }
}
