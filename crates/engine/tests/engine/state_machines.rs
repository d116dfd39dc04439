use std::collections::BTreeMap;

use everstep_core::Digest;
use everstep_engine::catalogue::{
    ActivityRecord, MachineAlias, MachineLogging, MachineRoute, StateMachineKind,
    StateMachineRecord, StateMachineRevision,
};
use everstep_engine::{Error, Options};

use crate::world::World;

fn revision(id: &str, definition: &str) -> StateMachineRevision {
    StateMachineRevision {
        state_machine: "m".to_owned(),
        revision: id.to_owned(),
        initial: id == "r1",
        kind: StateMachineKind::Standard,
        definition: Digest::of(definition.as_bytes()),
        role: "role".to_owned(),
        logging: MachineLogging::default(),
        tracing: false,
        encryption: None,
        modified_ms: 1,
    }
}

fn record(latest: &str) -> StateMachineRecord {
    StateMachineRecord {
        name: "m".to_owned(),
        kind: StateMachineKind::Standard,
        deleting: false,
        created_ms: 1,
        latest: latest.to_owned(),
        versions: BTreeMap::new(),
        next_version: 1,
        aliases: BTreeMap::new(),
        tags: BTreeMap::new(),
    }
}

fn publish(record: &mut StateMachineRecord) -> Result<u32, Error> {
    let latest = record.latest.clone();
    Ok(record.publish(&latest, None, 2))
}

fn unchanged(_: &mut StateMachineRecord) -> Result<(), Error> {
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_name_revisions_that_never_change() {
    let world = World::new(Options::default());
    let handle = &world.handle;
    let create = async |id| {
        let revision = revision(id, "d");
        handle.create_state_machine(&record(id), &revision).await
    };
    create("r1").await.expect("created");
    let again = create("r2").await;
    assert!(matches!(again, Err(Error::EntryExists { .. })), "{again:?}");
    let unused = handle.machine_revision("m", "r2").await;
    assert!(matches!(unused, Err(Error::UnknownEntry { .. })));
    let (_, one) = handle.change_state_machine("m", publish).await.expect("1");
    let (_, same) = handle.change_state_machine("m", publish).await.expect("1");
    assert_eq!((one, same), (1, 1));
    let third = revision("r3", "e");
    let outdated = handle.add_machine_revision(&third, "r0", unchanged);
    assert!(matches!(outdated.await, Err(Error::EntryChanged { .. })));
    let unused = handle.machine_revision("m", "r3").await;
    assert!(matches!(unused, Err(Error::UnknownEntry { .. })));
    let added = handle.add_machine_revision(&third, "r1", publish);
    let (record, two) = added.await.expect("added");
    assert_eq!((record.latest.as_str(), two), ("r3", 2));
    let refused = handle.change_state_machine("m", |record| {
        record.versions.clear();
        Err::<(), _>(Error::InvalidToken)
    });
    assert_eq!(refused.await.map(|_| ()), Err(Error::InvalidToken));
    assert_eq!(handle.state_machine("m").await.expect("read"), record);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_goes_when_it_is_being_deleted_and_its_revisions_stay() {
    let world = World::new(Options::default());
    let handle = &world.handle;
    let (machine, first) = (record("r1"), revision("r1", "d"));
    let made = handle.create_state_machine(&machine, &first).await;
    made.expect("created");
    handle.remove_state_machine("m").await.expect("nothing");
    assert_eq!(handle.state_machines().await.expect("read").len(), 1);
    let marked = handle.change_state_machine("m", |record| {
        record.deleting = true;
        Ok::<_, Error>(())
    });
    marked.await.expect("marked");
    for _ in 0..2 {
        handle.remove_state_machine("m").await.expect("removed");
    }
    let gone = handle.change_state_machine("m", unchanged).await;
    assert!(matches!(gone, Err(Error::UnknownEntry { .. })), "{gone:?}");
    let kept = handle.machine_revision("m", "r1").await.expect("kept");
    assert_eq!(kept, revision("r1", "d"));
    assert!(kept.is_like(&revision("r9", "d")) && !kept.is_like(&revision("r1", "e")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_is_found_by_the_digest_of_its_text() {
    let world = World::new(Options::default());
    let handle = &world.handle;
    let text = "{\"StartAt\": \"Ä\"}";
    let digest = handle.put_definition(text).await.expect("put");
    assert_eq!(handle.put_definition(text).await.as_ref(), Ok(&digest));
    assert_eq!(handle.definition(&digest).await.as_deref(), Ok(text));
    let missing = handle.definition(&Digest::of(b"0")).await;
    assert!(matches!(missing, Err(Error::UnknownEntry { .. })));
}

#[test]
fn an_alias_sends_each_version_its_share() {
    let route = |version, weight| MachineRoute { version, weight };
    let alias = |routes| MachineAlias {
        description: None,
        routes,
        created_ms: 1,
        updated_ms: 1,
    };
    let both = alias(vec![route(1, 30), route(2, 70)]);
    let shares = |version| (0..100).filter(|n| both.route(*n) == Some(version)).count();
    assert_eq!((shares(1), shares(2)), (30, 70));
    assert_eq!(alias(vec![route(1, 0), route(2, 100)]).route(0), Some(2));
    assert_eq!(alias(vec![route(7, 100)]).route(u64::MAX), Some(7));
    assert_eq!(alias(Vec::new()).route(5), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activities_have_tags() {
    let world = World::new(Options::default());
    let handle = &world.handle;
    let activity = ActivityRecord {
        name: "a".to_owned(),
        created_ms: 1,
        tags: BTreeMap::new(),
        encryption: None,
    };
    handle.create_activity(&activity).await.expect("created");
    let again = handle.create_activity(&activity).await;
    assert!(matches!(again, Err(Error::EntryExists { .. })), "{again:?}");
    let tag = |tags: &mut BTreeMap<String, String>| {
        tags.insert("k".to_owned(), "v".to_owned());
        Ok::<_, Error>(())
    };
    handle.tag_activity("a", tag).await.expect("tagged");
    assert_eq!(handle.activity("a").await.expect("read").tags.len(), 1);
    for _ in 0..2 {
        handle.delete_activity("a").await.expect("deleted");
    }
    let gone = handle.tag_activity("a", tag).await;
    assert!(matches!(gone, Err(Error::UnknownEntry { .. })), "{gone:?}");
    assert!(handle.activities().await.expect("read").is_empty());
}
