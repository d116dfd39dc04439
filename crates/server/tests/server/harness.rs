//! A server on a free port, a worker that tests play themselves, and a client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everstep_core::token::{Keyring, Purpose};
use everstep_core::{ExecutionId, Operation};
use everstep_durable::{Invocation, Mode, Output, Request};
use everstep_engine::blobs::Blobs;
use everstep_engine::{
    Call, Called, Dispatcher, Engine, Error, Handle, Late, Parts, Pending, Work, WorkPayload,
};
use everstep_logs::{Limits, Logs};
use everstep_server::{Key, Options, Role, Route, Server, fingerprint};
use everstep_store::{Memory, Store};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// An invocation that a test answers.
pub struct Job {
    pub execution: ExecutionId,
    pub invocation: Box<Invocation>,
}

/// Answers functions by their names: `echo…` gives its input back, `fails…` raises, `proxy…` shows its event, all others wait for the test.
#[derive(Default)]
pub struct Worker {
    jobs: Mutex<HashMap<String, mpsc::UnboundedSender<Job>>>,
    calls: Mutex<Vec<Call>>,
}

impl Dispatcher for Worker {
    fn dispatch(&self, handle: &Handle, work: Work) {
        let WorkPayload::Late(late) = work.payload else {
            return;
        };
        let Late::Durable(invocation) = *late else {
            panic!("not an invocation");
        };
        let job = Job {
            execution: work.execution,
            invocation: Box::new(invocation),
        };
        let name = job.invocation.function.name.clone();
        if name.starts_with("echo") || name.starts_with("fails") {
            run(handle.clone(), job, &name);
            return;
        }
        let jobs = self.jobs.lock().expect("no test panicked");
        if let Some(sender) = jobs.get(&name) {
            let _ = sender.send(job);
        }
    }

    fn call(&self, _: &Handle, call: Call) -> Pending<Result<Called, Error>> {
        self.calls
            .lock()
            .expect("no test panicked")
            .push(call.clone());
        Box::pin(async move {
            let result = if call.address.starts_with("fails") {
                Err(Bytes::from_static(
                    br#"{"errorType":"ValueError","errorMessage":"refused"}"#,
                ))
            } else if call.address.starts_with("proxy") {
                let event: Value = serde_json::from_slice(&call.payload).expect("an event");
                let body = event.to_string();
                Ok(Bytes::from(
                    json!({ "statusCode": 207, "headers": { "X-Seen": "yes" }, "body": body })
                        .to_string(),
                ))
            } else {
                Ok(call.payload)
            };
            Ok(Called {
                result,
                log_tail: Bytes::from_static(b"a line\n"),
            })
        })
    }
}

/// The commit thread dispatches: it has no runtime of its own.
fn run(handle: Handle, job: Job, name: &str) {
    let failed = name.starts_with("fails");
    let spawned = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let output = if failed {
                Output::Failed {
                    error: Some(everstep_core::Failure::new("ValueError", "refused")),
                }
            } else {
                let input = match job.invocation.mode {
                    Mode::Plain => job.invocation.payload.clone(),
                    Mode::Durable => job.invocation.operations.first().and_then(|operation| {
                        match &operation.details {
                            everstep_durable::Details::Execution { input } => input.clone(),
                            _ => None,
                        }
                    }),
                };
                Output::Succeeded { result: input }
            };
            finish(&handle, &job, output).await;
        });
    });
    drop(spawned);
}

/// Ends an invocation.
pub async fn finish(handle: &Handle, job: &Job, output: Output) {
    let request = Request::Finish {
        generation: job.invocation.generation,
        output,
    };
    let request = everstep_engine::Request::Durable(request);
    handle
        .report(job.execution, request)
        .await
        .expect("the engine takes the end");
}

pub struct World {
    pub base: String,
    pub engine: Option<Engine>,
    pub handle: Handle,
    pub worker: Arc<Worker>,
    pub client: reqwest::Client,
    _folder: tempfile::TempDir,
    pub logs: Logs,
    pub stop: tokio_util::sync::CancellationToken,
}

