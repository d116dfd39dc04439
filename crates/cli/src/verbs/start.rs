//! `everstep start`.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Context, read_json, segment};
use crate::follow;
use crate::output::{self, Format};

#[derive(Args)]
pub struct Start {
    /// Name or ARN of the function or state machine, with :VERSION or :ALIAS where wanted; where both have one name, function:NAME or stateMachine:NAME
    #[arg(value_name = "DEFINITION")]
    definition: String,
    /// Input as JSON: text, @FILE, or - for standard input
    #[arg(short, long, default_value = "{}")]
    input: String,
    /// Name of the execution: the same name and input is the same execution
    #[arg(long)]
    name: Option<String>,
    /// What it is found by, as KEY=VALUE; may be given several times
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = super::pair)]
    attributes: Vec<(String, String)>,
    /// Wait for the end and print the result; a failed execution is exit code 1
    #[arg(short, long)]
    wait: bool,
}

#[derive(Serialize)]
pub(super) struct Body {
    pub name: Option<String>,
    pub input: Box<RawValue>,
    pub attributes: BTreeMap<String, String>,
}

impl Start {
    pub fn run(self, context: &Context) -> Result<()> {
        let client = context.client()?;
        let body = Body {
            name: self.name,
            input: read_json(&self.input)?,
            attributes: self.attributes.into_iter().collect(),
        };
        let started = client.post_raw(
            &format!("/definitions/{}/start", segment(&self.definition)),
            Some(serde_json::to_string(&body)?),
        )?;
        if !self.wait {
            return match context.format {
                Format::Json => output::json(&started),
                Format::Table => {
                    output::line(output::text(started.get("id").unwrap_or(&Value::Null)))
                }
            };
        }
        let id = output::text(started.get("id").unwrap_or(&Value::Null));
        let ended = follow::until_closed(&client, &id)?;
        follow::print_outcome(&client, &ended, context.format)
    }
}
