//! Starts are idempotent by name: the second one with the same content is the first. A purge gives the name back.

use std::collections::HashMap;

use everstep_core::{Answer, ExecutionId, Start, StartKey, Timestamp};
use everstep_store::{StartRow, Write};

use super::{Owner, Slot};
use crate::Error;
use crate::input::{ReplyTo, Started};
use crate::registry::AnyCell;

type Taken = (ExecutionId, [u8; 32]);

/// Names and purges whose rows are on their way to the store: what the store says of them is not the truth any more.
#[derive(Default)]
pub(super) struct Starts {
    /// The group that changed the name, and who has it now.
    names: HashMap<StartKey, (u64, Option<Taken>)>,
    /// The group that purges the execution.
    leaving: HashMap<ExecutionId, u64>,
}

impl Starts {
    pub(super) fn durable(&mut self, group: u64) {
        self.names.retain(|_, (written, _)| *written > group);
        self.leaving.retain(|_, written| *written > group);
    }

    /// The execution's rows go with `group`, and so does its name, unless it has become another one's meanwhile.
    pub(super) fn leave(&mut self, group: u64, id: ExecutionId, name: StartKey) {
        self.leaving.insert(id, group);
        self.names.entry(name).or_insert((group, None));
    }

    pub(super) fn is_leaving(&self, id: ExecutionId) -> bool {
        self.leaving.contains_key(&id)
    }
}

impl Owner {
    pub(super) fn name_owner(&self, key: StartKey) -> Result<Option<Taken>, Error> {
        if let Some((_, taken)) = self.starts.names.get(&key) {
            return Ok(*taken);
        }
        Ok(self
            .store
            .start(key)?
            .map(|row| (row.execution, row.digest)))
    }

    /// The name is this execution's from here on.
    pub(super) fn take_name(&mut self, key: StartKey, id: ExecutionId, digest: [u8; 32]) {
        let group = self.group.number;
        self.starts.names.insert(key, (group, Some((id, digest))));
    }

    pub(super) fn find(&self, key: StartKey) -> Result<Option<ExecutionId>, Error> {
        Ok(self.name_owner(key)?.map(|(id, _)| id))
    }

    pub(super) fn start(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        key: StartKey,
        digest: [u8; 32],
        start: Start,
        reply: ReplyTo<Started>,
    ) {
        let answer = self.start_new(now, id, key, digest, start);
        self.reply(reply, answer);
    }

    fn start_new(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        key: StartKey,
        digest: [u8; 32],
        start: Start,
    ) -> Result<Started, Error> {
        if let Some((existing, first)) = self.name_owner(key)? {
            return if first == digest {
                Ok(Started {
                    id: existing,
                    existing: true,
                })
            } else {
                Err(Error::NameTaken { id: existing })
            };
        }
        let row = everstep_store::ExecutionRow {
            id,
            definition: start.definition.name.clone(),
            version: start.definition.version.clone(),
            machine: start.definition.machine,
            name: start.name.clone(),
            status: everstep_core::Status::Running,
            started: now,
            closed: None,
            attributes: start.attributes.clone(),
        };
        let mut cell = AnyCell::new(row.machine, id).ok_or(Error::Refused {
            id,
            why: "no machine runs this definition",
        })?;
        self.definitions.surround(&mut cell, Some(&start.settings))?;
        let group = self.group.number;
        self.cells.insert(
            id,
            Slot {
                cell,
                row: row.clone(),
                group,
                touched: self.tick,
            },
        );
        let ran = self.run(now, id, everstep_core::Input::Start(start));
        let recorded = match ran {
            Ok((Answer::Refused(why), _)) => Err(Error::Refused { id, why }),
            Ok((_, recorded)) => Ok(recorded),
            Err(error) => Err(error),
        };
        let recorded = recorded.inspect_err(|_| self.forget(id))?;
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
        if let Some(recorded) = recorded {
            self.record(now, id, recorded);
        }
        Ok(Started {
            id,
            existing: false,
        })
    }

    /// Lets go of everything about an execution that is in no journal, or in none any more.
    pub(super) fn forget(&mut self, id: ExecutionId) {
        self.cells.remove(&id);
        self.beats.remove(&id);
        self.crashes.forget(id);
    }
}
