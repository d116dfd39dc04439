//! A host in a temporary folder, and functions written on the spot.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use everstep_dispatch::host::{
    FunctionError, FunctionHost, FunctionSpec, HostOptions, Invocation, LogFormat, Outcome,
    Runtime, Scaling,
};
use everstep_logs::{Limits, LogLine, Logs};
use serde_json::Value;
use tempfile::TempDir;

pub struct Fixture {
    pub folder: TempDir,
    pub host: FunctionHost,
}

pub async fn start(change: impl FnOnce(&mut HostOptions)) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    change(&mut options);
    let host = FunctionHost::start(options).await.unwrap();
    Fixture { folder, host }
}

pub fn options(folder: &TempDir) -> HostOptions {
    let mut options = HostOptions::new(
        Logs::open(folder.path().join("logs"), Limits::default()).unwrap(),
        folder.path().join("scratch"),
        "http://127.0.0.1:9",
    );
    options.grace = Duration::from_millis(500);
    options.drain = Duration::from_millis(200);
    options
}

impl Fixture {
    /// A function whose one file is `name` with `text`.
    pub fn function(&self, runtime: Runtime, text: &str) -> FunctionSpec {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let name = format!("f{}", LAST.fetch_add(1, Ordering::Relaxed));
        let code = self.folder.path().join(&name);
        std::fs::create_dir_all(&code).unwrap();
        let file = match runtime {
            Runtime::Python => "app.py",
            Runtime::Node => "app.mjs",
            Runtime::Provided => "bootstrap",
        };
        let file = code.join(file);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
        FunctionSpec {
            arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{name}:$LATEST"),
            name,
            version: "$LATEST".to_owned(),
            revision: "1".to_owned(),
            runtime,
            handler: "app.handler".to_owned(),
            code,
            layers: None,
            environment: BTreeMap::new(),
            timeout: Duration::from_secs(30),
            memory_mb: 128,
            log_format: LogFormat::Text,
            scaling: Scaling::default(),
        }
    }

    pub async fn invoke(&self, spec: &FunctionSpec, event: &str) -> Outcome {
        self.host.invoke(spec, invocation(event)).await
    }

    /// Invokes, expects a result and parses it.
    pub async fn value(&self, spec: &FunctionSpec, event: &str) -> Value {
        value(&self.invoke(spec, event).await)
    }

    pub fn log(&self, spec: &FunctionSpec) -> Vec<LogLine> {
        let path = self.folder.path().join(format!("logs/{}.log", spec.name));
        let text = std::fs::read_to_string(path).unwrap();
        // Behind the file's head.
        text.lines()
            .skip(1)
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub fn invocation(event: &str) -> Invocation {
    static LAST: AtomicU64 = AtomicU64::new(0);
    Invocation::new(
        format!("request-{}", LAST.fetch_add(1, Ordering::Relaxed)),
        Bytes::copy_from_slice(event.as_bytes()),
    )
}

pub fn value(outcome: &Outcome) -> Value {
    match &outcome.result {
        Ok(body) => serde_json::from_slice(body).unwrap(),
        Err(error) => panic!("{error:?}\n{}", tail(outcome)),
    }
}

pub fn error(outcome: &Outcome) -> (&FunctionError, Value) {
    let error = outcome.result.as_ref().unwrap_err();
    (error, serde_json::from_slice(&error.body).unwrap())
}

pub fn tail(outcome: &Outcome) -> String {
    String::from_utf8(outcome.log_tail.to_vec()).unwrap()
}

pub fn alive(pid: i64) -> bool {
    // A zombie is gone for every purpose but its parent's.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| {
            stat.rsplit_once(')')
                .map(|(_, rest)| !rest.starts_with(" Z"))
        })
        .unwrap_or(false)
}

/// Waits for what the system does in its own time, up to ten seconds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Interpreter of a virtual environment with the official client, if `EVERSTEP_TEST_PYTHON` names one.
pub fn official_python() -> Option<PathBuf> {
    std::env::var_os("EVERSTEP_TEST_PYTHON").map(PathBuf::from)
}
