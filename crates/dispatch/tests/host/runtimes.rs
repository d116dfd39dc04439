use std::time::{Duration, SystemTime};

use everstep_dispatch::host::{ErrorKind, LogFormat, Runtime};
use everstep_logs::LogStream;
use serde_json::json;

use crate::fixture::{Fixture, error, eventually, invocation, official_python, start, tail, value};

const PYTHON: &str = r#"
import json, logging, os
def handler(event, context):
    print("seen", event)
    logging.getLogger().warning("careful")
    return {"event": event, "pid": os.getpid(), "request": context.aws_request_id, "arn": context.invoked_function_arn,
            "name": context.function_name, "version": context.function_version, "memory": context.memory_limit_in_mb,
            "left": context.get_remaining_time_in_millis(), "tenant": context.tenant_id,
            "client": context.client_context.custom if context.client_context else None}
def fails(event, context):
    raise ValueError("no good")
def strange(event, context):
    return {1, 2}
def raw(event, context):
    return {"text": b"inside"} if event else b'{"as": "it is"}'
"#;

const NODE: &str = r#"
export const handler = async (event, context) => {
  console.log("seen", event);
  return { event, pid: process.pid, request: context.awsRequestId, arn: context.invokedFunctionArn, name: context.functionName,
    version: context.functionVersion, memory: context.memoryLimitInMB, left: context.getRemainingTimeInMillis(), tenant: context.tenantId,
    client: context.clientContext?.custom ?? null };
};
export const fails = async () => { throw new RangeError("no good"); };
export const callback = (event, context, done) => { setTimeout(() => done(null, { back: event }), 5); };
"#;

