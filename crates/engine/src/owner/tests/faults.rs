//! A store that fails, at every call in turn: through the owner where it reads, through the whole engine where it writes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use everstep_core::token::Keyring;
use everstep_core::{Definition, ExecutionId, Timestamp};
use everstep_store::blobs::Blobs;
use everstep_store::{Call, Disk, Fault, Faults, Faulty, Memory, Store};

use super::rig::{keyring, settings};
use crate::owner::Owner;
use crate::{
    Called, Dispatcher, Engine, Error, Handle, Options, Parts, Pending, StartExecution, Work,
};

/// Takes tasks and does nothing with them.
#[derive(Default)]
struct Silent(Mutex<Vec<ExecutionId>>);

impl Dispatcher for Silent {
    fn dispatch(&self, _: &Handle, work: Work) {
        let mut sent = self.0.lock().expect("nobody panics with it");
        sent.push(work.execution);
    }

    fn call(&self, _: &Handle, _: crate::Call) -> Pending<Result<Called, Error>> {
        Box::pin(async { Err(Error::Ended) })
    }
}

fn engine(disk: &Disk, faults: &Faults) -> (Engine, Arc<Silent>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let silent = Arc::new(Silent::default());
    let memory = Memory::open(disk).expect("a store");
    let parts = Parts {
        store: Arc::new(Faulty::new(memory, faults.clone())),
        blobs: Blobs::open(folder.path()).expect("blobs"),
        dispatcher: Arc::clone(&silent) as Arc<dyn Dispatcher>,
        keyring: Keyring::new([1; 32]),
    };
    let engine = Engine::start(parts, Options::default()).expect("an engine");
    (engine, silent, folder)
}

fn named(name: usize) -> StartExecution {
    StartExecution {
        definition: Definition {
            machine: crate::DURABLE,
            name: "f".to_owned(),
            version: "1".to_owned(),
        },
        name: Some(format!("e{name}")),
        input: None,
        settings: settings().encode(),
        retention_ms: 1_000,
        parent: None,
        attributes: std::collections::BTreeMap::new(),
    }
}

/// Starts ten executions one after the other; returns the acknowledged ones and the first error.
async fn start_ten(handle: &Handle) -> (Vec<ExecutionId>, Option<Error>) {
    let mut acknowledged = Vec::new();
    for name in 0..10 {
        match handle.start(named(name)).await {
            Ok(started) => acknowledged.push(started.id),
            Err(error) => return (acknowledged, Some(error)),
        }
    }
    (acknowledged, None)
}

async fn ended(engine: Engine) -> Result<(), Error> {
    let ended = tokio::task::spawn_blocking(move || engine.shutdown());
    tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .expect("the engine ends")
        .expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_ends_the_engine_and_every_caller_is_answered() {
    for fault in [
        Fault::Unknown,
        Fault::UnknownButWritten,
        Fault::Fenced,
        Fault::Io,
    ] {
        for number in 0..10_u64 {
            let (disk, faults) = (Disk::default(), Faults::default());
            let (engine, silent, folder) = engine(&disk, &faults);
            let handle = engine.handle().clone();
            faults.inject(Call::Commit, number, fault);
            let watcher = {
                let handle = handle.clone();
                tokio::spawn(async move {
                    let id = handle.start(named(99)).await?.id;
                    handle.wait(id).await
                })
            };
            let (acknowledged, error) = start_ten(&handle).await;
            let error = error.expect("a fault");
            assert!(
                matches!(error, Error::Store { .. } | Error::Ended),
                "{error}"
            );
            let watched = tokio::time::timeout(Duration::from_secs(30), watcher).await;
            assert!(
                watched.expect("an answer").expect("no panic").is_err(),
                "{fault:?} {number}"
            );
            assert!(matches!(handle.start(named(50)).await, Err(Error::Ended)));
            assert!(ended(engine).await.is_err());
            let sent = silent.0.lock().expect("nobody panics with it").clone();
            drop((handle, folder));

            let store = Memory::open(&disk).expect("everything was let go of");
            for id in acknowledged.into_iter().chain(sent) {
                let row = store.execution(id).expect("a read");
                assert!(row.is_some(), "{fault:?} {number}: {id} is lost");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_fails_refuses_one_command_or_ends_the_engine_and_loses_nothing() {
    for number in 0..40 {
        let (disk, faults) = (Disk::default(), Faults::default());
        let (engine, _silent, folder) = engine(&disk, &faults);
        let handle = engine.handle().clone();
        faults.inject(Call::Read, number, Fault::Io);
        let mut acknowledged = Vec::new();
        for name in 0..10 {
            match handle.start(named(name)).await {
                Ok(started) => acknowledged.push(started.id),
                Err(Error::Store { .. } | Error::Ended) => {}
                Err(other) => panic!("call {number}: {other}"),
            }
        }
        let _ = ended(engine).await;
        drop((handle, folder));
        let store = Memory::open(&disk).expect("everything was let go of");
        for id in acknowledged {
            assert!(
                store.execution(id).expect("a read").is_some(),
                "call {number}"
            );
        }
    }
}

#[test]
fn an_owner_does_not_open_on_a_store_that_does_not_answer() {
    let shards = super::rig::SHARDS;
    let open = |faults: &Faults| {
        let store = Arc::new(Faulty::new(Memory::new(), faults.clone()));
        Owner::open(
            store,
            Options::default(),
            keyring(),
            &shards,
            Timestamp(1),
            1,
        )
        .map(|_| ())
    };
    let faults = Faults::default();
    open(&faults).expect("an owner");
    let reads = faults.calls(Call::Read);
    for number in 0..reads {
        let faults = Faults::default();
        faults.inject(Call::Read, number, Fault::Io);
        assert!(
            matches!(open(&faults), Err(Error::Store { .. })),
            "{number}"
        );
    }
    let faults = Faults::default();
    faults.inject(Call::Acquire, 0, Fault::Io);
    assert!(matches!(open(&faults), Err(Error::Store { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_commits_and_answers_what_was_taken() {
    let (disk, faults) = (Disk::default(), Faults::default());
    let (engine, _silent, folder) = engine(&disk, &faults);
    let starts: Vec<_> = (0..200)
        .map(|name| {
            let handle = engine.handle().clone();
            tokio::spawn(async move { handle.start(named(name)).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(2)).await;
    ended(engine).await.expect("an orderly end");
    let mut acknowledged = Vec::new();
    for start in starts {
        match start.await.expect("no panic") {
            Ok(started) => acknowledged.push(started.id),
            Err(error) => assert_eq!(error, Error::Ended),
        }
    }
    drop(folder);
    let store = Memory::open(&disk).expect("everything was let go of");
    for id in acknowledged {
        assert!(store.execution(id).expect("a read").is_some());
    }
}
