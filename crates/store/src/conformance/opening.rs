//! Opening and closing.

use bytes::Bytes;
use everstep_core::{Sequence, Status, Timestamp};

use super::sample::{ONE, acquire, batch, commit, moved, new, row, start, task, timer};
use super::{Place, open};
use crate::{Direction, Error, FORMAT, ListFilter, Write};

#[expect(
    clippy::too_many_lines,
    reason = "one scenario, read from top to bottom"
)]
pub fn everything_is_found_again(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let (kept, running) = (row(10, 1, ONE), row(20, 2, ONE));
    commit(
        &*store,
        ONE,
        epoch,
        vec![
            new(kept.clone()),
            new(running.clone()),
            Write::Journal(batch(kept.id, 0, b"first")),
            Write::Start(start(&kept)),
            Write::SetTimer(timer(50, kept.id, 1, 1)),
            Write::PutTask(task(kept.id, 1, 0)),
        ],
    );
    let (closed, closing) = moved(&kept, Status::Succeeded);
    commit(
        &*store,
        ONE,
        epoch,
        vec![
            closing,
            Write::Journal(batch(kept.id, 1, b"second")),
            Write::Expire {
                at: Timestamp(90),
                execution: kept.id,
            },
        ],
    );
    store
        .catalogue_put("entry", None, Some(Bytes::from_static(b"value")))
        .expect("writes");
    drop(store);
    // Twice, because the first opening may rewrite what it finds.
    for _ in 0..2 {
        let store = open(place);
        assert_eq!(
            store.execution(kept.id).expect("reads"),
            Some(closed.clone())
        );
        let journal = store
            .journal(kept.id, Sequence(0), Direction::Forward, 10)
            .expect("reads");
        assert_eq!(
            journal,
            [batch(kept.id, 0, b"first"), batch(kept.id, 1, b"second")]
        );
        assert_eq!(
            store.start(start(&kept).key).expect("reads"),
            Some(start(&kept))
        );
        assert_eq!(
            store
                .timers(ONE, Timestamp::NEVER, None, 10)
                .expect("reads"),
            [timer(50, kept.id, 1, 1)]
        );
        assert_eq!(
            store.tasks(ONE, None, 10).expect("reads"),
            [task(kept.id, 1, 0)]
        );
        assert_eq!(
            store.expired(ONE, Timestamp(90), 10).expect("reads"),
            [(Timestamp(90), kept.id)]
        );
        assert_eq!(
            store.catalogue("entry").expect("reads"),
            Some((1, Bytes::from_static(b"value")))
        );
        assert_eq!(
            store
                .list(&ListFilter::default(), None, 10)
                .expect("lists")
                .rows,
            [running.clone(), closed.clone()]
        );
    }
}

pub fn one_at_a_time(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    assert!(
        matches!(place.open(), Err(Error::InUse { .. })),
        "a second opener is refused"
    );
    let executed = row(10, 1, ONE);
    commit(&*store, ONE, epoch, vec![new(executed.clone())]);
    drop(store);
    assert_eq!(
        open(place).execution(executed.id).expect("reads"),
        Some(executed),
        "the first one was not disturbed"
    );
}

pub fn newer_formats_are_refused(place: &dyn Place) {
    let store = open(place);
    acquire(&*store, ONE);
    drop(store);
    place.set_format(FORMAT + 1);
    match place.open() {
        Err(Error::Newer { found, known }) => assert_eq!((found, known), (FORMAT + 1, FORMAT)),
        Err(other) => unreachable!("a newer format was refused with {other}"),
        Ok(_) => unreachable!("a newer format was opened"),
    }
    place.set_format(FORMAT);
    open(place);
}

pub fn syncs_are_counted(place: &dyn Place) {
    let store = open(place);
    let before = store.syncs();
    let epoch = acquire(&*store, ONE);
    let after_acquire = store.syncs();
    assert!(
        after_acquire > before,
        "an epoch is durable before it is used"
    );
    let writes = (0..50)
        .map(|sequence| Write::Journal(batch(row(1, 1, ONE).id, sequence, b"entry")))
        .collect();
    commit(&*store, ONE, epoch, writes);
    assert_eq!(
        store.syncs(),
        after_acquire + 1,
        "one sync for a group, however large"
    );
}
