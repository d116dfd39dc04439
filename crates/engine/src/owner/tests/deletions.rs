//! Executions that are deleted before their time, and rows that can't be read.

use bytes::Bytes;
use everstep_core::{Operation, Settlement, Status};
use everstep_store::{Commit, ListFilter, TaskRow, Write};

use super::rig::{Rig, callback};
use crate::Error;
use crate::input::Input;

#[test]
fn a_deletion_holds_through_a_crash_and_the_name_is_free_after_it() {
    for crashes in [false, true] {
        let mut rig = Rig::new();
        let id = rig.started("one");
        let delete = |reply| Input::Delete {
            execution: id,
            reply,
        };
        let refused = rig.answer(delete);
        assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
        drop(rig.stop(id));
        // Its last writes are on their way with it.
        let deleted = rig.answer(delete).expect("taken");
        assert_eq!(deleted.status, Status::Deleting);
        let again = rig.answer(delete).expect("taken again");
        assert_eq!(again.status, Status::Deleting);
        if crashes {
            rig = rig.crash();
        }
        rig.pass(1);
        rig.commit();
        assert_eq!(rig.purged, [id], "without waiting for its retention");
        assert!(matches!(
            rig.snapshot(id),
            Err(Error::UnknownExecution { .. })
        ));
        let listed = rig.store.list(&ListFilter::default(), None, 10);
        assert!(listed.expect("a list").rows.is_empty());
        assert_ne!(rig.started("one"), id);
    }
}

#[test]
fn an_unreadable_task_quarantines_its_execution_and_all_others_go_on() {
    let mut rig = Rig::new();
    let (sound, damaged) = (rig.started("sound"), rig.started("damaged"));
    rig.suspend_on(sound, vec![callback("c", None, None)]);
    rig.commit();
    let shard = damaged.shard();
    let epoch = rig.store.acquire(&[shard]).expect("an epoch");
    let row = TaskRow {
        execution: damaged,
        operation: Operation(0),
        generation: everstep_core::Generation(1),
        task: Bytes::from_static(&[1, 0xff]),
    };
    rig.store.commit(vec![Commit {
        shard,
        epoch: epoch[0].1,
        writes: vec![Write::PutTask(row)],
    }]);
    let mut rig = rig.crash();
    rig.commit();
    assert_eq!(rig.status(damaged), Status::Quarantined);
    assert_eq!(rig.settled(sound, 1, "1"), Settlement::Applied);
    let rig = rig.crash();
    assert!(
        rig.store
            .tasks(shard, None, 10)
            .expect("rows")
            .iter()
            .all(|row| row.execution != damaged),
        "it is looked at once"
    );
}
