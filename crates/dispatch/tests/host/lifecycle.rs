use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use everstep_dispatch::host::{Error, ErrorKind, FunctionHost, Runtime};

use crate::fixture::{alive, error, eventually, invocation, options, start, value};

const PID: &str = "import os, time\ndef handler(e, c):\n  time.sleep(e)\n  return os.getpid()";
const NODE_ECHO: &str = "export const handler = async (event) => event;";
const PYTHON_ECHO: &str = "def handler(event, context): return event";

#[tokio::test]
async fn workers_grow_to_the_limit_and_shrink_when_idle() {
    let fixture = start(|options| {
        options.max_workers_per_function = 3;
        options.idle_timeout = Duration::from_millis(300);
    })
    .await;
    let spec = fixture.function(Runtime::Python, PID);
    let calls: Vec<_> = (0..9)
        .map(|_| {
            let (host, spec) = (fixture.host.clone(), spec.clone());
            tokio::spawn(async move { value(&host.invoke(&spec, invocation("0.2")).await) })
        })
        .collect();
    let mut pids = BTreeSet::new();
    for call in calls {
        pids.insert(call.await.unwrap().as_i64().unwrap());
    }
    assert!(pids.len() >= 2 && pids.len() <= 3, "{pids:?}");
    assert!(fixture.host.stats().processes <= 3);
    eventually("an empty pool", || fixture.host.stats().pools.is_empty()).await;
    assert!(pids.iter().all(|pid| !alive(*pid)));
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_full_host_refuses_and_a_deadline_ends_the_wait() {
    let fixture = start(|options| {
        options.max_workers_per_function = 1;
        options.max_queued_per_function = 1;
    })
    .await;
    let spec = fixture.function(Runtime::Python, PID);
    fixture.value(&spec, "0").await;
    eventually("an idle worker", || fixture.host.stats().pools[0].idle == 1).await;
    let busy = {
        let (host, spec) = (fixture.host.clone(), spec.clone());
        tokio::spawn(async move { host.invoke(&spec, invocation("1")).await })
    };
    eventually("a busy worker", || fixture.host.stats().pools[0].idle == 0).await;
    let mut waits = invocation("0");
    waits.deadline = Some(SystemTime::now() + Duration::from_millis(300));
    let waiting = {
        let (host, spec) = (fixture.host.clone(), spec.clone());
        tokio::spawn(async move { host.invoke(&spec, waits).await })
    };
    eventually("a full queue", || fixture.host.stats().pools[0].queued == 1).await;
    let refused = fixture.invoke(&spec, "0").await;
    assert_eq!(error(&refused).0.error_type, "TooManyRequestsException");
    let late = waiting.await.unwrap();
    let (said, _) = error(&late);
    assert_eq!(
        (said.kind, said.error_type.as_str()),
        (ErrorKind::Host, "Everstep.NoWorkerInTime")
    );
    assert!(busy.await.unwrap().result.is_ok());
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn a_new_revision_has_its_own_workers_and_the_old_ones_retire() {
    let fixture = start(|_| {}).await;
    let old = fixture.function(Runtime::Python, PID);
    let mut new = old.clone();
    new.revision = "2".to_owned();
    let old_pid = fixture.value(&old, "0").await.as_i64().unwrap();
    let new_pid = fixture.value(&new, "0").await.as_i64().unwrap();
    assert_ne!(old_pid, new_pid);
    // An answer is there a moment before its worker is idle, and a busy worker's end is not waited for.
    eventually("two idle workers", || {
        fixture
            .host
            .stats()
            .pools
            .iter()
            .map(|pool| pool.idle)
            .sum::<usize>()
            == 2
    })
    .await;
    fixture.host.retire(&old.arn, Some("1")).await;
    assert!(!alive(old_pid) && alive(new_pid));
    fixture.host.retire(&old.arn, None).await;
    assert!(!alive(new_pid));
    fixture.host.shutdown().await;
}

#[tokio::test]
async fn shutdown_leaves_no_process_not_even_a_stubborn_one() {
    let fixture = start(|_| {}).await;
    let text = r#"
import os, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "1000"])
def handler(event, context):
    time.sleep(event)
    return [os.getpid(), child.pid]
"#;
    let spec = fixture.function(Runtime::Python, text);
    let pids = fixture.value(&spec, "0").await;
    eventually("an idle worker", || fixture.host.stats().pools[0].idle == 1).await;
    let running = {
        let (host, spec) = (fixture.host.clone(), spec.clone());
        tokio::spawn(async move { host.invoke(&spec, invocation("1000")).await })
    };
    eventually("a busy worker", || fixture.host.stats().pools[0].idle == 0).await;
    let begun = Instant::now();
    fixture.host.shutdown().await;
    assert!(begun.elapsed() < Duration::from_secs(60));
    let outcome = running.await.unwrap();
    let (said, _) = error(&outcome);
    assert_eq!(
        (said.kind, said.error_type.as_str()),
        (ErrorKind::Host, "Everstep.HostClosed")
    );
    for pid in pids.as_array().unwrap() {
        let pid = pid.as_i64().unwrap();
        eventually("the end of the group", || !alive(pid)).await;
    }
    let refused = fixture.invoke(&spec, "0").await;
    assert_eq!(error(&refused).0.error_type, "Everstep.HostClosed");
    let records = fixture.folder.path().join("scratch/processes");
    assert_eq!(std::fs::read_dir(records).unwrap().count(), 0);
}

