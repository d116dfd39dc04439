//! Letters: at least once, never lost, not for ever.

use bytes::Bytes;
use everstep_core::{ExecutionId, LetterId, Outcome, Settlement, Shard, Timestamp};
use everstep_store::Direction;

use super::rig::{Rig, callback, chained};
use crate::attempt::{Source, Via};
use crate::input::{Change, Input, What};
use crate::letter::{Letter, LetterState, Undelivered, topic};
use crate::{Error, LetterOptions, Options, Subscription};

fn heard(events: &[&str]) -> Rig {
    Rig::with(Options {
        subscriptions: vec![Subscription {
            sink: "log".to_owned(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            definitions: Vec::new(),
        }],
        letters: LetterOptions {
            tries_max: 3,
            in_flight_max: 2,
            dead_max: 4,
            orphans_max: 2,
            ..LetterOptions::default()
        },
        ..Options::default()
    })
}

fn stored(rig: &Rig, is_dead: bool) -> Vec<Letter> {
    let rows = rig.store.letters(is_dead, None, Direction::Forward, 1_000);
    let rows = rows.expect("rows").into_iter();
    rows.map(|row| Letter::decode(row.id, &row.letter).expect("a letter"))
        .collect()
}

fn body(letter: &Letter) -> serde_json::Value {
    serde_json::from_slice(&letter.body).expect("JSON")
}

/// Lets the outbox work until nothing more goes out at this time.
fn pump(rig: &mut Rig) {
    for _ in 0..4 {
        rig.pass(0);
        rig.commit();
    }
}

fn delivered(rig: &mut Rig, letter: LetterId, outcome: Result<(), Undelivered>) {
    let now = rig.now;
    rig.owner.step(now, Input::Delivered { letter, outcome });
    pump(rig);
}

fn refused(again: bool) -> Result<(), Undelivered> {
    let reason = "refused".to_owned();
    Err(Undelivered { again, reason })
}

#[test]
fn who_has_subscribed_hears_of_what_was_asked_for() {
    let mut rig = heard(&["execution.started", "execution.st*"]);
    let id = rig.started("a");
    drop(rig.stop(id));
    pump(&mut rig);
    let events: Vec<_> = rig.letters.iter().map(body).collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0]["event"], "execution.started");
    assert_eq!(events[0]["sink"], "log");
    assert_eq!(events[0]["execution"]["id"], id.to_string());
    assert_eq!(events[1]["event"], "execution.stopped");
    assert_eq!(events[1]["execution"]["error"]["kind"], "Stopped");
    for letter in rig.letters.clone() {
        delivered(&mut rig, letter.id, Ok(()));
    }
    assert_eq!(stored(&rig, false), []);
}

#[test]
fn a_letter_is_written_with_what_it_tells_of() {
    for synced in [false, true] {
        let mut rig = heard(&["*"]);
        drop(rig.start("a"));
        let rig = if synced {
            rig.crash_after_sync()
        } else {
            rig.crash()
        };
        assert_eq!(stored(&rig, false).len(), usize::from(synced));
    }
}

#[test]
fn what_is_not_known_to_have_arrived_is_sent_again_after_a_crash() {
    let mut rig = heard(&["execution.started"]);
    rig.started("a");
    pump(&mut rig);
    assert_eq!(rig.letters.len(), 1);
    let mut rig = rig.crash();
    pump(&mut rig);
    assert_eq!(rig.letters.len(), 2);
    assert_eq!(rig.letters[0].id, rig.letters[1].id);
    let id = rig.letters[0].id;
    delivered(&mut rig, id, Ok(()));
    let mut rig = rig.crash();
    pump(&mut rig);
    assert_eq!(rig.letters.len(), 2, "it has arrived");
}

