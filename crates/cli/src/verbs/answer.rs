//! The verbs that answer what an execution waits for.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Context, read_json, segment};
use crate::output::{self, Format};

#[derive(Subcommand)]
pub enum Callback {
    /// It is done
    Succeed {
        /// The callback's id
        id: String,
        /// The result as JSON: text, @FILE, or - for standard input
        #[arg(long)]
        result: Option<String>,
    },
    /// It failed
    Fail {
        /// The callback's id
        id: String,
        /// A name for the error
        #[arg(long)]
        error: Option<String>,
        /// What happened
        #[arg(long)]
        message: Option<String>,
    },
    /// It is still being worked on
    Heartbeat {
        /// The callback's id
        id: String,
    },
}

impl Callback {
    pub fn run(self, context: &Context) -> Result<()> {
        let client = context.client()?;
        let path = |id: &str, verb: &str| {
            format!(
                "/2025-12-01/durable-execution-callbacks/{}/{verb}",
                segment(id)
            )
        };
        match self {
            Self::Succeed { id, result } => {
                let body = result
                    .map(|result| read_json(&result))
                    .transpose()?
                    .map(|value| value.get().to_owned());
                client.post_raw(&path(&id, "succeed"), body)?;
            }
            Self::Fail { id, error, message } => {
                client.post(
                    &path(&id, "fail"),
                    &json!({ "ErrorType": error, "ErrorMessage": message }),
                )?;
            }
            Self::Heartbeat { id } => {
                client.post_raw(&path(&id, "heartbeat"), None)?;
            }
        }
        Ok(())
    }
}

#[derive(Args)]
pub struct Approve {
    /// Id of the workflow
    workflow: String,
    /// What the writer should take into account
    #[arg(long)]
    feedback: Option<String>,
    /// Who approves
    #[arg(long, env = "USER")]
    by: Option<String>,
}

impl Approve {
    pub fn run(self, context: &Context) -> Result<()> {
        let decision = json!({ "approved": true, "feedback": self.feedback.unwrap_or_default(), "approved_by": self.by });
        decide(context, &self.workflow, &decision)
    }
}

#[derive(Args)]
pub struct Reject {
    /// Id of the workflow
    workflow: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// Who rejects
    #[arg(long, env = "USER")]
    by: Option<String>,
}

impl Reject {
    pub fn run(self, context: &Context) -> Result<()> {
        let decision = json!({ "approved": false, "reason": self.reason, "approved_by": self.by });
        decide(context, &self.workflow, &decision)
    }
}

fn decide(context: &Context, workflow: &str, decision: &Value) -> Result<()> {
    let answer = context
        .client()?
        .post(&format!("/approve/{}", segment(workflow)), decision)?;
    match context.format {
        Format::Json => output::json(&answer),
        Format::Table => output::line(output::text(answer.get("status").unwrap_or(&Value::Null))),
    }
}
