//! `everstep fork`.

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
pub struct Fork {
    /// Id, ARN or name of the execution, running or closed
    id: String,
    /// Number, id or name of the first operation that is not taken over; 0 begins from the start
    #[arg(long, value_name = "OPERATION")]
    at: String,
    /// Input as JSON: text, @FILE, or - for standard input; without it the execution's
    #[arg(short, long)]
    input: Option<String>,
    /// Name of the new execution: the same name and content is the same execution
    #[arg(long)]
    name: Option<String>,
    /// Go on with this version or alias of the function instead of the code that the execution runs
    #[arg(long)]
    version: Option<String>,
    /// What it is found by beside the execution's own attributes, as KEY=VALUE; may be given several times
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = super::pair)]
    attributes: Vec<(String, String)>,
    /// Wait for the end and print the result; a failed execution is exit code 1
    #[arg(short, long)]
    wait: bool,
}

#[derive(Serialize)]
struct Body {
    at: String,
    name: Option<String>,
    input: Option<Box<RawValue>>,
    version: Option<String>,
    attributes: BTreeMap<String, String>,
}

impl Fork {
    pub fn run(self, context: &Context) -> Result<()> {
        let client = context.client()?;
        let body = Body {
            at: self.at,
            name: self.name,
            input: self.input.as_deref().map(read_json).transpose()?,
            version: self.version,
            attributes: self.attributes.into_iter().collect(),
        };
        let forked = client.post_raw(
            &format!("/executions/{}/fork", segment(&self.id)),
            Some(serde_json::to_string(&body)?),
        )?;
        let id = output::text(forked.pointer("/execution/id").unwrap_or(&Value::Null));
        for operation in forked
            .get("in_flight")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let [kind, name, what] = ["kind", "name", "what"]
                .map(|member| output::text(operation.get(member).unwrap_or(&Value::Null)));
            output::note(format!("In flight: {kind} {name} {what}"));
        }
        if self.wait {
            let ended = follow::until_closed(&client, &id)?;
            return follow::print_outcome(&client, &ended, context.format);
        }
        match context.format {
            Format::Json => output::json(&forked),
            Format::Table => output::line(id),
        }
    }
}
