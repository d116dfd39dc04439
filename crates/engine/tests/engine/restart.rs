use everstep_core::token::Purpose;
use everstep_core::{Payload, Settlement, Status};
use everstep_durable::Output;
use everstep_engine::{Engine, ListFilter, Options, SettleWith, Storage};

use crate::world::{Forward, callback, invoked, named, play, token};

async fn shutdown(engine: Engine) {
    let ended = tokio::task::spawn_blocking(|| engine.shutdown()).await;
    assert_eq!(ended.expect("no panic"), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_opened_again_goes_on_with_names_tokens_callbacks_and_tasks() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::Folder(folder.path().to_owned());
    let (forward, mut works) = Forward::new();
    let engine = Engine::open(&storage, forward, Options::default()).expect("an engine");
    let handle = engine.handle().clone();
    let parked = handle.start(named("parked")).await.expect("started").id;
    let run = invoked(&mut works).await;
    play(&handle, &run, vec![callback(None, None)], Output::Pending).await;
    let running = handle.start(named("running")).await.expect("started").id;
    let first = invoked(&mut works).await;
    let token = token(&handle, parked, 1);
    shutdown(engine).await;
    drop(handle);

    let (forward, mut works) = Forward::new();
    let engine = Engine::open(&storage, forward, Options::default()).expect("an engine again");
    let handle = engine.handle().clone();
    let repeated = invoked(&mut works).await;
    assert_eq!(repeated.0, running);
    assert_eq!(repeated.1.request_id, first.1.request_id);
    let with = SettleWith::Succeeded(None);
    let settled = handle.settle(Purpose::Callback, &token, with).await;
    assert_eq!(settled, Ok(Settlement::Applied));
    let resumed = invoked(&mut works).await;
    assert_eq!(resumed.0, parked);
    for run in [repeated, resumed] {
        let result = Some(Payload::from("1"));
        play(&handle, &run, Vec::new(), Output::Succeeded { result }).await;
    }
    assert!(handle.start(named("parked")).await.expect("found").existing);
    let listed = handle.list(ListFilter::default(), None, 10).await;
    let rows = listed.expect("read").rows;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.status == Status::Succeeded));
    shutdown(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_count_how_often_an_execution_was_redriven() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::Folder(folder.path().to_owned());
    let (forward, mut works) = Forward::new();
    let engine = Engine::open(&storage, forward, Options::default()).expect("an engine");
    let handle = engine.handle().clone();
    let id = handle.start(named("n")).await.expect("started").id;
    let _first = invoked(&mut works).await;
    assert_eq!(handle.row(id).await.expect("a row").reopened, None);
    for count in [1, 2] {
        let stopped = handle.stop(id, None).await.expect("stopped");
        handle.redrive(id).await.expect("redriven");
        let reopened = handle.row(id).await.expect("a row").reopened;
        let reopened = reopened.expect("it says so");
        assert_eq!(reopened.count, count);
        assert!(Some(reopened.last) >= stopped.closed);
    }
    shutdown(engine).await;
    drop(handle);

    let (forward, _works) = Forward::new();
    let engine = Engine::open(&storage, forward, Options::default()).expect("an engine again");
    let listed = engine.handle().list(ListFilter::default(), None, 10).await;
    let rows = listed.expect("read").rows;
    let counts: Vec<_> = rows
        .iter()
        .map(|row| row.reopened.map(|it| it.count))
        .collect();
    assert_eq!(counts, [Some(2)]);
    shutdown(engine).await;
}
