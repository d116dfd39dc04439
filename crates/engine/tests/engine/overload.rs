use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use everstep_core::{ExecutionId, Generation, Operation};
use everstep_engine::{
    Call, Called, Dispatcher, Engine, Error, Handle, Options, Pending, Request, SettleWith, Work,
};

use crate::world::{named, parts};

/// Holds the thread that commits until the test lets it go: a slow disk.
struct Gate(Mutex<Receiver<()>>);

impl Dispatcher for Gate {
    fn dispatch(&self, _: &Handle, _: Work) {
        let _ = self.0.lock().expect("nobody panics with it").recv();
    }

    fn call(&self, _: &Handle, _: Call) -> Pending<Result<Called, Error>> {
        Box::pin(async { Err(Error::Ended) })
    }
}

fn gated(queue_max: usize) -> (Engine, Sender<()>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let (open, gate) = channel();
    let parts = parts(Arc::new(Gate(Mutex::new(gate))), folder.path());
    let options = Options {
        queue_max,
        ..Options::default()
    };
    let engine = Engine::start(parts, options).expect("an engine");
    (engine, open, folder)
}

async fn until_waiting(handle: &Handle, count: usize) {
    let began = Instant::now();
    while handle.waiting() < count {
        assert!(began.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The only execution, once its row is on disk.
async fn committed(handle: &Handle) -> ExecutionId {
    let began = Instant::now();
    loop {
        let list = handle.list(everstep_engine::ListFilter::default(), None, 1);
        let page = list.await.expect("lists read what is committed");
        if let Some(row) = page.rows.first() {
            return row.id;
        }
        assert!(began.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_are_shed_first_then_reads_then_requests_and_settles_never() {
    let (engine, open, _folder) = gated(10);
    let handle = engine.handle().clone();
    let first = {
        let handle = handle.clone();
        tokio::spawn(async move { handle.start(named("first")).await })
    };
    // Its task and its reply: the gate holds both.
    until_waiting(&handle, 2).await;
    let id = tokio::time::timeout(Duration::from_millis(1), handle.find("f", "first")).await;
    assert!(id.is_err(), "nothing is answered while the disk is slow");
    let id = committed(&handle).await;

    let mut settles = Vec::new();
    let mut fill = async |count: usize| {
        while handle.waiting() < count {
            let (at, handle) = (handle.waiting(), handle.clone());
            settles.push(tokio::spawn({
                let handle = handle.clone();
                async move {
                    let with = SettleWith::Succeeded(None);
                    handle
                        .settle_operation(id, Operation(7), Generation(0), with)
                        .await
                }
            }));
            until_waiting(&handle, at + 1).await;
        }
    };
    let shed = |error: Error| {
        matches!(
            error,
            Error::Overloaded {
                retry_after_s: 1..,
                ..
            }
        )
    };
    let soon = Duration::from_millis(20);
    let describe = || Request::Durable(everstep_durable::Request::Describe);

    fill(10).await;
    let start = handle.start(named("second")).await;
    assert!(shed(start.expect_err("ten wait")));
    let read = tokio::time::timeout(soon, handle.row(id)).await;
    assert!(read.is_err(), "a read is taken, and waits");
    fill(15).await;
    assert!(shed(handle.row(id).await.expect_err("fifteen wait")));
    let request = tokio::time::timeout(soon, handle.request(id, describe())).await;
    assert!(request.is_err(), "a request is taken, and waits");
    fill(20).await;
    let request = handle.request(id, describe()).await;
    assert!(shed(request.expect_err("twenty wait")));
    fill(40).await;
    let report = tokio::time::timeout(soon, handle.report(id, describe())).await;
    assert!(report.is_err(), "a result is taken, and waits");

    drop(open);
    assert!(first.await.expect("no panic").is_ok());
    for settle in settles {
        assert!(settle.await.expect("no panic").is_ok());
    }
    let began = Instant::now();
    while handle.start(named("second")).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let ended = tokio::task::spawn_blocking(|| engine.shutdown()).await;
    assert_eq!(ended.expect("no panic"), Ok(()));
}
