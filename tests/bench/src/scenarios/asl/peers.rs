//! The same machines on aws-local-stepfunctions (npm, in process, no journal) and on moto (PyPI, a server, in memory). Each does fewer
//! rounds, so that it ends in some seconds: rates are compared.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::machines::{self, Machine};
use super::{Door, clients, executions, rate, runs};
use crate::report;
use crate::scenarios::temporary;

const LOCAL: &str = "BENCH_LOCAL_STEPFUNCTIONS";
const MOTO: &str = "BENCH_MOTO";

/// Where a peer is, or why it is not measured.
fn installed(variable: &str, peer: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        report::row(
            peer,
            "SKIPPED",
            format!("{variable} does not say where it is installed"),
        );
    }
    found
}

pub async fn local() -> Result<()> {
    let Some(folder) = installed(LOCAL, "aws-local-stepfunctions") else {
        return Ok(());
    };
    let (rounds, chain, map) = (
        machines::rounds(5_000),
        machines::chain(),
        machines::map(10_000),
    );
    let workload = |machine: &Machine, runs: u32, at_once: u32| -> Result<Value> {
        let definition: Value = serde_json::from_str(&machine.definition)?;
        let input: Value = serde_json::from_str(&machine.input)?;
        Ok(
            json!({ "name": machine.name, "definition": definition, "input": input, "runs": runs, "atOnce": at_once }),
        )
    };
    let chains = 10_000;
    let workloads = [
        workload(&rounds, 1, 1)?,
        workload(&chain, chains, 64)?,
        workload(&map, 1, 1)?,
    ];
    let scratch = temporary("local")?;
    let file = scratch.path().join("workloads.json");
    std::fs::write(&file, Value::from(workloads.to_vec()).to_string())?;
    let script = folder.join("local_stepfunctions.mjs");
    let done = Command::new("node").arg(script).arg(&file).output().await?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let failed = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(done.status.success(), "aws-local-stepfunctions: {failed}");
    let mut seconds = Vec::new();
    for line in said.lines() {
        let told: Value = serde_json::from_str(line)?;
        let took = told.get("seconds").and_then(Value::as_f64);
        seconds.push(took.context("no seconds")?);
    }
    let [looped, chained, mapped] = seconds[..] else {
        anyhow::bail!("not three results: {said}");
    };
    let what = "aws-local-stepfunctions, in process";
    let transitions = f64::from(rounds.transitions) / looped;
    report::row(
        &format!("loop of 5000, {what}"),
        format!("{transitions:.0} transitions/s"),
        "nothing is kept",
    );
    let rate = f64::from(chains) / chained;
    report::row(
        &format!("machines of 10 states, {what}"),
        format!("{rate:.0} executions/s"),
        "nothing is kept, 64 at once",
    );
    report::row(
        &format!("inline map of 10000 items, {what}"),
        format!("{mapped:.2} s"),
        "nothing is kept",
    );
    Ok(())
}

/// moto's server, killed when it is dropped.
struct Moto {
    _child: Child,
    door: Door,
}

impl Moto {
    async fn start(python: &PathBuf) -> Result<Self> {
        let script = std::env::var_os("BENCH_MOTO_SCRIPT").context("BENCH_MOTO_SCRIPT")?;
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").await?;
            free.local_addr()?.port()
        };
        let child = Command::new(python)
            .arg(script)
            .arg(port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting moto")?;
        let door = Door::emulator(&format!("127.0.0.1:{port}"));
        for _ in 0..240 {
            if door.connect().await.is_ok() {
                return Ok(Self {
                    _child: child,
                    door,
                });
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        anyhow::bail!("moto does not listen")
    }
}

pub async fn moto() -> Result<()> {
    let Some(python) = installed(MOTO, "moto") else {
        return Ok(());
    };
    let moto = Moto::start(&python).await?;
    let machine = machines::rounds(500);
    let took = runs(&moto.door, &machine, 1).await?;
    report::row(
        "loop of 500, moto",
        format!(
            "{:.0} transitions/s",
            rate(u64::from(machine.transitions), took)
        ),
        "in memory",
    );
    let begun = Instant::now();
    let mut all = clients(&moto.door, &machines::chain(), 8, 10).await?;
    report::row(
        "machines of 10 states, 8 clients, moto",
        executions(&mut all, begun.elapsed()),
        "in memory",
    );
    let took = runs(&moto.door, &machines::map(200), 1).await?;
    report::row(
        "inline map of 200 items, moto",
        format!("{:.2} s", took.as_secs_f64()),
        "in memory",
    );
    Ok(())
}
