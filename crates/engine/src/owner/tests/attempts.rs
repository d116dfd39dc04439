//! Attempts and notes: what is kept of them, and that it is kept with what they did.

use bytes::Bytes;
use everstep_core::{ExecutionId, Failure, Operation, Outcome, Settlement};

use super::rig::{RETENTION_MS, Rig, callback};
use crate::attempt::{Attempt, KEPT, Source, Verb, Via};
use crate::input::{Input, What};

fn source(peer: &str) -> Source {
    Source {
        peer: Some(peer.to_owned()),
        ..Source::new(Via::Callbacks)
    }
}

fn succeeded(result: &str) -> What {
    What::Settle(Outcome::Succeeded(Some(result.to_owned().into())))
}

fn kept(rig: &Rig, id: ExecutionId) -> Vec<Attempt> {
    let rows = rig.store.attempts(id, None, 1_000).expect("rows");
    let rows = rows.iter();
    rows.map(|row| Attempt::decode(row.operation, &row.attempt).expect("an attempt"))
        .collect()
}

fn waiting(rig: &mut Rig, heartbeat_s: Option<u32>) -> ExecutionId {
    let id = rig.started("a");
    rig.suspend_on(id, vec![callback("c", None, heartbeat_s)]);
    rig.commit();
    id
}

#[test]
fn every_try_is_kept_with_its_outcome() {
    let mut rig = Rig::new();
    let id = waiting(&mut rig, None);
    let failed = What::Settle(Outcome::Failed(Failure::new("E", "no")));
    let tries = [
        (succeeded("1"), "one", Settlement::Applied),
        (succeeded("1"), "two", Settlement::Duplicate),
        (failed, "three", Settlement::Conflict),
    ];
    for (what, peer, expected) in tries {
        assert_eq!(rig.outside(id, 1, what, source(peer)), expected);
    }
    let attempts = kept(&rig, id);
    let told: Vec<_> = attempts
        .iter()
        .map(|attempt| {
            (
                attempt.number,
                attempt.verb,
                attempt.outcome,
                attempt.source.peer.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, Verb::Succeed, Settlement::Applied, "one"),
            (2, Verb::Succeed, Settlement::Duplicate, "two"),
            (3, Verb::Fail, Settlement::Conflict, "three"),
        ]
    );
}

#[test]
fn an_attempt_is_there_when_its_settle_is() {
    // Whatever a crash leaves has both or neither.
    for synced in [false, true] {
        let mut rig = Rig::new();
        let id = waiting(&mut rig, None);
        let asked = Box::new(crate::input::Outside {
            operation: Operation(1),
            generation: everstep_core::Generation(0),
            what: succeeded("1"),
            source: source("one"),
        });
        drop(rig.ask(|reply| Input::Outside {
            execution: id,
            asked,
            reply,
        }));
        let mut rig = if synced {
            rig.crash_after_sync()
        } else {
            rig.crash()
        };
        let before = kept(&rig, id).len();
        let again = rig.outside(id, 1, succeeded("1"), source("one"));
        let (settled, attempts) = (again == Settlement::Duplicate, before == 1);
        assert_eq!((settled, attempts), (synced, synced));
    }
}

#[test]
fn repetitions_are_counted_not_kept_and_the_count_outlives_a_crash() {
    let mut rig = Rig::new();
    let id = waiting(&mut rig, None);
    rig.outside(id, 1, succeeded("1"), source("one"));
    for _ in 0..5 {
        rig.outside(id, 1, succeeded("1"), source("one"));
    }
    let mut rig = rig.crash();
    for _ in 0..5 {
        rig.outside(id, 1, succeeded("1"), source("one"));
    }
    let attempts = kept(&rig, id);
    assert_eq!(attempts.len(), 2);
    assert_eq!((attempts[1].number, attempts[1].times), (11, 10));
    assert_eq!(attempts[1].outcome, Settlement::Duplicate);
}

#[test]
fn only_so_many_are_kept_and_all_are_counted() {
    let mut rig = Rig::new();
    let id = waiting(&mut rig, None);
    let tries = u64::from(KEPT) + 20;
    for number in 0..tries {
        rig.outside(id, 1, succeeded("1"), source(&number.to_string()));
    }
    let attempts = kept(&rig, id);
    assert_eq!(attempts.len(), KEPT as usize);
    let last = attempts.last().expect("a last one");
    assert_eq!(last.number, tries);
    assert_eq!(last.source.peer, Some((tries - 1).to_string()));
}

#[test]
fn heartbeats_are_written_now_and_then_and_when_they_are_read() {
    let mut rig = Rig::new();
    let id = waiting(&mut rig, Some(3_600));
    let syncs = |rig: &Rig| rig.store.syncs();
    rig.outside(id, 1, What::Beat, source("one"));
    let before = syncs(&rig);
    for _ in 0..9 {
        rig.pass(1_000);
        let beat = rig.outside(id, 1, What::Beat, source("one"));
        assert_eq!(beat, Settlement::Applied);
    }
    assert_eq!(syncs(&rig), before, "nothing new was said");
    assert_eq!(kept(&rig, id)[0].times, 1);
    let written = rig.answer(|reply| Input::Attempts {
        execution: id,
        reply,
    });
    written.expect("written");
    assert_eq!(kept(&rig, id)[0].times, 10);
    rig.pass(60_000);
    rig.outside(id, 1, What::Beat, source("one"));
    assert_eq!(kept(&rig, id)[0].times, 11);
}

#[test]
fn attempts_go_with_their_execution() {
    let mut rig = Rig::new();
    let id = waiting(&mut rig, None);
    rig.outside(id, 1, succeeded("1"), source("one"));
    drop(rig.stop(id));
    rig.commit();
    rig.pass(24 * 3_600_000 + RETENTION_MS * 2);
    rig.commit();
    assert_eq!(kept(&rig, id), []);
}

#[test]
fn the_last_note_stands_until_the_gate_closes() {
    let mut rig = Rig::new();
    let id = waiting(&mut rig, None);
    let note = |text: &'static str| What::Note(Bytes::from_static(text.as_bytes()));
    for text in ["10 %", "20 %", "20 %"] {
        let left = rig.outside(id, 1, note(text), source("one"));
        assert_eq!(left, Settlement::Applied);
    }
    let mut rig = rig.crash();
    let noted = |rig: &mut Rig| {
        let snapshot = rig.snapshot(id).expect("a snapshot");
        let waits = snapshot.waits.into_iter();
        let mut notes = waits.filter_map(|wait| wait.note.map(|note| note.bytes));
        notes.next()
    };
    assert_eq!(noted(&mut rig), Some(Bytes::from_static(b"20 %")));
    rig.outside(id, 1, succeeded("1"), source("one"));
    assert_eq!(noted(&mut rig), None);
    let late = rig.outside(id, 1, note("30 %"), source("one"));
    assert_eq!(late, Settlement::Conflict);
    assert_eq!(noted(&mut rig), None);
    let none = rig.outside(id, 7, note("30 %"), source("one"));
    assert_eq!(none, Settlement::Unknown);
}

#[test]
fn a_note_is_a_sign_of_life() {
    let mut rig = Rig::new();
    let id = waiting(&mut rig, Some(10));
    rig.pass(9_000);
    let note = What::Note(Bytes::from_static(b"half"));
    rig.outside(id, 1, note, source("one"));
    rig.pass(9_000);
    rig.commit();
    let settled = rig.outside(id, 1, succeeded("1"), source("one"));
    assert_eq!(settled, Settlement::Applied, "18 s after the start");
}
