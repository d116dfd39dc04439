//! Task queues: places, leases, repetition and loss.

use everstep_core::{Generation, Operation, Recovery, Status};
use everstep_durable::{Mode, Output};

use super::rig::{Rig, SHARDS, callback, settings, wait};
use crate::input::Input;
use crate::{Latencies, Options};

fn narrow(places: usize) -> Rig {
    Rig::with(Options {
        in_flight_per_target_max: places,
        ..Options::default()
    })
}

#[test]
fn no_more_than_the_places_of_a_target_are_out_and_the_rest_follows_in_order() {
    let mut rig = narrow(2);
    let ids: Vec<_> = (0..6).map(|n| rig.started(&format!("e{n}"))).collect();
    assert_eq!(rig.sent.len(), 2);
    // One that ends while it waits gives its turn away.
    drop(rig.stop(ids[2]));
    for n in [0, 1, 3, 4, 5] {
        let generation = rig.invocation(ids[n]).expect("it is out").generation;
        rig.finish(ids[n], generation, Output::Succeeded { result: None });
        rig.commit();
        assert_eq!(rig.status(ids[n]), Status::Succeeded);
    }
    let order: Vec<_> = rig.sent.iter().map(|work| work.execution).collect();
    assert_eq!(order, [ids[0], ids[1], ids[3], ids[4], ids[5]]);
    assert!(rig.owner.queues.is_idle());
    assert_eq!(
        rig.owner.queues.figures(),
        (0, 0, 0),
        "every place is given back"
    );
}

#[test]
fn what_is_out_and_what_became_of_it_is_counted() {
    let mut rig = narrow(2);
    let ids: Vec<_> = (0..6).map(|n| rig.started(&format!("e{n}"))).collect();
    let counted = |rig: &Rig| rig.owner.figures(Latencies::default());
    let figures = counted(&rig);
    let target = rig.sent[0].task.target.clone();
    let at = &figures.targets[&(target.kind, target.address)];
    assert_eq!((at.waiting, at.out), (4, 2));
    let definition = figures.executions.keys().next().expect("one").0.clone();
    let of = |status| (definition.clone(), status);
    assert_eq!(figures.executions[&of(Status::Running)], 6);
    assert_eq!(figures.resident, 6);
    drop(rig.stop(ids[2]));
    let generation = rig.invocation(ids[0]).expect("it is out").generation;
    rig.finish(ids[0], generation, Output::Succeeded { result: None });
    rig.commit();
    let figures = counted(&rig);
    assert_eq!(figures.executions[&of(Status::Stopped)], 1);
    assert_eq!(figures.executions[&of(Status::Succeeded)], 1);
    assert_eq!(
        figures.executions[&of(Status::Running)],
        6,
        "starts, not a level"
    );
}

#[test]
fn a_lease_that_runs_out_sends_the_task_again_under_the_same_generation() {
    let mut rig = Rig::new();
    let id = rig.started("one");
    let first = rig.sent[0].task.clone();
    rig.pass(60_000 + 59_999);
    rig.commit();
    assert_eq!(rig.sent.len(), 1, "its lease holds");
    rig.pass(1);
    rig.commit();
    assert_eq!(rig.sent.len(), 2);
    assert!(rig.sent[1].repeated && !rig.sent[0].repeated);
    assert_eq!(
        rig.sent[1].task.idempotency_key(id),
        first.idempotency_key(id)
    );
    rig.finish(id, first.generation, Output::Succeeded { result: None });
    rig.pass(3_600_000);
    rig.commit();
    assert_eq!(rig.sent.len(), 2, "an ended task has no lease");
    assert_eq!(rig.owner.queues.figures(), (0, 0, 0));
}

