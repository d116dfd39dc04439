//! Rows to write, and the writing of them.

use bytes::Bytes;
use everstep_core::{
    Epoch, ExecutionId, Generation, Operation, Sequence, Shard, StartKey, Status, TimerKind,
    Timestamp,
};

use crate::{
    Commit, Committed, ExecutionRow, JournalRow, StartRow, Store, TaskRow, TimerRow, Write,
};

pub const ONE: Shard = Shard(1);
pub const TWO: Shard = Shard(2);

pub fn id(started: u64, number: u64, shard: Shard) -> ExecutionId {
    ExecutionId::new(started, number, shard)
}

pub fn row(started: u64, number: u64, shard: Shard) -> ExecutionRow {
    ExecutionRow {
        id: id(started, number, shard),
        definition: "pay".to_owned(),
        version: "1".to_owned(),
        machine: 1,
        name: format!("order-{number}"),
        status: Status::Running,
        started: Timestamp(started),
        closed: None,
        attributes: std::collections::BTreeMap::new(),
        reopened: None,
    }
}

pub fn batch(id: ExecutionId, sequence: u32, bytes: &'static [u8]) -> JournalRow {
    JournalRow {
        execution: id,
        sequence: Sequence(sequence),
        batch: Bytes::from_static(bytes),
    }
}

pub fn timer(due: u64, execution: ExecutionId, operation: u32, kind: u8) -> TimerRow {
    TimerRow {
        due: Timestamp(due),
        execution,
        operation: Operation(operation),
        kind: TimerKind(kind),
        heartbeat_ms: None,
    }
}

pub fn task(execution: ExecutionId, operation: u32, generation: u32) -> TaskRow {
    TaskRow {
        execution,
        operation: Operation(operation),
        generation: Generation(generation),
        task: Bytes::from(format!("task {operation}.{generation}")),
    }
}

pub fn start(row: &ExecutionRow) -> StartRow {
    StartRow {
        key: StartKey::new(&row.definition, &row.name),
        execution: row.id,
        digest: [7; 32],
    }
}

pub fn new(row: ExecutionRow) -> Write {
    Write::Execution { row, was: None }
}

/// The writes that move a row to another status.
pub fn moved(from: &ExecutionRow, status: Status) -> (ExecutionRow, Write) {
    let closed = status.is_closed().then(|| from.started.after_ms(5));
    let row = ExecutionRow {
        status,
        closed,
        ..from.clone()
    };
    (
        row.clone(),
        Write::Execution {
            row,
            was: Some(from.list_key()),
        },
    )
}

pub fn acquire(store: &dyn Store, shard: Shard) -> Epoch {
    let acquired = store.acquire(&[shard]).expect("the shard is acquired");
    match acquired.as_slice() {
        [(taken, epoch)] if *taken == shard => *epoch,
        other => unreachable!("asked for one shard, got {other:?}"),
    }
}

/// Commits to one shard and expects it to be durable.
pub fn commit(store: &dyn Store, shard: Shard, epoch: Epoch, writes: Vec<Write>) -> u64 {
    match store
        .commit(vec![Commit {
            shard,
            epoch,
            writes,
        }])
        .as_slice()
    {
        [Committed::Durable(number)] => *number,
        other => unreachable!("a commit of the shard's owner was answered {other:?}"),
    }
}
