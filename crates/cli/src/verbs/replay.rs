//! `everstep replay`: a recorded execution against other code, in this process and without effects on any server.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use clap::Args;
use everstep_dispatch::host::{ErrorKind, FunctionSpec, Invocation, LogFormat, Runtime, Scaling};
use everstep_dispatch::{FunctionHost, HostOptions};
use everstep_logs::{Limits, Logs};
use everstep_server::replay::{self, Divergence, Ended, Probe, Recording, Session, Verdict};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Context, segment};
use crate::error::Failed;
use crate::output::{self, Format};

/// More sequences than this are not looked at for operations that are no longer reached.
const PROBES_MAX: usize = 64;

#[derive(Args)]
pub struct Replay {
    /// Id, ARN or name of the execution, running or closed
    id: String,
    /// Folder of the new code
    #[arg(long, value_name = "DIR")]
    code: PathBuf,
    /// Handler of the new code; without it the function's
    #[arg(long)]
    handler: Option<String>,
    /// Variable for the code beside the function's own, as KEY=VALUE; may be given several times
    #[arg(long = "env", value_name = "KEY=VALUE", value_parser = super::pair)]
    environment: Vec<(String, String)>,
    /// Python interpreter for a function that names none of its own
    #[arg(long, default_value = "python3", env = "EVERSTEP_PYTHON")]
    python: PathBuf,
    /// Node.js for a function that names none of its own
    #[arg(long, default_value = "node", env = "EVERSTEP_NODE")]
    node: PathBuf,
}

impl Replay {
    pub fn run(self, context: &Context) -> Result<()> {
        let path = format!("/executions/{}/recording", segment(&self.id));
        let recorded = context.client()?.get(&path)?;
        let recording: Recording = serde_json::from_value(recorded)
            .context("the server's recording is of another version")?;
        let code = self
            .code
            .canonicalize()
            .map_err(|error| Failed::Usage(format!("{}: {error}", self.code.display())))?;
        let scratch = Scratch::new()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let verdict = runtime.block_on(self.replay(&code, &scratch.0, recording.clone()));
        drop(scratch);
        show(&recording, &verdict?, context.format)
    }

    async fn replay(&self, code: &Path, scratch: &Path, recording: Recording) -> Result<Verdict> {
        let recording = Arc::new(recording);
        let first = Arc::new(Session::new(Arc::clone(&recording), None, 0));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (current, sessions) = watch::channel(Arc::clone(&first));
        let serving = tokio::spawn(replay::serve(listener, sessions));
        let logs = Logs::open(scratch.join("logs"), Limits::default())?;
        let mut options = HostOptions::new(logs, scratch.join("host"), url);
        options.python.clone_from(&self.python);
        options.node.clone_from(&self.node);
        options.drain = Duration::ZERO;
        options.grace = Duration::ZERO;
        let host = FunctionHost::start(options).await?;
        let spec = self.spec(code, &recording)?;
        let mut verdict = first.judge(run(&host, &spec, &first).await);
        let goes_on = match &verdict {
            Verdict::Matches | Verdict::RecordingEnds(_) => true,
            // Another result is most often that of another operation: the operation says more.
            Verdict::Diverges(found) => found.kind == "result",
            Verdict::NotStarted(_) => false,
        };
        if goes_on {
            let mut probing = Probing {
                host: &host,
                spec: &spec,
                recording: &recording,
                current: &current,
                runs: 0,
            };
            if let Some(found) = probing.all().await {
                verdict = Verdict::Diverges(found);
            }
        }
        host.shutdown().await;
        serving.abort();
        Ok(verdict)
    }

    fn spec(&self, code: &Path, recording: &Recording) -> Result<FunctionSpec> {
        let mut environment = recording.environment.clone();
        environment.extend(self.environment.iter().cloned());
        Ok(FunctionSpec {
            arn: recording.function_arn.clone(),
            name: recording.function.clone(),
            version: recording.version.clone(),
            revision: "replay".to_owned(),
            runtime: match recording.runtime.as_str() {
                "python" => Runtime::Python,
                "node" => Runtime::Node,
                "provided" => Runtime::Provided,
                other => {
                    return Err(
                        Failed::Usage(format!("{other} is no runtime of this version")).into(),
                    );
                }
            },
            handler: self
                .handler
                .clone()
                .unwrap_or_else(|| recording.handler.clone()),
            code: code.to_owned(),
            layers: None,
            environment,
            timeout: Duration::from_secs(u64::from(recording.timeout_s)),
            memory_mb: 128,
            log_format: LogFormat::Text,
            scaling: Scaling::default(),
        })
    }
}

/// One run of the code, to its end or to what decides it: `None` then.
async fn run(host: &FunctionHost, spec: &FunctionSpec, session: &Session) -> Option<Ended> {
    tokio::select! {
        // What is over is broken off at once: a step that was not recorded may be about to run.
        () = session.decided() => None,
        ended = invoke(host, spec, session) => Some(ended),
    }
}