/// An answer as tests look at it.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The answer is an AWS error of this type, status and code of ours.
    #[track_caller]
    pub fn is_error(&self, status: u16, kind: &str, code: &str) {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("x-amzn-errortype"), Some(kind), "{text}");
        assert_eq!(self.header("x-everstep-error"), Some(code), "{text}");
        let body = self.json();
        assert!(
            body["Type"].is_string()
                && (body["message"].is_string() || body["Message"].is_string()),
            "{text}"
        );
    }

    /// The answer is a problem document with this status and code.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{text}"
        );
        assert_eq!(self.json()["code"], code, "{text}");
    }

    pub fn message(&self) -> String {
        let body = self.json();
        body["message"]
            .as_str()
            .or(body["Message"].as_str())
            .unwrap_or_default()
            .to_owned()
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(
            Arc::new(Memory::new()),
            everstep_engine::Options::default(),
            |_| (),
        )
        .await
    }

    pub async fn with(
        store: Arc<dyn Store>,
        engine: everstep_engine::Options,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let worker = Arc::new(Worker::default());
        let parts = Parts {
            store,
            blobs: Blobs::open(folder.path().join("blobs")).expect("a folder for blobs"),
            dispatcher: Arc::clone(&worker) as Arc<dyn Dispatcher>,
            keyring: Keyring::new([7; 32]),
        };
        let engine = Engine::start(parts, engine).expect("an engine");
        let handle = engine.handle().clone();
        let logs = Logs::open(folder.path().join("logs"), Limits::default());
        let logs = logs.expect("a folder for logs");
        let mut options = Options {
            region: "us-west-2".to_owned(),
            logs: Some(logs.clone()),
            ..Options::default()
        };
        let route = |method: &str, path: &str, function: &str| Route {
            method: method.to_owned(),
            path: path.to_owned(),
            function: function.to_owned(),
        };
        options.routes = vec![
            route("POST", "/workflows/{id}/approve", "proxy"),
            route("GET", "/workflows/{id}", "proxy"),
            route("GET", "/failing", "fails"),
            route("GET", "/echo", "echo"),
            route("GET", "/missing", "nobody"),
        ];
        options.door.keys.replace(vec![Key {
            name: "test".to_owned(),
            role: Role::Agent,
            groups: Vec::new(),
            access: None,
            api_key: fingerprint(ARTIFACT_KEY),
            expires: None,
        }]);
        change(&mut options);
        let stop = options.shutdown.clone();
        let (address, serving) = Server::bind(options, handle.clone())
            .await
            .expect("a free port");
        tokio::spawn(serving);
        let client = reqwest::Client::new();
        Self {
            base: format!("http://{address}"),
            engine: Some(engine),
            handle,
            worker,
            client,
            _folder: folder,
            logs,
            stop,
        }
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // Artifacts ask for credentials even where nothing else does.
        if path.starts_with("/artifact") && !path.contains("signature=") {
            request = request.bearer_auth(ARTIFACT_KEY);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer {
            status,
            headers,
            bytes: response.bytes().await.expect("a body"),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[], body.to_string()).await
    }

    pub async fn create(&self, name: &str, durable: bool) -> Answer {
        let mut body = json!({
            "FunctionName": name, "Runtime": "python3.12", "Role": "arn:aws:iam::000000000000:role/r", "Handler": "a.b",
            "Code": { "ZipFile": STANDARD.encode(empty_zip()) }, "Timeout": 60,
        });
        if durable {
            body["DurableConfig"] = json!({ "ExecutionTimeout": 3600, "RetentionPeriodInDays": 1 });
        }
        self.post("/2015-03-31/functions", &body).await
    }

    /// A durable function whose invocations the test answers.
    pub async fn puppet(&self, name: &str) -> mpsc::UnboundedReceiver<Job> {
        assert_eq!(self.create(name, true).await.status, 201);
        let (sender, receiver) = mpsc::unbounded_channel();
        self.worker
            .jobs
            .lock()
            .expect("no test panicked")
            .insert(name.to_owned(), sender);
        receiver
    }

    pub async fn invoke(
        &self,
        function: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        self.send(
            Method::POST,
            &format!("/2015-03-31/functions/{function}/invocations"),
            headers,
            body,
        )
        .await
    }

    /// Starts without waiting; gives the ARN.
    pub async fn start(&self, function: &str, payload: &str) -> String {
        let answer = self
            .invoke(
                &format!("{function}:$LATEST"),
                &[("x-amz-invocation-type", "Event")],
                payload.to_owned(),
            )
            .await;
        assert_eq!(answer.status, 202);
        answer
            .header("x-amz-durable-execution-arn")
            .expect("an ARN")
            .to_owned()
    }

    pub fn first_token(&self, job: &Job) -> String {
        let position = job.invocation.position;
        self.handle.token(
            Purpose::Position,
            job.execution,
            Operation(0),
            position.generation,
            position.sequence,
        )
    }

    pub async fn checkpoint(&self, arn: &str, token: &str, updates: Value) -> Answer {
        let path = format!("/2025-12-01/durable-executions/{}/checkpoint", encoded(arn));
        self.post(
            &path,
            &json!({ "CheckpointToken": token, "Updates": updates }),
        )
        .await
    }

    /// Starts an execution that waits for a callback; gives the ARN, the callback's id and the invocation, which has ended.
    pub async fn waiting(
        &self,
        function: &str,
        options: Value,
    ) -> (String, String, mpsc::UnboundedReceiver<Job>) {
        let mut jobs = self.puppet(function).await;
        let arn = self.start(function, "1").await;
        let job = jobs.recv().await.expect("an invocation");
        let update = json!([{ "Id": "cb", "Type": "CALLBACK", "SubType": "Callback", "Action": "START", "CallbackOptions": options }]);
        let answer = self.checkpoint(&arn, &self.first_token(&job), update).await;
        assert_eq!(
            answer.status,
            200,
            "{}",
            String::from_utf8_lossy(&answer.bytes)
        );
        let operations = answer.json()["NewExecutionState"]["Operations"].clone();
        let id = operations[0]["CallbackDetails"]["CallbackId"]
            .as_str()
            .expect("a callback id")
            .to_owned();
        finish(&self.handle, &job, Output::Pending).await;
        (arn, id, jobs)
    }

    pub async fn describe(&self, arn: &str) -> Value {
        self.get(&format!("/2025-12-01/durable-executions/{}", encoded(arn)))
            .await
            .json()
    }
}

/// A key of the door, shown as `key-of-NAME`.
pub fn key(name: &str, role: Role) -> Key {
    Key {
        name: name.to_owned(),
        role,
        groups: Vec::new(),
        access: None,
        api_key: fingerprint(&format!("key-of-{name}")),
        expires: None,
    }
}

pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The end of a zip's directory, with nothing before it.
pub fn empty_zip() -> Vec<u8> {
    let mut zip = b"PK\x05\x06".to_vec();
    zip.extend([0; 18]);
    zip
}

/// A key for artifacts alone.
pub const ARTIFACT_KEY: &str = "key-of-an-agent";

pub const SOON: Duration = Duration::from_millis(200);
