//! SAM templates: `AWS::Serverless::Function` with `Globals`, parameters' defaults and references between functions.

mod intrinsic;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use everstep_engine::catalogue::Scaling;
use everstep_engine::{DurableConfig, FunctionConfig};
use serde_json::{Map, Value};

use super::declare::{Declared, Source, check, runtime};
use intrinsic::Scope;

const KIND: &str = "AWS::Serverless::Function";
/// Properties that are read here.
const READ: [&str; 12] = [
    "FunctionName",
    "CodeUri",
    "Handler",
    "Runtime",
    "Environment",
    "DurableConfig",
    "Timeout",
    "MemorySize",
    "Description",
    "AutoPublishAlias",
    "LoggingConfig",
    "Architectures",
];
/// Properties without any meaning on one machine: not worth a word.
const SILENT: [&str; 6] = [
    "Role",
    "Policies",
    "Tags",
    "Metadata",
    "Tracing",
    "PackageType",
];

/// The functions of a template, or what is wrong and where.
pub fn read(path: &Path, region: &str) -> Result<Vec<Declared>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let template = yaml::parse(&text)?;
    let resources = member(&template, "Resources")?;
    let scope = Scope::of(&template, resources, region);
    let globals = template
        .pointer("/Globals/Function")
        .and_then(Value::as_object);
    let folder = path.parent().unwrap_or(path);
    let mut functions = Vec::new();
    for (id, resource) in resources {
        if resource.get("Type").and_then(Value::as_str) != Some(KIND) {
            continue;
        }
        let of = |what: String| format!("Resources.{id}.Properties: {what}");
        let own = resource.get("Properties").and_then(Value::as_object);
        let merged = merge(globals, own);
        let properties = scope.resolve(&Value::Object(merged)).map_err(of)?;
        let properties = properties.as_object().cloned().unwrap_or_default();
        functions.push(declare(folder, &scope, id, &properties).map_err(of)?);
    }
    if functions.is_empty() {
        return Err(format!("it has no {KIND}"));
    }
    Ok(functions)
}

fn member<'a>(of: &'a Value, name: &str) -> Result<&'a Map<String, Value>, String> {
    of.get(name)
        .and_then(Value::as_object)
        .ok_or_else(|| format!("it has no {name}"))
}

/// A function's own properties over those for all; of structures the members.
fn merge(
    globals: Option<&Map<String, Value>>,
    own: Option<&Map<String, Value>>,
) -> Map<String, Value> {
    let mut merged = globals.cloned().unwrap_or_default();
    for (name, value) in own.into_iter().flatten() {
        let value = match (merged.get(name), value) {
            (Some(Value::Object(below)), Value::Object(above)) => {
                Value::Object(merge(Some(below), Some(above)))
            }
            _ => value.clone(),
        };
        merged.insert(name.clone(), value);
    }
    merged
}

fn declare(
    folder: &Path,
    scope: &Scope<'_>,
    id: &str,
    properties: &Map<String, Value>,
) -> Result<Declared, String> {
    let name = scope.name(id);
    let of = Properties(properties);
    let code = folder.join(of.text("CodeUri")?.unwrap_or_else(|| ".".to_owned()));
    let (kind, runtime_name) = runtime(&of.text("Runtime")?.ok_or("it has no Runtime")?)?;
    let durable = match properties.get("DurableConfig") {
        None | Some(Value::Null) => None,
        Some(value) => Some(DurableConfig {
            execution_timeout_s: number(
                value.get("ExecutionTimeout"),
                "DurableConfig.ExecutionTimeout",
            )?,
            retention_days: number(
                value.get("RetentionPeriodInDays"),
                "DurableConfig.RetentionPeriodInDays",
            )?
            .map_or(Ok(14), u16::try_from)
            .map_err(|_| "DurableConfig.RetentionPeriodInDays is too large")?,
        }),
    };
    let log_format = properties
        .get("LoggingConfig")
        .and_then(|logging| logging.get("LogFormat"))
        .and_then(Value::as_str)
        .unwrap_or("Text");
    let config = FunctionConfig {
        runtime: kind,
        runtime_name,
        handler: of.text("Handler")?.unwrap_or_default(),
        role: String::new(),
        description: of.text("Description")?.unwrap_or_default(),
        timeout_s: number(properties.get("Timeout"), "Timeout")?.unwrap_or(3),
        memory_mb: number(properties.get("MemorySize"), "MemorySize")?.unwrap_or(128),
        environment: environment(properties)?,
        durable,
        log_format: log_format.to_owned(),
        architecture: std::env::consts::ARCH.replace("aarch64", "arm64"),
        layers: Vec::new(),
        dead_letter: None,
        stored: BTreeMap::new(),
        scaling: Scaling::default(),
    };
    let source = Source::Local(code);
    check(&name, &config, &source)?;
    Ok(Declared {
        place: match &source {
            Source::Local(path) => path.display().to_string(),
            Source::Elsewhere(_) => String::new(),
        },
        name,
        config,
        source,
        alias: of.text("AutoPublishAlias")?,
        notes: notes(properties),
    })
}

fn notes(properties: &Map<String, Value>) -> Vec<String> {
    let known: BTreeSet<&str> = READ.into_iter().chain(SILENT).collect();
    properties
        .keys()
        .filter(|name| !known.contains(name.as_str()))
        .map(|name| format!("{name} has no effect here"))
        .collect()
}

struct Properties<'a>(&'a Map<String, Value>);

impl Properties<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, String> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => scalar(value)
                .map(Some)
                .ok_or_else(|| format!("{name} is no text")),
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(value: Option<&Value>, name: &str) -> Result<Option<u32>, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    scalar(value)
        .and_then(|text| text.parse().ok())
        .map(Some)
        .ok_or_else(|| format!("{name} is no whole number"))
}

fn environment(properties: &Map<String, Value>) -> Result<BTreeMap<String, String>, String> {
    let variables = properties
        .get("Environment")
        .and_then(|environment| environment.get("Variables"))
        .and_then(Value::as_object);
    let text = |(name, value): (&String, &Value)| {
        let text =
            scalar(value).ok_or_else(|| format!("Environment.Variables.{name} is no text"))?;
        Ok((name.clone(), text))
    };
    variables.into_iter().flatten().map(text).collect()
}

#[cfg(test)]
#[path = "template/tests.rs"]
mod tests;
