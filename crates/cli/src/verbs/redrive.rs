//! `everstep redrive`.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::{Context, segment};
use crate::follow;
use crate::output::{self, Format};

#[derive(Args)]
pub struct Redrive {
    /// Id, ARN or name of a failed, timed out or stopped execution
    #[arg(value_name = "EXECUTION")]
    id: String,
    /// Wait for the end and print the result; a failed execution is exit code 1
    #[arg(short, long)]
    wait: bool,
}

impl Redrive {
    pub fn run(self, context: &Context) -> Result<()> {
        let client = context.client()?;
        let path = format!("/executions/{}", segment(&self.id));
        let redriven = client.post(&format!("{path}/redrive"), &json!({}))?;
        if self.wait {
            let ended = follow::until_closed(&client, &self.id)?;
            return follow::print_outcome(&client, &ended, context.format);
        }
        if context.format == Format::Json {
            return output::json(&redriven);
        }
        let again = redriven
            .get("operations")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        output::table(
            &[("#", "/number"), ("KIND", "/kind"), ("NAME", "/name")],
            &again,
        )?;
        output::note("It runs again; what is listed was undone, everything else keeps its result.");
        Ok(())
    }
}
