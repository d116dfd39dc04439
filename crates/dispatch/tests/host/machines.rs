//! State machines that call functions and each other, on a real host and a real engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use everstep_asl::machine::Event;
use everstep_core::{ExecutionId, Status};
use everstep_dispatch::host::Runtime;
use everstep_dispatch::{FunctionDispatcher, ServiceOptions};
use everstep_engine::catalogue::{
    LogLevel, MachineLogging, StateMachineKind, StateMachineRecord, StateMachineRevision,
};
use everstep_engine::{
    Code, Direction, DurableConfig, Engine, FunctionConfig, Handle, HistoryEvent, Options,
    Revision, StartMachine, Storage,
};
use everstep_logs::{Limits, Logs};
use serde_json::{Value, json};

use crate::fixture::{Fixture, eventually, start};

const HOME: &str = "arn:aws:states:us-east-1:000000000000";
const GROUP: &str = "/aws/vendedlogs/states/calls";
const CODE: &str = r#"
import time

class CustomException(Exception):
    pass

def handler(event, context):
    if event.get("raises"):
        raise CustomException("not today")
    time.sleep(event.get("seconds", 0))
    return {"event": event, "arn": context.invoked_function_arn}

def durable(event, context):
    payload = event["InitialExecutionState"]["Operations"][0]["ExecutionDetails"]["InputPayload"]
    return {"Status": "SUCCEEDED", "Result": payload}
"#;

/// An engine with its host; functions `plain` and `durable`.
struct World {
    fixture: Fixture,
    engine: Engine,
    logs: Logs,
}

impl World {
    async fn new() -> Self {
        let fixture = start(|_| {}).await;
        let folder = fixture.folder.path().to_owned();
        let logs = Logs::open(folder.join("machines"), Limits::default()).unwrap();
        let services = ServiceOptions {
            logs: Some(logs.clone()),
            ..ServiceOptions::default()
        };
        let dispatcher = FunctionDispatcher::with_services(
            fixture.host.clone(),
            String::new(),
            folder.join("code"),
            services,
        );
        let storage = Storage::Memory {
            blobs: folder.join("blobs"),
        };
        let engine = Engine::open(&storage, Arc::new(dispatcher), Options::default()).unwrap();
        let code = fixture.function(Runtime::Python, CODE).code;
        let durable = DurableConfig {
            execution_timeout_s: None,
            retention_days: 1,
        };
        for (name, handler, durable) in [
            ("plain", "app.handler", None),
            ("durable", "app.durable", Some(durable)),
        ] {
            let revision = Revision {
                function: name.to_owned(),
                revision: "r".to_owned(),
                config: config(handler, durable),
                code: Code::Folder {
                    path: code.display().to_string(),
                },
                modified_ms: 0,
            };
            let handle = engine.handle();
            handle
                .create_function(revision, BTreeMap::new())
                .await
                .unwrap();
        }
        Self {
            fixture,
            engine,
            logs,
        }
    }

    fn handle(&self) -> &Handle {
        self.engine.handle()
    }

