//! `everstep result`: what an execution came to, and nothing else.

use anyhow::Result;
use clap::Args;

use super::{Context, segment};
use crate::output;

#[derive(Args)]
pub struct Outcome {
    /// Id, ARN or name of the execution
    #[arg(value_name = "EXECUTION")]
    id: String,
    /// Where the result is a reference to an artifact, print the reference and not the artifact
    #[arg(long)]
    reference: bool,
    /// What the execution was started with, instead
    #[arg(long)]
    input: bool,
    /// As without it
    #[arg(long, hide = true, conflicts_with = "reference")]
    full: bool,
}

impl Outcome {
    pub fn run(self, context: &Context) -> Result<()> {
        let what = if self.input { "input" } else { "result" };
        let path = format!("/executions/{}/{what}", segment(&self.id));
        let client = context.client()?;
        if self.reference {
            return output::line(client.get_text(&path)?);
        }
        client.copy(&format!("{path}?resolve=true"), output::copied)
    }
}