async fn echoes(fixture: &Fixture, runtime: Runtime, text: &str) {
    let spec = fixture.function(runtime, text);
    let mut first = invocation(r#"{"a":"ü"}"#);
    first.tenant_id = Some("tenant-1".to_owned());
    first.client_context = Some(r#"{"custom":{"k":"v"}}"#.to_owned());
    let request_id = first.request_id.clone();
    let outcome = fixture.host.invoke(&spec, first).await;
    let seen = value(&outcome);
    assert_eq!(seen["event"], json!({"a": "ü"}));
    assert_eq!(seen["request"], request_id.as_str());
    assert_eq!(seen["arn"], spec.arn.as_str());
    assert_eq!(
        (&seen["name"], &seen["version"], &seen["memory"]),
        (&json!(spec.name), &json!("$LATEST"), &json!("128"))
    );
    assert_eq!(seen["tenant"], "tenant-1");
    assert_eq!(seen["client"], json!({"k": "v"}));
    let left = seen["left"].as_i64().unwrap();
    assert!((20_000..=30_000).contains(&left), "{left}");
    assert!(outcome.init_duration.is_some());
    assert!(outcome.started <= outcome.ended && outcome.ended <= SystemTime::now());
    let text = tail(&outcome);
    assert!(
        text.contains(&format!("START RequestId: {request_id} Version: $LATEST"))
            && text.contains("seen")
            && text.contains(&format!("REPORT RequestId: {request_id}")),
        "{text}"
    );

    let again = fixture.invoke(&spec, "2").await;
    assert_eq!(value(&again)["pid"], seen["pid"], "the warm process serves");
    assert!(again.init_duration.is_none());
    assert!(!tail(&again).contains(&request_id));
    let lines = fixture.log(&spec);
    let printed = lines
        .iter()
        .find(|line| line.message.contains("seen"))
        .unwrap();
    assert_eq!(printed.request_id.as_deref(), Some(request_id.as_str()));
    assert_eq!(printed.stream, LogStream::Stdout);
}

#[tokio::test]
async fn python_echoes_and_stays_warm() {
    let fixture = start(|_| {}).await;
    echoes(&fixture, Runtime::Python, PYTHON).await;
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn node_echoes_and_stays_warm() {
    let fixture = start(|_| {}).await;
    echoes(&fixture, Runtime::Node, NODE).await;
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn the_official_python_client_is_used_when_it_is_there() {
    let Some(python) = official_python() else {
        eprintln!("skipped: EVERSTEP_TEST_PYTHON names no interpreter with awslambdaric");
        return;
    };
    let fixture = start(|options| options.python = python).await;
    echoes(&fixture, Runtime::Python, PYTHON).await;
    let probe =
        "import sys\ndef handler(e, c): return [type(c).__module__, 'awslambdaric' in sys.modules]";
    let mut spec = fixture.function(Runtime::Python, probe);
    assert_eq!(
        fixture.value(&spec, "1").await,
        json!(["awslambdaric.lambda_context", true])
    );
    spec.revision = "2".to_owned();
    spec.environment
        .insert("EVERSTEP_RUNTIME".to_owned(), "bundled".to_owned());
    assert_eq!(fixture.value(&spec, "1").await, json!(["__main__", false]));
    let mut broken = fixture.function(Runtime::Python, "raise KeyError('at import')");
    let outcome = fixture.invoke(&broken, "1").await;
    assert_eq!(error(&outcome).0.kind, ErrorKind::Init);
    broken.revision = "2".to_owned();
    broken.handler = "app.absent".to_owned();
    let exits = fixture.function(Runtime::Python, "import os\ndef handler(e, c): os._exit(3)");
    let outcome = fixture.invoke(&exits, "1").await;
    assert_eq!(error(&outcome).0.error_type, "Runtime.ExitError");
    let large = fixture.function(Runtime::Python, "def handler(e, c): return 'x' * e");
    let outcome = fixture.invoke(&large, "7000000").await;
    assert_eq!(
        error(&outcome).0.error_type,
        "Function.ResponseSizeTooLarge"
    );
    assert_eq!(fixture.value(&large, "3").await, "xxx");
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn commonjs_and_callbacks_work_in_node() {
    let fixture = start(|_| {}).await;
    let mut spec = fixture.function(Runtime::Node, NODE);
    spec.handler = "app.callback".to_owned();
    assert_eq!(fixture.value(&spec, "5").await, json!({"back": 5}));
    let mut spec = fixture.function(Runtime::Node, "");
    std::fs::write(
        spec.code.join("old.cjs"),
        "exports.inner = { handler: (event) => ({ plain: event }) };",
    )
    .unwrap();
    spec.handler = "old.inner.handler".to_owned();
    assert_eq!(fixture.value(&spec, "6").await, json!({"plain": 6}));
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn errors_of_handlers_come_with_type_message_and_trace() {
    let fixture = start(|_| {}).await;
    for (runtime, text, error_type) in [
        (Runtime::Python, PYTHON, "ValueError"),
        (Runtime::Node, NODE, "RangeError"),
    ] {
        let mut spec = fixture.function(runtime, text);
        spec.handler = "app.fails".to_owned();
        let outcome = fixture.invoke(&spec, "1").await;
        let (said, body) = error(&outcome);
        assert_eq!(said.kind, ErrorKind::Handler);
        assert_eq!(said.error_type, error_type);
        assert_eq!(body["errorMessage"], "no good");
        assert_eq!(body["errorType"], error_type);
        assert!(!body["stackTrace"].as_array().unwrap().is_empty());
        assert!(tail(&outcome).contains("no good"));
    }
    let mut spec = fixture.function(Runtime::Python, PYTHON);
    spec.handler = "app.raw".to_owned();
    assert_eq!(fixture.value(&spec, "0").await, json!({"as": "it is"}));
    assert_eq!(fixture.value(&spec, "1").await, json!({"text": "inside"}));
    let mut spec = fixture.function(Runtime::Python, PYTHON);
    spec.handler = "app.strange".to_owned();
    let outcome = fixture.invoke(&spec, "1").await;
    let (said, _) = error(&outcome);
    assert_eq!(
        (said.kind, said.error_type.as_str()),
        (ErrorKind::Runtime, "Runtime.MarshalError")
    );
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn json_logs_carry_the_request_id() {
    let fixture = start(|_| {}).await;
    let log = "import logging\ndef handler(e, c):\n  logging.getLogger('mine').info('hello', extra={'order': 7})\n  return 1";
    let node = "export const handler = async () => { console.info('hello'); return 1; };";
    for (runtime, text) in [(Runtime::Python, log), (Runtime::Node, node)] {
        let mut spec = fixture.function(runtime, text);
        spec.log_format = LogFormat::Json;
        let call = invocation("{}");
        let request_id = call.request_id.clone();
        value(&fixture.host.invoke(&spec, call).await);
        let lines = fixture.log(&spec);
        let parsed: Vec<serde_json::Value> = lines
            .iter()
            .map(|line| serde_json::from_str(&line.message).unwrap())
            .collect();
        let hello = parsed
            .iter()
            .find(|line| line["message"] == "hello")
            .unwrap();
        assert_eq!(hello["requestId"], request_id.as_str());
        assert_eq!(hello["level"], "INFO");
        assert!(parsed.iter().any(|line| line["type"] == "platform.start"));
        assert!(parsed.iter().any(|line| line["type"] == "platform.report"));
        if runtime == Runtime::Python {
            assert_eq!(
                (&hello["logger"], &hello["order"]),
                (&json!("mine"), &json!(7))
            );
        }
    }
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_worker_sees_its_own_variables_and_nothing_of_the_server_s() {
    let fixture = start(|_| {}).await;
    let text = "import os\ndef handler(e, c):\n  open(os.environ['TMPDIR'] + '/x', 'w').close()\n  return [dict(os.environ), os.getcwd()]";
    let mut spec = fixture.function(Runtime::Python, text);
    spec.environment.insert("MINE".to_owned(), "yes".to_owned());
    let seen = fixture.value(&spec, "1").await;
    assert_eq!(seen[1], spec.code.canonicalize().unwrap().to_str().unwrap());
    assert_eq!(seen[0]["MINE"], "yes");
    // Cargo sets this for the test, which stands for the server here.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let allowed = [
        "PATH",
        "HOME",
        "LANG",
        "TZ",
        "TMPDIR",
        "PYTHONPATH",
        "MINE",
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
        "LC_CTYPE",
        "EVERSTEP_WORKER_TOKEN",
    ];
    for name in seen[0].as_object().unwrap().keys() {
        // A version switcher in place of the interpreter sets these by itself.
        if name.contains("PYENV_") {
            continue;
        }
        let own = ["AWS_", "LAMBDA_", "_HANDLER", "_X_AMZN"];
        assert!(
            allowed.contains(&name.as_str()) || own.iter().any(|start| name.starts_with(start)),
            "{name} leaked"
        );
    }
    let key = seen[0]["AWS_ACCESS_KEY_ID"].as_str().unwrap();
    let known = fixture.host.credentials(key).unwrap();
    assert_eq!(known.function_arn, spec.arn);
    assert_eq!(
        seen[0]["AWS_SECRET_ACCESS_KEY"],
        known.secret_access_key.as_str()
    );
    fixture.host.shutdown().await;
    assert!(fixture.host.credentials(key).is_none());
    let home = seen[0]["HOME"].as_str().unwrap();
    assert!(!std::path::Path::new(home).exists());
}

#[tokio::test]
async fn an_executable_bootstrap_speaks_the_runtime_api() {
    let fixture = start(|_| {}).await;
    let mut spec = fixture.function(Runtime::Provided, include_str!("bootstrap.py"));
    let mark = fixture.folder.path().join("mark");
    spec.environment
        .insert("MARK".to_owned(), mark.to_str().unwrap().to_owned());
    // Each probe is one invocation in which the script does what its event says.
    assert_eq!(
        fixture.value(&spec, r#""plain""#).await,
        json!({"handler": "app.handler"})
    );
    assert_eq!(
        fixture.value(&spec, r#""chunked""#).await,
        json!({"chunks": 3})
    );
    assert_eq!(
        fixture.value(&spec, r#""wrong-ids""#).await,
        json!({"unknown": 400, "next": 403, "init": 403, "route": 404})
    );
    assert_eq!(fixture.value(&spec, r#""twice""#).await, json!("first"));
    assert_eq!(
        fixture.value(&spec, r#""after-twice""#).await,
        json!({"second": 403})
    );
    assert_eq!(fixture.value(&spec, r#""hang-up""#).await, json!("heard"));
    eventually("the hang-up", || mark.exists()).await;
    assert_eq!(
        fixture.value(&spec, r#""plain""#).await,
        json!({"handler": "app.handler"})
    );
    let outcome = fixture.invoke(&spec, r#""bare-error""#).await;
    let (said, body) = error(&outcome);
    assert_eq!(
        (said.error_type.as_str(), said.kind),
        ("My.Error", ErrorKind::Handler)
    );
    assert_eq!(body["errorMessage"], "not json");
    // The script answers, does not listen and is gone.
    assert_eq!(fixture.value(&spec, r#""last-words""#).await, json!("bye"));
    assert_eq!(fixture.host.stats().exits, 0);
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn an_answer_to_another_hand_over_is_refused() {
    let fixture = start(|_| {}).await;
    let mut spec = fixture.function(Runtime::Provided, include_str!("bootstrap.py"));
    spec.scaling.concurrency = Some(2);
    assert_eq!(
        fixture.value(&spec, r#""other-invocation""#).await,
        json!({"refused": 400})
    );
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_late_answer_is_refused_and_harms_nobody() {
    let fixture = start(|_| {}).await;
    // One loop asks for work and hangs, the other one keeps the process alive.
    let text = include_str!("bootstrap.py").replace(
        "while True:",
        "if os.fork() == 0:\n    connection.close()\nwhile True:",
    );
    let mut spec = fixture.function(Runtime::Provided, &text);
    let mark = fixture.folder.path().join("mark");
    spec.environment
        .insert("MARK".to_owned(), mark.to_str().unwrap().to_owned());
    spec.environment
        .insert("AWS_LAMBDA_MAX_CONCURRENCY".to_owned(), "2".to_owned());
    let call = |event: &'static str, seconds: u64| {
        let (host, spec) = (fixture.host.clone(), spec.clone());
        let mut call = invocation(event);
        call.deadline = Some(SystemTime::now() + Duration::from_secs(seconds));
        tokio::spawn(async move { host.invoke(&spec, call).await })
    };
    // Deadlines count from here: the cold start comes first.
    value(&call(r#""plain""#, 30).await.unwrap());
    let late = call(r#""late""#, 1);
    let other = call(r#""long""#, 20);
    let outcome = late.await.unwrap();
    assert_eq!(error(&outcome).0.kind, ErrorKind::Timeout);
    assert_eq!(value(&other.await.unwrap()), json!("long"));
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "403");
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn several_invocations_share_one_process_that_can() {
    let fixture = start(|_| {}).await;
    // None of the eight ends before the last has begun.
    let python = "
import os, time
begun = 0
def handler(event, context):
    global begun
    begun += event
    while 0 < begun < 8:
        time.sleep(0.01)
    return os.getpid()";
    let node = "
let begun = 0;
export const handler = async (event) => {
  begun += event;
  while (0 < begun && begun < 8) await new Promise((done) => setTimeout(done, 10));
  return process.pid;
};";
    for (runtime, text) in [(Runtime::Python, python), (Runtime::Node, node)] {
        let mut spec = fixture.function(runtime, text);
        spec.environment
            .insert("AWS_LAMBDA_MAX_CONCURRENCY".to_owned(), "8".to_owned());
        let warm = fixture.value(&spec, "0").await;
        let all: Vec<_> = (0..8)
            .map(|_| {
                let (host, spec) = (fixture.host.clone(), spec.clone());
                tokio::spawn(async move { value(&host.invoke(&spec, invocation("1")).await) })
            })
            .collect();
        for one in all {
            assert_eq!(one.await.unwrap(), warm);
        }
    }
    fixture.host.shutdown().await;
}
