//! State machines: a loop of Pass and Choice, short machines under many clients, a map of many items; the same on what others run them with.

mod machines;
mod peers;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::temporary;
use crate::http::Connection;
use crate::report::{self, Latencies};
use crate::server::{Server, dev};
use machines::Machine;

const CLIENTS: usize = 64;
const SECONDS: u64 = 10;
/// Loops at once, and how often each goes round.
const LOOPS: [(usize, u32); 2] = [(1, 200_000), (16, 25_000)];
const ITEMS: u32 = 10_000;
/// A history that holds every loop.
const HISTORY_EVENTS: &str = "100000000";
/// What names the service to an emulator; it does not look at the signature.
const NAMED_SERVICE: &str = "authorization: AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0\r\n";
/// How long an execution may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs one system, or all of them.
pub async fn asl(only: Option<&str>) -> Result<()> {
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    if !["everstep", "local", "moto"].into_iter().any(wanted) {
        bail!("the systems are everstep, local and moto");
    }
    report::head();
    if wanted("everstep") {
        everstep().await?;
    }
    if wanted("local") {
        peers::local().await?;
    }
    if wanted("moto") {
        peers::moto().await?;
    }
    Ok(())
}

async fn everstep() -> Result<()> {
    let (server, _folder) = open().await?;
    let door = Door::new(&server.address);
    for (at_once, rounds) in LOOPS {
        let machine = machines::rounds(rounds);
        let costs = Costs::at(&server).await?;
        let took = runs(&door, &machine, at_once).await?;
        let transitions = u64::from(machine.transitions) * at_once as u64;
        report::row(
            &format!("loop of {rounds}, {at_once} at once"),
            format!("{:.0} transitions/s", rate(transitions, took)),
            costs.since(&server, transitions, "transition").await?,
        );
    }
    let costs = Costs::at(&server).await?;
    let begun = Instant::now();
    let mut all = clients(&door, &machines::chain(), CLIENTS, SECONDS).await?;
    let took = begun.elapsed();
    report::row(
        &format!("machines of 10 states, {CLIENTS} clients"),
        executions(&mut all, took),
        costs.since(&server, all.len() as u64, "execution").await?,
    );
    let costs = Costs::at(&server).await?;
    let machine = machines::map(ITEMS);
    let took = runs(&door, &machine, 1).await?;
    report::row(
        &format!("inline map of {ITEMS} items"),
        format!("{:.2} s", took.as_secs_f64()),
        costs.since(&server, u64::from(ITEMS), "item").await?,
    );
    Ok(())
}

