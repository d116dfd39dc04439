//! Waiting for an execution's end.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::client::Client;
use crate::error::Failed;
use crate::output::{self, Format};
use crate::verbs::segment;

const PAUSE: Duration = Duration::from_millis(100);

/// Asks until the execution is closed; returns its description. Invocations that fail meanwhile are told of on standard error.
pub fn until_closed(client: &Client, id: &str) -> Result<Value> {
    let mut told = 0;
    loop {
        let described = client.get(&format!("/executions/{}", segment(id)))?;
        if !is_open(&described) {
            return Ok(described);
        }
        if let Some((attempts, error)) =
            failing(&described).filter(|(attempts, _)| *attempts > told)
        {
            told = attempts;
            output::note(format!("invocation {attempts} has failed: {error}"));
        }
        std::thread::sleep(PAUSE);
    }
}

/// How often in a row the function's invocation has failed, and why it did at last.
fn failing(described: &Value) -> Option<(u64, String)> {
    let waiting = described.get("waiting_for")?.as_array()?;
    let of = |waiting: &Value| waiting.get("what").and_then(Value::as_str) == Some("invocation");
    let failing = waiting.iter().find(|waiting| of(waiting))?;
    let attempts = failing.get("attempts")?.as_u64()?;
    Some((attempts, output::text(failing.get("last_error")?)))
}

/// Prints the result of a closed execution, and the artifact where the result is a reference to one; or fails with its error.
pub fn print_outcome(client: &Client, described: &Value, format: Format) -> Result<()> {
    if format == Format::Json {
        output::json(described)?;
    }
    let status = status(described);
    if status == "SUCCEEDED" {
        let id = described.pointer("/execution/id").and_then(Value::as_str);
        let is_artifact = described.get("result_artifact").is_some();
        if let (Format::Table, true, Some(id)) = (format, is_artifact, id) {
            let path = format!("/executions/{}/result?resolve=true", segment(id));
            return client.copy(&path, output::copied);
        }
        if format == Format::Table {
            output::line(output::text(
                described.get("result").unwrap_or(&Value::Null),
            ))?;
        }
        return Ok(());
    }
    let error = error(described).map_or_else(String::new, |error| format!(": {error}"));
    Err(Failed::Outcome(format!("the execution ended {status}{error}")).into())
}

/// What is said of the error of a described execution: its text, or its name where it has no text.
pub fn error(described: &Value) -> Option<String> {
    let said = ["/error/message", "/error/kind"];
    let error = said.iter().find_map(|part| described.pointer(part));
    error.map(output::text)
}

/// Whether a described execution has not ended: one that is paused goes on some day.
pub fn is_open(described: &Value) -> bool {
    matches!(status(described), "RUNNING" | "PAUSING" | "PAUSED")
}

/// The status of a described execution.
pub fn status(described: &Value) -> &str {
    described
        .pointer("/execution/status")
        .and_then(Value::as_str)
        .unwrap_or_default()
}
