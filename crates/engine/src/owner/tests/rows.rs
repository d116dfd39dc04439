//! Starts, timers, heartbeats, retention, residence: what the rows on their way and the rows in the store say together.

use everstep_core::{Settlement, StartKey, Status};
use everstep_durable::Output;

use super::rig::{RETENTION_MS, Rig, callback, settings, wait};
use crate::input::Input;
use crate::{Error, Options};

#[test]
fn a_second_start_is_the_first_before_and_after_the_commit_and_a_crash() {
    let mut rig = Rig::new();
    let mut first = rig.start("one");
    let mut second = rig.start("one");
    let mut different = rig.start_with("one", settings().encode(), 9);
    rig.commit();
    let id = first.try_recv().expect("an answer").expect("started").id;
    let second = second.try_recv().expect("an answer").expect("started");
    assert!(second.existing && second.id == id);
    let taken = different.try_recv().expect("an answer");
    assert_eq!(taken.expect_err("another start"), Error::NameTaken { id });
    let mut rig = rig.crash();
    let mut third = rig.start("one");
    rig.commit();
    let third = third.try_recv().expect("an answer").expect("started");
    assert!(third.existing && third.id == id);
    let found = rig.answer(|reply| Input::Find {
        key: StartKey::new("f", "one"),
        reply,
    });
    assert_eq!(found.expect("a row"), Some(id));
}

#[test]
fn a_start_that_was_not_committed_never_was() {
    let mut rig = Rig::new();
    let mut asked = rig.start("one");
    let mut rig = rig.crash();
    assert!(matches!(
        asked.try_recv(),
        Err(tokio::sync::oneshot::error::TryRecvError::Closed)
    ));
    assert!(rig.sent.is_empty());
    let mut again = rig.start("one");
    rig.commit();
    assert!(
        !again
            .try_recv()
            .expect("an answer")
            .expect("started")
            .existing
    );
}

#[test]
fn watchers_are_told_once_the_end_is_durable() {
    let mut rig = Rig::new();
    let id = rig.started("one");
    let mut watch = rig.ask(|reply| Input::Watch {
        execution: id,
        reply,
    });
    rig.commit();
    assert!(watch.try_recv().is_err());
    drop(rig.stop(id));
    assert!(watch.try_recv().is_err(), "told before it was durable");
    rig.commit();
    let row = watch.try_recv().expect("an answer").expect("a row");
    assert_eq!(row.status, Status::Stopped);
    let late = rig.answer(|reply| Input::Watch {
        execution: id,
        reply,
    });
    assert_eq!(late.expect("a row").status, Status::Stopped);
}

#[test]
fn a_timer_beyond_the_hour_fires_in_its_time_and_a_cleared_one_never() {
    let mut rig = Rig::new();
    let id = rig.started("one");
    rig.suspend_on(
        id,
        vec![wait("w", 3 * 3_600), callback("c", Some(2 * 3_600), None)],
    );
    rig.commit();
    assert_eq!(rig.settled(id, 2, "1"), Settlement::Applied);
    let sent = rig.sent.len();
    rig.finish(
        id,
        rig.invocation(id).expect("an invocation").generation,
        Output::Pending,
    );
    rig.commit();
    // Once by steps through the reloads, with a restart on the way.
    for _ in 0..11 {
        rig.pass(16 * 60_000);
        rig.commit();
        rig = rig.crash();
    }
    assert_eq!(rig.sent.len(), sent, "nothing was due yet");
    rig.pass(5 * 60_000);
    rig.commit();
    assert_eq!(
        rig.sent.len(),
        sent + 1,
        "the wait is over: the function is invoked"
    );
}

#[test]
fn the_next_timer_is_found_wherever_it_stands() {
    let mut rig = Rig::new();
    let id = rig.started("one");
    assert!(!rig.owner.is_waiting(), "an invocation is out");
    rig.suspend_on(id, vec![wait("w", 24 * 3_600)]);
    rig.commit();
    assert!(rig.owner.is_waiting());
    let due = rig.owner.next_timer_anywhere().expect("a read");
    assert_eq!(due, Some(rig.now.after_seconds(24 * 3_600)));
    drop(rig.stop(id));
    rig.commit();
    assert_eq!(rig.owner.next_timer_anywhere().expect("a read"), None);
}

