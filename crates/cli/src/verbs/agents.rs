//! `everstep agents`: which there are, how things stand with them, and calls of one.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::start::Body;
use super::{Context, read_json, segment};
use crate::error::Failed;
use crate::follow;
use crate::output::{self, Format};

#[derive(Subcommand)]
pub enum Agents {
    /// List the agents, with their breakers and the tasks that they have
    List,
    /// Show where an agent is, how it is dealt with and how things stand with it
    Show {
        /// Name of the agent
        name: String,
    },
    /// Declare an agent, or give its name another description
    Add(Add),
    /// Forget an agent; the tasks that it has go on
    Remove {
        /// Name of the agent
        name: String,
    },
    /// Give an agent a task, wait for its end and print the result
    Call(Call),
    /// Stop an execution of an agent, which is told to leave its task
    Cancel {
        /// Id, ARN or name of the execution, as `call --detach` prints it
        #[arg(value_name = "EXECUTION")]
        execution: String,
        /// Why, for the history
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Args)]
pub struct Add {
    /// Name of the agent
    name: String,
    /// URL of the agent or of its card, ARN of a Bedrock AgentCore runtime, or a description as JSON
    #[arg(value_name = "URL|ARN|JSON")]
    place: String,
    /// How it is talked to; its card says it otherwise: a2a-1.0, a2a-1.0-rest, a2a-0.3, legacy, agentcore or webhook
    #[arg(long)]
    dialect: Option<String>,
    /// Seconds from the dispatch to the result
    #[arg(long)]
    timeout: Option<u32>,
    /// Tasks that it has at a time
    #[arg(long)]
    concurrency: Option<u32>,
    /// Environment variable of the server that holds the agent's bearer token
    #[arg(long, value_name = "VARIABLE")]
    token_env: Option<String>,
    /// Any other member of the description, as MEMBER=JSON; may be given several times
    #[arg(long = "set", value_name = "MEMBER=JSON", value_parser = super::pair)]
    members: Vec<(String, String)>,
}

#[derive(Args)]
pub struct Call {
    /// Name, URL or ARN of the agent
    agent: String,
    /// The task as JSON: text, @FILE, or - for standard input
    #[arg(value_name = "JSON", default_value = "{}")]
    input: String,
    /// Name of the execution: the same name and task is the same execution
    #[arg(long)]
    name: Option<String>,
    /// Print the execution's id and do not wait
    #[arg(long)]
    detach: bool,
}

impl Agents {
    pub fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::List => list(context),
            Self::Show { name } => show(context, &name),
            Self::Add(add) => add.run(context),
            Self::Remove { name } => {
                let path = format!("/agents/{}", segment(&name));
                context.client()?.delete(&path).map(|_| ())
            }
            Self::Call(call) => call.run(context),
            Self::Cancel { execution, reason } => cancel(context, &execution, reason),
        }
    }
}

fn list(context: &Context) -> Result<()> {
    let found = context.client()?.get("/agents")?;
    if context.format == Format::Json {
        return output::json(&found);
    }
    let mut agents = found.get("agents").and_then(Value::as_array).cloned();
    for agent in agents.iter_mut().flatten() {
        let place = ["/url", "/arn", "/command/0"];
        let place = place.iter().find_map(|path| agent.pointer(path).cloned());
        if let Some(place) = place.filter(|place| !place.is_null()) {
            set(agent, "place", place);
        }
    }
    let columns = [
        ("NAME", "/name"),
        ("PLACE", "/place"),
        ("DIALECT", "/dialect"),
        ("BREAKER", "/state/breaker"),
        ("OUT", "/state/out"),
        ("WAITING", "/state/waiting"),
    ];
    output::table(&columns, &agents.unwrap_or_default())
}

fn set(object: &mut Value, member: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}

