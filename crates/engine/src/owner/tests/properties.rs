//! Random lives of a few executions, with crashes at any moment. What was acknowledged holds, whatever comes after it.

use std::collections::{BTreeMap, HashMap};

use everstep_core::{
    Answer, Batch, Entry, ExecutionId, KernelEvent, Operation, Sequence, Settlement, Timestamp,
};
use everstep_durable::{Event, Output};
use everstep_store::Direction;
use proptest::prelude::*;

use super::rig::{Asked, RETENTION_MS, Rig, callback, wait};
use crate::input::Started;
use crate::{Error, Options, Reply};

#[derive(Clone, Debug)]
enum Move {
    Start(u8),
    /// The function starts a callback (timeout, heartbeat) and a wait, and suspends.
    Suspend(u8, Option<u32>, Option<u32>, u32),
    Finish(u8),
    Settle(u8, u32, bool),
    Beat(u8, u32),
    Stop(u8),
    Pass(u64),
    Commit,
    Panic,
    Crash,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let name = 0..3_u8;
    let seconds = || prop::option::of(1..20_u32);
    let one = prop_oneof![
        3 => name.clone().prop_map(Move::Start),
        4 => (name.clone(), seconds(), seconds(), 1..20_u32)
            .prop_map(|(name, timeout, beat, wait)| Move::Suspend(name, timeout, beat, wait)),
        1 => name.clone().prop_map(Move::Finish),
        4 => (name.clone(), 0..6_u32, any::<bool>())
            .prop_map(|(name, operation, with)| Move::Settle(name, operation, with)),
        1 => (name.clone(), 0..6_u32).prop_map(|(name, operation)| Move::Beat(name, operation)),
        1 => name.prop_map(Move::Stop),
        3 => (0..8_000_u64).prop_map(Move::Pass),
        1 => Just(Move::Pass(RETENTION_MS * 2)),
        5 => Just(Move::Commit),
        1 => Just(Move::Panic),
        2 => Just(Move::Crash),
    ];
    prop::collection::vec(one, 1..60)
}

enum Waiting {
    Start(u8, Asked<Started>),
    Settle(ExecutionId, u32, bool, Asked<Answer<Reply>>),
}

#[derive(Default)]
struct Ledger {
    waiting: Vec<Waiting>,
    /// The execution that a name was acknowledged to have.
    names: BTreeMap<u8, ExecutionId>,
    /// The outcome that was acknowledged as applied.
    applied: HashMap<(ExecutionId, u32), bool>,
    checked: usize,
}

impl Ledger {
    fn collect(&mut self, purged: &[ExecutionId]) {
        self.names.retain(|_, id| !purged.contains(id));
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Start(name, mut asked) => match asked.try_recv() {
                    // It had the name until the same commit purged it.
                    Ok(Ok(started)) if purged.contains(&started.id) => {}
                    Ok(Ok(started)) => {
                        let known = self.names.insert(name, started.id);
                        assert!(known.is_none_or(|id| id == started.id), "a name moved");
                        assert!(known.is_none() || started.existing);
                    }
                    Ok(Err(Error::Crashed { .. })) => {}
                    Ok(Err(error)) => panic!("a start: {error}"),
                    Err(_) => self.waiting.push(Waiting::Start(name, asked)),
                },
                Waiting::Settle(id, operation, with, mut asked) => match asked.try_recv() {
                    Ok(Ok(Answer::Settled(settlement))) => {
                        self.judge((id, operation), with, settlement);
                    }
                    Ok(Ok(other)) => panic!("a settle: {other:?}"),
                    Ok(Err(Error::Crashed { .. } | Error::UnknownExecution { .. })) => {}
                    Ok(Err(error)) => panic!("a settle: {error}"),
                    Err(_) => self
                        .waiting
                        .push(Waiting::Settle(id, operation, with, asked)),
                },
            }
        }
    }

    /// The first settle wins, for ever.
    fn judge(&mut self, key: (ExecutionId, u32), with: bool, settlement: Settlement) {
        match (self.applied.get(&key), settlement) {
            (None, Settlement::Applied) => {
                self.applied.insert(key, with);
            }
            (None, _) => {}
            (Some(first), Settlement::Duplicate) => assert_eq!(*first, with),
            (Some(first), Settlement::Conflict) => assert_ne!(*first, with),
            (Some(_), other) => panic!("after an applied settle: {other:?}"),
        }
    }
}

fn journal(rig: &Rig, id: ExecutionId) -> Vec<Batch<Event>> {
    let rows = rig
        .store
        .journal(id, Sequence(0), Direction::Forward, 10_000);
    rows.expect("rows")
        .iter()
        .map(|row| Batch::decode(row.sequence, &row.batch).expect("a batch"))
        .collect()
}

