//! The verbs that look: describe, history; and stop.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::{Context, segment};
use crate::follow;
use crate::output::{self, Format};

/// The most that a server gives at once.
const EVENTS_PER_PAGE: usize = 1_000;

#[derive(Args)]
pub struct Describe {
    /// Id, ARN or name of the execution
    #[arg(value_name = "EXECUTION")]
    id: String,
}

impl Describe {
    pub fn run(self, context: &Context) -> Result<()> {
        let described = context
            .client()?
            .get(&format!("/executions/{}", segment(&self.id)))?;
        if context.format == Format::Json {
            return output::json(&described);
        }
        for (title, path) in [
            ("id", "/execution/id"),
            ("function", "/execution/function"),
            ("machine", "/execution/state_machine"),
            ("version", "/execution/version"),
            ("name", "/execution/name"),
            ("status", "/execution/status"),
            ("started", "/execution/started_at"),
            ("ended", "/execution/ended_at"),
            ("input", "/input"),
            ("result", "/result"),
            ("diverged", "/divergence"),
        ] {
            if let Some(value) = described.pointer(path).filter(|value| !value.is_null()) {
                output::line(format!("{title:<9} {}", output::text(value)))?;
            }
        }
        artifacts(&described)?;
        if let Some(error) = follow::error(&described) {
            output::line(format!("error     {error}"))?;
        }
        for (key, value) in described
            .pointer("/execution/attributes")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            output::line(format!("attribute {key}={}", output::text(value)))?;
        }
        if let Some(source) = described.pointer("/forked_from/execution") {
            let at = described.pointer("/forked_from/operation");
            let at = output::text(at.unwrap_or(&Value::Null));
            output::line(format!(
                "forked    from {}, before operation {at}",
                output::text(source)
            ))?;
        }
        for waiting in described
            .get("waiting_for")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            output::line(format!("waits     {}", waits_for(waiting)))?;
        }
        let operations = described
            .get("operations")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        output::line("")?;
        let columns = [
            ("#", "/number"),
            ("KIND", "/kind"),
            ("NAME", "/name"),
            ("STATUS", "/status"),
            ("TRIES", "/attempts"),
        ];
        output::table(&columns, &operations)
    }
}

/// One line for each artifact that a reference leads to.
fn artifacts(described: &Value) -> Result<()> {
    for (title, path) in [("input", "/input_artifact"), ("result", "/result_artifact")] {
        let member = |name: &str| described.pointer(&format!("{path}/{name}"));
        if let (Some(size), Some(url)) = (member("size_bytes"), member("url")) {
            let (size, url) = (output::text(size), output::text(url));
            output::line(format!("artifact  {title} of {size} bytes: {url}"))?;
        }
    }
    Ok(())
}

/// One line about something that is waited for: the server's sentence, and until when.
fn waits_for(waiting: &Value) -> String {
    let text = |member: &str| waiting.get(member).and_then(Value::as_str);
    let sentence = text("text").unwrap_or_default();
    let mut line = sentence.trim_start_matches("waiting ").to_owned();
    if let Some(until) = text("until") {
        line.push_str(&format!(", until {until}"));
    }
    line
}

#[derive(Args)]
pub struct History {
    /// Id, ARN or name of the execution
    #[arg(value_name = "EXECUTION")]
    id: String,
    /// Newest first
    #[arg(long)]
    reverse: bool,
    /// At most so many
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
}

impl History {
    pub fn run(self, context: &Context) -> Result<()> {
        let client = context.client()?;
        let order = if self.reverse { "newest" } else { "oldest" };
        let path = format!("/executions/{}/history?order={order}", segment(&self.id));
        let mut events = Vec::new();
        let mut next = None;
        loop {
            let left = self.limit.saturating_sub(events.len());
            let limit = left.min(EVENTS_PER_PAGE);
            let cursor = next.map(|next: String| format!("&cursor={}", segment(&next)));
            let page = client.get(&format!(
                "{path}&limit={limit}{}",
                cursor.unwrap_or_default()
            ))?;
            let shown = page.get("events").and_then(Value::as_array);
            events.extend(shown.into_iter().flatten().cloned());
            next = page.get("next").and_then(Value::as_str).map(str::to_owned);
            if next.is_none() || events.len() >= self.limit {
                break;
            }
        }
        if context.format == Format::Json {
            return output::json(&json!({ "events": events, "next": next }));
        }
        events.iter_mut().for_each(legible);
        output::table(
            &[
                ("#", "/EventId"),
                ("EVENT", "/EventType"),
                ("NAME", "/Name"),
                ("TIME", "/EventTimestamp"),
            ],
            &events,
        )?;
        if next.is_some() {
            output::note("More: raise --limit");
        }
        Ok(())
    }
}

/// Writes an event's time, AWS's seconds since 1970, as the other verbs write theirs.
fn legible(event: &mut Value) {
    let Some(time) = event.get_mut("EventTimestamp") else {
        return;
    };
    let milliseconds = time
        .as_f64()
        .map(|seconds| (seconds * 1_000.0).round() as i64);
    if let Some(Ok(at)) = milliseconds.map(jiff::Timestamp::from_millisecond) {
        *time = format!("{at:.3}").into();
    }
}

#[derive(Args)]
pub struct Stop {
    /// Id, ARN or name of the execution
    #[arg(value_name = "EXECUTION")]
    id: String,
    /// Why, for the history
    #[arg(long)]
    reason: Option<String>,
}

impl Stop {
    pub fn run(self, context: &Context) -> Result<()> {
        let stopped = context.client()?.post(
            &format!("/executions/{}/stop", segment(&self.id)),
            &json!({ "message": self.reason }),
        )?;
        match context.format {
            Format::Json => output::json(&stopped),
            Format::Table => {
                output::line(output::text(stopped.get("status").unwrap_or(&Value::Null)))
            }
        }
    }
}
