//! Attempts and letters.

use bytes::Bytes;
use everstep_core::{ExecutionId, LetterId, Operation};

use super::sample::{ONE, TWO, acquire, commit, id, new, row, start};
use super::{Place, open};
use crate::{AttemptRow, Direction, LetterRow, Write};

fn attempt(execution: ExecutionId, operation: u32, index: u32, text: &str) -> AttemptRow {
    AttemptRow {
        execution,
        operation: Operation(operation),
        index,
        attempt: Bytes::from(text.to_owned()),
    }
}

fn letter(at: u64, is_dead: bool) -> LetterRow {
    LetterRow {
        id: LetterId::new(at, at, ONE),
        is_dead,
        letter: Bytes::from(format!("letter {at}")),
    }
}

pub fn attempts_in_order(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let (first, second) = (id(1, 1, ONE), id(1, 2, ONE));
    let rows: Vec<AttemptRow> = [(2, 0), (2, 1), (2, 256), (3, 0), (256, 0)]
        .into_iter()
        .map(|(operation, index)| attempt(first, operation, index, "tried"))
        .collect();
    let other = attempt(second, 1, 0, "another execution's");
    let writes = rows.iter().rev().chain([&other]).cloned();
    commit(&*store, ONE, epoch, writes.map(Write::PutAttempt).collect());
    let mut paged: Vec<AttemptRow> = Vec::new();
    loop {
        let after = paged.last().map(|row| (row.operation, row.index));
        let page = store.attempts(first, after, 2).expect("reads");
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, rows);
    let last = |operation| store.last_attempt(first, Operation(operation));
    assert_eq!(
        last(2).expect("reads"),
        Some(attempt(first, 2, 256, "tried"))
    );
    assert_eq!(last(4).expect("reads"), None);
    let again = attempt(first, 2, 256, "tried again");
    commit(&*store, ONE, epoch, vec![Write::PutAttempt(again.clone())]);
    assert_eq!(
        last(2).expect("reads"),
        Some(again),
        "one with the same index is written over"
    );
    assert_eq!(store.attempts(second, None, 9).expect("reads"), [other]);
}

pub fn attempts_go_with_their_execution(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let (gone, stays) = (row(10, 1, ONE), row(10, 2, ONE));
    for executed in [&gone, &stays] {
        let tried = (0..3).map(|index| attempt(executed.id, 7, index, "tried"));
        let mut writes = vec![new(executed.clone()), Write::Start(start(executed))];
        writes.extend(tried.map(Write::PutAttempt));
        commit(&*store, ONE, epoch, writes);
    }
    let purge = Write::Purge {
        row: gone.clone(),
        start: start(&gone).key,
        expires: None,
    };
    let late = Write::PutAttempt(attempt(gone.id, 7, 3, "in the same commit"));
    commit(&*store, ONE, epoch, vec![late, purge]);
    drop(store);
    let store = open(place);
    assert_eq!(store.attempts(gone.id, None, 9).expect("reads"), []);
    assert_eq!(store.attempts(stays.id, None, 9).expect("reads").len(), 3);
}

pub fn letters_in_both_directions(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    let waiting: Vec<LetterRow> = (1..6).map(|at| letter(at, false)).collect();
    let dead: Vec<LetterRow> = (3..9).map(|at| letter(at * 1_000, true)).collect();
    let writes = waiting.iter().rev().chain(&dead).cloned();
    commit(&*store, ONE, epoch, writes.map(Write::PutLetter).collect());
    for (is_dead, rows) in [(false, &waiting), (true, &dead)] {
        for direction in [Direction::Forward, Direction::Backward] {
            let mut paged: Vec<LetterRow> = Vec::new();
            loop {
                let after = paged.last().map(|row| row.id);
                let page = store.letters(is_dead, after, direction, 2);
                let page = page.expect("reads");
                assert!(page.len() <= 2);
                if page.is_empty() {
                    break;
                }
                paged.extend(page);
            }
            if direction == Direction::Backward {
                paged.reverse();
            }
            assert_eq!(&paged, rows);
        }
    }
    for edge in [[0; 16], [u8::MAX; 16]].map(LetterId::from_bytes) {
        let before = store.letters(false, Some(edge), Direction::Backward, 9);
        let behind = store.letters(false, Some(edge), Direction::Forward, 9);
        let (before, behind) = (before.expect("reads").len(), behind.expect("reads").len());
        assert_eq!(before + behind, waiting.len());
    }
}

pub fn a_letter_dies_in_one_commit(place: &dyn Place) {
    let store = open(place);
    let epoch = acquire(&*store, ONE);
    acquire(&*store, TWO);
    let (waits, dies) = (letter(7, false), letter(7, true));
    commit(&*store, ONE, epoch, vec![Write::PutLetter(waits.clone())]);
    assert_eq!(store.letter(waits.id).expect("reads"), Some(waits.clone()));
    commit(
        &*store,
        ONE,
        epoch,
        vec![
            Write::DeleteLetter {
                id: waits.id,
                is_dead: false,
            },
            Write::PutLetter(dies.clone()),
        ],
    );
    drop(store);
    let store = open(place);
    assert_eq!(store.letter(dies.id).expect("reads"), Some(dies.clone()));
    let left = store.letters(false, None, Direction::Forward, 9);
    assert_eq!(left.expect("reads"), []);
    let epoch = acquire(&*store, ONE);
    let (id, is_dead) = (dies.id, true);
    commit(
        &*store,
        ONE,
        epoch,
        vec![Write::DeleteLetter { id, is_dead }],
    );
    assert_eq!(store.letter(dies.id).expect("reads"), None);
}
