//! An engine whose tasks come to the test.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use everstep_core::token::{Keyring, Purpose};
use everstep_core::{Definition, ExecutionId, Generation, Operation};
use everstep_durable::{
    Action, FunctionArn, Identity, Invocation, InvocationRetry, Limits, Mode, OperationKind,
    Output, Settings, Update, UpdateOptions,
};
use everstep_engine::blobs::Blobs;
use everstep_engine::{
    Call, Called, DURABLE, Dispatcher, Engine, Error, Handle, Late, Options, Parts, Pending, Reply,
    Request, StartExecution, Work, WorkPayload,
};
use everstep_store::Memory;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Hands every task to the test.
pub struct Forward(UnboundedSender<Work>);

impl Forward {
    pub fn new() -> (Arc<Self>, UnboundedReceiver<Work>) {
        let (sender, works) = unbounded_channel();
        (Arc::new(Self(sender)), works)
    }
}

impl Dispatcher for Forward {
    fn dispatch(&self, _: &Handle, work: Work) {
        let _ = self.0.send(work);
    }

    fn call(&self, _: &Handle, call: Call) -> Pending<Result<Called, Error>> {
        Box::pin(async move {
            Ok(Called {
                result: Ok(call.payload),
                log_tail: Bytes::new(),
            })
        })
    }
}

pub struct World {
    _engine: Engine,
    pub handle: Handle,
    pub works: UnboundedReceiver<Work>,
    _folder: tempfile::TempDir,
}

pub fn parts(dispatcher: Arc<dyn Dispatcher>, folder: &std::path::Path) -> Parts {
    Parts {
        store: Arc::new(Memory::new()),
        blobs: Blobs::open(folder).expect("blobs"),
        dispatcher,
        keyring: Keyring::new([1; 32]),
    }
}

impl World {
    pub fn new(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (forward, works) = Forward::new();
        let engine = Engine::start(parts(forward, folder.path()), options).expect("an engine");
        Self {
            handle: engine.handle().clone(),
            _engine: engine,
            works,
            _folder: folder,
        }
    }

    /// The next task, as the function that it invokes gets it.
    pub async fn invoked(&mut self) -> (ExecutionId, Invocation) {
        invoked(&mut self.works).await
    }

    /// Starts an execution and takes its first invocation.
    pub async fn started(&mut self, name: &str) -> (ExecutionId, Invocation) {
        self.handle.start(named(name)).await.expect("started");
        self.invoked().await
    }
}

pub async fn invoked(works: &mut UnboundedReceiver<Work>) -> (ExecutionId, Invocation) {
    let work = tokio::time::timeout(Duration::from_secs(30), works.recv()).await;
    let work = work.expect("a task in time").expect("an engine");
    match work.payload {
        WorkPayload::Late(late) => {
            let Late::Durable(invocation) = *late else {
                panic!("not an invocation");
            };
            (work.execution, invocation)
        }
        WorkPayload::Stored(payload) => panic!("not an invocation: {payload:?}"),
    }
}

pub fn named(name: &str) -> StartExecution {
    let part = str::to_owned;
    let settings = Settings {
        is_agent: false,
        mode: Mode::Durable,
        function: FunctionArn {
            partition: part("aws"),
            region: part("us-east-1"),
            account: part("000000000000"),
            name: part("f"),
            version: part("1"),
        },
        revision: part("r"),
        function_timeout_s: 60,
        execution_timeout_s: None,
        retention_days: 1,
        retry: InvocationRetry::DURABLE,
        limits: Limits::default(),
        trace_header: None,
        tenant_id: None,
        end: None,
    };
    StartExecution {
        definition: Definition {
            machine: DURABLE,
            name: part("f"),
            version: part("1"),
        },
        name: Some(part(name)),
        input: Some(Bytes::from_static(b"{}")),
        settings: settings.encode(),
        retention_ms: 10_000,
        parent: None,
        attributes: std::collections::BTreeMap::new(),
    }
}

pub fn update(id: &str, kind: OperationKind, action: Action, options: UpdateOptions) -> Update {
    Update {
        identity: Identity {
            id: id.into(),
            parent: None,
            name: None,
            sub_kind: None,
        },
        kind,
        action,
        payload: None,
        error: None,
        options,
    }
}

pub fn callback(timeout_s: Option<u32>, heartbeat_s: Option<u32>) -> Update {
    let options = UpdateOptions {
        callback_timeout_s: timeout_s,
        callback_heartbeat_s: heartbeat_s,
        ..UpdateOptions::default()
    };
    update("c", OperationKind::Callback, Action::Start, options)
}

pub async fn durable(
    handle: &Handle,
    id: ExecutionId,
    request: everstep_durable::Request,
) -> everstep_durable::Reply {
    let reply = handle.request(id, Request::Durable(request)).await;
    let Reply::Durable(reply) = reply.expect("a reply") else {
        panic!("another machine's");
    };
    reply
}

/// Plays the function: checkpoints these updates and ends so.
pub async fn play(
    handle: &Handle,
    (id, invocation): &(ExecutionId, Invocation),
    updates: Vec<Update>,
    output: Output,
) {
    let request = everstep_durable::Request::Checkpoint {
        position: invocation.position,
        client_token: None,
        updates,
    };
    let reply = durable(handle, *id, request).await;
    assert!(
        matches!(reply, everstep_durable::Reply::Checkpoint { .. }),
        "{reply:?}"
    );
    let generation = invocation.generation;
    let finish = everstep_durable::Request::Finish { generation, output };
    let reply = durable(handle, *id, finish).await;
    assert_eq!(reply, everstep_durable::Reply::Finished);
}

/// The token of a callback.
pub fn token(handle: &Handle, id: ExecutionId, operation: u32) -> String {
    let operation = Operation(operation);
    handle.token(Purpose::Callback, id, operation, Generation(0), 0)
}
