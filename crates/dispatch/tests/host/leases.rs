//! The dispatcher between an engine and a host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everstep_core::{Definition, Status};
use everstep_dispatch::FunctionDispatcher;
use everstep_durable::{FunctionArn, InvocationRetry, Limits, Mode, Settings};
use everstep_engine::{
    Code, DURABLE, DurableConfig, Engine, FunctionConfig, Options, Revision, StartExecution,
    Storage,
};

use crate::fixture::{Fixture, eventually, start};

/// Notes that it ran, and takes as long as its marker file says.
const NOTES: &str = r#"
import json, os, time
def handler(event, context):
    folder = os.environ["NOTES"]
    name = json.loads(event["InitialExecutionState"]["Operations"][0]["ExecutionDetails"]["InputPayload"])
    with open(os.path.join(folder, name), "a") as notes:
        notes.write("ran\n")
    time.sleep(4 if name == "first" else 0)
    return {"Status": "SUCCEEDED", "Result": "1"}
"#;

fn config(fixture: &Fixture) -> FunctionConfig {
    let notes = fixture.folder.path().display().to_string();
    FunctionConfig {
        runtime: everstep_engine::Runtime::Python,
        runtime_name: "python3.13".to_owned(),
        handler: "app.handler".to_owned(),
        role: String::new(),
        description: String::new(),
        timeout_s: 30,
        memory_mb: 512,
        environment: BTreeMap::from([("NOTES".to_owned(), notes)]),
        durable: Some(DurableConfig {
            execution_timeout_s: None,
            retention_days: 1,
        }),
        log_format: "Text".to_owned(),
        architecture: "x86_64".to_owned(),
        layers: Vec::new(),
        dead_letter: None,
        stored: BTreeMap::new(),
        scaling: Default::default(),
    }
}

fn begin(name: &str, lease_s: u32) -> StartExecution {
    let function = FunctionArn {
        partition: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        name: "f".to_owned(),
        version: "$LATEST".to_owned(),
    };
    let settings = Settings {
        is_agent: false,
        mode: Mode::Durable,
        function,
        revision: "r".to_owned(),
        // The engine's lease is made of it; the host has the function's own time.
        function_timeout_s: lease_s,
        execution_timeout_s: None,
        retention_days: 1,
        retry: InvocationRetry::default(),
        limits: Limits::default(),
        trace_header: None,
        tenant_id: None,
        end: None,
    };
    StartExecution {
        definition: Definition {
            machine: DURABLE,
            name: "f".to_owned(),
            version: "$LATEST".to_owned(),
        },
        name: Some(name.to_owned()),
        input: Some(Bytes::from(format!("\"{name}\""))),
        settings: settings.encode(),
        retention_ms: 86_400_000,
        parent: None,
        attributes: BTreeMap::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_ends_while_its_task_waits_for_a_worker_runs_it_once() {
    let fixture = start(|options| options.max_workers = 1).await;
    let code = fixture
        .function(everstep_dispatch::host::Runtime::Python, NOTES)
        .code;
    let folder = fixture.folder.path().to_owned();
    let dispatcher =
        FunctionDispatcher::new(fixture.host.clone(), String::new(), folder.join("code"));
    let storage = Storage::Memory {
        blobs: folder.join("blobs"),
    };
    let options = Options {
        lease_grace_ms: 0,
        ..Options::default()
    };
    let engine = Engine::open(&storage, Arc::new(dispatcher), options).unwrap();
    let handle = engine.handle().clone();
    let revision = Revision {
        function: "f".to_owned(),
        revision: "r".to_owned(),
        config: config(&fixture),
        code: Code::Folder {
            path: code.display().to_string(),
        },
        modified_ms: 0,
    };
    handle
        .create_function(revision, BTreeMap::new())
        .await
        .unwrap();
    let first = handle.start(begin("first", 30)).await.unwrap().id;
    eventually("the first at work", || folder.join("first").exists()).await;
    // Its lease ends three times before the one worker is free.
    let second = handle.start(begin("second", 1)).await.unwrap().id;
    for id in [first, second] {
        let ended = tokio::time::timeout(Duration::from_secs(20), handle.wait(id)).await;
        assert_eq!(ended.unwrap().unwrap().status, Status::Succeeded);
    }
    for name in ["first", "second"] {
        let notes = std::fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(notes, "ran\n", "{name}");
    }
    assert_eq!(fixture.host.stats().invocations, 2);
    fixture.host.shutdown().await;
    engine.finish();
}
