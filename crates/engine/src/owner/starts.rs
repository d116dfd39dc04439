//! Starts are idempotent by name: the second one with the same content is the first.

use std::collections::HashMap;

use everstep_core::{ExecutionId, Start, StartKey, Timestamp};
use everstep_store::{StartRow, Write};

use super::{Owner, Slot};
use crate::Error;
use crate::input::{ReplyTo, Started};
use crate::registry::AnyCell;

/// Names whose rows are on their way to the store, and executions that have to wait for theirs.
#[derive(Default)]
pub(super) struct Starts {
    by_key: HashMap<StartKey, (ExecutionId, [u8; 32])>,
    by_group: Vec<(u64, StartKey)>,
    reload: HashMap<ExecutionId, u64>,
}

impl Starts {
    fn taken(&mut self, group: u64, key: StartKey, id: ExecutionId, digest: [u8; 32]) {
        self.by_key.insert(key, (id, digest));
        self.by_group.push((group, key));
    }

    pub(super) fn durable(&mut self, group: u64) {
        let by_key = &mut self.by_key;
        self.by_group.retain(|(written, key)| {
            let waits = *written > group;
            if !waits {
                by_key.remove(key);
            }
            waits
        });
        self.reload.retain(|_, until| *until > group);
    }

    /// The execution can be loaded again once `group` is durable.
    pub(super) fn reload_after(&mut self, id: ExecutionId, group: u64) {
        self.reload.insert(id, group);
    }

    pub(super) fn must_wait(&self, id: ExecutionId, durable: u64) -> bool {
        self.reload.get(&id).is_some_and(|until| *until > durable)
    }
}

impl Owner {
    fn name_owner(&self, key: StartKey) -> Result<Option<(ExecutionId, [u8; 32])>, Error> {
        if let Some(taken) = self.starts.by_key.get(&key) {
            return Ok(Some(*taken));
        }
        Ok(self
            .store
            .start(key)?
            .map(|row| (row.execution, row.digest)))
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
        };
        let cell = AnyCell::new(row.machine, id).ok_or(Error::Refused {
            id,
            why: "no machine runs this definition",
        })?;
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
        let (_, recorded) = self.run(now, id, everstep_core::Input::Start(start))?;
        self.starts.taken(group, key, id, digest);
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
}
