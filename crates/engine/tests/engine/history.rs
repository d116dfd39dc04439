use bytes::Bytes;
use everstep_core::token::Purpose;
use everstep_core::{EventId, ExecutionId, Operation, Payload};
use everstep_durable::{Action, Event, OperationKind, Output, UpdateOptions};
use everstep_engine::{
    Direction, Error, Handle, HistoryEvent, HistoryItem, Options, SettleWith, StartExecution,
};

use crate::world::{World, callback, named, play, token, update};

async fn all(
    handle: &Handle,
    id: ExecutionId,
    direction: Direction,
    limit: usize,
) -> Vec<HistoryItem> {
    let (mut items, mut from) = (Vec::new(), None);
    loop {
        let page = handle.history(id, from, direction, limit).await;
        let page = page.expect("a page");
        assert!(page.items.len() <= limit);
        assert!(page.next.is_none() || page.items.len() == limit);
        items.extend(page.items);
        from = page.next;
        if from.is_none() {
            return items;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_pages_both_ways_without_gaps() {
    let mut world = World::new(Options::default());
    let run = world.started("one").await;
    let step = |n: usize, action| {
        let id = format!("s{n}");
        update(&id, OperationKind::Step, action, UpdateOptions::default())
    };
    let updates: Vec<_> = (0..20)
        .flat_map(|n| [step(n, Action::Start), step(n, Action::Succeed)])
        .collect();
    let result = Some(Payload::from("1"));
    play(&world.handle, &run, updates, Output::Succeeded { result }).await;
    let whole = all(&world.handle, run.0, Direction::Forward, 1_000).await;
    let ids: Vec<_> = whole.iter().map(|item| item.id).collect();
    let expected: Vec<_> = (1..=ids.len()).map(|n| EventId(n as u32)).collect();
    assert_eq!(ids, expected);
    assert!(
        ids.len() >= 43,
        "start, 40 of steps, the invocation, the end"
    );
    for limit in [1, 3, 7, ids.len()] {
        let mut pages = all(&world.handle, run.0, Direction::Forward, limit).await;
        assert_eq!(format!("{pages:?}"), format!("{whole:?}"), "{limit}");
        pages = all(&world.handle, run.0, Direction::Backward, limit).await;
        pages.reverse();
        assert_eq!(format!("{pages:?}"), format!("{whole:?}"), "{limit}");
    }
    let unknown = ExecutionId::new(1, 1, run.0.shard());
    let page = world.handle.history(unknown, None, Direction::Forward, 10);
    assert_eq!(
        page.await.expect_err("nobody"),
        Error::UnknownExecution { id: unknown }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_payloads_lie_beside_the_journal_and_come_back_whole() {
    let mut world = World::new(Options::default());
    let input = Bytes::from(vec![b'1'; 32 * 1024]);
    let answer = Bytes::from(vec![b'2'; 32 * 1024 + 1]);
    let start = StartExecution {
        input: Some(input.clone()),
        ..named("one")
    };
    let id = world.handle.start(start).await.expect("started").id;
    let run = world.invoked().await;
    play(
        &world.handle,
        &run,
        vec![callback(None, None)],
        Output::Pending,
    )
    .await;
    let token = token(&world.handle, id, 1);
    let with = SettleWith::Succeeded(Some(answer.clone()));
    let settled = world.handle.settle(Purpose::Callback, &token, with).await;
    assert_eq!(settled, Ok(everstep_core::Settlement::Applied));
    let mut found = Vec::new();
    for item in all(&world.handle, id, Direction::Forward, 100).await {
        let HistoryEvent::Durable(event) = item.event else {
            panic!("another machine's");
        };
        match event {
            Event::ExecutionStarted {
                input: Some(input), ..
            } => found.push(input),
            Event::CallbackSucceeded {
                operation: Operation(1),
                result: Some(result),
            } => found.push(result),
            _ => {}
        }
    }
    let [small, large] = found.as_slice() else {
        panic!("{} payloads", found.len());
    };
    assert!(matches!(small, Payload::Inline(_)), "at the threshold");
    assert!(matches!(large, Payload::Blob { .. }), "one byte above it");
    for (payload, bytes) in [(small, input), (large, answer)] {
        let read = world.handle.payload(id, payload).await;
        assert_eq!(read.expect("its bytes"), bytes);
    }
    let elsewhere = ExecutionId::new(1, 1, id.shard());
    let missing = world.handle.payload(elsewhere, large).await;
    assert!(matches!(missing, Err(Error::Payload { .. })));
}