async fn invoke(host: &FunctionHost, spec: &FunctionSpec, session: &Session) -> Ended {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let invocation = Invocation {
        request_id: uuid::Uuid::new_v4().to_string(),
        payload: session.event(now.as_millis() as u64).into(),
        trace_id: None,
        client_context: None,
        tenant_id: None,
        parts: None,
        deadline: None,
        execution: None,
    };
    match host.invoke(spec, invocation).await.result {
        Ok(answer) => ended(&answer),
        Err(error) => {
            let said: Value = serde_json::from_slice(&error.body).unwrap_or_default();
            let message = said.get("errorMessage").map(output::text);
            let why = format!("{}: {}", error.error_type, message.unwrap_or_default());
            match error.kind {
                ErrorKind::Init | ErrorKind::Host => Ended::NotStarted(why),
                _ => Ended::Broken(why),
            }
        }
    }
}

/// What a durable function answers.
fn ended(answer: &[u8]) -> Ended {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let text = |path: &str| {
        answer
            .pointer(path)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    match text("/Status").as_deref() {
        Some("SUCCEEDED") => Ended::Succeeded(text("/Result")),
        Some("FAILED") => Ended::Failed(text("/Error/ErrorType"), text("/Error/ErrorMessage")),
        Some("PENDING") => Ended::Pending,
        _ => Ended::Broken("it does not answer as a durable function does".to_owned()),
    }
}

/// Further runs, each of which takes the outcome of one operation away.
struct Probing<'a> {
    host: &'a FunctionHost,
    spec: &'a FunctionSpec,
    recording: &'a Arc<Recording>,
    current: &'a watch::Sender<Arc<Session>>,
    runs: usize,
}

impl Probing<'_> {
    /// The first recorded operation that the code does not reach any more, or one that it has too many.
    async fn all(&mut self) -> Option<Divergence> {
        let probes = Probe::all(self.recording);
        if probes.len() > PROBES_MAX {
            output::note(format!(
                "Only the first {PROBES_MAX} of {} sequences were searched for operations that are no longer reached",
                probes.len()
            ));
        }
        for probe in probes.into_iter().take(PROBES_MAX) {
            let branches = probe.of_branches(self.recording);
            if let Some(found) = self.one(probe).await {
                if found.kind == "removed"
                    && let Some(first) = self.first(branches).await
                {
                    return Some(first);
                }
                return Some(found);
            }
        }
        None
    }

    /// The first branch that is not reached. Branches are numbered by their place, so all after it are not, either.
    async fn first(&mut self, mut branches: Vec<Probe>) -> Option<Divergence> {
        let mut found = None;
        while !branches.is_empty() {
            let mut later = branches.split_off(branches.len() / 2);
            let middle = later.remove(0);
            match self.one(middle).await {
                Some(gone) => found = Some(gone),
                None => branches = later,
            }
        }
        found
    }

    async fn one(&mut self, probe: Probe) -> Option<Divergence> {
        self.runs += 1;
        let recording = Arc::clone(self.recording);
        let session = Arc::new(Session::new(recording, Some(probe), self.runs));
        self.current.send_replace(Arc::clone(&session));
        let ended = run(self.host, self.spec, &session).await;
        session.judge_probe(ended)
    }
}

fn show(recording: &Recording, verdict: &Verdict, format: Format) -> Result<()> {
    let (word, ends, divergence) = match verdict {
        Verdict::Matches => ("matches", None, None),
        Verdict::RecordingEnds(at) => ("matches", Some(at), None),
        Verdict::Diverges(divergence) => ("diverges", None, Some(divergence)),
        Verdict::NotStarted(why) => {
            if format == Format::Json {
                output::json(&json!({
                    "execution": recording.id,
                    "verdict": "not_started",
                    "reason": why,
                }))?;
            }
            return Err(Failed::NotStarted(why.clone()).into());
        }
    };
    if format == Format::Json {
        output::json(&json!({
            "execution": recording.id,
            "verdict": word,
            "recording_ends": ends,
            "divergence": divergence,
        }))?;
    }
    match (divergence, ends) {
        (Some(found), _) => Err(Failed::Outcome(format!(
            "the code diverges ({})\n  recorded: {}\n  code:     {}",
            found.kind, found.recorded, found.asked
        ))
        .into()),
        (None, _) if format == Format::Json => Ok(()),
        (None, None) => output::line(format!(
            "matches: {} operations, to the end",
            recording.operations.len().saturating_sub(1)
        )),
        (None, Some(at)) => output::line(format!(
            "matches: {} operations, then the recording ends: {at}",
            recording.operations.len().saturating_sub(1)
        )),
    }
}

/// A folder of this run alone, that goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("everstep-replay-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left lies where the system clears up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