#[tokio::test]
async fn two_hosts_do_not_share_a_scratch_folder() {
    let fixture = start(|_| {}).await;
    let second = FunctionHost::start(options(&fixture.folder)).await;
    assert!(matches!(second, Err(Error::ScratchInUse { .. })));
    fixture.host.shutdown().await;
}

/// Not a test of its own: the process that [`workers_die_with_a_killed_host`] kills.
#[tokio::test]
async fn host_to_be_killed() {
    let Some(ready) = std::env::var_os("EVERSTEP_TEST_VICTIM") else {
        return;
    };
    let fixture = start(|_| {}).await;
    let stuck = fixture.function(Runtime::Python, PID);
    let pid = fixture.value(&stuck, "0").await;
    let shell = fixture.function(
        Runtime::Provided,
        "#!/bin/sh\nsleep 1000 &\necho \"PIDS $$ $!\" > \"$PIDS\"\nwait\n",
    );
    let mut shell = shell;
    let pids = fixture.folder.path().join("pids");
    shell
        .environment
        .insert("PIDS".to_owned(), pids.to_str().unwrap().to_owned());
    let host = fixture.host.clone();
    tokio::spawn(async move { host.invoke(&shell, invocation("1")).await });
    eventually("the script", || {
        std::fs::read_to_string(&pids).is_ok_and(|text| text.ends_with('\n'))
    })
    .await;
    let text = std::fs::read_to_string(&pids).unwrap().replace("PIDS", "");
    std::fs::write(ready, format!("{pid} {text}\n.")).unwrap();
    fixture.invoke(&stuck, "1000").await;
}

#[tokio::test]
async fn workers_die_with_a_killed_host() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["lifecycle::host_to_be_killed", "--exact"])
        .env("EVERSTEP_TEST_VICTIM", &ready)
        .env("TMPDIR", folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the victim's workers", || {
        std::fs::read_to_string(&ready).is_ok_and(|text| text.ends_with('.'))
    })
    .await;
    let text = std::fs::read_to_string(&ready).unwrap();
    let pids: Vec<i64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    assert_eq!(pids.len(), 3, "{text}");
    assert!(pids.iter().all(|pid| alive(*pid)));
    victim.kill().unwrap();
    victim.wait().unwrap();
    for pid in pids {
        eventually("the end of a worker", || !alive(pid)).await;
    }
}

#[tokio::test]
async fn a_start_ends_what_a_killed_host_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut survivor = Command::new("sleep")
        .arg("1000")
        .process_group(0)
        .spawn()
        .unwrap();
    let pid = survivor.id();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let ticks = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19);
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let record = format!(
        r#"{{"pid":{pid},"started_ticks":{},"boot":"{}"}}"#,
        ticks.unwrap(),
        boot.trim()
    );
    let scratch = folder.path().join("scratch");
    std::fs::create_dir_all(scratch.join("processes")).unwrap();
    std::fs::create_dir_all(scratch.join("workers/1/tmp")).unwrap();
    std::fs::write(scratch.join(format!("processes/{pid}")), record).unwrap();
    let host = FunctionHost::start(options(&folder)).await.unwrap();
    assert!(!survivor.wait().unwrap().success());
    assert!(!scratch.join("workers/1").exists());
    host.shutdown().await;
}

#[tokio::test]
async fn a_thousand_invocations_are_quick() {
    // One worker: a stall of the machine must not look like a need for a second.
    let fixture = start(|options| options.max_workers_per_function = 1).await;
    for (name, runtime, text) in [
        ("python", Runtime::Python, PYTHON_ECHO),
        ("node", Runtime::Node, NODE_ECHO),
    ] {
        let spec = fixture.function(runtime, text);
        for _ in 0..50 {
            fixture.value(&spec, "1").await;
        }
        let mut took: Vec<Duration> = Vec::with_capacity(1000);
        for _ in 0..1000 {
            let begun = Instant::now();
            let outcome = fixture.invoke(&spec, r#"{"hello":"world"}"#).await;
            took.push(begun.elapsed());
            assert!(outcome.result.is_ok());
        }
        took.sort();
        println!("{name}: p50 {:?}, p99 {:?}", took[500], took[990]);
        // A delayed acknowledgement would make each of them 40 ms; a busy machine does that to some.
        assert!(took[100] < Duration::from_millis(40));
        fixture.host.retire(&spec.arn, None).await;
    }
    assert_eq!(fixture.host.stats().processes, 2);
    fixture.host.shutdown().await;
}
