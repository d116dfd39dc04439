//! Data of every released format is read. The folders under `fixtures` were written by `examples/make_fixture.rs` of their time.

use std::path::Path;

use everstep_core::{
    ExecutionId, Operation, Sequence, Shard, StartKey, Status, TimerKind, Timestamp,
};
use everstep_store::{Direction, Fjall, ListFilter, Store};

/// Git keeps no empty folders, fjall wants its own.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    if from
        .parent()
        .is_some_and(|parent| parent.ends_with("keyspaces"))
    {
        std::fs::create_dir_all(to.join("tables")).unwrap();
    }
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            std::fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row of each kind, in order")]
fn format_1_is_read() {
    let folder = tempfile::tempdir().unwrap();
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1"),
        folder.path(),
    );
    let store = Fjall::open(folder.path()).unwrap();
    let shard = Shard(5);
    let (first, second) = (
        ExecutionId::new(1_700_000_000_000, 1, shard),
        ExecutionId::new(1_700_000_000_500, 2, shard),
    );
    let rows = store.list(&ListFilter::default(), None, 10).unwrap().rows;
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.id, row.name.as_str(), row.status, row.closed))
        .collect();
    let ended = Some(Timestamp(1_700_000_009_000));
    assert_eq!(
        told,
        [
            (second, "second", Status::Succeeded, ended),
            (first, "first", Status::Running, None)
        ]
    );
    assert!(rows.iter().all(
        |row| (row.definition.as_str(), row.version.as_str(), row.machine) == ("research", "7", 1)
    ));
    let of_definition = ListFilter {
        definition: Some("research".to_owned()),
        oldest_first: true,
        ..ListFilter::default()
    };
    assert_eq!(
        store.list(&of_definition, None, 10).unwrap().rows,
        [rows[1].clone(), rows[0].clone()]
    );
    let batches = store
        .journal(second, Sequence(0), Direction::Forward, 10)
        .unwrap();
    let texts: Vec<_> = batches
        .iter()
        .map(|row| std::str::from_utf8(&row.batch).unwrap())
        .collect();
    assert_eq!(texts, ["second, begun", "second, ended"]);
    let start = store
        .start(StartKey::new("research", "first"))
        .unwrap()
        .unwrap();
    assert_eq!((start.execution, start.digest), (first, [3; 32]));
    let timers = store.timers(shard, Timestamp::NEVER, None, 10).unwrap();
    assert_eq!(timers.len(), 1);
    assert_eq!(
        (timers[0].due, timers[0].execution),
        (Timestamp(1_700_000_060_000), first)
    );
    assert_eq!(
        (timers[0].operation, timers[0].kind, timers[0].heartbeat_ms),
        (Operation(2), TimerKind(1), Some(15_000))
    );
    let tasks = store.tasks(shard, None, 10).unwrap();
    assert_eq!(tasks.len(), 1);
    assert_eq!(
        (
            tasks[0].execution,
            tasks[0].generation.0,
            &tasks[0].task[..]
        ),
        (first, 1, &b"a task"[..])
    );
    assert_eq!(
        store.expired(shard, Timestamp::NEVER, 10).unwrap(),
        [(Timestamp(1_702_000_000_000), second)]
    );
    assert_eq!(
        store.catalogue("function/research").unwrap(),
        Some((1, "an entry".into()))
    );
    assert_eq!(
        store.acquire(&[shard]).unwrap()[0].1.0,
        2,
        "the epoch goes on from the one that was stored"
    );
}