#[test]
fn failed_deliveries_are_tried_again_later_and_then_no_more() {
    let mut rig = heard(&["execution.started"]);
    rig.started("a");
    pump(&mut rig);
    let id = rig.letters[0].id;
    for (tries, pause) in [(1, 1_000), (2, 2_000)] {
        delivered(&mut rig, id, refused(true));
        let sent = rig.letters.len();
        let LetterState::Waiting {
            due, tries: so_far, ..
        } = stored(&rig, false)[0].state
        else {
            panic!("it waits");
        };
        assert_eq!(so_far, tries);
        let wait = due.since_ms(rig.now);
        assert!(wait >= pause * 3 / 4 && wait <= pause * 5 / 4, "{wait}");
        rig.pass(wait - 1);
        pump(&mut rig);
        assert_eq!(rig.letters.len(), sent, "not before its time");
        rig.pass(1);
        pump(&mut rig);
        assert_eq!(rig.letters.len(), sent + 1);
    }
    delivered(&mut rig, id, refused(true));
    assert_eq!(stored(&rig, false), []);
    let dead = stored(&rig, true);
    assert!(
        matches!(&dead[0].state, LetterState::Dead { tries: 3, reason, .. } if reason == "refused")
    );
    rig.pass(3_600_000);
    pump(&mut rig);
    assert_eq!(rig.letters.len(), 3, "the dead stay where they are");

    let change = Change::Retry;
    let retried = rig.answer(|reply| Input::ChangeLetter {
        letter: id,
        change,
        reply,
    });
    retried.expect("retried");
    pump(&mut rig);
    assert_eq!(rig.letters.len(), 4);
    delivered(&mut rig, id, refused(false));
    assert_eq!(stored(&rig, true).len(), 1, "once is enough for this");
    let change = Change::Discard;
    let discard = |rig: &mut Rig| {
        rig.answer(|reply| Input::ChangeLetter {
            letter: id,
            change,
            reply,
        })
    };
    discard(&mut rig).expect("discarded");
    assert_eq!(stored(&rig, true), []);
    assert_eq!(discard(&mut rig), Err(Error::UnknownLetter { id }));
}

#[test]
fn only_so_many_letters_of_a_topic_are_on_their_way() {
    let mut rig = heard(&["execution.started"]);
    for name in ["a", "b", "c", "d", "e"] {
        rig.started(name);
    }
    pump(&mut rig);
    assert_eq!(rig.letters.len(), 2);
    let first = rig.letters[0].id;
    delivered(&mut rig, first, Ok(()));
    assert_eq!(rig.letters.len(), 3);
    let other = Box::new(Letter {
        id: LetterId::new(rig.now.0, 1, Shard(1)),
        topic: "another".to_owned(),
        ..rig.letters[0].clone()
    });
    let posted = rig.answer(|reply| Input::Post {
        letter: other.clone(),
        reply,
    });
    posted.expect("posted");
    pump(&mut rig);
    assert_eq!(rig.letters.last(), Some(&*other), "it has its own way");
}

fn settle(rig: &mut Rig, id: ExecutionId, result: &str) -> Settlement {
    let outcome = Outcome::Succeeded(Some(result.to_owned().into()));
    rig.outside(id, 1, What::Settle(outcome), Source::new(Via::Callbacks))
}

