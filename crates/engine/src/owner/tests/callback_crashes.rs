//! A callback's life with the server ended at each of its commits, before and after: whoever was answered was told the truth, and nothing is
//! lost, done twice or counted wrong.

use bytes::Bytes;
use everstep_core::{ExecutionId, Generation, Operation, Outcome, Settlement, Status};
use everstep_durable::{Mode, Output, Position};
use everstep_store::Direction;
use proptest::prelude::*;

use super::rig::{Asked, Rig, callback, chained};
use crate::attempt::{Attempt, Source, Verb, Via};
use crate::input::{Input, Outside, What};
use crate::letter::{Letter, topic};
use crate::{Late, LetterOptions, Options, Subscription, Work, WorkPayload};

fn options() -> Options {
    Options {
        subscriptions: vec![Subscription {
            sink: "log".to_owned(),
            events: vec!["execution.*".to_owned()],
            definitions: Vec::new(),
        }],
        letters: LetterOptions::default(),
        ..Options::default()
    }
}

/// A server that ends at its `at`-th commit: before it, or after it and before anybody hears of it.
struct Life {
    rig: Option<Rig>,
    commits: usize,
    at: usize,
    synced: bool,
}

impl Life {
    fn rig(&mut self) -> &mut Rig {
        self.rig.as_mut().expect("there is always one")
    }

    /// True when the server has ended instead: who waits hears nothing.
    fn commit(&mut self) -> bool {
        self.commits += 1;
        if self.commits != self.at {
            self.rig().commit();
            return false;
        }
        let rig = self.rig.take().expect("there is always one");
        self.rig = Some(if self.synced {
            rig.crash_after_sync()
        } else {
            rig.crash()
        });
        true
    }

    /// Asks until it is answered, as a client does.
    fn insist<T>(&mut self, ask: impl Fn(&mut Rig) -> Asked<T>) -> (T, u64) {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut asked = ask(self.rig());
            if !self.commit() {
                let answer = asked.try_recv().expect("an answer");
                return (answer.expect("taken"), tries);
            }
        }
    }

    fn tell(&mut self, id: ExecutionId, operation: u32, what: &'static str) -> (Settlement, u64) {
        self.insist(|rig| {
            rig.ask(|reply| Input::Outside {
                execution: id,
                asked: Box::new(Outside {
                    operation: Operation(operation),
                    generation: Generation(0),
                    what: match what.strip_prefix("note ") {
                        Some(note) => What::Note(Bytes::from_static(note.as_bytes())),
                        None => What::Settle(Outcome::Succeeded(Some(what.into()))),
                    },
                    source: Source::new(Via::Callbacks),
                }),
                reply,
            })
        })
    }

    /// Plays the function until it has done what `until` says.
    fn play(&mut self, id: ExecutionId, until: impl Fn(&mut Rig) -> bool, end: bool) {
        for _ in 0..8 {
            if until(self.rig()) {
                return;
            }
            let Some((position, generation)) = invocation(self.rig(), id) else {
                self.commit();
                continue;
            };
            if end {
                let output = Output::Succeeded { result: None };
                self.rig().finish(id, generation, output);
            } else {
                let updates = vec![callback("c", None, None), chained("a", Mode::Plain)];
                self.rig().checkpoint(id, position, updates);
                self.rig().finish(id, generation, Output::Pending);
            }
            self.commit();
        }
        panic!("the function is not done");
    }

    /// Delivers what goes out, at least once each, until nothing is left.
    fn deliver(&mut self) {
        for _ in 0..16 {
            self.rig().pass(0);
            self.commit();
            for letter in std::mem::take(&mut self.rig().letters) {
                let (letter, outcome) = (letter.id, Ok(()));
                let now = self.rig().now;
                self.rig()
                    .owner
                    .step(now, Input::Delivered { letter, outcome });
                self.commit();
            }
        }
    }
}

/// The function's latest invocation; the plain one that it invokes itself has none.
fn invocation(rig: &Rig, id: ExecutionId) -> Option<(Position, Generation)> {
    let own = |work: &&Work| work.execution == id && work.task.operation == Operation(0);
    let WorkPayload::Late(late) = &rig.sent.iter().rev().find(own)?.payload else {
        return None;
    };
    match &**late {
        Late::Durable(invocation) => Some((invocation.position, invocation.generation)),
        Late::Asl(_) => None,
    }
}

fn letters(rig: &Rig, is_dead: bool) -> Vec<Letter> {
    let rows = rig.store.letters(is_dead, None, Direction::Forward, 100);
    let rows = rows.expect("rows").into_iter();
    rows.map(|row| Letter::decode(row.id, &row.letter).expect("a letter"))
        .collect()
}

fn attempts(rig: &Rig, id: ExecutionId, operation: u32) -> Vec<Attempt> {
    let rows = rig.store.attempts(id, None, 1_000).expect("rows");
    let rows = rows
        .iter()
        .filter(|row| row.operation == Operation(operation));
    rows.map(|row| Attempt::decode(row.operation, &row.attempt).expect("an attempt"))
        .collect()
}

