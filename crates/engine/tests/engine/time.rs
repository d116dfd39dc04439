use std::time::{Duration, Instant};

use bytes::Bytes;
use everstep_core::token::Purpose;
use everstep_core::{Digest, OperationStatus, Settlement};
use everstep_durable::Output;
use everstep_engine::{ClockMode, Error, Options, StartExecution};

use crate::world::{World, callback, named, play, token};

const DAY_S: u32 = 24 * 3_600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_passes_in_milliseconds_when_the_clock_skips() {
    let began = Instant::now();
    let mut world = World::new(Options {
        clock: ClockMode::Skip,
        ..Options::default()
    });
    let run = world.started("one").await;
    let before = world.handle.clock().now();
    let updates = vec![callback(Some(DAY_S), None)];
    play(&world.handle, &run, updates, Output::Pending).await;
    let (id, again) = world.invoked().await;
    assert_eq!(id, run.0);
    assert_eq!(again.updated_operation_ids, ["c".into()]);
    let passed = world.handle.clock().now().since_ms(before);
    assert!((86_400_000..86_500_000).contains(&passed), "{passed} ms");
    let view = world.handle.snapshot(id).await.expect("a snapshot").view;
    assert_eq!(view.operations[1].status, OperationStatus::TimedOut);
    // While a task is out, time does not skip.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let passed = world.handle.clock().now().since_ms(before);
    assert!(passed < 86_500_000, "{passed} ms");
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_keep_a_callback_open_until_they_end() {
    let mut world = World::new(Options::default());
    let run = world.started("one").await;
    let updates = vec![callback(None, Some(1))];
    play(&world.handle, &run, updates, Output::Pending).await;
    let token = token(&world.handle, run.0, 1);
    let mut last = Instant::now();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let beat = world.handle.heartbeat(Purpose::Callback, &token).await;
        assert_eq!(beat, Ok(Settlement::Applied));
        last = Instant::now();
    }
    let (id, _) = world.invoked().await;
    assert!(last.elapsed() >= Duration::from_millis(950), "early");
    let snapshot = world.handle.snapshot(id).await.expect("a snapshot");
    assert_eq!(
        snapshot.view.operations[1].status,
        OperationStatus::TimedOut
    );
    let beat = world.handle.heartbeat(Purpose::Callback, &token).await;
    assert_eq!(beat, Ok(Settlement::TimedOut));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_purges_rows_and_blobs_and_frees_the_name() {
    let mut world = World::new(Options::default());
    let large = Bytes::from(vec![b'7'; 40_000]);
    let start = || StartExecution {
        input: Some(large.clone()),
        ..named("one")
    };
    let id = world.handle.start(start()).await.expect("started").id;
    let digest = Digest::of(&large);
    let blob = async || world.handle.blobs().get(id, digest).await;
    assert!(blob().await.is_ok());
    world.works.recv().await.expect("a task");
    world.handle.stop(id, None).await.expect("stopped");
    world.handle.clock().advance_ms(9_000);
    assert!(world.handle.row(id).await.is_ok());
    // Past the retention and past the next look at it.
    world.handle.clock().advance_ms(70_000);
    let began = Instant::now();
    while world.handle.row(id).await.is_ok() || blob().await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(30), "still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let gone = world.handle.wait(id).await;
    assert_eq!(gone.expect_err("purged"), Error::UnknownExecution { id });
    let again = world.handle.start(start()).await.expect("started");
    assert!(!again.existing && again.id != id);
}
