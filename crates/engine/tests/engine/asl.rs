//! State machines as the second machine: turns with a budget, claims by pollers, payloads that the machine reads.

use std::time::Duration;

use bytes::Bytes;
use everstep_asl::machine::{Event, Kind, Late as Asl, Settings};
use everstep_core::token::Purpose;
use everstep_core::{Definition, ExecutionId, Settlement, Status};
use everstep_engine::catalogue::{ActivityRecord, machine_definition};
use everstep_engine::{
    ASL, Direction, Engine, Handle, HistoryEvent, HistoryItem, Late, Options, SettleWith,
    StartExecution, Storage,
};

use crate::world::{Forward, World};

const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:a";

/// Starts an execution of this definition.
async fn start(handle: &Handle, definition: &str, input: String) -> ExecutionId {
    let digest = handle.put_definition(definition).await.expect("put");
    let settings = Settings {
        definition: digest,
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".to_owned(),
        version_arn: None,
        alias_arn: None,
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
        kind: Kind::Standard,
        sync: false,
        logging: None,
        trace: None,
    };
    let start = StartExecution {
        definition: Definition {
            machine: ASL,
            name: machine_definition("m"),
            version: "1".to_owned(),
        },
        name: None,
        input: Some(Bytes::from(input)),
        settings: settings.encode(),
        retention_ms: 60_000,
        parent: None,
        attributes: Default::default(),
    };
    handle.start(start).await.expect("started").id
}

/// All events, a page at a time.
async fn history(handle: &Handle, id: ExecutionId, direction: Direction) -> Vec<HistoryItem> {
    let (mut items, mut from) = (Vec::new(), None);
    loop {
        let page = handle
            .history(id, from, direction, 700)
            .await
            .expect("read");
        items.extend(page.items);
        from = page.next;
        if from.is_none() {
            return items;
        }
    }
}

fn event(item: &HistoryItem) -> &Event {
    match &item.event {
        HistoryEvent::Asl(event) => event,
        HistoryEvent::Durable(_) | HistoryEvent::Approval(_) => {
            panic!("another machine's: {:?}", item.event)
        }
    }
}

const LOOP: &str = r#"{"StartAt": "Add", "States": {
    "Add": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)", "left.$": "$.left"}, "Next": "Enough?"},
    "Enough?": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThanPath": "$.left", "Next": "Add"}], "Default": "Done"},
    "Done": {"Type": "Succeed"}}}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_loop_takes_turns_with_others_and_its_history_is_whole() {
    let world = World::new(Options::default());
    let long = start(&world.handle, LOOP, r#"{"n": 0, "left": 3000}"#.to_owned()).await;
    let short = start(&world.handle, LOOP, r#"{"n": 0, "left": 1}"#.to_owned()).await;
    for id in [short, long] {
        let row = world.handle.wait(id).await.expect("closed");
        assert_eq!(row.status, Status::Succeeded);
    }
    let items = history(&world.handle, long, Direction::Forward).await;
    // Each state is entered and left; the execution begins and ends.
    assert_eq!(items.len(), 2 + 2 * (2 * 3_000 + 1));
    for (number, item) in (1..).zip(&items) {
        assert_eq!(item.id.0, number);
        assert_eq!(event(item).unresolved().count(), 0, "{:?}", item.event);
    }
    let back = history(&world.handle, long, Direction::Backward).await;
    assert!(back.iter().rev().map(event).eq(items.iter().map(event)));
    let Some(Event::ExecutionSucceeded { output, .. }) = items.last().map(event) else {
        panic!("no end: {:?}", items.last());
    };
    assert_eq!(output.text(), r#"{"n":3000,"left":3000}"#);
}

const WORK: &str = r#"{"StartAt": "Work", "States": {
    "Work": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:a", "ResultPath": "$.result", "End": true}}}"#;

async fn shutdown(engine: Engine) {
    let ended = tokio::task::spawn_blocking(|| engine.shutdown()).await;
    assert_eq!(ended.expect("no panic"), Ok(()));
}

/// Claims a task and gives its input and token.
async fn claim(handle: &Handle, patience_ms: u64) -> Option<(ExecutionId, String, String)> {
    let patience = Duration::from_millis(patience_ms);
    let claimed = handle.poll(ACTIVITY, "ann".to_owned(), patience).await;
    let claimed = claimed.expect("polled")?;
    let Late::Asl(Asl::Call(call)) = *claimed.work else {
        panic!("not the work of an activity: {:?}", claimed.work);
    };
    let token = call.token.expect("a token");
    Some((claimed.execution, call.arguments.to_string(), token))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activitys_task_is_claimed_once_over_a_restart_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::Folder(folder.path().to_owned());
    let open = || Engine::open(&storage, Forward::new().0, Options::default()).expect("an engine");
    let engine = open();
    let handle = engine.handle().clone();
    let activity = ActivityRecord {
        name: "a".to_owned(),
        created_ms: 1,
        tags: Default::default(),
        encryption: None,
    };
    handle.create_activity(&activity).await.expect("created");
    // A poller that came first gets the first task; what nobody claimed waits over the restart.
    let waiting = {
        let handle = handle.clone();
        tokio::spawn(async move { claim(&handle, 5_000).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let large = "x".repeat(100_000);
    let first = start(&handle, WORK, format!(r#"{{"text":"{large}"}}"#)).await;
    let (claimed, arguments, token) = waiting.await.expect("no panic").expect("a task");
    assert_eq!((claimed, arguments.len()), (first, large.len() + 11));
    assert!(claim(&handle, 50).await.is_none());
    let second = start(&handle, WORK, "{}".to_owned()).await;
    shutdown(engine).await;
    drop(handle);

    let engine = open();
    let handle = engine.handle().clone();
    let (claimed, _, other) = claim(&handle, 5_000).await.expect("a task");
    assert_eq!(claimed, second);
    assert!(claim(&handle, 50).await.is_none());
    for token in [token, other] {
        let result = Bytes::from(format!(r#"{{"large":"{}"}}"#, "y".repeat(90_000)));
        let with = SettleWith::Succeeded(Some(result));
        let settled = handle.settle(Purpose::Task, &token, with).await;
        assert_eq!(settled, Ok(Settlement::Applied));
    }
    for id in [first, second] {
        let row = handle.wait(id).await.expect("closed");
        assert_eq!(row.status, Status::Succeeded);
        let items = history(&handle, id, Direction::Forward).await;
        let starts = items.iter().filter(
            |item| matches!(event(item), Event::Started { by: Some(by), .. } if &**by == "ann"),
        );
        assert_eq!(starts.count(), 1);
    }
    shutdown(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poller_that_waits_no_longer_takes_nothing_with_it() {
    let world = World::new(Options::default());
    assert!(claim(&world.handle, 20).await.is_none());
    let gone = tokio::time::timeout(Duration::from_millis(20), claim(&world.handle, 5_000)).await;
    assert!(gone.is_err());
    let activity = ActivityRecord {
        name: "a".to_owned(),
        created_ms: 1,
        tags: Default::default(),
        encryption: None,
    };
    world
        .handle
        .create_activity(&activity)
        .await
        .expect("created");
    let id = start(&world.handle, WORK, "{}".to_owned()).await;
    let (claimed, ..) = claim(&world.handle, 5_000).await.expect("a task");
    assert_eq!(claimed, id);
}
