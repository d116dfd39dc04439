//! The verbs about callbacks that look: what was tried on them, and what nobody wanted.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Context, segment};
use crate::output::{self, Format};

/// The most that a server gives at once.
const PAGE: usize = 1_000;

#[derive(Args)]
pub struct Callbacks {
    /// Id, ARN or name of the execution
    #[arg(value_name = "EXECUTION")]
    id: String,
    /// At most so many attempts
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
}

impl Callbacks {
    pub fn run(self, context: &Context) -> Result<()> {
        let client = context.client()?;
        let path = format!("/executions/{}/callbacks", segment(&self.id));
        let mut callbacks = Value::Null;
        let (attempts, next) = pages(self.limit, |limit, cursor| {
            let mut page = client.get(&format!("{path}?limit={limit}{cursor}"))?;
            if let Some(found) = page.get_mut("callbacks").map(Value::take)
                && callbacks.is_null()
            {
                callbacks = found;
            }
            Ok((page, "attempts"))
        })?;
        if context.format == Format::Json {
            return output::json(
                &json!({ "callbacks": callbacks, "attempts": attempts, "next": next }),
            );
        }
        let callbacks = callbacks.as_array().cloned().unwrap_or_default();
        output::table(
            &[
                ("CALLBACK", "/id"),
                ("NAME", "/name"),
                ("STATUS", "/status"),
                ("LAST HEARTBEAT", "/last_heartbeat_at"),
                ("PROGRESS", "/progress"),
            ],
            &callbacks,
        )?;
        output::line("")?;
        output::table(
            &[
                ("TIME", "/time"),
                ("NAME", "/name"),
                ("VERB", "/verb"),
                ("OUTCOME", "/outcome"),
                ("TIMES", "/times"),
                ("BYTES", "/bytes"),
                ("VIA", "/via"),
                ("SOURCE", "/source"),
                ("WHO", "/who"),
                ("TOKEN", "/token_hash"),
            ],
            &attempts,
        )?;
        if next.is_some() {
            output::note("More: raise --limit");
        }
        Ok(())
    }
}

/// Reads pages until there are so many rows, or no more.
fn pages(
    limit: usize,
    mut page: impl FnMut(usize, &str) -> Result<(Value, &'static str)>,
) -> Result<(Vec<Value>, Option<String>)> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let wanted = limit.saturating_sub(rows.len()).clamp(1, PAGE);
        let (mut found, member) = page(wanted, &cursor)?;
        let next = found.get("next").and_then(Value::as_str).map(str::to_owned);
        if let Some(Value::Array(more)) = found.get_mut(member).map(Value::take) {
            rows.extend(more);
        }
        match next {
            Some(next) if rows.len() < limit => cursor = format!("&cursor={}", segment(&next)),
            next => return Ok((rows, next)),
        }
    }
}

/// Answers and notifications that nobody wanted or took.
#[derive(Subcommand)]
pub enum DeadLetters {
    /// List them, newest first
    List {
        /// Only this topic, such as callback.late; with a dot at its end all that begin so: callback.
        #[arg(long)]
        topic: Option<String>,
        /// Only those about this execution
        #[arg(long, value_name = "EXECUTION")]
        execution: Option<String>,
        /// Those that still wait to be delivered, too
        #[arg(long)]
        all: bool,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Show one with all that is kept of it
    Show { id: String },
    /// Send one again: an answer to a callback, anything else to where it was going
    Replay {
        id: String,
        /// Answer this callback instead: an id that `everstep callbacks` shows
        #[arg(long, value_name = "CALLBACK")]
        to: Option<String>,
    },
    /// Throw one away
    Discard { id: String },
}

impl DeadLetters {
    pub fn run(self, context: &Context) -> Result<()> {
        let client = context.client()?;
        let path = |id: &str| format!("/dead-letters/{}", segment(id));
        match self {
            Self::List {
                topic,
                execution,
                all,
                limit,
            } => {
                let mut query = if all { "state=all" } else { "state=dead" }.to_owned();
                for (name, value) in [("topic", topic), ("execution", execution)] {
                    if let Some(value) = value {
                        query.push_str(&format!("&{name}={}", segment(&value)));
                    }
                }
                let (letters, next) = pages(limit, |limit, cursor| {
                    let page =
                        client.get(&format!("/dead-letters?{query}&limit={limit}{cursor}"))?;
                    Ok((page, "letters"))
                })?;
                list(context, &letters, next)
            }
            Self::Show { id } => output::json(&client.get(&path(&id))?),
            Self::Replay { id, to } => {
                let body = json!({ "callback": to });
                let answer = client.post(&format!("{}/replay", path(&id)), &body)?;
                match context.format {
                    Format::Json => output::json(&answer),
                    Format::Table => {
                        let became = answer.get("outcome").or_else(|| answer.get("state"));
                        output::line(output::text(became.unwrap_or(&Value::Null)))
                    }
                }
            }
            Self::Discard { id } => client.delete(&path(&id)).map(drop),
        }
    }
}

fn list(context: &Context, letters: &[Value], next: Option<String>) -> Result<()> {
    if context.format == Format::Json {
        return output::json(&json!({ "letters": letters, "next": next }));
    }
    output::table(
        &[
            ("ID", "/id"),
            ("TOPIC", "/topic"),
            ("STATE", "/state"),
            ("AT", "/at"),
            ("TRIES", "/tries"),
            ("EXECUTION", "/execution"),
            ("REASON", "/reason"),
        ],
        letters,
    )?;
    if next.is_some() {
        output::note("More: raise --limit");
    }
    Ok(())
}