async fn open() -> Result<(Server, TempDir)> {
    let folder = temporary("asl")?;
    let binary = std::env::var_os("EVERSTEP_BIN").context("EVERSTEP_BIN names the binary")?;
    let mut arguments = dev(&folder.path().join("data"))?;
    arguments.extend(["--history-events", HISTORY_EVENTS].map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Server::start(binary.as_ref(), &arguments).await?;
    Ok((server, folder))
}

fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn executions(all: &mut Latencies, took: Duration) -> String {
    let p50 = all.percentile_us(50) as f64 / 1_000.0;
    let p99 = all.percentile_us(99) as f64 / 1_000.0;
    let rate = rate(all.len() as u64, took);
    format!("{rate:.0} executions/s, p50 {p50:.1} ms, p99 {p99:.1} ms")
}

/// What a server had used at a moment.
struct Costs {
    cpu: Duration,
    syncs: u64,
}

impl Costs {
    async fn at(server: &Server) -> Result<Self> {
        Ok(Self {
            cpu: server.cpu()?,
            syncs: server.syncs().await?,
        })
    }

    async fn since(&self, server: &Server, count: u64, each: &str) -> Result<String> {
        let now = Self::at(server).await?;
        let cpu = (now.cpu - self.cpu).as_secs_f64() * 1e6 / count as f64;
        let syncs = (now.syncs - self.syncs) as f64 / count as f64;
        Ok(format!(
            "{cpu:.1} µs server CPU, {syncs:.4} syncs each {each}"
        ))
    }
}

/// Step Functions' API at an address.
struct Door {
    address: String,
    /// An emulator of many services: it finds the service by what a request is signed for, and closes a connection after each answer.
    is_emulator: bool,
}

impl Door {
    fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            is_emulator: false,
        }
    }

    fn emulator(address: &str) -> Self {
        Self {
            is_emulator: true,
            ..Self::new(address)
        }
    }

    async fn connect(&self) -> Result<Connection> {
        Connection::open(&self.address).await
    }

    async fn call(
        &self,
        connection: &mut Connection,
        operation: &str,
        body: &Value,
    ) -> Result<Value> {
        let mut headers = format!(
            "content-type: application/x-amz-json-1.0\r\nx-amz-target: AWSStepFunctions.{operation}\r\n"
        );
        if self.is_emulator {
            *connection = self.connect().await?;
            headers.push_str(NAMED_SERVICE);
        }
        let body = body.to_string();
        let (status, answer) = connection
            .send("POST", "/", &headers, body.as_bytes())
            .await?;
        let text = String::from_utf8_lossy(&answer);
        ensure!(status == 200, "{operation}: {status} {text}");
        serde_json::from_slice(&answer).with_context(|| format!("{operation} answered {text}"))
    }

    async fn create(&self, connection: &mut Connection, machine: &Machine) -> Result<String> {
        let role = "arn:aws:iam::123456789012:role/bench";
        let body =
            json!({ "name": machine.name, "definition": machine.definition, "roleArn": role });
        let made = self.call(connection, "CreateStateMachine", &body).await?;
        text(&made, "stateMachineArn")
    }

    /// One execution to its end, which must be a good one.
    async fn run(
        &self,
        connection: &mut Connection,
        machine: &str,
        name: &str,
        input: &str,
    ) -> Result<()> {
        let body = json!({ "stateMachineArn": machine, "name": name, "input": input });
        let started = self.call(connection, "StartExecution", &body).await?;
        let arn = json!({ "executionArn": text(&started, "executionArn")? });
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let described = self.call(connection, "DescribeExecution", &arn).await?;
            match text(&described, "status")?.as_str() {
                "SUCCEEDED" => return Ok(()),
                "RUNNING" => tokio::time::sleep(Duration::from_millis(2)).await,
                other => bail!("{name} ended {other}: {described}"),
            }
        }
        bail!("{name} has not ended within {PATIENCE:?}")
    }
}

fn text(answer: &Value, member: &str) -> Result<String> {
    let text = answer.get(member).and_then(Value::as_str);
    Ok(text
        .with_context(|| format!("no {member} in {answer}"))?
        .to_owned())
}

/// So many executions of a machine at once, until the last has ended.
async fn runs(door: &Door, machine: &Machine, at_once: usize) -> Result<Duration> {
    let arn = door.create(&mut door.connect().await?, machine).await?;
    let begun = Instant::now();
    let all = (0..at_once).map(|number| {
        let (arn, name) = (&arn, format!("{}-{number}", machine.name));
        async move {
            let mut connection = door.connect().await?;
            door.run(&mut connection, arn, &name, &machine.input).await
        }
    });
    futures_util::future::try_join_all(all).await?;
    Ok(begun.elapsed())
}

/// Executions of a machine, one after another by each client: from the start to the end that is told.
async fn clients(
    door: &Door,
    machine: &Machine,
    clients: usize,
    seconds: u64,
) -> Result<Latencies> {
    let arn = door.create(&mut door.connect().await?, machine).await?;
    let begun = Instant::now();
    let all = (0..clients).map(|client| {
        let arn = &arn;
        async move {
            let mut connection = door.connect().await?;
            let mut latencies = Latencies::default();
            while begun.elapsed() < Duration::from_secs(seconds) {
                let name = format!("{}-{client}-{}", machine.name, latencies.len());
                let sent = Instant::now();
                door.run(&mut connection, arn, &name, &machine.input)
                    .await?;
                latencies.add(sent.elapsed());
            }
            anyhow::Ok(latencies)
        }
    });
    let mut latencies = Latencies::default();
    for client in futures_util::future::try_join_all(all).await? {
        latencies.merge(client);
    }
    Ok(latencies)
}
