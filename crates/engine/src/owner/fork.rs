//! A fork begins with a journal that it has not lived through: one batch of what it takes over, one of what follows from it.

use everstep_core::{Input, Timestamp};

use super::Owner;
use super::starts::{Newcomer, new_row};
use crate::input::Forking;
use crate::registry::{AnyCell, go_on};
use crate::{Error, Started};

impl Owner {
    pub(super) fn fork(&mut self, now: Timestamp, wanted: Forking) -> Result<Started, Error> {
        if let Some(known) = self.known(wanted.key, wanted.digest)? {
            return Ok(known);
        }
        let row = new_row(now, wanted.id, &wanted.start);
        let begun = AnyCell::fork(now, wanted.id, wanted.start, wanted.taken);
        let (cell, beginning) = begun.map_err(|corrupt| Error::Damaged {
            id: wanted.id,
            detail: corrupt.to_string(),
        })?;
        let newcomer = Newcomer {
            key: wanted.key,
            digest: wanted.digest,
            row,
            cell,
            beginning: Some(beginning),
            first: Input::Request(go_on()),
        };
        self.begin(now, newcomer)
    }
}
