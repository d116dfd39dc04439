use everstep_core::{ExecutionId, Sequence, Shard};
use everstep_store::{
    Call, Commit, Committed, Error, Fault, Faults, Faulty, JournalRow, Memory, Store, Write,
};

const SHARD: Shard = Shard(3);

fn id() -> ExecutionId {
    ExecutionId::new(1, 1, SHARD)
}

fn commit(store: &impl Store, epoch: everstep_core::Epoch, sequence: u32) -> Vec<Committed> {
    let row = JournalRow {
        execution: id(),
        sequence: Sequence(sequence),
        batch: bytes::Bytes::from_static(b"entry"),
    };
    store.commit(vec![Commit {
        shard: SHARD,
        epoch,
        writes: vec![Write::Journal(row)],
    }])
}

#[test]
fn each_fault_happens_at_its_call_and_once() {
    let faults = Faults::default();
    let store = Faulty::new(Memory::new(), faults.clone());
    let (_, epoch) = store.acquire(&[SHARD]).unwrap()[0];
    faults.inject(Call::Commit, 1, Fault::Unknown);
    faults.inject(Call::Commit, 2, Fault::UnknownButWritten);
    faults.inject(Call::Commit, 3, Fault::Fenced);
    faults.inject(Call::Commit, 4, Fault::Io);
    let last = || store.last_sequence(id()).unwrap();
    assert!(matches!(
        commit(&store, epoch, 0)[..],
        [Committed::Durable(_)]
    ));
    assert_eq!(commit(&store, epoch, 1), [Committed::Unknown]);
    assert_eq!(
        last(),
        Some(Sequence(0)),
        "the unknown commit was not written"
    );
    assert_eq!(commit(&store, epoch, 2), [Committed::Unknown]);
    assert_eq!(last(), Some(Sequence(2)), "this one was");
    assert_eq!(commit(&store, epoch, 3), [Committed::Fenced]);
    assert_eq!(commit(&store, epoch, 4), [Committed::Unknown]);
    assert_eq!(last(), Some(Sequence(2)));
    assert!(matches!(
        commit(&store, epoch, 5)[..],
        [Committed::Durable(_)]
    ));
    assert_eq!(faults.calls(Call::Commit), 6);
}

#[test]
fn reads_and_writes_outside_of_commits_fail_too() {
    let faults = Faults::default();
    let store = Faulty::new(Memory::new(), faults.clone());
    faults.inject_always(Call::Read, Fault::Io);
    faults.inject(Call::Acquire, 0, Fault::Fenced);
    faults.inject(Call::CataloguePut, 0, Fault::UnknownButWritten);
    for _ in 0..2 {
        assert!(matches!(store.catalogue("entry"), Err(Error::Io { .. })));
    }
    assert!(matches!(store.acquire(&[SHARD]), Err(Error::Io { .. })));
    assert!(matches!(
        store.catalogue_put("entry", None, Some("value".into())),
        Err(Error::Io { .. })
    ));
    faults.heal();
    assert_eq!(
        store.catalogue("entry").unwrap(),
        Some((1, "value".into())),
        "the lost answer was a write"
    );
}
