//! From a group of commits to the rows of one fjall batch.

use std::collections::BTreeMap;

use ::fjall::{OwnedWriteBatch, UserKey};
use everstep_core::{ExecutionId, Sequence, Shard, StartKey, Timestamp};

use super::row::{Family, pair};
use super::{Keyspaces, attempt, execution, expire, journal, letter, list, start, task, timer};
use crate::{Commit, Error, ExecutionRow, ListKey, Write};

/// What each row becomes; `None` deletes it. A map, because later writes win over earlier ones of the same row.
pub type Rows = BTreeMap<(Family, UserKey), Option<Vec<u8>>>;

/// The rows of all commits. Commits of different shards have no row in common.
pub fn rows<'a>(
    commits: impl Iterator<Item = &'a Commit>,
    keyspaces: &Keyspaces,
) -> Result<Rows, Error> {
    let mut rows = Rows::new();
    for commit in commits {
        for write in &commit.writes {
            add(&mut rows, commit.shard, write, keyspaces)?;
        }
    }
    Ok(rows)
}

pub fn fill(batch: &mut OwnedWriteBatch, keyspaces: &Keyspaces, rows: Rows) {
    for ((family, key), value) in rows {
        match value {
            Some(value) => batch.insert(keyspaces.of(family), key, value),
            None => batch.remove(keyspaces.of(family), key),
        }
    }
}

fn put(rows: &mut Rows, family: Family, key: impl Into<UserKey>, value: Vec<u8>) {
    rows.insert((family, key.into()), Some(value));
}

fn delete(rows: &mut Rows, family: Family, key: impl Into<UserKey>) {
    rows.insert((family, key.into()), None);
}

fn add(rows: &mut Rows, shard: Shard, write: &Write, keyspaces: &Keyspaces) -> Result<(), Error> {
    match write {
        Write::Journal(row) => put(
            rows,
            Family::Journal,
            journal::key(row.execution, row.sequence),
            journal::value(row),
        ),
        Write::Execution { row, was } => state(rows, row, was.as_ref()),
        Write::Start(row) => put(rows, Family::Start, row.key.0, start::value(row)),
        Write::SetTimer(row) => put(
            rows,
            Family::Timer,
            timer::key_of(shard, row),
            timer::value(shard, row),
        ),
        Write::ClearTimer {
            due,
            execution,
            operation,
            kind,
        } => {
            delete(
                rows,
                Family::Timer,
                timer::key(shard, *due, *execution, *operation, *kind),
            );
        }
        Write::PutTask(row) => put(
            rows,
            Family::Task,
            task::key(shard, row.execution, row.operation),
            task::value(shard, row),
        ),
        Write::DeleteTask {
            execution,
            operation,
        } => delete(rows, Family::Task, task::key(shard, *execution, *operation)),
        Write::PutAttempt(row) => put(
            rows,
            Family::Attempt,
            attempt::key(row.execution, row.operation, row.index),
            attempt::value(row),
        ),
        Write::PutLetter(row) => put(
            rows,
            Family::Letter,
            letter::key(row.is_dead, row.id),
            letter::value(row),
        ),
        Write::DeleteLetter { id, is_dead } => {
            delete(rows, Family::Letter, letter::key(*is_dead, *id));
        }
        Write::Expire { at, execution } => {
            let key = expire::key(shard, *at, *execution);
            put(rows, Family::Expire, key, expire::value(&key));
        }
        Write::Unexpire { at, execution } => {
            delete(rows, Family::Expire, expire::key(shard, *at, *execution))
        }
        Write::Purge {
            row,
            start,
            expires,
        } => purge(rows, shard, row, *start, *expires, keyspaces)?,
    }
    Ok(())
}

fn state(rows: &mut Rows, row: &ExecutionRow, was: Option<&ListKey>) {
    put(
        rows,
        Family::Execution,
        execution::key(row.id),
        execution::value(row),
    );
    let place = row.list_key();
    if was == Some(&place) {
        return;
    }
    for key in was.into_iter().flat_map(list::keys) {
        delete(rows, Family::List, key);
    }
    for key in list::keys(&place) {
        let value = list::value(&key);
        put(rows, Family::List, key, value);
    }
}

fn purge(
    rows: &mut Rows,
    shard: Shard,
    row: &ExecutionRow,
    start: StartKey,
    expires: Option<Timestamp>,
    keyspaces: &Keyspaces,
) -> Result<(), Error> {
    let id = row.id;
    // What this group has written of it so far goes too.
    for ((family, key), value) in rows.iter_mut() {
        if owner(*family, key) == Some(id.as_bytes().as_slice()) {
            *value = None;
        }
    }
    delete(rows, Family::Execution, execution::key(id));
    for key in list::keys(&row.list_key()) {
        delete(rows, Family::List, key);
    }
    let batches = journal::key(id, Sequence(0))..=journal::key(id, Sequence(u32::MAX));
    for guard in keyspaces.of(Family::Journal).range(batches) {
        delete(rows, Family::Journal, pair(guard)?.0);
    }
    for key in task::keys_of(keyspaces.of(Family::Task), shard, id)? {
        delete(rows, Family::Task, key);
    }
    for key in attempt::keys_of(keyspaces.of(Family::Attempt), id)? {
        delete(rows, Family::Attempt, key);
    }
    // Closing an execution has cleared its timers; only one that never closed may have some, and finding them reads the whole shard's.
    if !row.status.is_closed() {
        for key in timer::keys_of(keyspaces.of(Family::Timer), shard, id)? {
            delete(rows, Family::Timer, key);
        }
    }
    if taken_by(rows, start, keyspaces)? == Some(id) {
        delete(rows, Family::Start, start.0);
    }
    if let Some(at) = expires {
        delete(rows, Family::Expire, expire::key(shard, at, id));
    }
    Ok(())
}

/// Whose name this is: after a purge another execution may have taken it.
fn taken_by(
    rows: &Rows,
    start: StartKey,
    keyspaces: &Keyspaces,
) -> Result<Option<ExecutionId>, Error> {
    let row = match rows.get(&(Family::Start, UserKey::from(start.0))) {
        Some(Some(value)) => Some(start::decode(start, value)?),
        Some(None) => None,
        None => start::read(keyspaces.of(Family::Start), start)?,
    };
    Ok(row.map(|row| row.execution))
}

/// The execution that a row belongs to, where its key says so.
fn owner(family: Family, key: &[u8]) -> Option<&[u8]> {
    let at = match family {
        Family::Execution | Family::Journal | Family::Attempt => 0,
        Family::Task => 2,
        Family::Timer | Family::Expire => 10,
        Family::Start | Family::List | Family::Catalogue | Family::Meta | Family::Letter => {
            return None;
        }
    };
    key.get(at..at + 16)
}
