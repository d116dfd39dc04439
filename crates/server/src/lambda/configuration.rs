//! A function's configuration on the wire, in and out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everstep_engine::catalogue::DurableConfig;
use everstep_engine::{Code, FunctionConfig, Revision, Runtime};
use serde::{Deserialize, Serialize};

use super::arn::function_arn;
use super::errors::Error;
use crate::Options;

const TIMEOUT_S_MAX: u32 = 5_400;
const MEMORY_MB: std::ops::RangeInclusive<u32> = 128..=32_768;
const EXECUTION_TIMEOUT_S_MAX: u32 = 31_622_400;
const RETENTION_DAYS_DEFAULT: u16 = 14;
const RETENTION_DAYS_MAX: u16 = 90;
const ENVIRONMENT_BYTES_MAX: usize = 4 << 10;
const DESCRIPTION_MAX: usize = 256;

/// What CreateFunction and UpdateFunctionConfiguration may say. Members that change nothing here are taken and left out.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ConfigurationIn {
    pub runtime: Option<String>,
    pub role: Option<String>,
    pub handler: Option<String>,
    pub description: Option<String>,
    pub timeout: Option<u32>,
    pub memory_size: Option<u32>,
    pub environment: Option<EnvironmentIn>,
    pub logging_config: Option<LoggingIn>,
    pub durable_config: Option<DurableConfigWire>,
    pub architectures: Option<Vec<String>>,
    pub package_type: Option<String>,
    pub revision_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct EnvironmentIn {
    pub variables: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct LoggingIn {
    pub log_format: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DurableConfigWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_period_in_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_timeout: Option<i64>,
}

impl DurableConfigWire {
    pub(super) fn of(config: DurableConfig) -> Self {
        Self {
            retention_period_in_days: Some(config.retention_days.into()),
            execution_timeout: config.execution_timeout_s.map(Into::into),
        }
    }

    fn read(self, before: Option<DurableConfig>) -> Result<DurableConfig, Error> {
        let retention_days = match self.retention_period_in_days {
            None => before.map_or(RETENTION_DAYS_DEFAULT, |before| before.retention_days),
            Some(days) => in_range(
                days,
                RETENTION_DAYS_MAX.into(),
                "durableConfig.retentionPeriodInDays",
            )? as u16,
        };
        let execution_timeout_s = match self.execution_timeout {
            None => before.and_then(|before| before.execution_timeout_s),
            Some(seconds) => Some(in_range(
                seconds,
                EXECUTION_TIMEOUT_S_MAX,
                "durableConfig.executionTimeout",
            )?),
        };
        Ok(DurableConfig {
            execution_timeout_s,
            retention_days,
        })
    }
}

fn in_range(value: i64, max: u32, member: &str) -> Result<u32, Error> {
    let value = u32::try_from(value)
        .ok()
        .filter(|value| (1..=max).contains(value));
    value.ok_or_else(|| constraint(member, &format!("it must lie between 1 and {max}")))
}

fn constraint(member: &str, what: &str) -> Error {
    Error::invalid(format!(
        "1 validation error detected: Value at '{member}' failed to satisfy constraint: {what}"
    ))
}

impl ConfigurationIn {
    /// A new function's configuration.
    pub(super) fn create(self) -> Result<FunctionConfig, Error> {
        if self
            .package_type
            .as_deref()
            .is_some_and(|kind| kind != "Zip")
        {
            return Err(constraint(
                "packageType",
                "container images are not run here; use Zip",
            ));
        }
        let runtime = self
            .runtime
            .as_deref()
            .ok_or_else(|| constraint("runtime", "it must be given"))?;
        let empty = FunctionConfig {
            runtime: read_runtime(runtime)?,
            runtime_name: runtime.to_owned(),
            handler: String::new(),
            role: String::new(),
            description: String::new(),
            timeout_s: 3,
            memory_mb: *MEMORY_MB.start(),
            environment: BTreeMap::new(),
            durable: self
                .durable_config
                .map(|durable| durable.read(None))
                .transpose()?,
            log_format: "Text".to_owned(),
            architecture: "x86_64".to_owned(),
            layers: Vec::new(),
            dead_letter: None,
            stored: BTreeMap::new(),
            scaling: Default::default(),
        };
        let config = self.change(empty)?;
        if config.handler.is_empty() && config.runtime != Runtime::Provided {
            return Err(constraint("handler", "it must be given"));
        }
        Ok(config)
    }

    /// The configuration with what is said here in its place. Durability is decided at creation.
    pub(super) fn change(self, mut config: FunctionConfig) -> Result<FunctionConfig, Error> {
        if let Some(runtime) = self.runtime {
            config.runtime = read_runtime(&runtime)?;
            config.runtime_name = runtime;
        }
        if let Some(durable) = self.durable_config {
            if config.durable.is_none() {
                return Err(Error::invalid(
                    "DurableConfig can only be set when the function is created.",
                ));
            }
            config.durable = Some(durable.read(config.durable)?);
        }
        if let Some(seconds) = self.timeout {
            config.timeout_s = in_range(seconds.into(), TIMEOUT_S_MAX, "timeout")?;
        }
        if let Some(megabytes) = self.memory_size {
            if !MEMORY_MB.contains(&megabytes) {
                return Err(constraint(
                    "memorySize",
                    "it must lie between 128 and 32768",
                ));
            }
            config.memory_mb = megabytes;
        }
        if let Some(environment) = self.environment {
            let bytes: usize = environment
                .variables
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum();
            if bytes > ENVIRONMENT_BYTES_MAX {
                let text = "Lambda was unable to configure your environment variables because the environment variables you have provided \
                            exceeded the 4KB limit.";
                return Err(Error::invalid(text));
            }
            config.environment = environment.variables;
        }
        if let Some(description) = self.description {
            if description.len() > DESCRIPTION_MAX {
                return Err(constraint(
                    "description",
                    "it must have at most 256 characters",
                ));
            }
            config.description = description;
        }
        match self.logging_config.and_then(|logging| logging.log_format) {
            Some(format) if format == "JSON" || format == "Text" => config.log_format = format,
            Some(_) => {
                return Err(constraint(
                    "loggingConfig.logFormat",
                    "it must be JSON or Text",
                ));
            }
            None => {}
        }
        if let Some(architecture) = self.architectures.and_then(|all| all.into_iter().next()) {
            config.architecture = architecture;
        }
        config.handler = self.handler.unwrap_or(config.handler);
        config.role = self.role.unwrap_or(config.role);
        Ok(config)
    }
}

fn read_runtime(name: &str) -> Result<Runtime, Error> {
    match name {
        _ if name.starts_with("python3.") => Ok(Runtime::Python),
        _ if name.starts_with("nodejs") => Ok(Runtime::Node),
        _ if name.starts_with("provided") => Ok(Runtime::Provided),
        _ => Err(constraint(
            "runtime",
            &format!("{name} is not run here; python3.*, nodejs* and provided* are"),
        )),
    }
}

/// A configuration as it is shown.
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
    pub tracing_config: Tracing,
    pub revision_id: String,
    pub state: &'static str,
    pub last_update_status: &'static str,
    pub package_type: &'static str,
    pub architectures: [String; 1],
    pub ephemeral_storage: Storage,
    pub logging_config: LoggingOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable_config: Option<DurableConfigWire>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EnvironmentOut {
    variables: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tracing {
    mode: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Storage {
    size: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LoggingOut {
    log_format: String,
    log_group: String,
}

/// Shows a revision as `version`; `qualifier` is what its ARN ends with, if anything.
pub(super) fn show(
    options: &Options,
    revision: &Revision,
    version: &str,
    qualifier: Option<&str>,
) -> ConfigurationOut {
    let config = revision.config.clone();
    let arn = function_arn(options, &revision.function, qualifier.unwrap_or_default());
    let (code_size, code_sha256) = match &revision.code {
        Code::Archive { sha256, size } => (*size, base64_of_hex(sha256)),
        Code::Folder { .. } | Code::Elsewhere(_) => (0, String::new()),
    };
    let environment = (!config.environment.is_empty()).then_some(EnvironmentOut {
        variables: config.environment,
    });
    ConfigurationOut {
        function_arn: if qualifier.is_some() {
            arn.qualified()
        } else {
            arn.unqualified()
        },
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
        tracing_config: Tracing {
            mode: "PassThrough",
        },
        revision_id: revision.revision.clone(),
        state: "Active",
        last_update_status: "Successful",
        package_type: "Zip",
        architectures: [config.architecture],
        ephemeral_storage: Storage { size: 512 },
        logging_config: LoggingOut {
            log_format: config.log_format,
            log_group: format!("/aws/lambda/{}", revision.function),
        },
        durable_config: config.durable.map(DurableConfigWire::of),
    }
}

/// `2026-11-21T07:30:00.000+0000`
fn aws_time(unix_ms: u64) -> String {
    let moment = i64::try_from(unix_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

fn base64_of_hex(hex: &str) -> String {
    let bytes = (0..hex.len() / 2)
        .filter_map(|at| hex.get(2 * at..2 * at + 2))
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok());
    STANDARD.encode(bytes.collect::<Vec<u8>>())
}