#[test]
fn heartbeats_extend_and_get_one_fresh_interval_from_a_restart() {
    for heartbeat_s in [60, 2 * 3_600] {
        let interval = u64::from(heartbeat_s) * 1_000;
        let mut rig = Rig::new();
        let id = rig.started("one");
        rig.suspend_on(id, vec![callback("c", None, Some(heartbeat_s))]);
        rig.commit();
        rig.pass(interval - 10);
        assert_eq!(rig.beat(id, 1), Settlement::Applied);
        rig.pass(interval - 10);
        assert_eq!(rig.beat(id, 1), Settlement::Applied, "{heartbeat_s} s");
        rig.pass(1_000);
        let mut rig = rig.crash();
        rig.pass(interval - 1);
        assert_eq!(rig.settled(id, 9, "x"), Settlement::Unknown);
        assert_eq!(
            rig.snapshot(id).expect("a snapshot").view.operations[1].status,
            everstep_core::OperationStatus::Started,
            "{heartbeat_s} s"
        );
        // Nobody has woken the timer yet, and still the sign of life comes too late.
        rig.now = rig.now.after_ms(1);
        assert_eq!(rig.beat(id, 1), Settlement::TimedOut, "{heartbeat_s} s");
        assert!(rig.owner.beats.is_empty());
    }
}

#[test]
fn retention_purges_once_and_gives_the_name_back_at_once() {
    let mut rig = Rig::new();
    let id = rig.started("one");
    drop(rig.stop(id));
    rig.commit();
    rig.pass(RETENTION_MS - 1);
    rig.commit();
    assert!(rig.purged.is_empty());
    rig.pass(RETENTION_MS);
    // The purge has gathered and is not durable: what the store says of it is old.
    let mut gone = rig.ask(|reply| Input::Row {
        execution: id,
        reply,
    });
    let mut again = rig.start("one");
    rig.pass(RETENTION_MS);
    rig.commit();
    let gone = gone.try_recv().expect("an answer");
    assert_eq!(gone.expect_err("purged"), Error::UnknownExecution { id });
    let again = again.try_recv().expect("an answer").expect("started");
    assert!(!again.existing && again.id != id);
    assert_eq!(rig.purged, [id]);
    let mut rig = rig.crash();
    assert_eq!(rig.status(again.id), Status::Running);
    let mut third = rig.start("one");
    rig.commit();
    assert_eq!(
        third.try_recv().expect("an answer").expect("started").id,
        again.id
    );
    assert!(rig.snapshot(id).is_err());
}

#[test]
fn executions_leave_memory_only_when_they_are_durable() {
    let mut rig = Rig::with(Options {
        resident_max: 4,
        ..Options::default()
    });
    let ids: Vec<_> = (0..20).map(|n| rig.started(&format!("e{n}"))).collect();
    assert!(rig.owner.cells.len() <= 5, "{}", rig.owner.cells.len());
    for id in &ids {
        rig.suspend_on(*id, vec![callback("c", None, None)]);
    }
    let mut asked: Vec<_> = ids
        .iter()
        .map(|id| {
            rig.ask(|reply| Input::Row {
                execution: *id,
                reply,
            })
        })
        .collect();
    assert_eq!(rig.owner.cells.len(), 20, "their rows are on their way");
    rig.commit();
    assert!(rig.owner.cells.len() <= 4);
    assert!(asked.iter_mut().all(|row| row.try_recv().is_ok()));
    let mut first = Vec::new();
    rig.commit_while(|rig| {
        first = ids.iter().map(|id| rig.settle(*id, 1, "1")).collect();
    });
    assert_eq!(rig.owner.cells.len(), 20, "the next group has their rows");
    for id in ids {
        assert_eq!(rig.settled(id, 1, "2"), Settlement::Conflict);
    }
    assert!(first.iter_mut().all(|asked| asked.try_recv().is_ok()));
}

#[test]
fn time_that_goes_back_moves_nothing_back() {
    let mut rig = Rig::new();
    let id = rig.started("one");
    let started = rig.snapshot(id).expect("a snapshot").row.started;
    rig.now = everstep_core::Timestamp(5);
    drop(rig.stop(id));
    rig.commit();
    let row = rig.snapshot(id).expect("a snapshot").row;
    assert_eq!(row.closed, Some(started));
}
