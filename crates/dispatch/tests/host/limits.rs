//! What one worker may take and hold: memory, time beside others, rights.

use std::time::Duration;

use everstep_core::ExecutionId;
use everstep_dispatch::host::{ErrorKind, FunctionSpec, Runtime, Scaling};
use serde_json::json;

use crate::fixture::{Fixture, alive, error, eventually, invocation, start, tail, value};

#[tokio::test]
async fn a_worker_that_takes_more_memory_than_its_function_has_is_killed() {
    let fixture = start(|options| options.memory_look = Duration::from_millis(20)).await;
    let text = r#"
import os, subprocess, sys, time
def handler(event, context):
    if event == "self":
        kept = bytearray(os.urandom(1 << 20) * 300)
        time.sleep(1000)
    if event == "child":
        subprocess.run([sys.executable, "-c", "import os,time; kept = bytearray(os.urandom(1 << 20) * 300); time.sleep(1000)"])
    return os.getpid()
"#;
    let mut spec = fixture.function(Runtime::Python, text);
    spec.memory_mb = 200;
    let mut pid = fixture.value(&spec, "0").await;
    for event in [r#""self""#, r#""child""#] {
        let call = invocation(event);
        let request_id = call.request_id.clone();
        let outcome = fixture.host.invoke(&spec, call).await;
        let (said, body) = error(&outcome);
        assert_eq!(
            (said.kind, said.error_type.as_str()),
            (ErrorKind::Exit, "Runtime.OutOfMemory")
        );
        assert_eq!(
            body["errorMessage"],
            format!("RequestId: {request_id} Error: Runtime exited with error: signal: killed")
        );
        assert!(tail(&outcome).contains("of 200 MB"), "{}", tail(&outcome));
        eventually("the end of the process", || !alive(pid.as_i64().unwrap())).await;
        pid = fixture.value(&spec, "0").await;
    }
    spec.memory_mb = 1_000;
    spec.revision = "2".to_owned();
    spec.timeout = Duration::from_secs(1);
    let outcome = fixture.invoke(&spec, r#""self""#).await;
    assert_eq!(error(&outcome).0.kind, ErrorKind::Timeout, "it has enough");
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn memory_is_the_function_s_own_affair_when_it_is_not_enforced() {
    let fixture = start(|options| {
        options.memory_look = Duration::from_millis(20);
        options.memory_enforced = false;
    })
    .await;
    let text = "import os, time\ndef handler(e, c):\n  kept = bytearray(os.urandom(1 << 20) * 200)\n  time.sleep(0.5)\n  return len(kept)";
    let spec = fixture.function(Runtime::Python, text);
    assert_eq!(fixture.value(&spec, "0").await, json!(200 << 20));
    fixture.host.shutdown().await;
}

/// Several at once, on the event loop; an event says how many seconds it takes, and `"hang"` never ends.
const SEVERAL: &str = r#"
export const handler = async (event) => {
  await new Promise((done) => event === "hang" || setTimeout(done, event * 1000));
  return process.pid;
};
"#;

fn several(fixture: &Fixture, text: &str, concurrency: usize) -> FunctionSpec {
    let mut spec = fixture.function(Runtime::Node, text);
    spec.scaling.concurrency = Some(concurrency);
    spec
}

#[tokio::test]
async fn a_timeout_of_one_among_several_leaves_the_others_their_time() {
    let fixture = start(|_| {}).await;
    let mut spec = several(&fixture, SEVERAL, 4);
    spec.timeout = Duration::from_secs(2);
    let pid = fixture.value(&spec, "0").await;
    let spawn = |event: &'static str| {
        let (host, spec) = (fixture.host.clone(), spec.clone());
        tokio::spawn(async move { host.invoke(&spec, invocation(event)).await })
    };
    let hangs = spawn(r#""hang""#);
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    let lives = spawn("1.7");
    let outcome = hangs.await.unwrap();
    assert_eq!(error(&outcome).0.error_type, "Sandbox.Timedout");
    assert!(alive(pid.as_i64().unwrap()), "another one still runs in it");
    let next = fixture.value(&spec, "0").await;
    assert_ne!(next, pid, "it gets no more work");
    assert_eq!(value(&lives.await.unwrap()), pid);
    eventually("its end", || !alive(pid.as_i64().unwrap())).await;
    assert_eq!(fixture.host.stats().timeouts, 1);
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_stopped_process_with_several_invocations_is_killed_and_replaced() {
    let fixture = start(|_| {}).await;
    let text = "export const handler = async (e) => { if (e) process.kill(process.pid, 'SIGSTOP'); await new Promise(() => {}); };";
    let mut spec = several(&fixture, text, 3);
    spec.timeout = Duration::from_secs(1);
    let calls: Vec<_> = ["0", "0", "1"]
        .map(|event| {
            let (host, spec) = (fixture.host.clone(), spec.clone());
            tokio::spawn(async move { host.invoke(&spec, invocation(event)).await })
        })
        .into_iter()
        .collect();
    for call in calls {
        assert_eq!(error(&call.await.unwrap()).0.kind, ErrorKind::Timeout);
    }
    eventually("an empty pool", || fixture.host.stats().pools.is_empty()).await;
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn the_end_of_a_process_fails_all_that_it_held() {
    let fixture = start(|_| {}).await;
    let text = "export const handler = async (e) => { if (e) setTimeout(() => process.kill(process.pid, 'SIGKILL'), 200); await new Promise(() => {}); };";
    let spec = several(&fixture, text, 3);
    let calls: Vec<_> = ["0", "0", "1"]
        .map(|event| {
            let (host, spec) = (fixture.host.clone(), spec.clone());
            tokio::spawn(async move { host.invoke(&spec, invocation(event)).await })
        })
        .into_iter()
        .collect();
    for call in calls {
        let outcome = call.await.unwrap();
        assert_eq!(error(&outcome).0.error_type, "Runtime.ExitError");
    }
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_retired_process_ends_only_when_its_last_invocation_has() {
    let fixture = start(|_| {}).await;
    for runtime in [Runtime::Node, Runtime::Python] {
        let text = match runtime {
            Runtime::Node => SEVERAL,
            _ => "import os, time\ndef handler(e, c):\n  time.sleep(e)\n  return os.getpid()",
        };
        let mut spec = fixture.function(runtime, text);
        spec.scaling.concurrency = Some(2);
        spec.scaling.workers_max = Some(1);
        let pid = fixture.value(&spec, "0").await;
        let spawn = |event: &'static str| {
            let (host, spec) = (fixture.host.clone(), spec.clone());
            tokio::spawn(async move { host.invoke(&spec, invocation(event)).await })
        };
        let before = fixture.host.stats().invocations;
        let begun = |fixture: &Fixture| fixture.host.stats().invocations - before;
        let (short, long) = (spawn("0.5"), spawn("1.2"));
        eventually("both at work", || begun(&fixture) == 2).await;
        fixture.host.retire(&spec.arn, None).await;
        // The short one's slot asks for work in a process that may take none.
        assert_eq!(value(&short.await.unwrap()), pid);
        assert_eq!(value(&long.await.unwrap()), pid);
        eventually("its end", || !alive(pid.as_i64().unwrap())).await;
    }
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_kept_worker_is_there_before_the_first_call_and_after_the_last() {
    let fixture = start(|options| options.idle_timeout = Duration::from_millis(100)).await;
    let text = "import os\ndef handler(e, c): return os.getpid()";
    let mut spec = fixture.function(Runtime::Python, text);
    spec.scaling = Scaling {
        workers_min: 1,
        workers_max: Some(1),
        concurrency: None,
    };
    fixture.host.prepare(&spec);
    eventually("a warm worker", || {
        fixture
            .host
            .stats()
            .pools
            .first()
            .is_some_and(|pool| pool.idle == 1)
    })
    .await;
    let pid = fixture.value(&spec, "0").await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(fixture.value(&spec, "0").await, pid);
    let mut next = spec.clone();
    next.revision = "2".to_owned();
    fixture.host.prepare(&next);
    eventually("the end of the former revision's", || {
        !alive(pid.as_i64().unwrap())
    })
    .await;
    assert_ne!(fixture.value(&next, "0").await, pid);
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_function_that_cannot_start_is_not_started_for_ever() {
    let fixture = start(|_| {}).await;
    let mut spec = fixture.function(Runtime::Python, "import absent");
    spec.scaling.workers_min = 1;
    fixture.host.prepare(&spec);
    eventually("the first try's end", || {
        fixture.host.stats().pools.is_empty()
    })
    .await;
    let outcome = fixture.invoke(&spec, "0").await;
    assert_eq!(error(&outcome).0.error_type, "Runtime.ImportModuleError");
    eventually("the second try's end", || {
        fixture.host.stats().pools.is_empty()
    })
    .await;
    assert_eq!(fixture.host.stats().processes, 2);
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_worker_s_keys_name_the_execution_it_runs_now() {
    let fixture = start(|_| {}).await;
    let text = "import os, time\ndef handler(e, c):\n  time.sleep(e)\n  return [os.environ['AWS_ACCESS_KEY_ID'], os.environ['EVERSTEP_WORKER_TOKEN']]";
    let spec = fixture.function(Runtime::Python, text);
    let seen = fixture.value(&spec, "0").await;
    let (key, token) = (seen[0].as_str().unwrap(), seen[1].as_str().unwrap());
    assert_eq!(fixture.host.credentials(key).unwrap().executions, []);
    let execution = ExecutionId::from_bytes([7; 16]);
    let running = {
        let (host, spec) = (fixture.host.clone(), spec.clone());
        let mut call = invocation("0.5");
        call.execution = Some(execution);
        tokio::spawn(async move { host.invoke(&spec, call).await })
    };
    let now = || fixture.host.credentials(key).unwrap().executions;
    eventually("the right", || now() == [execution]).await;
    let bearer = fixture.host.bearer(token).unwrap();
    assert_eq!(
        (&*bearer.access_key_id, &*bearer.executions),
        (key, &[execution][..])
    );
    assert_eq!(value(&running.await.unwrap())[0], key);
    assert_eq!(now(), [], "it ends with the invocation");
    for wrong in [
        "",
        "x",
        key,
        &format!("{key}."),
        &token.to_uppercase(),
        &format!("{token}0"),
    ] {
        assert_eq!(fixture.host.bearer(wrong), None, "{wrong}");
    }
    let shown = format!("{bearer:?}");
    assert!(!shown.contains(token) && !shown.contains(&bearer.secret_access_key));
    fixture.host.shutdown().await;
    assert_eq!(fixture.host.bearer(token), None);
}

#[tokio::test]
async fn a_worker_holds_no_file_of_the_server_s() {
    // A version switcher in place of the interpreter would hold files of its own.
    let plain = std::path::PathBuf::from("/usr/bin/python3");
    let fixture = start(|options| {
        if plain.exists() {
            options.python = plain;
        }
    })
    .await;
    let kept = std::fs::File::open("/etc/passwd").unwrap();
    let text = r#"
import os
def handler(event, context):
    held = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            held[name] = os.readlink("/proc/self/fd/" + name)
        except OSError:
            pass
    return [held, oct(os.stat(os.environ["HOME"]).st_mode), os.listdir(os.environ["TMPDIR"])]
"#;
    let spec = fixture.function(Runtime::Python, text);
    let seen = fixture.value(&spec, "0").await;
    for (name, target) in seen[0].as_object().unwrap() {
        let target = target.as_str().unwrap();
        let known = match name.as_str() {
            "0" => target == "/dev/null",
            "1" | "2" => target.starts_with("pipe:"),
            // Its connection to the Runtime API, and the folder that it is reading.
            _ => target.starts_with("socket:") || target.starts_with("/proc/"),
        };
        assert!(known, "{name} is {target}");
    }
    assert_eq!(seen[1], "0o40700");
    assert_eq!(seen[2], json!([]));
    drop(kept);
    fixture.host.shutdown().await;
}
