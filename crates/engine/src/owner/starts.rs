//! Starts are idempotent by name: the second one with the same content is the first. A purge gives the name back.

use std::collections::HashMap;

use everstep_core::{Answer, ExecutionId, Input, Start, StartKey, Status, Timestamp};
use everstep_store::{ExecutionRow, StartRow, Write};

use super::{Owner, Slot};
use crate::input::{ReplyTo, Started};
use crate::registry::{AnyCell, Recorded};
use crate::{Error, Request};

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

/// An execution that begins: by a start, or as a fork with a batch that it has not lived through.
pub(super) struct Newcomer {
    pub key: StartKey,
    pub digest: [u8; 32],
    pub row: ExecutionRow,
    pub cell: AnyCell,
    pub beginning: Option<Recorded>,
    pub first: Input<Request>,
}

/// The row of an execution that begins now.
pub(super) fn new_row(now: Timestamp, id: ExecutionId, start: &Start) -> ExecutionRow {
    ExecutionRow {
        id,
        definition: start.definition.name.clone(),
        version: start.definition.version.clone(),
        machine: start.definition.machine,
        name: start.name.clone(),
        status: Status::Running,
        started: now,
        closed: None,
        attributes: start.attributes.clone(),
        reopened: None,
    }
}

impl Owner {
    fn name_owner(&self, key: StartKey) -> Result<Option<Taken>, Error> {
        if let Some((_, taken)) = self.starts.names.get(&key) {
            return Ok(*taken);
        }
        Ok(self
            .store
            .start(key)?
            .map(|row| (row.execution, row.digest)))
    }

    /// The name is this execution's from here on.
    fn take_name(&mut self, key: StartKey, id: ExecutionId, digest: [u8; 32]) {
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
        if let Some(known) = self.known(key, digest)? {
            return Ok(known);
        }
        let row = new_row(now, id, &start);
        let mut cell = AnyCell::new(row.machine, id).ok_or(Error::Refused {
            id,
            why: "no machine runs this definition",
        })?;
        self.definitions
            .surround(&mut cell, Some(&start.settings))?;
        let newcomer = Newcomer {
            key,
            digest,
            row,
            cell,
            beginning: None,
            first: Input::Start(start),
        };
        self.begin(now, newcomer)
    }

    /// The execution that has the name already: the same one when it began with the same content.
    pub(super) fn known(&self, key: StartKey, digest: [u8; 32]) -> Result<Option<Started>, Error> {
        match self.name_owner(key)? {
            None => Ok(None),
            Some((id, first)) if first == digest => Ok(Some(Started { id, existing: true })),
            Some((id, _)) => Err(Error::NameTaken { id }),
        }
    }

    /// Runs the first turn of a new execution and writes its rows; a refusal leaves nothing behind.
    pub(super) fn begin(&mut self, now: Timestamp, new: Newcomer) -> Result<Started, Error> {
        let id = new.row.id;
        let slot = Slot {
            cell: new.cell,
            row: new.row.clone(),
            group: self.group.number,
            touched: self.tick,
            tails: super::Tails::default(),
        };
        self.cells.insert(id, slot);
        let span = self.span(id);
        let ran = match self.run(now, id, new.first) {
            Ok((Answer::Refused(why), _)) => Err(Error::Refused { id, why }),
            Ok((_, recorded)) => Ok(recorded),
            Err(error) => Err(error),
        };
        let recorded = ran.inspect_err(|_| self.forget(id))?;
        self.take_name(new.key, id, new.digest);
        let start = StartRow {
            key: new.key,
            execution: id,
            digest: new.digest,
        };
        self.write(id.shard(), Write::Start(start));
        self.tally.count(&new.row.definition, Status::Running);
        let (row, was) = (new.row, None);
        self.write(id.shard(), Write::Execution { row, was });
        for batch in new.beginning.into_iter().chain(recorded) {
            self.record(now, id, batch, (Vec::new(), None));
        }
        self.end_span(id, span);
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
