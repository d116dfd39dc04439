//! A fork begins with a journal that it has not lived through: one batch of what it takes over, one of what follows from it.

use everstep_core::{Answer, ExecutionId, Timestamp};
use everstep_store::{StartRow, Write};

use super::{Owner, Slot};
use crate::input::Forking;
use crate::registry::{AnyCell, Recorded, go_on};
use crate::{Error, Started};

impl Owner {
    pub(super) fn fork(&mut self, now: Timestamp, wanted: Forking) -> Result<Started, Error> {
        if let Some((id, first)) = self.name_owner(wanted.key)? {
            return if first == wanted.digest {
                Ok(Started { id, existing: true })
            } else {
                Err(Error::NameTaken { id })
            };
        }
        let Forking {
            id, key, digest, ..
        } = wanted;
        let row = everstep_store::ExecutionRow {
            id,
            definition: wanted.start.definition.name.clone(),
            version: wanted.start.definition.version.clone(),
            machine: wanted.start.definition.machine,
            name: wanted.start.name.clone(),
            status: everstep_core::Status::Running,
            started: now,
            closed: None,
            attributes: wanted.start.attributes.clone(),
        };
        let begun = AnyCell::fork(now, id, wanted.start, wanted.taken);
        let (cell, beginning) = begun.map_err(|corrupt| Error::Damaged {
            id,
            detail: corrupt.to_string(),
        })?;
        let slot = Slot {
            cell,
            row: row.clone(),
            group: self.group.number,
            touched: self.tick,
        };
        self.cells.insert(id, slot);
        let first = self.first_turn(now, id).inspect_err(|_| self.forget(id))?;
        self.take_name(key, id, digest);
        self.write(
            id.shard(),
            Write::Start(StartRow {
                key,
                execution: id,
                digest,
            }),
        );
        self.write(id.shard(), Write::Execution { row, was: None });
        self.record(now, id, beginning);
        if let Some(first) = first {
            self.record(now, id, first);
        }
        Ok(Started {
            id,
            existing: false,
        })
    }

    fn first_turn(&mut self, now: Timestamp, id: ExecutionId) -> Result<Option<Recorded>, Error> {
        let input = everstep_core::Input::Request(go_on());
        match self.run(now, id, input)? {
            (Answer::Refused(why), _) => Err(Error::Refused { id, why }),
            (_, recorded) => Ok(recorded),
        }
    }
}
