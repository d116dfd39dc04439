//! `everstep cancel`: ends a workflow, what it has started, and the agents that work for it.

use anyhow::Result;
use clap::{ArgAction, Args};
use serde_json::{Value, json};

use super::{Context, segment};
use crate::error::Failed;
use crate::output::{self, Format};

#[derive(Args)]
pub struct Cancel {
    /// Id of a workflow; or id, ARN or name of any execution
    #[arg(value_name = "WORKFLOW")]
    id: String,
    /// Why; the histories of all that ends with it keep it, and a workflow's record
    #[arg(long)]
    reason: Option<String>,
    /// Whether executions that it has started and waits for are cancelled, too, down to the last
    #[arg(
        long,
        value_name = "BOOL",
        action = ArgAction::Set,
        default_value_t = true,
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    cascade: bool,
}

impl Cancel {
    pub fn run(self, context: &Context) -> Result<()> {
        let client = context.client()?;
        let id = segment(&self.id);
        let path = format!("/workflows/{id}/cancel");
        let cancelled = match client.post(&path, &json!({ "reason": self.reason })) {
            // No workflow of this server, or no workflows at all.
            Err(error) if is_unknown(&error) => {
                let path = format!("/executions/{id}/cancel");
                let asked = json!({ "reason": self.reason, "cascade": self.cascade });
                client.post(&path, &asked)?
            }
            answered => answered?,
        };
        if context.format == Format::Json {
            return output::json(&cancelled);
        }
        output::line(output::text(
            cancelled.get("status").unwrap_or(&Value::Null),
        ))?;
        let agents = cancelled.get("agents").and_then(Value::as_array);
        for agent in agents.into_iter().flatten() {
            let name = output::text(agent.get("agent").unwrap_or(&Value::Null));
            let told = agent.get("cancelled").and_then(Value::as_bool);
            output::line(match told {
                Some(true) => format!("{name}: its task is cancelled"),
                _ => format!("{name}: it did not take the cancellation"),
            })?;
        }
        Ok(())
    }
}

fn is_unknown(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<Failed>(),
        Some(Failed::Refused { status: 404, .. })
    )
}
