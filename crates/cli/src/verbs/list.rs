//! `everstep list`.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::{Context, segment};
use crate::error::Failed;
use crate::output::{self, Format};

#[derive(Args)]
pub struct List {
    /// Only executions of this function
    #[arg(long)]
    function: Option<String>,
    /// Only executions of this state machine
    #[arg(long, value_name = "NAME", conflicts_with = "function")]
    state_machine: Option<String>,
    /// Only executions of this version
    #[arg(long)]
    version: Option<String>,
    /// Only executions with this status; may be given several times
    #[arg(long)]
    status: Vec<String>,
    /// Only the executions of this name
    #[arg(long)]
    name: Option<String>,
    /// Only executions whose name begins so
    #[arg(long)]
    name_prefix: Option<String>,
    /// Only executions with this attribute; may be given several times
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = super::pair)]
    attributes: Vec<(String, String)>,
    /// Only executions started at this time or later: 2026-11-21T09:00:00Z, or so long ago: 90m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    started_after: Option<String>,
    /// Only executions started at this time or earlier
    #[arg(long, value_name = "TIME")]
    started_before: Option<String>,
    /// Oldest first
    #[arg(long)]
    reverse: bool,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Where the last page ended
    #[arg(long)]
    cursor: Option<String>,
}

impl List {
    pub fn run(self, context: &Context) -> Result<()> {
        let query = self.query()?;
        let page = context.client()?.get(&format!("/executions?{query}"))?;
        if context.format == Format::Json {
            return output::json(&page);
        }
        let rows = page
            .get("executions")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let columns = [
            ("ID", "/id"),
            ("DEFINITION", "/definition"),
            ("NAME", "/name"),
            ("STATUS", "/status"),
            ("STARTED", "/started_at"),
        ];
        output::table(&columns, &rows)?;
        if let Some(cursor) = page.get("next").and_then(Value::as_str) {
            output::note(format!("More: --cursor {cursor}"));
        }
        Ok(())
    }

    fn query(&self) -> Result<String> {
        let mut query = vec![format!("limit={}", self.limit)];
        let mut put = |name: &str, value: &str| query.push(format!("{name}={}", segment(value)));
        for (name, value) in [
            ("function", &self.function),
            ("state_machine", &self.state_machine),
            ("version", &self.version),
            ("name", &self.name),
            ("name_prefix", &self.name_prefix),
            ("cursor", &self.cursor),
        ] {
            if let Some(value) = value {
                put(name, value);
            }
        }
        for status in &self.status {
            put("status", &status.to_uppercase());
        }
        for (key, value) in &self.attributes {
            put("attribute", &format!("{key}={value}"));
        }
        for (name, value) in [
            ("started_after", &self.started_after),
            ("started_before", &self.started_before),
        ] {
            if let Some(value) = value {
                put(name, &moment(value)?);
            }
        }
        if self.reverse {
            put("order", "oldest");
        }
        Ok(query.join("&"))
    }
}

/// A time, or the time so long ago, as RFC 3339. A cursor belongs to its list: whoever pages gives the time itself.
fn moment(text: &str) -> Result<String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at.to_string());
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    let ago = days
        .and_then(|days: i64| days.checked_mul(24))
        .map(jiff::SignedDuration::from_hours)
        .or_else(|| text.parse().ok());
    let at = ago.and_then(|ago| jiff::Timestamp::now().checked_sub(ago).ok());
    at.map(|at| at.to_string()).ok_or_else(|| {
        let help = "a time such as 2026-11-21T09:00:00Z, or how long ago, such as 90m or 2h";
        Failed::Usage(format!("{text} is neither {help}")).into()
    })
}
