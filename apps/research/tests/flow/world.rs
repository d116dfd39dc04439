//! One loopback server that plays everything outside: durable service, artifact service, agents, event sink.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use everstep_research::Services;
use everstep_research::log::Log;
use everstep_research::settings::{Role, Settings};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::agents::Agent;
use crate::durable::Execution;

/// Everything that the fakes remember.
#[derive(Default)]
pub struct State {
    pub execution: Execution,
    pub objects: BTreeMap<String, (Vec<u8>, String, u64)>,
    pub writes: u64,
    pub links: Vec<Value>,
    pub agents: BTreeMap<String, Agent>,
    /// Addresses of agents that are known by name.
    pub registered: BTreeMap<String, String>,
    /// What people were asked: name and question; the approval's id is its place.
    pub approvals: Vec<(String, Value)>,
    /// What the server answers to the next questions instead.
    pub approval_answers: Vec<(u16, Value)>,
    pub sink: Vec<(String, Value)>,
    pub starts: Vec<(String, Value)>,
    /// Answer 503 to that many artifact requests.
    pub artifact_outage: u32,
    /// Answer 503 to that many notifications of an approval.
    pub notice_outage: u32,
    /// What the Lambda runtime API hands out next, and what came back.
    pub events: Vec<Value>,
    pub answers: Vec<(String, Value)>,
}

/// The server and the workflow's view of it.
#[derive(Clone)]
pub struct World {
    pub base: String,
    pub state: Arc<Mutex<State>>,
    /// Rung when the invocation is to die.
    pub crash: Arc<Notify>,
    pub services: Services,
    pub lambda: aws_sdk_lambda::Client,
}

impl World {
    pub async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let state: Arc<Mutex<State>> = Arc::default();
        let crash: Arc<Notify> = Arc::default();
        for name in ["researcher", "analyst", "writer"] {
            lock(&state)
                .agents
                .insert(name.to_owned(), Agent::new(name));
        }
        let app = Router::new().fallback(serve).with_state((
            Arc::clone(&state),
            Arc::clone(&crash),
            base.clone(),
        ));
        tokio::spawn(async move {
            axum::serve(listener, app)
                .await
                .expect("serves until the test ends")
        });

