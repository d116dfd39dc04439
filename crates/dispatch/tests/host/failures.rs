use std::time::{Duration, Instant, SystemTime};

use everstep_dispatch::host::{ErrorKind, Runtime};

use crate::fixture::{alive, error, eventually, invocation, start, tail};

#[tokio::test]
async fn a_timeout_kills_the_process_group_and_a_new_process_serves() {
    let fixture = start(|_| {}).await;
    let text = r#"
import os, subprocess, sys, time
def handler(event, context):
    if event == "hang":
        child = subprocess.Popen(["sleep", "1000"])
        print("PIDS", os.getpid(), child.pid)
        time.sleep(1000)
    return os.getpid()
"#;
    let mut spec = fixture.function(Runtime::Python, text);
    spec.timeout = Duration::from_secs(1);
    let first = fixture.value(&spec, "0").await;
    let call = invocation(r#""hang""#);
    let request_id = call.request_id.clone();
    let outcome = fixture.host.invoke(&spec, call).await;
    let (said, body) = error(&outcome);
    assert_eq!(
        (said.kind, said.error_type.as_str()),
        (ErrorKind::Timeout, "Sandbox.Timedout")
    );
    assert_eq!(
        body["errorMessage"],
        format!("RequestId: {request_id} Error: Task timed out after 1.00 seconds")
    );
    assert!(
        outcome.duration >= Duration::from_secs(1) && outcome.duration < Duration::from_secs(3)
    );
    let text = tail(&outcome);
    let pids = text.split_once("PIDS ").unwrap().1.lines().next().unwrap();
    for pid in pids.split(' ') {
        let pid: i64 = pid.parse().unwrap();
        eventually("the end of the group", || !alive(pid)).await;
    }
    assert_ne!(fixture.value(&spec, "0").await, first);
    assert_eq!(fixture.host.stats().timeouts, 1);
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_stopped_process_and_an_early_deadline_end_too() {
    let fixture = start(|_| {}).await;
    let text = "import os, signal\ndef handler(e, c): os.kill(os.getpid(), signal.SIGSTOP)";
    let spec = fixture.function(Runtime::Python, text);
    let mut call = invocation("1");
    call.deadline = Some(SystemTime::now() + Duration::from_secs(2));
    let begun = Instant::now();
    let outcome = fixture.host.invoke(&spec, call).await;
    assert_eq!(error(&outcome).0.kind, ErrorKind::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(20));
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn the_end_of_a_process_is_an_exit_error() {
    let fixture = start(|_| {}).await;
    let python = "import os, signal\ndef handler(e, c):\n  os._exit(e) if e >= 0 else os.kill(os.getpid(), -e)";
    let spec = fixture.function(Runtime::Python, python);
    for (event, reason) in [
        ("3", "Runtime exited with error: exit status 3"),
        ("0", "Runtime exited without providing a reason"),
        ("-9", "Runtime exited with error: signal: killed"),
    ] {
        let call = invocation(event);
        let request_id = call.request_id.clone();
        let outcome = fixture.host.invoke(&spec, call).await;
        let (said, body) = error(&outcome);
        assert_eq!(
            (said.kind, said.error_type.as_str()),
            (ErrorKind::Exit, "Runtime.ExitError")
        );
        assert_eq!(
            body["errorMessage"],
            format!("RequestId: {request_id} Error: {reason}")
        );
    }
    let node = "export const handler = async () => { setTimeout(() => { throw new Error('loose'); }, 5); await new Promise(() => {}); };";
    let spec = fixture.function(Runtime::Node, node);
    let outcome = fixture.invoke(&spec, "1").await;
    let (said, body) = error(&outcome);
    assert_eq!(
        (said.kind, said.error_type.as_str()),
        (ErrorKind::Runtime, "Runtime.UncaughtException")
    );
    assert_eq!(body["errorMessage"], "loose");
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn errors_of_initialisation_reach_the_caller() {
    let fixture = start(|options| options.init_timeout = Duration::from_secs(2)).await;
    for (runtime, text, handler, error_type) in [
        (
            Runtime::Python,
            "import absent",
            "app.handler",
            "Runtime.ImportModuleError",
        ),
        (
            Runtime::Python,
            "x = 1",
            "app.handler",
            "Runtime.HandlerNotFound",
        ),
        (
            Runtime::Python,
            "x = (",
            "app.handler",
            "Runtime.UserCodeSyntaxError",
        ),
        (Runtime::Python, "1 / 0", "app.handler", "ZeroDivisionError"),
        (
            Runtime::Python,
            "import os; os._exit(4)",
            "app.handler",
            "Runtime.ExitError",
        ),
        (
            Runtime::Python,
            "import time; time.sleep(1000)",
            "app.handler",
            "Sandbox.Timedout",
        ),
        (Runtime::Node, "", "app.handler", "Runtime.HandlerNotFound"),
        (
            Runtime::Node,
            "",
            "absent.handler",
            "Runtime.ImportModuleError",
        ),
        (
            Runtime::Node,
            "export const = 3",
            "app.handler",
            "Runtime.UserCodeSyntaxError",
        ),
        (
            Runtime::Provided,
            "#!/bin/sh\nexit 1\n",
            "x",
            "Runtime.ExitError",
        ),
    ] {
        let mut spec = fixture.function(runtime, text);
        spec.handler = handler.to_owned();
        let outcome = fixture.invoke(&spec, "1").await;
        let (said, _) = error(&outcome);
        assert_eq!(
            (said.kind, said.error_type.as_str()),
            (ErrorKind::Init, error_type),
            "{text}"
        );
        assert!(
            fixture
                .log(&spec)
                .iter()
                .any(|line| line.message.starts_with("INIT_REPORT"))
        );
    }
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let fixture = start(|_| {}).await;
    let mut spec = fixture.function(Runtime::Python, "");
    spec.environment.insert(
        "EVERSTEP_PYTHON".to_owned(),
        "./.venv/bin/python".to_owned(),
    );
    let outcome = fixture.invoke(&spec, "1").await;
    let (said, body) = error(&outcome);
    assert_eq!(
        (said.kind, said.error_type.as_str()),
        (ErrorKind::Init, "Runtime.InvalidEntrypoint")
    );
    assert!(
        body["errorMessage"]
            .as_str()
            .unwrap()
            .contains(".venv/bin/python")
    );
    let spec = fixture.function(Runtime::Provided, "");
    std::fs::remove_file(spec.code.join("bootstrap")).unwrap();
    let outcome = fixture.invoke(&spec, "1").await;
    assert_eq!(error(&outcome).0.error_type, "Runtime.InvalidEntrypoint");
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn an_answer_at_the_limit_passes_and_one_above_is_refused() {
    let fixture = start(|options| {
        options.response_limit = 1000;
        options.max_workers_per_function = 1;
    })
    .await;
    let python = "def handler(e, c): return 'x' * e";
    let node = "export const handler = async (e) => 'x'.repeat(e);";
    for (runtime, text) in [(Runtime::Python, python), (Runtime::Node, node)] {
        let spec = fixture.function(runtime, text);
        assert!(fixture.invoke(&spec, "998").await.result.is_ok());
        let outcome = fixture.invoke(&spec, "999").await;
        let (said, body) = error(&outcome);
        assert_eq!(
            (said.kind, said.error_type.as_str()),
            (ErrorKind::Runtime, "Function.ResponseSizeTooLarge")
        );
        assert_eq!(
            body["errorMessage"],
            "Response payload size (1001 bytes) exceeded maximum allowed payload size (1000 bytes)."
        );
        // Far above: the rest of the body is read, or the runtime would see a reset instead of the 413.
        let outcome = fixture.invoke(&spec, "9000000").await;
        assert_eq!(
            error(&outcome).0.error_type,
            "Function.ResponseSizeTooLarge"
        );
        assert!(fixture.invoke(&spec, "3").await.result.is_ok());
    }
    assert_eq!(fixture.host.stats().processes, 2, "both workers live on");
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_worker_that_hangs_after_its_answer_is_replaced() {
    let fixture = start(|options| options.max_workers_per_function = 1).await;
    let text = r#"#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
exec python3 -c "
import os, time, urllib.request
api = '$api'
answer = urllib.request.urlopen(api + '/invocation/next')
id = answer.headers['Lambda-Runtime-Aws-Request-Id']
urllib.request.urlopen(api + '/invocation/' + id + '/response', str(os.getpid()).encode())
time.sleep(1000)
"
"#;
    let mut spec = fixture.function(Runtime::Provided, text);
    spec.timeout = Duration::from_secs(1);
    let first = fixture.value(&spec, "1").await;
    let second = fixture.value(&spec, "1").await;
    assert_ne!(first, second);
    fixture.host.shutdown().await;
}
