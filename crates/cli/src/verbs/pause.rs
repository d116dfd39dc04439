//! The verbs that hold an execution, let it go on, and take it away.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::{Context, segment};
use crate::output::{self, Format};

#[derive(Args)]
pub struct Pause {
    /// Id, ARN or name of the execution
    id: String,
    /// Why, for the history
    #[arg(long)]
    reason: Option<String>,
}

impl Pause {
    pub fn run(self, context: &Context) -> Result<()> {
        let path = format!("/executions/{}/pause", segment(&self.id));
        let body = json!({ "reason": self.reason });
        status(context, &context.client()?.post(&path, &body)?)
    }
}

#[derive(Args)]
pub struct Resume {
    /// Id of a paused execution
    id: String,
    /// Why, for the history
    #[arg(long)]
    reason: Option<String>,
}

impl Resume {
    pub fn run(self, context: &Context) -> Result<()> {
        let path = format!("/executions/{}/resume", segment(&self.id));
        let body = json!({ "reason": self.reason });
        status(context, &context.client()?.post(&path, &body)?)
    }
}

#[derive(Args)]
pub struct Delete {
    /// Id of an execution that has ended
    id: String,
}

impl Delete {
    pub fn run(self, context: &Context) -> Result<()> {
        let path = format!("/executions/{}", segment(&self.id));
        status(context, &context.client()?.delete(&path)?)
    }
}

/// Where the execution stands now.
fn status(context: &Context, row: &Value) -> Result<()> {
    match context.format {
        Format::Json => output::json(row),
        Format::Table => output::line(output::text(row.get("status").unwrap_or(&Value::Null))),
    }
}
