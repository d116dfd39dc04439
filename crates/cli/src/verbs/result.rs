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
    /// Where the result is a reference to an artifact, print the artifact
    #[arg(long)]
    full: bool,
}

impl Outcome {
    pub fn run(self, context: &Context) -> Result<()> {
        let id = segment(&self.id);
        let resolve = if self.full { "?resolve=true" } else { "" };
        let text = context
            .client()?
            .get_text(&format!("/executions/{id}/result{resolve}"))?;
        output::line(text)
    }
}
