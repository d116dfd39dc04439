//! What a function printed, or a state machine logged.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::{Context, segment};
use crate::error::Failed;
use crate::output::{self, Format};

/// The most that a server gives at once.
const LINES_PER_PAGE: usize = 10_000;
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Args)]
pub struct Logs {
    /// Name or ARN of the function or state machine, or a log group, such as `/everstep/callbacks`
    #[arg(value_name = "DEFINITION")]
    definition: String,
    /// Go on as more comes
    #[arg(short, long)]
    follow: bool,
    /// Only lines that match a filter pattern of CloudWatch Logs, such as `ERROR -timeout` or `{ $.level = "ERROR" }`
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    filter: Option<String>,
    /// All lines since then: so long ago, such as `1h` or `2d 6h`, or a time, such as `2026-11-21T13:00:00Z`; without it the last thousand
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<jiff::Timestamp>,
    /// Only what belongs to this execution
    #[arg(long, value_name = "ID|ARN")]
    execution: Option<String>,
}

/// A time, or how long ago it was.
fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let span: jiff::Span = text
        .parse()
        .map_err(|_| "neither a time nor a length of time, such as 1h".to_owned())?;
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let then = now
        .checked_sub(span.abs())
        .map_err(|error| error.to_string())?;
    Ok(then.timestamp())
}

impl Logs {
    pub fn run(self, context: &Context) -> Result<()> {
        let client = context.client()?;
        let mut path = format!("/definitions/{}/logs?", segment(&self.definition));
        let choices = [("filter", &self.filter), ("execution", &self.execution)];
        for (name, value) in choices
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)))
        {
            path.push_str(&format!("{name}={}&", segment(value)));
        }
        let since = self.since.map(|since| {
            format!(
                "since={}&limit={LINES_PER_PAGE}",
                segment(&since.to_string())
            )
        });
        let mut page = client.get(&format!("{path}{}", since.unwrap_or_default()))?;
        loop {
            let lines = page
                .get("lines")
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            for line in lines {
                show(context, line)?;
            }
            let more = self.since.is_some() && !lines.is_empty();
            if !self.follow && !more {
                return Ok(());
            }
            if lines.is_empty() {
                std::thread::sleep(LOOK_INTERVAL);
            }
            let next = page.get("next").and_then(Value::as_str);
            let next =
                next.ok_or_else(|| Failed::Usage("the server is of another version".to_owned()))?;
            page = client.get(&format!("{path}limit={LINES_PER_PAGE}&after={next}"))?;
        }
    }
}

fn show(context: &Context, line: &Value) -> Result<()> {
    match context.format {
        Format::Json => output::line(line),
        Format::Table => output::line(output::text(line.get("message").unwrap_or(line))),
    }
}
