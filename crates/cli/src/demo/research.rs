//! `everstep demo research`: from a topic to a report, in front of the user's eyes, through any number of crashes.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::screen::Screen;
use crate::client::{Access, Client, URL_FILE};
use crate::error::{CONFLICT, Failed};
use crate::{follow, output};

const DATA: &str = ".everstep";
const FUNCTION: &str = "ResearchWorkflow";
/// So often a person may be asked.
const ROUNDS_MAX: u32 = 11;
const PAUSE: Duration = Duration::from_millis(100);
/// A server that was killed lets go of its folder at once; its children need a moment.
const START_PATIENCE: Duration = Duration::from_secs(20);

#[derive(Args)]
pub struct Research {
    /// What to research; without it the shipped corpus's own topic
    #[arg(long)]
    topic: Option<String>,
    /// Folder of text, Markdown and HTML files to read; without it the shipped corpus
    #[arg(long, value_name = "DIR")]
    sources: Option<PathBuf>,
    /// Approve without asking
    #[arg(long)]
    yes: bool,
    /// Start another workflow even if the last one has not ended
    #[arg(long)]
    new: bool,
}

/// The server as a child that ends with this process.
struct Server {
    child: Child,
    client: Client,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its standard input closes here, which is its sign to end; then its children end with it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Research {
    pub fn run(self) -> Result<()> {
        let sources = self.sources.as_deref().map(|folder| {
            folder
                .canonicalize()
                .with_context(|| format!("{} can't be read", folder.display()))
        });
        let sources = sources.transpose()?;
        let server = start_server(sources.as_deref())?;
        let (workflow, mut screen) = self.workflow(&server.client)?;
        let execution = execution_of(&server.client, &workflow)?;
        output::note(format!("Workflow {workflow} on {}", server.client.url()));
        let mut decided = false;
        loop {
            let described = server.client.get(&format!("/executions/{execution}"))?;
            screen.show(&described);
            if !follow::is_open(&described) {
                return finish(&server.client, &workflow, &described);
            }
            if !decided && awaits_approval(&described) {
                decided = self.decide(&server.client, &workflow)?;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The workflow to follow: the last one of this folder if it still runs, else a new one.
    fn workflow(&self, client: &Client) -> Result<(String, Screen)> {
        let noted = Path::new(DATA).join("demo-workflow");
        if !self.new
            && let Ok(id) = std::fs::read_to_string(&noted)
            && let Some(described) = running(client, id.trim())?
        {
            let screen = Screen::resuming(&described);
            output::note(format!(
                "Resuming workflow {}: {}",
                id.trim(),
                screen.summary()
            ));
            return Ok((id.trim().to_owned(), screen));
        }
        let id = uuid::Uuid::new_v4().to_string();
        let topic = self
            .topic
            .clone()
            .unwrap_or_else(|| everstep_agents::corpus::TOPIC.to_owned());
        // Noted first: whatever happens from here on, the next run asks for this workflow before it begins another.
        write_synced(&noted, &id)?;
        let started = client.post(
            "/workflows",
            &json!({ "topic": topic, "parameters": {}, "workflow_id": id }),
        )?;
        let named = started
            .get("workflow_id")
            .and_then(Value::as_str)
            .unwrap_or(&id)
            .to_owned();
        output::note(format!("Topic: {topic}"));
        Ok((named, Screen::new()))
    }

    /// Asks for the decision; true once it is made here.
    fn decide(&self, client: &Client, workflow: &str) -> Result<bool> {
        let approval = approval_of(client, workflow)?;
        if let Some(approval) = &approval {
            let text = |member: &str| approval.get(member).map(output::text).unwrap_or_default();
            output::note(format!(
                "The approval: {}\n              everstep approvals show {}",
                text("url"),
                text("id")
            ));
        }
        let decision = if self.yes {
            json!({ "approved": true, "feedback": "", "approved_by": "demo" })
        } else if std::io::stdin().is_terminal() {
            match ask()? {
                Some(decision) => decision,
                None => return Ok(false),
            }
        } else {
            output::note(format!(
                "Waiting for a decision: everstep approve {workflow}, or everstep reject {workflow}"
            ));
            return Ok(true);
        };
        match decide(client, workflow, approval.as_ref(), &decision) {
            Ok(()) => Ok(true),
            // Somebody else was faster, or the time ran out: then the next look shows it. If not, the decision is still to be made.
            Err(error)
                if matches!(
                    error.downcast_ref::<Failed>(),
                    Some(Failed::Refused {
                        status: 409 | 410,
                        ..
                    })
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// The approval by which people decide the workflow's gate, as it stands.
fn approval_of(client: &Client, workflow: &str) -> Result<Option<Value>> {
    let record = client.get(&format!("/workflows/{workflow}"))?;
    let id = record.pointer("/approval/id").and_then(Value::as_str);
    id.map(|id| client.get(&format!("/approvals/{id}")))
        .transpose()
}

/// Decides in the approval, or by the workflow's own route where there is none.
fn decide(
    client: &Client,
    workflow: &str,
    approval: Option<&Value>,
    decision: &Value,
) -> Result<()> {
    let text =
        |value: &Value, member: &str| value.get(member).map(output::text).unwrap_or_default();
    let Some(approval) = approval else {
        let _ = client.post(&format!("/approve/{workflow}"), decision)?;
        return Ok(());
    };
    let approved = decision.get("approved").and_then(Value::as_bool) == Some(true);
    let (verdict, words) = match approved {
        true => ("approve", text(decision, "feedback")),
        false => ("reject", text(decision, "reason")),
    };
    let cast = json!({
        "decision": verdict, "comment": words, "digest": text(approval, "digest"), "by": text(decision, "approved_by"),
    });
    let _ = client.post(
        &format!("/approvals/{}/decide", text(approval, "id")),
        &cast,
    )?;
    Ok(())
}

/// The decision that was typed; `None` when the input ended.
fn ask() -> Result<Option<Value>> {
    let mut prompt = std::io::stderr().lock();
    write!(
        prompt,
        "\nThe analysis waits for your approval. [y]es, [n]o, or feedback for the writer: "
    )?;
    prompt.flush()?;
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let by = std::env::var("USER").unwrap_or_else(|_| "terminal".to_owned());
    Ok(Some(match line.trim() {
        "y" | "Y" | "yes" | "" => json!({ "approved": true, "feedback": "", "approved_by": by }),
        "n" | "N" | "no" => {
            json!({ "approved": false, "reason": "Rejected in the terminal", "approved_by": by })
        }
        feedback => json!({ "approved": true, "feedback": feedback, "approved_by": by }),
    }))
}

fn start_server(sources: Option<&Path>) -> Result<Server> {
    let before = std::fs::read_to_string(Path::new(DATA).join(URL_FILE)).ok();
    let before = before
        .as_deref()
        .and_then(|url| url.trim().strip_prefix("http://"))
        .map(str::to_owned);
    let begun = Instant::now();
    let mut listen = before.unwrap_or_else(|| "127.0.0.1:0".to_owned());
    loop {
        match try_server(&listen, sources)? {
            Attempt::Ready(server) => return Ok(server),
            Attempt::Taken(_) if begun.elapsed() < START_PATIENCE => {
                // The folder may still be held by the children of a killed run, or somebody else has the port by now.
                if begun.elapsed() > START_PATIENCE / 4 {
                    "127.0.0.1:0".clone_into(&mut listen);
                }
                std::thread::sleep(PAUSE);
            }
            Attempt::Taken(why) => bail!("the server does not start: {why}"),
        }
    }
}

/// How a try to start a server went, if it did not fail for good.
enum Attempt {
    Ready(Server),
    /// Somebody else has the folder or the address; in the server's words.
    Taken(String),
}

fn try_server(listen: &str, sources: Option<&Path>) -> Result<Attempt> {
    std::fs::create_dir_all(DATA)
        .with_context(|| format!("the data folder {DATA} can't be made"))?;
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(Path::new(DATA).join("server.log"))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["dev", "--with-parent", "--data", DATA, "--listen", listen]);
    if let Some(sources) = sources {
        command.arg("--sources").arg(sources);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()?;
    let mut ready = String::new();
    if let Some(stdout) = child.stdout.take() {
        std::io::BufReader::new(stdout).read_line(&mut ready)?;
    }
    let Some(url) = ready.trim().strip_prefix("everstep ready ") else {
        let ended = child.wait()?;
        let why = last_words();
        if ended.code() == Some(i32::from(CONFLICT)) {
            return Ok(Attempt::Taken(why));
        }
        bail!("the server does not start: {why}");
    };
    let client = Client::new(Some(url), Path::new(DATA), &Access::default())?;
    Ok(Attempt::Ready(Server { child, client }))
}

/// What the server said last.
fn last_words() -> String {
    let log = std::fs::read(Path::new(DATA).join("server.log")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let line = log.lines().rev().find(|line| !line.trim().is_empty());
    let said = line.map(|line| line.trim_start_matches("everstep: ").to_owned());
    said.unwrap_or_else(|| format!("{DATA}/server.log is empty"))
}

fn execution_named(client: &Client, workflow: &str) -> Result<Option<String>> {
    let page = client.get(&format!(
        "/executions?function={FUNCTION}&name_prefix={workflow}&limit=1"
    ))?;
    Ok(page
        .pointer("/executions/0/id")
        .and_then(Value::as_str)
        .map(str::to_owned))
}

fn execution_of(client: &Client, workflow: &str) -> Result<String> {
    let begun = Instant::now();
    loop {
        if let Some(id) = execution_named(client, workflow)? {
            return Ok(id);
        }
        if begun.elapsed() > START_PATIENCE {
            bail!(
                "workflow {workflow} was accepted, but has not begun; {DATA}/server.log says why"
            );
        }
        std::thread::sleep(PAUSE);
    }
}

fn running(client: &Client, workflow: &str) -> Result<Option<Value>> {
    let Some(execution) = execution_named(client, workflow)? else {
        return Ok(None);
    };
    let described = client.get(&format!("/executions/{execution}"))?;
    Ok(follow::is_open(&described).then_some(described))
}

/// Whether the decision can be made: the wait is open, and the workflow has asked for it. Before that it refuses an answer.
fn awaits_approval(described: &Value) -> bool {
    let operations = described.get("operations").and_then(Value::as_array);
    let stands = |name: &str, kind: &str, status: &str| {
        operations.into_iter().flatten().any(|operation| {
            let is = |member: &str, value: &str| {
                operation.get(member).and_then(Value::as_str) == Some(value)
            };
            is("name", name) && is("kind", kind) && is("status", status)
        })
    };
    let rounds = std::iter::once(String::new()).chain((2..=ROUNDS_MAX).map(|n| format!("_{n}")));
    rounds.into_iter().any(|round| {
        stands(&format!("human_approval{round}"), "CALLBACK", "STARTED")
            && stands(&format!("request_approval{round}"), "STEP", "SUCCEEDED")
    })
}

/// Prints the outcome and writes the report beside the data folder.
fn finish(client: &Client, workflow: &str, described: &Value) -> Result<()> {
    let result = described.get("result").unwrap_or(&Value::Null);
    let outcome = result
        .get("status")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match outcome {
        "COMPLETED" => {}
        "REJECTED" => {
            let reason = result.get("reason").map(output::text).unwrap_or_default();
            output::line("REJECTED")?;
            return Err(
                Failed::Outcome(format!("workflow {workflow} was rejected: {reason}")).into(),
            );
        }
        _ => {
            let error = described
                .pointer("/error/message")
                .map(output::text)
                .unwrap_or_default();
            return Err(Failed::Outcome(format!(
                "workflow {workflow} ended {}: {error}",
                follow::status(described)
            ))
            .into());
        }
    }
    let link = result
        .get("report_url")
        .and_then(Value::as_str)
        .context("the result names no report")?;
    let report = client.get_text(link)?;
    let markdown = markdown_of(&serde_json::from_str(&report)?);
    let file = |ending: &str| format!("report-{workflow}.{ending}");
    write_synced(Path::new(&file("json")), &report)?;
    write_synced(Path::new(&file("md")), &markdown)?;
    output::line("COMPLETED\n")?;
    markdown.lines().take(12).try_for_each(output::line)?;
    output::line(format!(
        "\nReport  {}\n        {}\nLink    {link}",
        file("md"),
        file("json")
    ))
}

fn markdown_of(report: &Value) -> String {
    let places = [
        "/report/markdown/content",
        "/report/markdown",
        "/markdown/content",
        "/markdown",
    ];
    let found = places
        .into_iter()
        .find_map(|place| report.pointer(place).and_then(Value::as_str));
    found.unwrap_or_default().to_owned()
}

fn write_synced(path: &Path, text: &str) -> Result<()> {
    let mut file = std::fs::File::create(path)
        .with_context(|| format!("{} can't be written", path.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
}
