//! `everstep.toml`: one function at its top, or several as `[functions.NAME]`.

use std::collections::BTreeMap;
use std::path::Path;

use everstep_engine::catalogue::{Remote, Scaling};
use everstep_engine::{Code, DurableConfig, FunctionConfig, Runtime};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::agents;
use super::declare::{Declared, Source, check, runtime};
use crate::settings::SECTIONS;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Several {
    functions: BTreeMap<String, Function>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Function {
    name: Option<String>,
    /// `python3.13`, `nodejs22.x`, `provided.al2023`, or without the version.
    runtime: Option<String>,
    handler: Option<String>,
    /// A folder, or the executable file of a compiled function; relative to the manifest.
    code: Option<String>,
    /// URL of a function that runs elsewhere.
    target: Option<String>,
    /// Its name there, if it is another one.
    target_function: Option<String>,
    /// With a region or a profile calls of the target are signed.
    region: Option<String>,
    profile: Option<String>,
    description: Option<String>,
    /// Seconds.
    timeout: Option<u32>,
    /// Megabytes.
    memory: Option<u32>,
    log_format: Option<String>,
    alias: Option<String>,
    /// Invocations that one process serves at once.
    concurrency: Option<u32>,
    min_workers: Option<u32>,
    max_workers: Option<u32>,
    #[serde(default)]
    environment: BTreeMap<String, toml::Value>,
    durable: Option<Durable>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Durable {
    Plainly(bool),
    With(DurableWith),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DurableWith {
    /// Seconds.
    execution_timeout: Option<u32>,
    retention_days: Option<u16>,
}

impl Durable {
    fn config(&self) -> Option<DurableConfig> {
        let (execution_timeout_s, days) = match self {
            Self::Plainly(false) => return None,
            Self::Plainly(true) => (None, None),
            Self::With(with) => (with.execution_timeout, with.retention_days),
        };
        Some(DurableConfig {
            execution_timeout_s,
            retention_days: days.unwrap_or(14),
        })
    }
}

/// The functions of a manifest, or what is wrong and where.
pub fn read(path: &Path) -> Result<Vec<Declared>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut table: toml::Table = toml::from_str(&text).map_err(|error| fault(&error))?;
    let folder = path.parent().unwrap_or(path);
    let count = table.len();
    let mut declared = agents::take(&mut table)?;
    table.retain(|key, _| !SECTIONS.contains(&key));
    let has_settings = table.len() < count;
    if has_settings && table.is_empty() {
        return Ok(declared);
    }
    // Without settings the text itself is read: what is wrong is told with its line then.
    if table.contains_key("functions") {
        let several: Several = parsed(has_settings, table, &text)?;
        for (key, function) in several.functions {
            declared.push(declare(folder, &key, function)?);
        }
        return Ok(declared);
    }
    let one: Function = parsed(has_settings, table, &text)?;
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    declared.push(declare(folder, &name, one)?);
    Ok(declared)
}

/// What is left of a table, or all of its text, whose faults are told with their lines.
fn parsed<T: DeserializeOwned>(
    has_settings: bool,
    table: toml::Table,
    text: &str,
) -> Result<T, String> {
    let read = if has_settings {
        table.try_into()
    } else {
        toml::from_str(text)
    };
    read.map_err(|error| fault(&error))
}

/// The parser shows the line; its last line end is ours.
fn fault(error: &toml::de::Error) -> String {
    error.to_string().trim_end().to_owned()
}

fn declare(folder: &Path, key: &str, function: Function) -> Result<Declared, String> {
    let name = function.name.clone().unwrap_or_else(|| key.to_owned());
    let of = |what: &str| format!("{name}: {what}");
    let (source, place, (kind, runtime_name)) = match (&function.target, &function.runtime) {
        (Some(_), Some(_)) => {
            return Err(of("it has a target and a runtime; one of them runs it"));
        }
        (Some(url), None) => {
            let remote = Remote {
                url: url.clone(),
                function: function.target_function.clone(),
                region: function.region.clone(),
                profile: function.profile.clone(),
            };
            (
                Source::Elsewhere(Code::Elsewhere(remote)),
                url.clone(),
                (Runtime::Provided, String::new()),
            )
        }
        (None, Some(name)) => {
            let code = folder.join(function.code.as_deref().unwrap_or("."));
            let place = code.display().to_string();
            (
                Source::Local(code),
                place,
                runtime(name).map_err(|text| of(&text))?,
            )
        }
        (None, None) => return Err(of("it has neither a runtime nor a target")),
    };
    let config = FunctionConfig {
        runtime: kind,
        runtime_name,
        handler: function.handler.clone().unwrap_or_default(),
        role: String::new(),
        description: function.description.clone().unwrap_or_default(),
        timeout_s: function.timeout.unwrap_or(60),
        memory_mb: function.memory.unwrap_or(512),
        environment: environment(&name, &function.environment)?,
        durable: function.durable.as_ref().and_then(Durable::config),
        log_format: match function.log_format.as_deref() {
            None => "Text".to_owned(),
            Some(format @ ("Text" | "JSON")) => format.to_owned(),
            Some(_) => return Err(of("its log_format is neither Text nor JSON")),
        },
        architecture: std::env::consts::ARCH.replace("aarch64", "arm64"),
        layers: Vec::new(),
        dead_letter: None,
        stored: BTreeMap::new(),
        scaling: Scaling {
            workers_min: function.min_workers.unwrap_or_default(),
            workers_max: function.max_workers,
            concurrency: function.concurrency,
        },
    };
    check(&name, &config, &source)?;
    Ok(Declared {
        name,
        config,
        source,
        alias: function.alias,
        place,
        notes: Vec::new(),
    })
}

fn environment(
    name: &str,
    given: &BTreeMap<String, toml::Value>,
) -> Result<BTreeMap<String, String>, String> {
    let text = |(key, value): (&String, &toml::Value)| {
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => {
                value.to_string()
            }
            _ => {
                return Err(format!(
                    "{name}: the variable {key} is neither a text nor a number"
                ));
            }
        };
        Ok((key.clone(), text))
    };
    given.iter().map(text).collect()
}

#[cfg(test)]
#[path = "manifest/tests.rs"]
mod tests;
