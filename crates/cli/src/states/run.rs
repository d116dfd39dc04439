//! `everstep states run`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::server::Server;
use crate::error::Failed;
use crate::output::{self, Format};
use crate::verbs::{Context, read_json};

const ROLE: &str = "arn:aws:iam::000000000000:role/everstep-run";
const PAUSE: Duration = Duration::from_millis(100);
/// Events of one page.
const PAGE: u32 = 1_000;

#[derive(Args)]
pub struct Run {
    /// File of the definition, or - for standard input
    file: PathBuf,
    /// Input as JSON: text, @FILE, or - for standard input
    #[arg(short, long, default_value = "{}")]
    input: String,
    /// Print nothing but the result
    #[arg(short, long)]
    quiet: bool,
}

impl Run {
    pub fn run(self, context: &Context) -> Result<()> {
        let definition = super::read(&self.file)?;
        let input = read_json(&self.input)?;
        let server = Server::reach(context)?;
        let machine = text(
            &server.states(
                "CreateStateMachine",
                &json!({
                    "name": format!("run-{}", uuid::Uuid::new_v4()),
                    "definition": definition,
                    "roleArn": ROLE,
                }),
            )?,
            "stateMachineArn",
        );
        let ended = self.follow(&server, &machine, input.get());
        // The machine was for this execution alone, which keeps what it needs of it.
        let deleted = server.states("DeleteStateMachine", &json!({ "stateMachineArn": machine }));
        let ended = ended?;
        deleted?;
        if context.format == Format::Json {
            output::json(&ended)?;
        }
        let status = text(&ended, "status");
        if status == "SUCCEEDED" {
            return match context.format {
                Format::Table => output::line(text(&ended, "output")),
                Format::Json => Ok(()),
            };
        }
        let parts = ["error", "cause"].map(|name| ended.get(name).map(output::text));
        let why: Vec<String> = parts.into_iter().flatten().collect();
        let said = format!("the execution ended {status}: {}", why.join(": "));
        Err(Failed::Outcome(said).into())
    }

    /// Starts the execution and prints its events until it has ended.
    fn follow(&self, server: &Server, machine: &str, input: &str) -> Result<Value> {
        let started = server.states(
            "StartExecution",
            &json!({ "stateMachineArn": machine, "input": input }),
        )?;
        let execution = text(&started, "executionArn");
        let mut shown = 0;
        loop {
            let described =
                server.states("DescribeExecution", &json!({ "executionArn": execution }))?;
            if !self.quiet {
                shown = events(server, &execution, shown)?;
            }
            if text(&described, "status") != "RUNNING" {
                return Ok(described);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Prints the events behind the first `shown`; returns how many there are now.
fn events(server: &Server, execution: &str, mut shown: u64) -> Result<u64> {
    let mut body = json!({ "executionArn": execution, "maxResults": PAGE });
    loop {
        let page = server.states("GetExecutionHistory", &body)?;
        let events = page.get("events").and_then(Value::as_array);
        for event in events.into_iter().flatten() {
            let id = event.get("id").and_then(Value::as_u64).unwrap_or(0);
            if id > shown {
                shown = id;
                output::note(line(event));
            }
        }
        match (page.get("nextToken"), body.as_object_mut()) {
            (Some(token), Some(body)) => body.insert("nextToken".to_owned(), token.clone()),
            _ => return Ok(shown),
        };
    }
}

/// `7 TaskStateExited Pay {"output": ..}`
fn line(event: &Value) -> String {
    let members = event.as_object().into_iter().flatten();
    let details = members
        .filter(|(name, _)| name.ends_with("EventDetails"))
        .find_map(|(_, details)| details.as_object());
    let mut said = format!("{:>5}  {}", text(event, "id"), text(event, "type"));
    for name in [
        "name",
        "resource",
        "input",
        "parameters",
        "output",
        "error",
        "cause",
    ] {
        let value = details.and_then(|details| details.get(name));
        if let Some(value) = value {
            said.push_str("  ");
            said.push_str(&output::text(value));
        }
    }
    said
}

fn text(value: &Value, name: &str) -> String {
    output::text(value.get(name).unwrap_or(&Value::Null))
}