#[test]
fn what_comes_too_late_or_too_often_is_kept_once() {
    let mut rig = heard(&[]);
    let id = rig.started("a");
    rig.suspend_on(id, vec![callback("c", Some(10), None)]);
    rig.commit();
    assert_eq!(settle(&mut rig, id, "1"), Settlement::Applied);
    assert_eq!(settle(&mut rig, id, "1"), Settlement::Duplicate);
    assert_eq!(stored(&rig, true), []);
    for _ in 0..3 {
        assert_eq!(settle(&mut rig, id, "2"), Settlement::Conflict);
    }
    let late = rig.started("b");
    rig.suspend_on(late, vec![callback("c", Some(10), None)]);
    rig.commit();
    rig.pass(11_000);
    rig.commit();
    assert_eq!(settle(&mut rig, late, "3"), Settlement::TimedOut);
    let dead = stored(&rig, true);
    let told: Vec<_> = dead
        .iter()
        .map(|letter| {
            (
                letter.topic.as_str(),
                letter.execution,
                letter.payload.clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (topic::CALLBACK_CONFLICT, Some(id), Some("2".into())),
            (topic::CALLBACK_LATE, Some(late), Some("3".into())),
        ]
    );
    let change = Change::Retry;
    let letter = dead[0].id;
    let retried = rig.answer(|reply| Input::ChangeLetter {
        letter,
        change,
        reply,
    });
    assert!(matches!(retried, Err(Error::LetterRefused { .. })));
}

#[test]
fn the_oldest_of_the_dead_go_when_there_are_too_many_or_their_time_is_over() {
    let mut rig = heard(&[]);
    let id = rig.started("a");
    rig.suspend_on(id, vec![callback("c", None, None)]);
    rig.commit();
    settle(&mut rig, id, "0");
    for number in 1..8 {
        rig.pass(1);
        settle(&mut rig, id, &number.to_string());
    }
    let kept = |rig: &Rig| -> Vec<_> {
        let letters = stored(rig, true).into_iter();
        letters.filter_map(|letter| letter.payload).collect()
    };
    assert_eq!(kept(&rig), ["4", "5", "6", "7"].map(Into::into));
    let mut rig = rig.crash();
    rig.pass(15 * 24 * 3_600_000);
    rig.commit();
    assert_eq!(kept(&rig), []);
}

/// What anybody may send takes no room from what somebody has proven.
#[test]
fn orphans_go_before_all_others() {
    let mut rig = heard(&[]);
    let id = rig.started("a");
    rig.suspend_on(id, vec![callback("c", None, None)]);
    rig.commit();
    settle(&mut rig, id, "0");
    settle(&mut rig, id, "late");
    for number in 0..9 {
        let letter = Box::new(Letter {
            id: LetterId::new(rig.now.0, number, Shard(1)),
            topic: topic::CALLBACK_ORPHAN.to_owned(),
            state: LetterState::Dead {
                since: rig.now,
                tries: 0,
                reason: "nobody's".to_owned(),
            },
            execution: None,
            operation: None,
            created: rig.now,
            source: None,
            body: Bytes::from_static(b"{}"),
            payload: Some("1".into()),
            keeper: None,
        });
        let posted = rig.answer(|reply| Input::Post { letter, reply });
        posted.expect("posted");
        rig.pass(1);
    }
    let topics = |rig: &Rig| -> Vec<String> {
        let letters = stored(rig, true).into_iter();
        letters.map(|letter| letter.topic).collect()
    };
    let expected = [
        topic::CALLBACK_CONFLICT,
        topic::CALLBACK_ORPHAN,
        topic::CALLBACK_ORPHAN,
    ];
    assert_eq!(topics(&rig), expected);
    let mut rig = rig.crash();
    for number in 0..3 {
        settle(&mut rig, id, &format!("more {number}"));
        rig.pass(1);
    }
    assert_eq!(topics(&rig), [topic::CALLBACK_CONFLICT; 4]);
}

#[test]
fn who_works_for_nobody_any_more_is_told() {
    let mut rig = heard(&[]);
    let note = || What::Note(Bytes::from_static(br#"{"task":"t1"}"#));
    let agent = || Source::new(Via::Agent);
    let id = rig.started("a");
    let mode = everstep_durable::Mode::Plain;
    rig.suspend_on(id, vec![chained("one", mode), chained("two", mode)]);
    rig.commit();
    for operation in [1, 2] {
        let noted = rig.outside(id, operation, note(), agent());
        assert_eq!(noted, Settlement::Applied);
    }
    let outcome = Outcome::Succeeded(None);
    rig.outside(id, 1, What::Settle(outcome), agent());
    pump(&mut rig);
    assert_eq!(rig.letters, [], "the first has said what came of it");
    let mut rig = rig.crash();
    drop(rig.stop(id));
    pump(&mut rig);
    let told: Vec<_> = rig.letters.iter().map(body).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(rig.letters[0].topic, topic::AGENT_CANCEL);
    assert_eq!(told[0]["operation"], 2);
    assert_eq!(told[0]["note"]["task"], "t1");
}

#[test]
fn a_sent_task_brings_the_note_that_was_left_with_it() {
    let mut rig = heard(&[]);
    let id = rig.started("a");
    let mode = everstep_durable::Mode::Plain;
    rig.suspend_on(id, vec![chained("one", mode)]);
    rig.commit();
    assert_eq!(rig.sent.last().and_then(|work| work.note.clone()), None);
    let note = Bytes::from_static(b"t1");
    rig.outside(id, 1, What::Note(note.clone()), Source::new(Via::Agent));
    let mut rig = rig.crash();
    rig.commit();
    let work = rig.sent.last().expect("sent again");
    assert_eq!((work.repeated, work.note.clone()), (true, Some(note)));
}

#[test]
fn a_clock_that_skips_comes_to_the_letters() {
    let mut rig = heard(&["execution.started"]);
    let id = rig.started("a");
    rig.suspend_on(id, vec![callback("c", Some(86_400), None)]);
    pump(&mut rig);
    let letter = rig.letters[0].id;
    assert!(!rig.owner.is_waiting(), "a letter is on its way");
    delivered(&mut rig, letter, refused(true));
    assert!(rig.owner.is_waiting());
    let next = rig.owner.next_timer_anywhere().expect("a time");
    let next = next.unwrap_or(Timestamp::NEVER).since_ms(rig.now);
    assert!(next <= 1_250, "{next}");
}