        let lambda = lambda(&base);
        let services = Services::local(settings(&base), lambda.clone(), Log::in_memory())
            .expect("local services");
        Self {
            base,
            state,
            crash,
            services,
            lambda,
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub fn agent<T>(&self, name: &str, change: impl FnOnce(&mut Agent) -> T) -> T {
        change(self.lock().agents.get_mut(name).expect("a known agent"))
    }

    /// The record as it lies in the artifact service.
    pub fn record(&self, id: &str) -> Value {
        self.object(&format!("tables/workflows/{id}.json"))
    }

    pub fn object(&self, key: &str) -> Value {
        let state = self.lock();
        let (body, ..) = state
            .objects
            .get(&format!("bucket/{key}"))
            .unwrap_or_else(|| panic!("{key} is stored"));
        serde_json::from_slice(body).expect("stored JSON")
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn settings(base: &str) -> Settings {
    Settings::read(Role::Workflow, |name| match name {
        "ARTIFACT_BUCKET" => Some("bucket".to_owned()),
        "WORKFLOW_TABLE" => Some("workflows".to_owned()),
        "CALLBACK_API_URL" => Some(base.to_owned()),
        "RESEARCHER_AGENT_ARN" => Some(format!("{base}/agents/researcher")),
        "ANALYST_AGENT_ARN" => Some(format!("{base}/agents/analyst")),
        "WRITER_AGENT_ARN" => Some(format!("{base}/agents/writer")),
        "EVENT_SINK_URL" => Some(format!("{base}/events")),
        "APPROVAL_SNS_TOPIC_ARN" => Some("arn:aws:sns:r:123456789012:approvals".to_owned()),
        _ => None,
    })
    .expect("complete settings")
}

fn lambda(base: &str) -> aws_sdk_lambda::Client {
    use aws_sdk_lambda::config::{
        BehaviorVersion, Config, Credentials, Region, retry::RetryConfig,
    };
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(base)
        .build();
    aws_sdk_lambda::Client::from_conf(config)
}

type Outside = (Arc<Mutex<State>>, Arc<Notify>, String);

async fn serve(
    Shared(outside): Shared<Outside>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path: Vec<String> = uri
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .map(decode)
        .collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let (state, crash, base) = &outside;
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    match (method.as_str(), path.as_slice()) {
        ("POST", ["2025-12-01", "durable-executions", _, "checkpoint"]) => {
            let (answer, dies) = lock(state).execution.checkpoint(&body);
            if dies {
                crash.notify_one();
                std::future::pending::<()>().await;
            }
            answer.into_response()
        }
        ("GET", ["2018-06-01", "runtime", "invocation", "next"]) => next(state).await,
        (_, ["2025-12-01" | "2015-03-31" | "2018-06-01", ..]) => {
            let name = header("x-amz-durable-execution-name");
            lambda_api(&mut lock(state), &path, &uri, name, &body)
        }
        (_, ["artifacts", ..] | ["artifact-links"]) => {
            artifacts(&mut lock(state), base, &method, &path, &headers, &body)
        }
        ("GET", ["agents", name]) => match lock(state).registered.get(*name) {
            Some(url) => reply(&json!({ "name": name, "url": url })),
            None => (StatusCode::NOT_FOUND, "{}").into_response(),
        },
        (_, ["agents", name, ..]) => {
            let mut state = lock(state);
            let State {
                agents, execution, ..
            } = &mut *state;
            let agent = agents.get_mut(*name).expect("a known agent");
            agent.serve(&method, &path, &body, base, execution)
        }
        (_, ["approvals", rest @ ..]) => approvals(
            &mut lock(state),
            base,
            rest,
            header("idempotency-key"),
            &body,
        ),
        ("POST", ["events"]) => {
            let event = serde_json::from_slice(&body).expect("a JSON event");
            let id = header("idempotency-key").to_owned();
            let mut state = lock(state);
            if id.ends_with("/sns") && state.notice_outage > 0 {
                state.notice_outage -= 1;
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
            state.sink.push((id, event));
            StatusCode::NO_CONTENT.into_response()
        }
        _ => nobody(&uri),
    }
}

/// Approvals as far as whoever asks sees them: a name is one question.
fn approvals(state: &mut State, base: &str, path: &[&str], name: &str, body: &[u8]) -> Response {
    let shown = |place: usize| {
        let url = format!("{base}/approvals/{place}/page");
        reply(&json!({ "id": place.to_string(), "url": url }))
    };
    if let Some((status, body)) = state.approval_answers.pop() {
        let status = StatusCode::from_u16(status).expect("a status");
        return (status, body.to_string()).into_response();
    }
    let named = path.first().copied().unwrap_or(name);
    let known = state.approvals.iter().position(|(other, _)| other == named);
    if !path.is_empty() {
        return known.map_or_else(|| StatusCode::NOT_FOUND.into_response(), shown);
    }
    let question: Value = serde_json::from_slice(body).expect("a JSON question");
    match known {
        Some(place) if state.approvals[place].1 != question => StatusCode::CONFLICT.into_response(),
        Some(place) => shown(place),
        None => {
            state.approvals.push((name.to_owned(), question));
            shown(state.approvals.len() - 1)
        }
    }
}

fn nobody(uri: &Uri) -> Response {
    (StatusCode::IM_A_TEAPOT, format!("nobody serves {uri}")).into_response()
}

/// The Lambda API apart from checkpoints, and the answers of function processes.
fn lambda_api(state: &mut State, path: &[&str], uri: &Uri, name: &str, body: &[u8]) -> Response {
    match path {
        [_, "durable-executions", _, "history"] => reply(&state.execution.history()),
        [_, "durable-executions", _, "stop"] => {
            state.execution.stopped = Some(String::from_utf8_lossy(body).into_owned());
            reply(&json!({ "StopTimestamp": 1.0 }))
        }
        [_, "durable-execution-callbacks", id, "succeed"] => {
            state.execution.succeed(id, &String::from_utf8_lossy(body))
        }
        [_, "functions", function, "invocations"] => {
            assert_eq!(
                (*function, uri.query()),
                ("ResearchWorkflow", Some("Qualifier=%24LATEST"))
            );
            start(
                state,
                name,
                serde_json::from_slice(body).expect("a JSON payload"),
            )
        }
        [_, "runtime", "invocation", _, kind] => {
            let answer = serde_json::from_slice(body).expect("a JSON answer");
            state.answers.push(((*kind).to_owned(), answer));
            StatusCode::ACCEPTED.into_response()
        }
        _ => nobody(uri),
    }
}

/// The next event for a function process; waits for ever when there is none.
async fn next(state: &Mutex<State>) -> Response {
    loop {
        if let Some(event) = lock(state).events.pop() {
            let headers = [
                ("lambda-runtime-aws-request-id", "request-1"),
                ("lambda-runtime-deadline-ms", "9999999999999"),
                (
                    "lambda-runtime-invoked-function-arn",
                    "arn:aws:lambda:eu-west-1:123456789012:function:F",
                ),
            ];
            return (headers, event.to_string()).into_response();
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

fn start(state: &mut State, name: &str, payload: Value) -> Response {
    match state.starts.iter().find(|(other, _)| other == name) {
        Some((_, earlier)) if *earlier != payload => crate::durable::refusal(
            409,
            "DurableExecutionAlreadyStartedException",
            "Execution already started: arn",
        )
        .into_response(),
        found => {
            if found.is_none() {
                state.starts.push((name.to_owned(), payload));
            }
            StatusCode::ACCEPTED.into_response()
        }
    }
}

fn artifacts(
    state: &mut State,
    base: &str,
    method: &Method,
    path: &[&str],
    headers: &HeaderMap,
    body: &Bytes,
) -> Response {
    if state.artifact_outage > 0 {
        state.artifact_outage -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let key = path.get(1..).unwrap_or_default().join("/");
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (method.as_str(), path) {
        ("POST", ["artifact-links"]) => {
            let wanted: Value = serde_json::from_slice(body).expect("a JSON request");
            let url = format!(
                "{base}/signed/{}?sig=SIGNED",
                wanted["key"].as_str().expect("key")
            );
            state.links.push(wanted);
            reply(&json!({ "url": url, "expires_at": "2027-01-01T00:00:00Z" }))
        }
        ("PUT", _) => {
            let current = state
                .objects
                .get(&key)
                .map(|(_, _, etag)| format!("\"{etag}\""));
            let refused = (header("if-none-match") == Some("*") && current.is_some())
                || header("if-match").is_some_and(|etag| current.as_deref() != Some(etag));
            if refused {
                return StatusCode::PRECONDITION_FAILED.into_response();
            }
            state.writes += 1;
            let etag = state.writes;
            let content_type = header("content-type").unwrap_or_default().to_owned();
            state
                .objects
                .insert(key, (body.to_vec(), content_type, etag));
            (StatusCode::OK, [("etag", format!("\"{etag}\""))]).into_response()
        }
        ("GET", [_, bucket]) => {
            let prefix = format!("{bucket}/");
            let objects: Vec<Value> = state
                .objects
                .keys()
                .filter_map(|key| key.strip_prefix(&prefix))
                .map(|key| json!({ "key": key }))
                .collect();
            reply(&json!({ "objects": objects, "next": null }))
        }
        _ => match state.objects.get(&key) {
            Some((body, _, etag)) => {
                ([("etag", format!("\"{etag}\""))], body.clone()).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}

pub fn reply(body: &Value) -> Response {
    ([("content-type", "application/json")], body.to_string()).into_response()
}

/// Percent-decoding of one path segment.
fn decode(segment: &str) -> String {
    let mut bytes = segment.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().expect("hex"), bytes.next().expect("hex")];
            let digits = std::str::from_utf8(&digits).expect("hex");
            out.push(u8::from_str_radix(digits, 16).expect("hex"));
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).expect("UTF-8 paths")
}