/// What went out stands in a durable journal, and no timer of that journal was early.
fn check_journals(rig: &Rig, ledger: &mut Ledger) {
    for work in &rig.sent[ledger.checked..] {
        let started = |entry: &Entry<Event>| matches!(entry, Entry::Kernel(KernelEvent::TaskStarted(task)) if *task == work.task);
        let journal = journal(rig, work.execution);
        assert!(
            rig.purged.contains(&work.execution)
                || journal.iter().flat_map(|batch| &batch.entries).any(started),
            "sent before it was durable: {work:?}"
        );
    }
    ledger.checked = rig.sent.len();
    for id in ledger.names.values() {
        let (mut starts, mut last) = (HashMap::<Operation, Timestamp>::new(), Timestamp(0));
        for batch in journal(rig, *id) {
            assert!(batch.at >= last, "time went back");
            last = batch.at;
            for entry in &batch.entries {
                match entry {
                    Entry::Machine(Event::WaitStarted {
                        operation,
                        scheduled_end,
                        ..
                    }) => {
                        starts.insert(*operation, *scheduled_end);
                    }
                    Entry::Machine(Event::CallbackStarted {
                        operation,
                        timeout_s,
                        heartbeat_s,
                    }) => {
                        let first = timeout_s.iter().chain(heartbeat_s).min();
                        let due = first
                            .map_or(Timestamp::NEVER, |s| batch.at.after_seconds(u64::from(*s)));
                        starts.insert(*operation, due);
                    }
                    Entry::Machine(
                        Event::WaitSucceeded { operation, .. }
                        | Event::CallbackTimedOut { operation, .. },
                    ) => assert!(batch.at >= starts[operation], "{operation} was early"),
                    _ => {}
                }
            }
        }
    }
}

fn make(rig: Rig, ledger: &mut Ledger, ids: &mut BTreeMap<u8, ExecutionId>, step: &Move) -> Rig {
    let mut rig = rig;
    let known = |name: &u8| ids.get(name).copied();
    match step {
        Move::Start(name) => {
            let asked = rig.start(&format!("e{name}"));
            ledger.waiting.push(Waiting::Start(*name, asked));
        }
        Move::Suspend(name, timeout, beat, seconds) => {
            if let Some(id) = known(name) {
                let tag = rig.now.0;
                let updates = vec![
                    callback(&format!("c{tag}"), *timeout, *beat),
                    wait(&format!("w{tag}"), *seconds),
                ];
                rig.suspend_on(id, updates);
            }
        }
        Move::Finish(name) => {
            let running = known(name).and_then(|id| Some((id, rig.invocation(id)?.generation)));
            if let Some((id, generation)) = running {
                rig.finish(id, generation, Output::Succeeded { result: None });
            }
        }
        Move::Settle(name, operation, with) => {
            if let Some(id) = known(name) {
                let asked = rig.settle(id, *operation, if *with { "1" } else { "2" });
                ledger
                    .waiting
                    .push(Waiting::Settle(id, *operation, *with, asked));
            }
        }
        Move::Beat(name, operation) => {
            if let Some(execution) = known(name) {
                drop(rig.ask(|reply| crate::input::Input::Beat {
                    execution,
                    operation: Operation(*operation),
                    generation: everstep_core::Generation(0),
                    reply,
                }));
            }
        }
        Move::Stop(name) => {
            if let Some(id) = known(name) {
                drop(rig.stop(id));
            }
        }
        Move::Pass(ms) => rig.pass(*ms),
        Move::Commit => {
            rig.commit();
            ledger.collect(&rig.purged);
            ids.extend(&ledger.names);
        }
        Move::Panic => {
            let mut once = true;
            rig.owner.poison = Some(Box::new(move |_| std::mem::take(&mut once)));
        }
        Move::Crash => {
            ledger.waiting.clear();
            rig = rig.crash();
        }
    }
    rig
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_holds_across_crashes(moves in moves()) {
        let mut rig = Rig::with(Options { resident_max: 2, in_flight_per_target_max: 2, ..Options::default() });
        let (mut ledger, mut ids) = (Ledger::default(), BTreeMap::new());
        for step in &moves {
            rig = make(rig, &mut ledger, &mut ids, step);
            if matches!(step, Move::Commit | Move::Crash) {
                check_journals(&rig, &mut ledger);
            }
        }
        rig.owner.poison = None;
        for _ in 0..3 {
            rig.commit();
            ledger.collect(&rig.purged);
        }
        prop_assert!(ledger.waiting.is_empty(), "somebody was never answered");
        check_journals(&rig, &mut ledger);
        let live: Vec<_> = ledger.names.values().copied().collect();
        let before: Vec<_> = live.iter().map(|id| rig.snapshot(*id).expect("acknowledged")).collect();
        let applied: Vec<_> = ledger.applied.iter().map(|(key, with)| (*key, *with)).collect();
        let mut rig = rig.crash();
        for (id, before) in live.iter().zip(before) {
            let after = rig.snapshot(*id).expect("acknowledged");
            prop_assert_eq!(&before.row, &after.row);
            prop_assert_eq!(format!("{:?}", before.view), format!("{:?}", after.view));
        }
        for ((id, operation), with) in applied {
            if live.contains(&id) {
                let text = if with { "1" } else { "2" };
                prop_assert_eq!(rig.settled(id, operation, text), Settlement::Duplicate);
            }
        }
    }
}
