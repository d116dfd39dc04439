//! `everstep states test`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::server::Server;
use crate::error::Failed;
use crate::output::{self, Format};
use crate::verbs::{Context, read_json};

/// A role of nobody, for states that have to name one.
const ROLE: &str = "arn:aws:iam::000000000000:role/everstep-test";

#[derive(Args)]
pub struct Test {
    /// File of the definition, or - for standard input: a state machine, or one state
    file: PathBuf,
    /// Name of the state, in a definition of a state machine
    #[arg(long, value_name = "NAME")]
    state: Option<String>,
    /// Input as JSON: text, @FILE, or - for standard input
    #[arg(short, long, default_value = "{}")]
    input: String,
    /// Result that the state's work is taken to give, as JSON: text or @FILE
    #[arg(long, value_name = "JSON", conflicts_with = "mock_error")]
    mock: Option<String>,
    /// Error that the state's work is taken to end with: its name, or NAME: CAUSE
    #[arg(long, value_name = "ERROR")]
    mock_error: Option<String>,
    /// How the mocked result is held against the service's model
    #[arg(long, value_enum, value_name = "HOW", requires = "mock")]
    validation: Option<Validation>,
    /// Variables as a JSON object: text or @FILE
    #[arg(long, value_name = "JSON")]
    variables: Option<String>,
    /// Context object as JSON: text or @FILE; only with a mock
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// How often the state was tried again; only with a mock
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// How much is shown
    #[arg(long, value_enum, default_value_t)]
    level: Level,
    /// Show what a connection adds to an HTTP task
    #[arg(long)]
    reveal_secrets: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Level {
    /// What came of it
    #[default]
    Info,
    /// The data on its way, too
    Debug,
    /// The HTTP request and its answer, too
    Trace,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Validation {
    Strict,
    Present,
    None,
}

impl Test {
    pub fn run(self, context: &Context) -> Result<()> {
        let body = self.body()?;
        let server = Server::reach(context)?;
        let answer = opened(server.states("TestState", &body)?);
        match context.format {
            Format::Json => output::json(&answer)?,
            Format::Table => show(&answer)?,
        }
        let status = output::text(answer.get("status").unwrap_or(&Value::Null));
        if matches!(&*status, "SUCCEEDED" | "CAUGHT_ERROR") {
            return Ok(());
        }
        let error = answer
            .get("error")
            .map_or_else(|| "an error without a name".to_owned(), output::text);
        Err(Failed::Outcome(format!("the state ended {status}: {error}")).into())
    }

    fn body(&self) -> Result<Value> {
        let mut body = Map::new();
        body.insert("definition".into(), super::read(&self.file)?.into());
        body.insert("roleArn".into(), ROLE.into());
        let mut json = |name: &str, argument: Option<&String>| -> Result<()> {
            if let Some(argument) = argument {
                body.insert(name.into(), read_json(argument)?.get().into());
            }
            Ok(())
        };
        json("input", Some(&self.input))?;
        json("variables", self.variables.as_ref())?;
        json("context", self.context.as_ref())?;
        if let Some(state) = &self.state {
            body.insert("stateName".into(), state.as_str().into());
        }
        if let Some(mock) = self.mocked()? {
            body.insert("mock".into(), mock);
        }
        if let Some(retries) = self.retries {
            let configuration = json!({ "retrierRetryCount": retries });
            body.insert("stateConfiguration".into(), configuration);
        }
        let level = match self.level {
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
            Level::Trace => "TRACE",
        };
        body.insert("inspectionLevel".into(), level.into());
        if self.reveal_secrets {
            body.insert("revealSecrets".into(), true.into());
        }
        Ok(body.into())
    }

    fn mocked(&self) -> Result<Option<Value>> {
        if let Some(error) = &self.mock_error {
            let output = match error.split_once(": ") {
                Some((error, cause)) => json!({ "error": error, "cause": cause }),
                None => json!({ "error": error }),
            };
            return Ok(Some(json!({ "errorOutput": output })));
        }
        let Some(result) = &self.mock else {
            return Ok(None);
        };
        let mut mock = json!({ "result": read_json(result)?.get() });
        let validation = self.validation.map(|validation| match validation {
            Validation::Strict => "STRICT",
            Validation::Present => "PRESENT",
            Validation::None => "NONE",
        });
        if let (Some(validation), Some(mock)) = (validation, mock.as_object_mut()) {
            mock.insert("fieldValidationMode".into(), validation.into());
        }
        Ok(Some(mock))
    }
}

/// The answer with the JSON that is text inside it as JSON.
fn opened(mut answer: Value) -> Value {
    open(&mut answer, "output");
    if let Some(inspection) = answer.get_mut("inspectionData") {
        let names: Vec<String> = inspection
            .as_object()
            .map(|data| data.keys().cloned().collect())
            .unwrap_or_default();
        for name in names {
            open(inspection, &name);
        }
    }
    answer
}

fn open(value: &mut Value, name: &str) {
    if let Some(member) = value.get_mut(name)
        && let Some(text) = member.as_str()
        && let Ok(inner) = serde_json::from_str(text)
    {
        *member = inner;
    }
}

/// For people: one line for each thing that is told.
fn show(answer: &Value) -> Result<()> {
    for name in ["status", "nextState", "error", "cause", "output"] {
        if let Some(value) = answer.get(name) {
            output::line(format!("{name:<22} {}", output::text(value)))?;
        }
    }
    let inspection = answer.get("inspectionData").and_then(Value::as_object);
    for (name, value) in inspection.into_iter().flatten() {
        output::line(format!("{name:<22} {}", output::text(value)))?;
    }
    Ok(())
}
