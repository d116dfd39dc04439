//! Makes the fixture of the present format: a small data folder with a row of every family, as the store leaves it.
//!
//! `cargo run -p everstep-store --example make_fixture -- crates/store/tests/fixtures/format-1`. A format that has been released is never
//! made again: its fixture is what older builds wrote.

use std::path::Path;

use bytes::Bytes;
use everstep_core::{
    ExecutionId, Generation, Operation, Sequence, Shard, StartKey, Status, TimerKind, Timestamp,
};
use everstep_store::{
    Commit, Committed, Error, ExecutionRow, Fjall, JournalRow, StartRow, Store, TaskRow, TimerRow,
    Write,
};

fn main() -> Result<(), Error> {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "format-1".to_owned());
    if Path::new(&folder).exists() {
        return Err(Error::Io {
            detail: format!("{folder} exists already, and a fixture is not made twice"),
        });
    }
    write(&Fjall::open(&folder)?)?;
    // Opening it once more makes fjall shorten its journal to what is used.
    drop(Fjall::open(&folder)?);
    // It names a process of the machine that made the fixture.
    let _ = std::fs::remove_file(Path::new(&folder).join("lock"));
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "one row of each kind, in order")]
fn write(store: &Fjall) -> Result<(), Error> {
    let shard = Shard(5);
    let running = ExecutionRow {
        id: ExecutionId::new(1_700_000_000_000, 1, shard),
        definition: "research".to_owned(),
        version: "7".to_owned(),
        machine: 1,
        name: "first".to_owned(),
        status: Status::Running,
        started: Timestamp(1_700_000_000_000),
        closed: None,
        attributes: std::collections::BTreeMap::new(),
        reopened: None,
    };
    let begun = ExecutionRow {
        id: ExecutionId::new(1_700_000_000_500, 2, shard),
        name: "second".to_owned(),
        started: Timestamp(1_700_000_000_500),
        ..running.clone()
    };
    let closed = ExecutionRow {
        status: Status::Succeeded,
        closed: Some(Timestamp(1_700_000_009_000)),
        ..begun.clone()
    };
    let batch = |execution, sequence, text: &'static str| {
        Write::Journal(JournalRow {
            execution,
            sequence: Sequence(sequence),
            batch: Bytes::from_static(text.as_bytes()),
        })
    };
    let epochs = store.acquire(&[shard])?;
    for writes in [
        vec![
            Write::Execution {
                row: running.clone(),
                was: None,
            },
            Write::Execution {
                row: begun.clone(),
                was: None,
            },
            Write::Start(StartRow {
                key: StartKey::new("research", "first"),
                execution: running.id,
                digest: [3; 32],
            }),
            batch(running.id, 0, "first, begun"),
            batch(begun.id, 0, "second, begun"),
            Write::SetTimer(TimerRow {
                due: Timestamp(1_700_000_060_000),
                execution: running.id,
                operation: Operation(2),
                kind: TimerKind(1),
                heartbeat_ms: Some(15_000),
            }),
            Write::PutTask(TaskRow {
                execution: running.id,
                operation: Operation(2),
                generation: Generation(1),
                task: Bytes::from_static(b"a task"),
            }),
        ],
        vec![
            batch(begun.id, 1, "second, ended"),
            Write::Execution {
                row: closed,
                was: Some(begun.list_key()),
            },
            Write::Expire {
                at: Timestamp(1_702_000_000_000),
                execution: begun.id,
            },
        ],
    ] {
        let commits = epochs.iter().map(|(shard, epoch)| Commit {
            shard: *shard,
            epoch: *epoch,
            writes: writes.clone(),
        });
        if !store
            .commit(commits.collect())
            .iter()
            .all(|answer| matches!(answer, Committed::Durable(_)))
        {
            return Err(Error::Io {
                detail: "a commit was not durable".to_owned(),
            });
        }
    }
    store.catalogue_put(
        "function/research",
        None,
        Some(Bytes::from_static(b"an entry")),
    )?;
    Ok(())
}
