//! Commits and the rows they write.

use everstep_core::{Epoch, Operation, Sequence, StartKey, Status, Timestamp};

use super::sample::{ONE, TWO, acquire, batch, commit, id, moved, new, row, start, task, timer};
use super::{Place, open};
use crate::{Commit, Committed, Direction, ListFilter, TimerRow, Write};

pub fn groups_are_answered_shard_by_shard(place: &dyn Place) {
    let store = open(place);
    let first = acquire(&*store, ONE);
    let stale = acquire(&*store, TWO);
    let _newer = acquire(&*store, TWO);
    let (mine, theirs) = (row(10, 1, ONE), row(10, 2, TWO));
    let group = vec![
        Commit {
            shard: TWO,
            epoch: stale,
            writes: vec![new(theirs.clone())],
        },
        Commit {
            shard: ONE,
            epoch: first,
            writes: vec![
                new(mine.clone()),
                Write::Journal(batch(mine.id, 0, b"begun")),
            ],
        },
    ];
    let answers = store.commit(group);
    assert!(
        matches!(
            answers.as_slice(),
            [Committed::Fenced, Committed::Durable(_)]
        ),
        "in the group's order: {answers:?}"
    );
    assert_eq!(
        store.execution(theirs.id).expect("reads"),
        None,
        "a fenced commit writes nothing"
    );
    assert_eq!(store.execution(mine.id).expect("reads"), Some(mine.clone()));
    assert_eq!(
        store.last_sequence(mine.id).expect("reads"),
        Some(Sequence(0))
    );
    let listed = store.list(&ListFilter::default(), None, 10).expect("lists");
    assert_eq!(listed.rows, [mine]);
}

pub fn stale_epochs_change_nothing(place: &dyn Place) {
    let store = open(place);
    let old = acquire(&*store, ONE);
    let executed = row(10, 1, ONE);
    commit(
        &*store,
        ONE,
        old,
        vec![
            new(executed.clone()),
            Write::SetTimer(timer(50, executed.id, 1, 1)),
        ],
    );
    let new_epoch = acquire(&*store, ONE);
    assert!(new_epoch > old, "acquiring raises the epoch");
    let (_, closing) = moved(&executed, Status::Failed);
    for epoch in [old, Epoch(new_epoch.0 + 1)] {
        let writes = vec![
            closing.clone(),
            Write::Journal(batch(executed.id, 0, b"late")),
        ];
        let answers = store.commit(vec![Commit {
            shard: ONE,
            epoch,
            writes,
        }]);
        assert_eq!(
            answers,
            [Committed::Fenced],
            "epoch {epoch} does not own the shard"
        );
    }
    assert_eq!(
        store.execution(executed.id).expect("reads"),
        Some(executed.clone())
    );
    assert_eq!(store.last_sequence(executed.id).expect("reads"), None);
    let never = store.commit(vec![Commit {
        shard: TWO,
        epoch: Epoch(1),
        writes: vec![new(row(1, 9, TWO))],
    }]);
    assert_eq!(never, [Committed::Fenced], "nobody has acquired that shard");
    drop(store);
    let store = open(place);
    let answers = store.commit(vec![Commit {
        shard: ONE,
        epoch: old,
        writes: vec![closing],
    }]);
    assert_eq!(answers, [Committed::Fenced], "epochs outlive the process");
    assert!(acquire(&*store, ONE) > new_epoch);
}

pub fn later_writes_win(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let running = row(10, 1, ONE);
    let (done, closing) = moved(&running, Status::Succeeded);
    let wake = timer(70, running.id, 3, 1);
    let writes = vec![
        new(running.clone()),
        Write::SetTimer(wake),
        Write::PutTask(task(running.id, 4, 0)),
        Write::DeleteTask {
            execution: running.id,
            operation: Operation(4),
        },
        Write::DeleteTask {
            execution: running.id,
            operation: Operation(5),
        },
        Write::PutTask(task(running.id, 5, 1)),
        Write::ClearTimer {
            due: wake.due,
            execution: wake.execution,
            operation: wake.operation,
            kind: wake.kind,
        },
        closing,
    ];
    commit(&*store, ONE, epoch, writes);
    let check = |store: &dyn crate::Store| {
        assert_eq!(
            store
                .timers(ONE, Timestamp::NEVER, None, 10)
                .expect("reads"),
            []
        );
        assert_eq!(
            store.tasks(ONE, None, 10).expect("reads"),
            [task(running.id, 5, 1)]
        );
        assert_eq!(
            store.execution(running.id).expect("reads"),
            Some(done.clone())
        );
        let listed = |status| {
            store
                .list(
                    &ListFilter {
                        statuses: vec![status],
                        ..ListFilter::default()
                    },
                    None,
                    10,
                )
                .expect("lists")
                .rows
        };
        assert_eq!(listed(Status::Running), []);
        assert_eq!(
            listed(Status::Succeeded).as_slice(),
            std::slice::from_ref(&done)
        );
    };
    check(&*store);
    drop(store);
    check(&*open(place));
}

