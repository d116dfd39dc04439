use std::collections::BTreeMap;

use bytes::Bytes;
use everstep_core::{Operation, OperationStatus, Payload, Status};
use everstep_durable::{Action, Details, OperationKind, Output, Update, UpdateOptions};
use everstep_engine::{Error, ForkExecution, ListFilter, Options};

use crate::world::{World, callback, play, update};

fn fork(source: everstep_core::ExecutionId, at: u32) -> ForkExecution {
    ForkExecution {
        source,
        at: Operation(at),
        name: None,
        input: None,
        version: None,
        attributes: BTreeMap::new(),
    }
}

/// A step that has succeeded with a payload beyond what the journal holds itself, one that waits for a retry, a callback, and one more step.
async fn source(world: &mut World) -> everstep_core::ExecutionId {
    let run = world.started("source").await;
    let large = Bytes::from(vec![b'1'; 40_000]);
    let payload = world
        .handle
        .put_payload(run.0, large)
        .await
        .expect("stored");
    let options = || UpdateOptions {
        next_attempt_delay_s: Some(5),
        ..UpdateOptions::default()
    };
    let updates = vec![
        Update {
            payload: Some(payload),
            ..update("a", OperationKind::Step, Action::Succeed, options())
        },
        update("b", OperationKind::Step, Action::Retry, options()),
        callback(Some(60), None),
        update("d", OperationKind::Step, Action::Succeed, options()),
    ];
    let result = Some(Payload::from("1"));
    play(&world.handle, &run, updates, Output::Succeeded { result }).await;
    run.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_begins_with_what_came_before_its_operation() {
    let mut world = World::new(Options::default());
    let source = source(&mut world).await;
    let forked = world.handle.fork(fork(source, 4)).await.expect("forked");
    let (id, invocation) = world.invoked().await;
    assert_eq!((id, forked.existing), (forked.id, false));
    let told: Vec<_> = invocation
        .operations
        .iter()
        .map(|operation| (&*operation.identity.id, operation.status))
        .collect();
    let own = id.to_string();
    assert_eq!(
        told,
        [
            (&*own, OperationStatus::Started),
            ("a", OperationStatus::Succeeded),
            ("b", OperationStatus::Pending),
            ("c", OperationStatus::Started),
        ]
    );
    let Details::Step {
        result: Some(payload),
        ..
    } = &invocation.operations[1].details
    else {
        panic!("{:?}", invocation.operations[1]);
    };
    let bytes = world.handle.payload(id, payload).await.expect("copied");
    assert_eq!(bytes.len(), 40_000);
    assert_eq!(invocation.generation.0, 1, "its invocations are its own");
    let row = world.handle.row(source).await.expect("a row");
    assert_eq!(row.status, Status::Succeeded, "the source is as it was");
    let snapshot = world.handle.snapshot(id).await.expect("a snapshot");
    let from = snapshot.fork.expect("it is a fork");
    assert_eq!((from.execution, from.operation), (source, Operation(4)));
    let waits = snapshot
        .view
        .operations
        .iter()
        .filter(|operation| operation.due.is_some());
    assert_eq!(waits.count(), 2, "the retry and the callback");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forks_are_idempotent_by_name_and_bound_to_their_place() {
    let mut world = World::new(Options::default());
    let source = source(&mut world).await;
    let named = |at, input: Option<&'static [u8]>| ForkExecution {
        name: Some("mine".to_owned()),
        input: input.map(Bytes::from_static),
        ..fork(source, at)
    };
    let first = world.handle.fork(named(1, None)).await.expect("forked");
    let again = world.handle.fork(named(1, None)).await.expect("the same");
    assert_eq!((again.id, again.existing), (first.id, true));
    for other in [named(2, None), named(1, Some(b"2"))] {
        let taken = world.handle.fork(other).await.expect_err("another one");
        assert_eq!(taken, Error::NameTaken { id: first.id });
    }
    let beyond = world.handle.fork(fork(source, 5)).await;
    let operation = Operation(5);
    let unknown = Error::UnknownOperation {
        id: source,
        operation,
    };
    assert_eq!(beyond, Err(unknown));
    let listed = world.handle.list(ListFilter::default(), None, 10).await;
    assert_eq!(listed.expect("read").rows.len(), 2);
}