    /// Makes a state machine; returns its ARN.
    async fn machine(&self, name: &str, definition: &Value) -> String {
        let definition = self.handle().put_definition(&definition.to_string()).await;
        let revision = StateMachineRevision {
            state_machine: name.to_owned(),
            revision: "r".to_owned(),
            initial: true,
            kind: StateMachineKind::Standard,
            definition: definition.unwrap(),
            role: "arn:aws:iam::000000000000:role/test".to_owned(),
            logging: MachineLogging {
                level: LogLevel::All,
                include_execution_data: false,
                destinations: Some(vec![format!(
                    "arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*"
                )]),
            },
            tracing: false,
            encryption: None,
            modified_ms: 0,
        };
        let record = StateMachineRecord {
            name: name.to_owned(),
            kind: StateMachineKind::Standard,
            deleting: false,
            created_ms: 0,
            latest: "r".to_owned(),
            versions: BTreeMap::new(),
            next_version: 1,
            aliases: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        let made = self.handle().create_state_machine(&record, &revision);
        made.await.unwrap();
        format!("{HOME}:stateMachine:{name}")
    }

    async fn start(&self, machine: &str, input: &Value) -> ExecutionId {
        let handle = self.handle();
        let resolved = handle.resolve_state_machine(machine, None, None);
        let resolved = resolved.await.unwrap();
        let start = StartMachine {
            home: HOME.to_owned(),
            name: format!("{machine}-run"),
            id: "1".to_owned(),
            input: input.to_string().into(),
            sync: false,
            trace: None,
            parent: None,
            attributes: BTreeMap::new(),
            repeated: false,
        };
        let started = handle.start_state_machine(&resolved, start);
        started.await.unwrap().id
    }

    async fn events(&self, id: ExecutionId) -> Vec<Event> {
        let page = self.handle().history(id, None, Direction::Forward, 1_000);
        let items = page.await.unwrap().items.into_iter();
        items
            .filter_map(|item| match item.event {
                HistoryEvent::Asl(event) => Some(event),
                HistoryEvent::Durable(_) | HistoryEvent::Approval(_) => None,
            })
            .collect()
    }

    async fn ended(&self, id: ExecutionId) -> (Status, Vec<Event>) {
        let wait = self.handle().wait(id);
        let ended = tokio::time::timeout(Duration::from_secs(30), wait).await;
        (ended.unwrap().unwrap().status, self.events(id).await)
    }

    /// Runs one Task state to its end.
    async fn task(&self, name: &str, task: Value, input: Value) -> (Status, Vec<Event>) {
        self.machine(name, &one_task(task)).await;
        let id = self.start(name, &input).await;
        self.ended(id).await
    }

    async fn end(self) {
        self.fixture.host.shutdown().await;
        self.engine.finish();
    }
}

fn config(handler: &str, durable: Option<DurableConfig>) -> FunctionConfig {
    FunctionConfig {
        runtime: everstep_engine::Runtime::Python,
        runtime_name: "python3.13".to_owned(),
        handler: handler.to_owned(),
        role: String::new(),
        description: String::new(),
        timeout_s: 30,
        memory_mb: 512,
        environment: BTreeMap::new(),
        durable,
        log_format: "Text".to_owned(),
        architecture: "x86_64".to_owned(),
        layers: Vec::new(),
        dead_letter: None,
        stored: BTreeMap::new(),
        scaling: Default::default(),
    }
}

fn one_task(task: Value) -> Value {
    let mut state = json!({"Type": "Task", "End": true});
    let members = task.as_object().unwrap().clone();
    state.as_object_mut().unwrap().extend(members);
    json!({"StartAt": "Call", "States": {"Call": state}})
}

fn types(events: &[Event]) -> Vec<&'static str> {
    events.iter().filter_map(Event::history_type).collect()
}

fn output(events: &[Event]) -> Value {
    let Some(Event::ExecutionSucceeded { output, .. }) = events.last() else {
        panic!("{events:#?}");
    };
    serde_json::from_str(output.text()).unwrap()
}

fn failure(events: &[Event]) -> (&str, &str) {
    let Some(Event::ExecutionFailed { failure, .. }) = events.last() else {
        panic!("{events:#?}");
    };
    (
        failure.error.as_deref().unwrap_or_default(),
        failure.cause.as_deref().unwrap_or_default(),
    )
}

