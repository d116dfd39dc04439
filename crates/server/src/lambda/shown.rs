//! A function's configuration as it is shown.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everstep_engine::catalogue::LayerUse;
use everstep_engine::{Code, Revision};
use serde::Serialize;
use serde_json::{Value, json};

use super::arn::named_arn;
use super::configuration::DurableConfigWire;
use super::reply;
use crate::Options;

/// AWS's FunctionConfiguration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConfigurationOut {
    pub function_name: String,
    pub function_arn: String,
    pub runtime: String,
    pub role: String,
    pub handler: String,
    pub code_size: u64,
    pub description: String,
    pub timeout: u32,
    pub memory_size: u32,
    pub last_modified: String,
    pub code_sha256: String,
    pub version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentOut>,
    pub revision_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_config: Option<Value>,
    pub state: &'static str,
    pub last_update_status: &'static str,
    pub package_type: &'static str,
    pub architectures: [String; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable_config: Option<DurableConfigWire>,
    #[serde(flatten)]
    pub stored: BTreeMap<String, Value>,
}

/// AWS's EnvironmentResponse.
#[derive(Debug, Serialize)]
pub(super) enum EnvironmentOut {
    Variables(BTreeMap<String, String>),
    /// In the place of variables that the caller may not see.
    #[serde(rename_all = "PascalCase")]
    Error {
        error_code: &'static str,
        message: &'static str,
    },
}

impl EnvironmentOut {
    /// None at all for a function without variables.
    fn of(variables: BTreeMap<String, String>, visible: bool) -> Option<Self> {
        if variables.is_empty() {
            None
        } else if visible {
            Some(Self::Variables(variables))
        } else {
            Some(Self::Error {
                error_code: "AccessDeniedException",
                message: "The variables are shown to those who may change the function.",
            })
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LayerOut {
    arn: String,
    code_size: u64,
}

/// Shows a revision as `version`; `qualifier` is what its ARN ends with, if anything. Its variables are shown with `secrets` alone.
pub(super) fn show(
    options: &Options,
    revision: &Revision,
    version: &str,
    qualifier: Option<&str>,
    secrets: bool,
) -> ConfigurationOut {
    let config = revision.config.clone();
    let (code_size, code_sha256) = match &revision.code {
        Code::Archive { sha256, size } => (*size, base64_of_hex(sha256)),
        Code::Folder { .. } | Code::Elsewhere(_) | Code::Agent(_) => (0, String::new()),
    };
    let environment = EnvironmentOut::of(config.environment, secrets);
    let dead_letter_config = config
        .dead_letter
        .map(|target| json!({ "TargetArn": target }));
    ConfigurationOut {
        function_arn: named_arn(options, &revision.function, qualifier),
        function_name: revision.function.clone(),
        runtime: config.runtime_name,
        role: config.role,
        handler: config.handler,
        code_size,
        description: config.description,
        timeout: config.timeout_s,
        memory_size: config.memory_mb,
        last_modified: aws_time(revision.modified_ms),
        code_sha256,
        version: version.to_owned(),
        environment,
        revision_id: revision.revision.clone(),
        layers: config.layers.iter().map(layer).collect(),
        dead_letter_config,
        state: "Active",
        last_update_status: "Successful",
        package_type: "Zip",
        architectures: [config.architecture],
        durable_config: config.durable.map(DurableConfigWire::of),
        stored: stored(config.stored, &config.log_format, &revision.function),
    }
}

fn layer(used: &LayerUse) -> LayerOut {
    LayerOut {
        arn: used.arn.clone(),
        code_size: used.size,
    }
}

/// What was given, with AWS's defaults for the rest.
fn stored(
    mut given: BTreeMap<String, Value>,
    log_format: &str,
    function: &str,
) -> BTreeMap<String, Value> {
    let mut logging = json!({ "LogFormat": log_format });
    if log_format == "JSON" {
        reply::add(&mut logging, "ApplicationLogLevel", "INFO");
        reply::add(&mut logging, "SystemLogLevel", "INFO");
    }
    reply::add(&mut logging, "LogGroup", format!("/aws/lambda/{function}"));
    if let (Some(Value::Object(kept)), Value::Object(shown)) =
        (given.remove("LoggingConfig"), &mut logging)
    {
        shown.extend(kept);
    }
    given.insert("LoggingConfig".to_owned(), logging);
    for (name, default) in [
        ("TracingConfig", json!({ "Mode": "PassThrough" })),
        ("EphemeralStorage", json!({ "Size": 512 })),
        (
            "SnapStart",
            json!({ "ApplyOn": "None", "OptimizationStatus": "Off" }),
        ),
    ] {
        given.entry(name.to_owned()).or_insert(default);
    }
    given
}

/// `2026-11-21T07:30:00.000+0000`
pub(super) fn aws_time(unix_ms: u64) -> String {
    let moment = i64::try_from(unix_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

pub(super) fn base64_of_hex(hex: &str) -> String {
    let bytes = (0..hex.len() / 2)
        .filter_map(|at| hex.get(2 * at..2 * at + 2))
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok());
    STANDARD.encode(bytes.collect::<Vec<u8>>())
}