fn show(context: &Context, name: &str) -> Result<()> {
    let agent = context
        .client()?
        .get(&format!("/agents/{}", segment(name)))?;
    if context.format == Format::Json {
        return output::json(&agent);
    }
    for (member, value) in agent.as_object().into_iter().flatten() {
        let nothing = value.is_null()
            || value.as_str() == Some("")
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(Map::is_empty);
        match value.as_object().filter(|_| member == "state") {
            Some(state) => {
                for (member, value) in state {
                    output::line(format!("{member:<17} {}", output::text(value)))?;
                }
            }
            None if nothing => {}
            None => output::line(format!("{member:<17} {}", output::text(value)))?,
        }
    }
    Ok(())
}

impl Add {
    fn description(&self) -> Result<Map<String, Value>> {
        let place = self.place.trim();
        let mut members = if place.starts_with('{') || place.starts_with('@') || place == "-" {
            match serde_json::from_str(read_json(place)?.get())? {
                Value::Object(members) => members,
                _ => return Err(Failed::Usage("the description is no JSON object".into()).into()),
            }
        } else {
            let member = if place.starts_with("arn:") {
                "arn"
            } else {
                "url"
            };
            Map::from_iter([(member.to_owned(), place.into())])
        };
        let named = [
            ("dialect", self.dialect.clone().map(Value::from)),
            ("timeout_s", self.timeout.map(Value::from)),
            ("concurrency", self.concurrency.map(Value::from)),
            ("token_env", self.token_env.clone().map(Value::from)),
        ];
        for (member, value) in named {
            if let Some(value) = value {
                members.insert(member.to_owned(), value);
            }
        }
        for (member, text) in &self.members {
            // A word is a text: --set on_lost=redispatch
            let value = serde_json::from_str(text).unwrap_or_else(|_| text.clone().into());
            members.insert(member.clone(), value);
        }
        Ok(members)
    }

    fn run(self, context: &Context) -> Result<()> {
        let body = Value::Object(self.description()?);
        let path = format!("/agents/{}", segment(&self.name));
        let agent = context.client()?.put(&path, &body)?;
        match context.format {
            Format::Json => output::json(&agent),
            Format::Table => output::line(&self.name),
        }
    }
}

impl Call {
    fn run(self, context: &Context) -> Result<()> {
        let client = context.client()?;
        let body = Body {
            name: self.name,
            input: read_json(&self.input)?,
            attributes: BTreeMap::new(),
        };
        // Only an agent is called so: a function of the same name is started by `start`.
        let name = if self.agent.contains(':') {
            self.agent
        } else {
            let agent = client.get(&format!("/agents/{}", segment(&self.agent)))?;
            output::text(agent.get("name").unwrap_or(&Value::Null))
        };
        let path = format!("/definitions/{}/start", segment(&name));
        let started = client.post_raw(&path, Some(serde_json::to_string(&body)?))?;
        let id = output::text(started.get("id").unwrap_or(&Value::Null));
        if self.detach {
            return match context.format {
                Format::Json => output::json(&started),
                Format::Table => output::line(id),
            };
        }
        let ended = follow::until_closed(&client, &id)?;
        follow::print_outcome(&client, &ended, context.format)
    }
}

fn cancel(context: &Context, execution: &str, reason: Option<String>) -> Result<()> {
    let client = context.client()?;
    let described = client.get(&format!("/executions/{}", segment(execution)))?;
    let function = described.pointer("/execution/function");
    let name = function.and_then(Value::as_str).unwrap_or_default();
    let agent = client.get(&format!("/agents/{}", segment(name)));
    if agent.is_err() {
        let text = format!("{execution} is no execution of an agent; `everstep stop` stops any");
        return Err(Failed::Usage(text).into());
    }
    let id = output::text(described.pointer("/execution/id").unwrap_or(&Value::Null));
    let stopped = client.post(
        &format!("/executions/{}/stop", segment(&id)),
        &json!({ "message": reason }),
    )?;
    match context.format {
        Format::Json => output::json(&stopped),
        Format::Table => output::line(output::text(stopped.get("status").unwrap_or(&Value::Null))),
    }
}