pub fn numbers_grow(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let executed = id(10, 1, ONE);
    let mut last = 0;
    for sequence in 0..20 {
        let number = commit(
            &*store,
            ONE,
            epoch,
            vec![Write::Journal(batch(executed, sequence, b"x"))],
        );
        assert!(number > last, "{number} follows {last}");
        last = number;
    }
    drop(store);
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let number = commit(
        &*store,
        ONE,
        epoch,
        vec![Write::Journal(batch(executed, 20, b"x"))],
    );
    assert!(
        number > last,
        "also across openings: {number} follows {last}"
    );
}

pub fn state_rows_read_back(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let mut strange = row(10, 1, ONE);
    strange.definition = "dépense/\u{0}ü".to_owned();
    strange.version = String::new();
    strange.name = "n".repeat(2_000);
    strange.machine = 255;
    strange.started = Timestamp::NEVER;
    strange.closed = Some(Timestamp(0));
    strange.status = Status::Quarantined;
    strange
        .attributes
        .insert("kind of\u{0}".to_owned(), "ä".repeat(300));
    commit(&*store, ONE, epoch, vec![new(strange.clone())]);
    assert_eq!(
        store.execution(strange.id).expect("reads"),
        Some(strange.clone())
    );
    assert_eq!(store.execution(id(10, 2, ONE)).expect("reads"), None);
    let by_name = ListFilter {
        definition: Some(strange.definition.clone()),
        ..ListFilter::default()
    };
    assert_eq!(
        store.list(&by_name, None, 5).expect("lists").rows,
        [strange]
    );
}

#[expect(
    clippy::too_many_lines,
    reason = "one scenario, read from top to bottom"
)]
pub fn timers_in_order(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let other = acquire(&*store, TWO);
    let (a, b) = (id(1, 1, ONE), id(1, 2, ONE));
    let beating = TimerRow {
        heartbeat_ms: Some(30_000),
        ..timer(200, a, 2, 3)
    };
    let mut expected = vec![
        timer(100, b, 9, 1),
        timer(200, a, 1, 1),
        timer(200, a, 1, 2),
        beating,
        timer(200, b, 0, 1),
        timer(300, a, 1, 1),
    ];
    let writes = expected
        .iter()
        .rev()
        .map(|row| Write::SetTimer(*row))
        .collect();
    commit(&*store, ONE, epoch, writes);
    commit(
        &*store,
        TWO,
        other,
        vec![Write::SetTimer(timer(150, id(1, 3, TWO), 1, 1))],
    );
    assert_eq!(
        store
            .timers(ONE, Timestamp::NEVER, None, 100)
            .expect("reads"),
        expected,
        "by due, execution, operation and kind"
    );
    assert_eq!(
        store
            .timers(ONE, Timestamp(200), None, 100)
            .expect("reads")
            .len(),
        5,
        "a timer is due at its time"
    );
    assert_eq!(
        store.timers(ONE, Timestamp(99), None, 100).expect("reads"),
        []
    );
    let mut paged = Vec::new();
    while let Some(after) = store
        .timers(ONE, Timestamp(250), paged.last().copied(), 2)
        .ok()
        .filter(|page| !page.is_empty())
    {
        paged.extend(after);
    }
    assert_eq!(
        paged.as_slice(),
        expected.split_last().map_or(&[][..], |(_, due)| due),
        "page by page"
    );
    assert_eq!(
        store
            .timers(ONE, Timestamp(50), Some(beating), 10)
            .expect("reads"),
        [],
        "behind a timer that is later than the limit"
    );
    let gone = Write::ClearTimer {
        due: beating.due,
        execution: a,
        operation: beating.operation,
        kind: beating.kind,
    };
    commit(&*store, ONE, epoch, vec![gone]);
    expected.retain(|row| *row != beating);
    assert_eq!(
        store
            .timers(ONE, Timestamp::NEVER, None, 100)
            .expect("reads"),
        expected
    );
}

pub fn tasks_in_pages(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let other = acquire(&*store, TWO);
    let tasks: Vec<_> = (0..7)
        .map(|number| task(id(1, u64::from(number / 3), ONE), number, number))
        .collect();
    commit(
        &*store,
        ONE,
        epoch,
        tasks.iter().rev().cloned().map(Write::PutTask).collect(),
    );
    commit(
        &*store,
        TWO,
        other,
        vec![Write::PutTask(task(id(1, 0, TWO), 1, 1))],
    );
    let mut paged = Vec::new();
    loop {
        let after = paged
            .last()
            .map(|row: &crate::TaskRow| (row.execution, row.operation));
        let page = store.tasks(ONE, after, 3).expect("reads");
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        paged.extend(page);
    }
    assert_eq!(paged, tasks);
    let again = task(id(1, 0, ONE), 0, 5);
    commit(
        &*store,
        ONE,
        epoch,
        vec![
            Write::PutTask(again.clone()),
            Write::DeleteTask {
                execution: id(1, 0, ONE),
                operation: Operation(1),
            },
        ],
    );
    let left = store.tasks(ONE, None, 100).expect("reads");
    assert_eq!(left.len(), 6);
    assert_eq!(
        left.first(),
        Some(&again),
        "a task row is replaced by a later generation"
    );
}