/// Returns how many commits there were.
fn lived(at: usize, synced: bool) -> usize {
    let context = format!("ended at commit {at}, synced: {synced}");
    let mut life = Life {
        rig: Some(Rig::with(options())),
        commits: 0,
        at,
        synced,
    };
    let (started, _) = life.insist(|rig| rig.start("a"));
    let id = started.id;
    let waits = |rig: &mut Rig| {
        let waits = rig.snapshot(id).expect("a snapshot").waits;
        waits.iter().filter(|wait| wait.is_open).count() == 2
    };
    life.play(id, waits, false);
    let (noted, _) = life.tell(id, 2, "note t1");
    assert_eq!(noted, Settlement::Applied, "{context}");
    let (first, first_tries) = life.tell(id, 1, "1");
    let taken = [Settlement::Applied, Settlement::Duplicate];
    assert!(taken.contains(&first), "{context}");
    let (second, second_tries) = life.tell(id, 1, "2");
    assert_eq!(second, Settlement::Conflict, "{context}");
    let ended = |rig: &mut Rig| rig.status(id) == Status::Succeeded;
    life.play(id, ended, true);
    life.deliver();

    let rig = life.rig();
    let kept = attempts(rig, id, 1);
    let settled: Vec<_> = kept
        .iter()
        .filter(|attempt| attempt.outcome == Settlement::Applied)
        .collect();
    assert_eq!(settled.len(), 1, "{context}: settled once");
    assert_eq!(settled[0].verb, Verb::Succeed);
    let counted = kept.last().map_or(0, |attempt| attempt.number);
    let tries = first_tries + second_tries;
    // A try that was not answered may have left nothing, if it did nothing.
    assert!(
        counted == tries || counted + 1 == tries,
        "{context}: {counted} of {tries}"
    );
    let dead = letters(rig, true);
    let topics: Vec<_> = dead.iter().map(|letter| letter.topic.as_str()).collect();
    assert_eq!(topics, [topic::CALLBACK_CONFLICT], "{context}: kept once");
    assert_eq!(letters(rig, false), [], "{context}: all were delivered");
    let out = rig.store.tasks(id.shard(), None, 10).expect("rows");
    assert_eq!(out, [], "{context}");
    life.commits
}

#[test]
fn a_callback_survives_the_end_of_the_server_at_each_of_its_commits() {
    let commits = lived(0, false);
    assert!(commits > 8, "{commits}");
    for at in 1..=commits {
        for synced in [false, true] {
            lived(at, synced);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Duplicated, reordered and contradicting settles, with the server ended in between: one is taken, all are counted.
    #[test]
    fn whatever_comes_in_whatever_order_one_is_taken_and_all_are_counted(
        tries in prop::collection::vec((0..4_u8, 0..3_u8, prop::bool::weighted(0.2)), 1..40),
    ) {
        let mut rig = Rig::new();
        let id = rig.started("a");
        rig.suspend_on(id, vec![callback("c", None, None)]);
        rig.commit();
        let mut taken = None;
        for (result, peer, crashes) in &tries {
            if *crashes {
                rig = rig.crash();
            }
            let outcome = Outcome::Succeeded(Some(result.to_string().into()));
            let source = Source {
                peer: Some(peer.to_string()),
                ..Source::new(Via::Callbacks)
            };
            let settlement = rig.outside(id, 1, What::Settle(outcome), source);
            let first = *taken.get_or_insert(*result);
            let expected = match (settlement, first == *result) {
                (Settlement::Applied, _) => attempts(&rig, id, 1).len() == 1,
                (Settlement::Duplicate, same) => same,
                (Settlement::Conflict, same) => !same,
                _ => false,
            };
            prop_assert!(expected, "{settlement:?} for {result} after {first}");
        }
        let kept = attempts(&rig, id, 1);
        let counted: u64 = kept.iter().map(|attempt| attempt.times).sum();
        prop_assert_eq!(counted, tries.len() as u64);
        prop_assert_eq!(kept.last().map(|attempt| attempt.number), Some(tries.len() as u64));
        let applied = kept.iter().filter(|attempt| attempt.outcome == Settlement::Applied);
        prop_assert_eq!(applied.count(), 1);
    }
}

#[test]
fn a_clock_that_jumps_ends_nothing_twice_and_loses_no_try() {
    let mut rig = Rig::new();
    let id = rig.started("a");
    rig.suspend_on(id, vec![callback("c", Some(60), Some(30))]);
    rig.commit();
    let tell = |rig: &mut Rig| {
        let outcome = Outcome::Succeeded(Some("1".into()));
        rig.outside(id, 1, What::Settle(outcome), Source::new(Via::Callbacks))
    };
    let before = rig.now;
    rig.now = everstep_core::Timestamp(before.0 - 500_000);
    let beat = rig.outside(id, 1, What::Beat, Source::new(Via::Callbacks));
    assert_eq!(beat, Settlement::Applied, "it went back");
    rig.now = before;
    rig.pass(10 * 365 * 24 * 3_600_000);
    rig.commit();
    assert_eq!(
        tell(&mut rig),
        Settlement::TimedOut,
        "it went on by ten years"
    );
    rig.now = before;
    assert_eq!(tell(&mut rig), Settlement::TimedOut, "and back again");
    let kept = attempts(&rig, id, 1);
    let outcomes: Vec<_> = kept
        .iter()
        .map(|attempt| (attempt.verb, attempt.outcome, attempt.times))
        .collect();
    assert_eq!(
        outcomes,
        [
            (Verb::Heartbeat, Settlement::Applied, 1),
            (Verb::Succeed, Settlement::TimedOut, 2)
        ]
    );
    assert_eq!(letters(&rig, true).len(), 1);
}
