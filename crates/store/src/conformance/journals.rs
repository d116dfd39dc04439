//! Journals.

use everstep_core::{ExecutionId, Sequence};

use super::sample::{ONE, acquire, batch, commit, id};
use super::{Place, open};
use crate::{Direction, Error, Store, Write};

fn sequences(
    store: &dyn Store,
    id: ExecutionId,
    from: u32,
    direction: Direction,
    limit: usize,
) -> Vec<u32> {
    let rows = store
        .journal(id, Sequence(from), direction, limit)
        .expect("reads");
    assert!(rows.iter().all(|row| row.execution == id));
    rows.iter().map(|row| row.sequence.0).collect()
}

pub fn both_directions(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let executed = id(10, 1, ONE);
    for sequence in 0..300 {
        commit(
            &*store,
            ONE,
            epoch,
            vec![Write::Journal(batch(executed, sequence, b"entry"))],
        );
    }
    assert_eq!(
        sequences(&*store, executed, 0, Direction::Forward, 1_000),
        (0..300).collect::<Vec<_>>()
    );
    assert_eq!(
        sequences(&*store, executed, 254, Direction::Forward, 4),
        [254, 255, 256, 257]
    );
    assert_eq!(
        sequences(&*store, executed, 257, Direction::Backward, 4),
        [257, 256, 255, 254]
    );
    assert_eq!(
        sequences(&*store, executed, u32::MAX, Direction::Backward, 2),
        [299, 298]
    );
    assert!(sequences(&*store, executed, 300, Direction::Forward, 2).is_empty());
    assert_eq!(sequences(&*store, executed, 0, Direction::Backward, 2), [0]);
    assert!(sequences(&*store, executed, 7, Direction::Forward, 0).is_empty());
    assert_eq!(
        store.last_sequence(executed).expect("reads"),
        Some(Sequence(299))
    );
    assert_eq!(store.last_sequence(id(10, 2, ONE)).expect("reads"), None);
}

pub fn neighbours(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let ids: Vec<_> = [(10, 1), (10, 2), (11, 1)]
        .into_iter()
        .map(|(started, number)| id(started, number, ONE))
        .collect();
    for (executed, text) in ids.iter().zip([&b"first"[..], b"second", b"third"]) {
        commit(
            &*store,
            ONE,
            epoch,
            vec![
                Write::Journal(batch(*executed, 0, text)),
                Write::Journal(batch(*executed, u32::MAX, b"")),
            ],
        );
    }
    for (executed, text) in ids.iter().zip([&b"first"[..], b"second", b"third"]) {
        let rows = store
            .journal(*executed, Sequence(0), Direction::Forward, 10)
            .expect("reads");
        assert_eq!(
            rows,
            [batch(*executed, 0, text), batch(*executed, u32::MAX, b"")]
        );
        assert_eq!(
            store.last_sequence(*executed).expect("reads"),
            Some(Sequence(u32::MAX))
        );
    }
}

pub fn damage_is_reported(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let executed = id(10, 1, ONE);
    let writes = (0..3).map(|sequence| {
        Write::Journal(batch(
            executed,
            sequence,
            b"a batch that somebody relies on",
        ))
    });
    commit(&*store, ONE, epoch, writes.collect());
    drop(store);
    place.damage_journal(executed, Sequence(1));
    let store = open(place);
    for direction in [Direction::Forward, Direction::Backward] {
        match store.journal(executed, Sequence(1), direction, 5) {
            Err(Error::Damaged { detail }) => {
                let named = detail.contains(&executed.to_string()) && detail.contains("batch 1 ");
                assert!(named, "the message names execution and batch: {detail}");
            }
            other => unreachable!("a damaged batch was read as {other:?}"),
        }
    }
    assert_eq!(
        sequences(&*store, executed, 0, Direction::Forward, 1),
        [0],
        "what is not damaged is served"
    );
    assert_eq!(sequences(&*store, executed, 2, Direction::Forward, 1), [2]);
}