const PLAIN: &str = "arn:aws:lambda:us-east-1:000000000000:function:plain";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_are_called_by_their_arns_and_by_invoke() {
    let world = World::new().await;
    let (status, events) = world
        .task("raw", json!({"Resource": PLAIN}), json!({"a": 1}))
        .await;
    assert_eq!(status, Status::Succeeded, "{events:#?}");
    assert_eq!(output(&events), json!({"event": {"a": 1}, "arn": PLAIN}));
    assert!(types(&events).contains(&"LambdaFunctionSucceeded"));

    let (status, events) = world
        .task(
            "raises",
            json!({"Resource": PLAIN}),
            json!({"raises": true}),
        )
        .await;
    assert_eq!(status, Status::Failed);
    let (error, cause) = failure(&events);
    assert_eq!(error, "CustomException");
    let document: Value = serde_json::from_str(cause).unwrap();
    assert_eq!(document["errorMessage"], "not today");

    let invoke = json!({
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "plain", "Payload": {"b": 2}, "Qualifier": "$LATEST"},
    });
    let (_, events) = world.task("invoke", invoke, json!({})).await;
    let answer = output(&events);
    assert_eq!(answer["Payload"]["event"], json!({"b": 2}));
    assert_eq!(answer["Payload"]["arn"], format!("{PLAIN}:$LATEST"));
    assert_eq!(answer["StatusCode"], 200);

    let missing = json!({"Resource": format!("{PLAIN}-not")});
    let (_, events) = world.task("missing", missing, json!({})).await;
    let (error, cause) = failure(&events);
    assert_eq!(error, "Lambda.ResourceNotFoundException");
    assert!(cause.starts_with(&format!(
        "Function not found: {PLAIN}-not:$LATEST (Service: AWSLambda; Status Code: 404; "
    )));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_function_is_waited_for() {
    let world = World::new().await;
    let arn = PLAIN.replace("plain", "durable");
    let resource = json!({"Resource": format!("{arn}:$LATEST")});
    let (status, events) = world.task("durable", resource, json!({"a": 1})).await;
    assert_eq!(status, Status::Succeeded, "{events:#?}");
    assert_eq!(output(&events), json!({"a": 1}));
    let (_, events) = world
        .task("unqualified", json!({"Resource": arn}), json!({}))
        .await;
    assert_eq!(failure(&events).0, "Lambda.InvalidParameterValueException");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_nested_execution_is_the_end_of_its_task() {
    let world = World::new().await;
    let pass = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let child = world.machine("child", &pass).await;
    let nested = |pattern: &str| {
        json!({
            "Resource": format!("arn:aws:states:::states:startExecution{pattern}"),
            "Parameters": {"StateMachineArn": child, "Input": {"a": 1}},
        })
    };
    // The child has often ended before its start is answered.
    for (number, (pattern, expected)) in
        [(".sync", json!("{\"a\":1}")), (".sync:2", json!({"a": 1}))]
            .into_iter()
            .cycle()
            .take(20)
            .enumerate()
    {
        let name = format!("parent{number}");
        let (status, events) = world.task(&name, nested(pattern), json!({})).await;
        assert_eq!(status, Status::Succeeded, "{events:#?}");
        let end = output(&events);
        assert_eq!(end["Output"], expected);
        assert_eq!(end["Status"], "SUCCEEDED");
        assert_eq!(end["StateMachineArn"], child.as_str());
        assert!(types(&events).contains(&"TaskSubmitted"));
    }
    let (_, events) = world.task("started", nested(""), json!({})).await;
    let arn = output(&events)["ExecutionArn"].as_str().unwrap().to_owned();
    assert!(
        arn.starts_with(&format!("{HOME}:execution:child:")),
        "{arn}"
    );

    let wait =
        json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": true}}});
    let child = world.machine("waits", &wait).await;
    let parameters = json!({"StateMachineArn": child, "Name": "nested"});
    let resource = "arn:aws:states:::states:startExecution.sync";
    let task = json!({"Resource": resource, "Parameters": parameters});
    world.machine("stopped", &one_task(task)).await;
    let parent = world.start("stopped", &json!({})).await;
    let nested = loop {
        let found = world.handle().find("stateMachine:waits", "nested").await;
        if let Some(id) = found.unwrap() {
            break id;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    while !types(&world.events(parent).await).contains(&"TaskSubmitted") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.handle().stop(parent, None).await.unwrap();
    assert_eq!(world.ended(nested).await.0, Status::Stopped);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_logged() {
    let world = World::new().await;
    let (_, events) = world
        .task("logged", json!({"Resource": PLAIN}), json!({}))
        .await;
    let file = world.fixture.folder.path().join("machines");
    let lines = || {
        let files = std::fs::read_dir(&file).unwrap();
        let texts = files.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok());
        let text: String = texts.collect();
        let lines = text.lines().map(str::to_owned);
        let messages = lines.filter(|line| line.contains("previous_event_id"));
        messages.collect::<Vec<String>>()
    };
    eventually("every event in the log", || lines().len() == events.len()).await;
    assert!(world.logs.group(GROUP).is_some());
    for kind in types(&events) {
        let kind = format!("\\\"type\\\":\\\"{kind}\\\"");
        assert!(lines().iter().any(|line| line.contains(&kind)), "{kind}");
    }
    world.end().await;
}
