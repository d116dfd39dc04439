//! Settles by token and watches between executions, in a whole engine.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everstep_core::token::Keyring;
use everstep_core::{Definition, Status, TargetKind};
use everstep_durable::{Output, Request as Durable};
use everstep_store::blobs::Blobs;
use everstep_store::{Direction, Memory};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::letter::topic;
use crate::owner::tests::rig::{callback, settings};
use crate::{
    Call, Called, Dispatcher, Engine, Late, LetterFilter, Options, Parts, Pending, Request,
    StartExecution, Verb, Work, WorkPayload,
};

struct Forward(UnboundedSender<Work>);

impl Dispatcher for Forward {
    fn dispatch(&self, _: &Handle, work: Work) {
        let _ = self.0.send(work);
    }

    fn call(&self, _: &Handle, _: Call) -> Pending<Result<Called, Error>> {
        Box::pin(async { Err(Error::Ended) })
    }
}

struct World {
    handle: Handle,
    works: UnboundedReceiver<Work>,
    _engine: Engine,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (sender, works) = unbounded_channel();
        let parts = Parts {
            store: Arc::new(Memory::new()),
            blobs: Blobs::open(folder.path()).expect("blobs"),
            dispatcher: Arc::new(Forward(sender)),
            keyring: Keyring::new([1; 32]),
        };
        let engine = Engine::start(parts, Options::default()).expect("an engine");
        Self {
            handle: engine.handle().clone(),
            works,
            _engine: engine,
            _folder: folder,
        }
    }

    /// An execution that waits for its first operation to be called back, and the token for that.
    async fn waiting(&mut self, name: &str) -> (Parent, String) {
        let start = StartExecution {
            definition: Definition {
                machine: crate::DURABLE,
                name: "f".to_owned(),
                version: "1".to_owned(),
            },
            name: Some(name.to_owned()),
            input: None,
            settings: settings().encode(),
            retention_ms: 1_000,
            parent: None,
            attributes: std::collections::BTreeMap::new(),
        };
        let id = self.handle.start(start).await.expect("started").id;
        let work = loop {
            // Others are invoked again when they are told something.
            let work = self.works.recv().await.expect("an invocation");
            if work.execution == id {
                break work;
            }
        };
        let WorkPayload::Late(late) = work.payload else {
            panic!("not an invocation");
        };
        let Late::Durable(invocation) = *late else {
            panic!("not an invocation");
        };
        let (position, generation) = (invocation.position, invocation.generation);
        let output = Output::Pending;
        for request in [
            Durable::Checkpoint {
                position,
                client_token: None,
                updates: vec![callback("c", None, None)],
            },
            Durable::Finish { generation, output },
        ] {
            let reply = self.handle.report(id, Request::Durable(request)).await;
            reply.expect("taken");
        }
        let place = Parent {
            execution: id,
            operation: Operation(1),
            generation: Generation(0),
        };
        let token = self
            .handle
            .token(Purpose::Callback, id, Operation(1), Generation(0), 0);
        (place, token)
    }

    fn message(from: &Parent, content: Content) -> Message {
        Message {
            from: from.execution,
            operation: from.operation,
            generation: from.generation,
            recovery: Recovery::Repeat,
            repeated: false,
            content,
        }
    }

    async fn is_open(&self, place: &Parent) -> bool {
        let snapshot = self.handle.snapshot(place.execution).await;
        let waits = snapshot.expect("a snapshot").waits;
        waits.iter().any(|wait| wait.operation == place.operation)
    }

    /// What the callback of an execution was settled with, once it was.
    async fn settled(&self, place: &Parent) -> String {
        for _ in 0..500 {
            if !self.is_open(place).await {
                let history = self
                    .handle
                    .history(place.execution, None, Direction::Backward, 100);
                let items = history.await.expect("a history").items;
                return format!("{items:?}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it still waits");
    }
}

fn watch(address: &str) -> Content {
    let address = address.to_owned();
    Content::Watch { address }
}

/// What is written now in the place of a token.
fn address(handle: &Handle, token: &str) -> String {
    let token = handle.verify(Purpose::Callback, token).expect("a token");
    token.address().expect("it settles something")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_hears_when_what_it_watches_is_settled_by_another() {
    let mut world = World::new();
    let (watched, token) = world.waiting("watched").await;
    let (watcher, _) = world.waiting("watcher").await;
    let handle = world.handle.clone();
    // It may come twice, and from before an upgrade.
    for named in [token.clone(), address(&handle, &token)] {
        let message = World::message(&watcher, watch(&named));
        deliver(&handle, &message).await.expect("delivered");
    }
    assert!(world.is_open(&watcher).await);
    let with = SettleWith::Succeeded(None);
    let source = Source::new(Via::Lambda);
    let settled = handle.settle_from(Purpose::Callback, &token, with, source);
    assert_eq!(settled.await, Ok(Settlement::Applied));
    let told = world.settled(&watcher).await;
    assert!(told.contains(r#"\"conflict\""#), "{told}");
    // Whoever has told it does so no more.
    for _ in 0..500 {
        let waits = handle.snapshot(watched.execution).await.expect("one").waits;
        let out = waits.iter().filter_map(|wait| wait.target.as_ref());
        if out.filter(|to| to.kind == TargetKind::Watcher).count() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let kept = handle.letters(LetterFilter::default(), None, 10);
    assert_eq!(kept.await.expect("letters").rows, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_of_what_has_closed_already_hears_at_once() {
    let mut world = World::new();
    let (watched, token) = world.waiting("watched").await;
    let (watcher, _) = world.waiting("watcher").await;
    let handle = world.handle.clone();
    let stopped = handle.stop(watched.execution, None).await.expect("stopped");
    assert_eq!(stopped.status, Status::Stopped);
    let message = World::message(&watcher, watch(&token));
    deliver(&handle, &message).await.expect("delivered");
    let told = world.settled(&watcher).await;
    assert!(told.contains(r#"\"closed\""#), "{told}");

    let (last, _) = world.waiting("last").await;
    let message = World::message(&last, watch("not a token"));
    let error = deliver(&handle, &message).await.expect_err("refused");
    assert_eq!(error, Error::InvalidToken);
    give_up(&handle, &message, &error).await.expect("told");
    let told = world.settled(&last).await;
    assert!(told.contains("Everstep.NotWatched"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settle_by_token_is_taken_once_and_seen_when_it_is_late() {
    let mut world = World::new();
    let (place, token) = world.waiting("a").await;
    let (sender, _) = world.waiting("b").await;
    let handle = world.handle.clone();
    let settle = |text: &'static str, address: &str| {
        let outcome = Outcome::Succeeded(Some(text.into()));
        let address = address.to_owned();
        World::message(&sender, Content::Settle { address, outcome })
    };
    let named = address(&handle, &token);
    for (text, named) in [("1", &named), ("1", &token), ("2", &named)] {
        let arrived = deliver(&handle, &settle(text, named)).await;
        arrived.expect("arrived");
    }
    let attempts = handle.attempts_of(place.execution, Operation(1)).await;
    let attempts = attempts.expect("attempts");
    let told: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt.verb, attempt.outcome, attempt.source.via))
        .collect();
    let (verb, via) = (Verb::Succeed, Via::Approval);
    assert_eq!(
        told,
        [
            (verb, Settlement::Applied, via),
            (verb, Settlement::Duplicate, via),
            (verb, Settlement::Conflict, via),
        ]
    );
    let filter = LetterFilter {
        dead: Some(true),
        execution: Some(place.execution),
        ..LetterFilter::default()
    };
    let kept = handle
        .letters(filter, None, 10)
        .await
        .expect("letters")
        .rows;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].topic, topic::CALLBACK_CONFLICT);
    let payload = handle.letter_payload(&kept[0]).await.expect("a payload");
    assert_eq!(payload, Some(Bytes::from_static(b"2")));
}