#[test]
fn a_restart_repeats_what_was_out_and_reports_what_is_lost_first() {
    let mut rig = Rig::new();
    let repeated = rig.started("repeated");
    // A plain function that is never to be tried again.
    let mut once = settings();
    once.mode = Mode::Plain;
    (once.retry.immediate_max, once.retry.delayed_max) = (0, 0);
    let mut asked = rig.start_with("lost", once.encode(), 0);
    rig.commit();
    let lost = asked.try_recv().expect("an answer").expect("started").id;
    assert_eq!(rig.sent[1].task.recovery, Recovery::Lost);
    rig.sent.clear();
    let mut rig = rig.crash();
    assert!(
        rig.sent.is_empty(),
        "nothing runs before the loss is durable"
    );
    rig.commit();
    let out: Vec<_> = rig
        .sent
        .iter()
        .map(|work| (work.execution, work.repeated))
        .collect();
    assert_eq!(out, [(repeated, true)]);
    let rows: usize = SHARDS
        .iter()
        .map(|shard| rig.store.tasks(*shard, None, 10).expect("rows").len())
        .sum();
    assert_eq!(rows, 1, "the lost task's row is gone");
    assert_eq!(rig.status(lost), Status::Failed);
}

#[test]
fn a_thousand_parked_executions_are_recovered_and_answered() {
    let mut rig = Rig::new();
    let ids: Vec<_> = (0..1_000)
        .map(|n| {
            let id = rig.started(&format!("e{n}"));
            rig.suspend_on(id, vec![callback("c", Some(600), None), wait("w", 1_200)]);
            rig.commit();
            id
        })
        .collect();
    let mut rig = rig.crash();
    rig.sent.clear();
    rig.commit();
    assert!(rig.sent.is_empty() && rig.owner.cells.is_empty());
    let mut asked: Vec<_> = ids[..500]
        .iter()
        .map(|id| rig.settle(*id, 1, "1"))
        .collect();
    rig.commit();
    assert!(asked.iter_mut().all(|asked| asked.try_recv().is_ok()));
    for _ in 0..10 {
        rig.pass(600_000);
        rig.commit();
    }
    let mut invoked: Vec<_> = rig.sent.iter().map(|work| work.execution).collect();
    invoked.sort_unstable();
    invoked.dedup();
    // Nobody answers, so the leases of those that were out give their places to the others.
    assert_eq!(invoked.len(), 1_000);
    while rig.owner.queues.figures().1 > 0 {
        let out: Vec<_> = std::mem::take(&mut rig.sent);
        for work in out {
            let output = Output::Succeeded { result: None };
            rig.finish(work.execution, work.task.generation, output);
        }
        rig.commit();
    }
    for id in ids {
        assert_eq!(rig.status(id), Status::Succeeded);
    }
}

#[test]
fn a_task_that_only_waits_takes_no_place_and_keeps_nobody_awake() {
    let mut rig = narrow(1);
    let ids: Vec<_> = (0..3).map(|n| rig.started(&format!("e{n}"))).collect();
    let generation = rig.invocation(ids[0]).expect("it is out").generation;
    assert!(rig.invocation(ids[1]).is_none());
    let park = |rig: &mut Rig, generation| {
        rig.owner.step(
            rig.now,
            Input::Park {
                execution: ids[0],
                operation: Operation(0),
                generation,
                is_away: false,
            },
        );
        rig.commit();
    };
    // Another generation's word is not heard, and twice is once.
    park(&mut rig, Generation(9));
    assert!(rig.invocation(ids[1]).is_none());
    park(&mut rig, generation);
    park(&mut rig, generation);
    let next = rig.invocation(ids[1]).expect("it has the place").generation;
    assert!(rig.invocation(ids[2]).is_none());
    assert!(!rig.owner.queues.is_idle());
    rig.finish(ids[1], next, Output::Succeeded { result: None });
    rig.commit();
    let last = rig.invocation(ids[2]).expect("it is its turn").generation;
    rig.finish(ids[2], last, Output::Succeeded { result: None });
    rig.commit();
    assert!(rig.owner.queues.is_idle(), "only what waits is out");
    // Its lease holds, and brings it again like any other.
    rig.sent.clear();
    rig.pass(60_000 + 60_000);
    rig.commit();
    assert_eq!(rig.sent.len(), 1);
    assert!(rig.sent[0].repeated && !rig.owner.queues.is_idle());
    rig.finish(ids[0], generation, Output::Succeeded { result: None });
    rig.commit();
    assert_eq!(rig.status(ids[0]), Status::Succeeded);
    assert_eq!(rig.owner.queues.figures(), (0, 0, 0));
    assert!(rig.owner.queues.is_idle());
}
