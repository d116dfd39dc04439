use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everstep_core::token::Purpose;
use everstep_core::{Failure, Payload, Settlement, Status};
use everstep_durable::Output;
use everstep_engine::{
    Call, Called, Dispatcher, Engine, Error, Handle, ListFilter, Options, Pending, SettleWith,
    StartExecution, Work,
};

use crate::world::{World, callback, named, parts, play, token};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_are_idempotent_by_name_even_at_once() {
    let world = World::new(Options::default());
    let starts: Vec<_> = (0..20)
        .map(|_| {
            let handle = world.handle.clone();
            tokio::spawn(async move { handle.start(named("one")).await })
        })
        .collect();
    let mut ids = Vec::new();
    let mut new = 0;
    for start in starts {
        let started = start.await.expect("no panic").expect("started");
        new += usize::from(!started.existing);
        ids.push(started.id);
    }
    ids.dedup();
    assert_eq!((ids.len(), new), (1, 1));
    let id = ids[0];
    let other = StartExecution {
        input: Some(Bytes::from_static(b"[]")),
        ..named("one")
    };
    let taken = world.handle.start(other).await;
    assert_eq!(taken.expect_err("another input"), Error::NameTaken { id });
    assert_eq!(world.handle.find("f", "one").await.expect("read"), Some(id));
    assert_eq!(world.handle.find("g", "one").await.expect("read"), None);

    let unnamed = StartExecution {
        name: None,
        ..named("")
    };
    let unnamed = world.handle.start(unnamed).await.expect("started").id;
    let found = world.handle.find("f", &unnamed.to_string()).await;
    assert_eq!(found.expect("read"), Some(unnamed));
    let listed = world.handle.list(ListFilter::default(), None, 10).await;
    assert_eq!(listed.expect("read").rows.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_ends_with_the_execution_and_stopping_is_said_twice() {
    let mut world = World::new(Options::default());
    let (done, stopped) = (world.started("done").await, world.started("stopped").await);
    let waits: Vec<_> = [done.0, stopped.0]
        .into_iter()
        .map(|id| {
            let handle = world.handle.clone();
            tokio::spawn(async move { handle.wait(id).await })
        })
        .collect();
    let result = Some(Payload::from("1"));
    play(
        &world.handle,
        &done,
        Vec::new(),
        Output::Succeeded { result },
    )
    .await;
    let failure = Some(Failure::new("Why", "so"));
    let row = world.handle.stop(stopped.0, failure.clone()).await;
    assert_eq!(row.expect("a row").status, Status::Stopped);
    let row = world.handle.stop(done.0, failure).await.expect("a row");
    assert_eq!(row.status, Status::Succeeded, "it was closed before");
    let mut ends = Vec::new();
    for wait in waits {
        ends.push(wait.await.expect("no panic").expect("a row").status);
    }
    assert_eq!(ends, [Status::Succeeded, Status::Stopped]);
    let reason = world.handle.quarantine_reason(done.0).await;
    assert_eq!(reason.expect("read"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_is_settled_once_and_only_by_its_own_token() {
    let mut world = World::new(Options::default());
    let run = world.started("one").await;
    let updates = vec![callback(None, None)];
    play(&world.handle, &run, updates, Output::Pending).await;
    let token = token(&world.handle, run.0, 1);
    let settle = async |token: &str, text: &'static str| {
        let with = SettleWith::Succeeded(Some(Bytes::from_static(text.as_bytes())));
        world.handle.settle(Purpose::Callback, token, with).await
    };
    let mut forged = token.clone();
    forged.replace_range(20..21, if &token[20..21] == "A" { "B" } else { "A" });
    assert_eq!(settle(&forged, "1").await, Err(Error::InvalidToken));
    assert_eq!(settle(&token, "1").await, Ok(Settlement::Applied));
    assert_eq!(settle(&token, "1").await, Ok(Settlement::Duplicate));
    assert_eq!(settle(&token, "2").await, Ok(Settlement::Conflict));
    let (id, again) = world.invoked().await;
    assert_eq!(id, run.0);
    assert_eq!(again.generation.0, run.1.generation.0 + 1);
}

/// Panics on every task.
struct Clumsy;

impl Dispatcher for Clumsy {
    fn dispatch(&self, _: &Handle, work: Work) {
        panic!("dropped {}", work.execution);
    }

    fn call(&self, _: &Handle, _: Call) -> Pending<Result<Called, Error>> {
        Box::pin(async { Err(Error::Ended) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispatcher_that_panics_does_not_stop_the_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let parts = parts(Arc::new(Clumsy), folder.path());
    let engine = Engine::start(parts, Options::default()).expect("an engine");
    for name in ["one", "two"] {
        let start = engine.handle().start(named(name));
        let started = tokio::time::timeout(Duration::from_secs(30), start).await;
        assert!(!started.expect("in time").expect("started").existing);
    }
    let ended = tokio::task::spawn_blocking(|| engine.shutdown()).await;
    assert_eq!(ended.expect("no panic"), Ok(()));
}
