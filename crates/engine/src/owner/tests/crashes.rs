//! Turns that panic.

use everstep_core::{Settlement, Status};
use everstep_store::Direction;

use super::rig::{Rig, callback, wait};
use crate::Error;

fn poison(rig: &mut Rig, times: u32) {
    let mut left = times;
    rig.owner.poison = Some(Box::new(move |_| {
        let poisoned = left > 0;
        left = left.saturating_sub(1);
        poisoned
    }));
}

#[test]
fn a_crashed_turn_is_discarded_and_its_state_rebuilt() {
    let mut rig = Rig::new();
    let (one, other) = (rig.started("one"), rig.started("other"));
    rig.suspend_on(one, vec![callback("c", None, None)]);
    rig.commit();
    let before = format!("{:?}", rig.snapshot(one).expect("a snapshot").view);
    poison(&mut rig, 1);
    let mut asked = rig.settle(one, 1, "\"x\"");
    rig.commit();
    let crashed = asked.try_recv().expect("an answer");
    assert!(matches!(crashed, Err(Error::Crashed { .. })), "{crashed:?}");
    let after = format!("{:?}", rig.snapshot(one).expect("a snapshot").view);
    assert_eq!(before, after);
    assert_eq!(rig.settled(one, 1, "\"x\""), Settlement::Applied);
    assert_eq!(rig.status(other), Status::Running);
}

#[test]
fn what_follows_a_crash_over_uncommitted_rows_waits_for_them() {
    let mut rig = Rig::new();
    let id = rig.started("one");
    rig.suspend_on(id, vec![callback("c", None, None)]);
    poison(&mut rig, 1);
    let mut crashed = rig.settle(id, 1, "\"x\"");
    let mut parked = rig.settle(id, 1, "\"y\"");
    rig.commit();
    assert!(crashed.try_recv().expect("an answer").is_err());
    assert!(
        parked.try_recv().is_err(),
        "its turn ran after the commit and is not durable yet"
    );
    rig.commit();
    assert!(parked.try_recv().expect("an answer").is_ok());
    assert_eq!(rig.settled(id, 1, "\"y\""), Settlement::Duplicate);
}

#[test]
fn the_third_crash_quarantines_with_the_reason_in_the_journal() {
    for uncommitted in [false, true] {
        let mut rig = Rig::new();
        let (id, other) = (rig.started("one"), rig.started("other"));
        rig.suspend_on(id, vec![callback("c", Some(5), None), wait("w", 5)]);
        if !uncommitted {
            rig.commit();
        }
        poison(&mut rig, u32::MAX);
        // The timers crash too: quarantine must not need them.
        for _ in 0..4 {
            rig.pass(5_000);
            rig.commit();
        }
        assert_eq!(
            rig.status(id),
            Status::Quarantined,
            "uncommitted: {uncommitted}"
        );
        let last = rig.store.journal(
            id,
            everstep_core::Sequence(u32::MAX),
            Direction::Backward,
            1,
        );
        let last = last.expect("rows").remove(0);
        let reason = crate::registry::quarantine_reason(1, last.sequence, &last.batch);
        let reason = reason.expect("a batch").expect("a reason");
        assert!(reason.contains("poisoned"), "{reason}");
        let mut rig = rig.crash();
        assert_eq!(rig.status(id), Status::Quarantined);
        assert_eq!(rig.settled(id, 1, "\"x\""), Settlement::Closed);
        assert_eq!(rig.status(other), Status::Running);
    }
}

#[test]
fn a_start_that_crashes_or_is_refused_leaves_nothing() {
    let mut rig = Rig::new();
    poison(&mut rig, 1);
    let mut asked = rig.start("one");
    rig.commit();
    assert!(asked.try_recv().expect("an answer").is_err());
    let mut refused = rig.start_with("one", bytes::Bytes::from_static(b"nonsense"), 0);
    rig.commit();
    let refused = refused.try_recv().expect("an answer");
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    assert!(rig.sent.is_empty());
    let mut asked = rig.start("one");
    rig.commit();
    assert!(
        !asked
            .try_recv()
            .expect("an answer")
            .expect("started")
            .existing
    );
}