pub fn names(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let first = row(10, 1, ONE);
    let taken = start(&first);
    commit(
        &*store,
        ONE,
        epoch,
        vec![new(first), Write::Start(taken.clone())],
    );
    assert_eq!(store.start(taken.key).expect("reads"), Some(taken.clone()));
    assert_eq!(
        store.start(StartKey::new("pay", "another")).expect("reads"),
        None
    );
    drop(store);
    assert_eq!(open(place).start(taken.key).expect("reads"), Some(taken));
}

#[expect(
    clippy::too_many_lines,
    reason = "one scenario, read from top to bottom"
)]
pub fn purge_leaves_nothing(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let (gone, stays) = (row(10, 1, ONE), row(10, 2, ONE));
    for executed in [&gone, &stays] {
        let mut writes = vec![
            new(executed.clone()),
            Write::Start(start(executed)),
            Write::SetTimer(timer(50, executed.id, 1, 1)),
            Write::PutTask(task(executed.id, 1, 0)),
            Write::Expire {
                at: Timestamp(99),
                execution: executed.id,
            },
        ];
        writes
            .extend((0..30).map(|sequence| Write::Journal(batch(executed.id, sequence, b"entry"))));
        commit(&*store, ONE, epoch, writes);
    }
    let purge = Write::Purge {
        row: gone.clone(),
        start: start(&gone).key,
        expires: Some(Timestamp(99)),
    };
    // What the same commit wrote before the purge goes with it.
    commit(
        &*store,
        ONE,
        epoch,
        vec![Write::Journal(batch(gone.id, 30, b"last")), purge],
    );
    assert_eq!(store.execution(gone.id).expect("reads"), None);
    assert_eq!(
        store
            .journal(gone.id, Sequence(0), Direction::Forward, 100)
            .expect("reads"),
        []
    );
    assert_eq!(store.last_sequence(gone.id).expect("reads"), None);
    assert_eq!(store.start(start(&gone).key).expect("reads"), None);
    assert_eq!(
        store
            .timers(ONE, Timestamp::NEVER, None, 10)
            .expect("reads"),
        [timer(50, stays.id, 1, 1)]
    );
    assert_eq!(
        store.tasks(ONE, None, 10).expect("reads"),
        [task(stays.id, 1, 0)]
    );
    assert_eq!(
        store.expired(ONE, Timestamp(99), 10).expect("reads"),
        [(Timestamp(99), stays.id)]
    );
    assert_eq!(
        store
            .list(&ListFilter::default(), None, 10)
            .expect("lists")
            .rows
            .as_slice(),
        std::slice::from_ref(&stays)
    );
    assert_eq!(
        store
            .journal(stays.id, Sequence(0), Direction::Forward, 100)
            .expect("reads")
            .len(),
        30,
        "the neighbour is whole"
    );
    let (closed, closing) = moved(&stays, Status::Succeeded);
    let heir = crate::ExecutionRow {
        name: stays.name.clone(),
        ..row(20, 3, ONE)
    };
    commit(
        &*store,
        ONE,
        epoch,
        vec![closing, new(heir.clone()), Write::Start(start(&heir))],
    );
    commit(
        &*store,
        ONE,
        epoch,
        vec![Write::Purge {
            row: closed,
            start: start(&heir).key,
            expires: Some(Timestamp(99)),
        }],
    );
    assert_eq!(
        store.start(start(&heir).key).expect("reads"),
        Some(start(&heir)),
        "a name that was taken anew stays taken"
    );
    assert_eq!(
        store
            .list(&ListFilter::default(), None, 10)
            .expect("lists")
            .rows,
        [heir]
    );
}

pub fn expiries(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let ids: Vec<_> = (0..4).map(|number| id(1, number, ONE)).collect();
    let at = |number: u32| Timestamp(100 * u64::from(number));
    let writes = (0..4)
        .zip(&ids)
        .rev()
        .map(|(number, execution)| Write::Expire {
            at: at(number),
            execution: *execution,
        });
    commit(&*store, ONE, epoch, writes.collect());
    let expired = |now, limit| store.expired(ONE, now, limit).expect("reads");
    let expected: Vec<_> = (0..4).map(at).zip(ids.iter().copied()).collect();
    assert_eq!(expired(Timestamp(300), 10), expected);
    assert_eq!(expired(Timestamp(299), 10).len(), 3);
    assert_eq!(expired(Timestamp(300), 2).len(), 2);
    assert_eq!(store.expired(TWO, Timestamp::NEVER, 10).expect("reads"), []);
    let unexpired = ids.iter().take(1).map(|execution| Write::Unexpire {
        at: at(0),
        execution: *execution,
    });
    commit(&*store, ONE, epoch, unexpired.collect());
    assert_eq!(
        expired(Timestamp(300), 10),
        expected
            .split_first()
            .map_or(Vec::new(), |(_, rest)| rest.to_vec())
    );
}
