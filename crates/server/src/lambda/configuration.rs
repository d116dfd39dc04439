//! A function's configuration as requests say it. How it is shown: `shown`.

use std::collections::BTreeMap;

use everstep_engine::catalogue::{DurableConfig, FunctionConfig, Runtime};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::errors::Error;

const TIMEOUT_S_MAX: u32 = 5_400;
const MEMORY_MB: std::ops::RangeInclusive<u32> = 128..=32_768;
const STORAGE_MB: std::ops::RangeInclusive<i64> = 512..=32_768;
/// 366 days, as AWS's `DurableConfig` has it.
pub(crate) const EXECUTION_TIMEOUT_S_MAX: u32 = 31_622_400;
const RETENTION_DAYS_DEFAULT: u16 = 14;
pub(crate) const RETENTION_DAYS_MAX: u16 = 90;
const ENVIRONMENT_BYTES_MAX: usize = 4 << 10;
const DESCRIPTION_MAX: usize = 256;
const HANDLER_MAX: usize = 128;

/// What CreateFunction and UpdateFunctionConfiguration may say. What nothing here acts on is kept and shown as it was given.
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
    pub logging_config: Option<Map<String, Value>>,
    pub durable_config: Option<DurableConfigWire>,
    pub architectures: Option<Vec<String>>,
    pub package_type: Option<String>,
    pub revision_id: Option<String>,
    pub layers: Option<Vec<String>>,
    pub dead_letter_config: Option<DeadLetterIn>,
    pub ephemeral_storage: Option<StorageIn>,
    pub tracing_config: Option<TracingIn>,
    pub snap_start: Option<SnapStartIn>,
    pub vpc_config: Option<Map<String, Value>>,
    #[serde(rename = "KMSKeyArn")]
    pub kms_key_arn: Option<String>,
    pub file_system_configs: Option<Vec<Value>>,
    pub runtime_config: Option<Value>,
    pub accelerator_config: Option<Value>,
    pub capacity_provider_config: Option<Value>,
    pub tenancy_config: Option<Value>,
    pub image_config: Option<Value>,
    pub code_signing_config_arn: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct EnvironmentIn {
    pub variables: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DeadLetterIn {
    target_arn: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct StorageIn {
    size: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TracingIn {
    mode: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct SnapStartIn {
    apply_on: String,
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

pub(super) fn constraint(member: &str, what: &str) -> Error {
    Error::invalid(format!(
        "1 validation error detected: Value at '{member}' failed to satisfy constraint: {what}"
    ))
}

impl ConfigurationIn {
    /// A new function's configuration, without its layers.
    pub(super) fn create(self) -> Result<FunctionConfig, Error> {
        let is_zip = self
            .package_type
            .as_deref()
            .is_none_or(|kind| kind == "Zip");
        if !is_zip {
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

    /// The configuration with what is said here in its place; layers apart. Durability is decided at creation.
    pub(super) fn change(mut self, mut config: FunctionConfig) -> Result<FunctionConfig, Error> {
        self.refuse()?;
        self.change_stored(&mut config)?;
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
            config.environment = environment.read()?;
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
        if let Some(handler) = self.handler {
            if handler.len() > HANDLER_MAX {
                return Err(constraint("handler", "it must have at most 128 characters"));
            }
            config.handler = handler;
        }
        if let Some(architectures) = self.architectures {
            config.architecture = read_architecture(architectures)?;
        }
        if let Some(target) = self.dead_letter_config {
            config.dead_letter = Some(target.target_arn).filter(|target| !target.is_empty());
        }
        config.role = self.role.unwrap_or(config.role);
        Ok(config)
    }

    /// What would be a lie to keep.
    fn refuse(&self) -> Result<(), Error> {
        if self.image_config.is_some() {
            return Err(constraint(
                "imageConfig",
                "container images are not run here",
            ));
        }
        if self.code_signing_config_arn.is_some() {
            return Err(constraint(
                "codeSigningConfigArn",
                "signatures of code are not checked here",
            ));
        }
        Ok(())
    }

    fn change_stored(&mut self, config: &mut FunctionConfig) -> Result<(), Error> {
        if let Some(logging) = self.logging_config.take() {
            change_logging(config, logging)?;
        }
        let stored = &mut config.stored;
        if let Some(StorageIn { size }) = self.ephemeral_storage {
            if !STORAGE_MB.contains(&size) {
                let what = "it must lie between 512 and 32768";
                return Err(constraint("ephemeralStorage.size", what));
            }
            stored.insert("EphemeralStorage".to_owned(), json!({ "Size": size }));
        }
        if let Some(TracingIn { mode }) = self.tracing_config.take() {
            one_of("tracingConfig.mode", &mode, &["Active", "PassThrough"])?;
            stored.insert("TracingConfig".to_owned(), json!({ "Mode": mode }));
        }
        if let Some(SnapStartIn { apply_on }) = self.snap_start.take() {
            one_of(
                "snapStart.applyOn",
                &apply_on,
                &["PublishedVersions", "None"],
            )?;
            let shown = json!({ "ApplyOn": apply_on, "OptimizationStatus": "Off" });
            stored.insert("SnapStart".to_owned(), shown);
        }
        if let Some(mut vpc) = self.vpc_config.take() {
            let is_empty = |name: &str| match vpc.get(name) {
                Some(Value::Array(ids)) => ids.is_empty(),
                _ => true,
            };
            let none = is_empty("SubnetIds") && is_empty("SecurityGroupIds");
            vpc.insert("VpcId".to_owned(), "".into());
            keep(stored, "VpcConfig", (!none).then(|| vpc.into()));
        }
        if let Some(key) = self.kms_key_arn.take() {
            keep(
                stored,
                "KMSKeyArn",
                Some(key).filter(|key| !key.is_empty()).map(Value::from),
            );
        }
        if let Some(systems) = self.file_system_configs.take() {
            let some = !systems.is_empty();
            keep(stored, "FileSystemConfigs", some.then(|| systems.into()));
        }
        for (name, value) in [
            ("RuntimeConfig", self.runtime_config.take()),
            ("AcceleratorConfig", self.accelerator_config.take()),
            (
                "CapacityProviderConfig",
                self.capacity_provider_config.take(),
            ),
            ("TenancyConfig", self.tenancy_config.take()),
        ] {
            if value.is_some() {
                keep(stored, name, value);
            }
        }
        Ok(())
    }
}

impl EnvironmentIn {
    fn read(self) -> Result<BTreeMap<String, String>, Error> {
        let bytes: usize = self
            .variables
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if bytes > ENVIRONMENT_BYTES_MAX {
            let text = "Lambda was unable to configure your environment variables because the environment variables you have provided \
                        exceeded the 4KB limit.";
            return Err(Error::invalid(text));
        }
        Ok(self.variables)
    }
}

fn keep(stored: &mut BTreeMap<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => stored.insert(name.to_owned(), value),
        None => stored.remove(name),
    };
}

/// The format is acted on; levels and group are kept beside it.
fn change_logging(
    config: &mut FunctionConfig,
    mut logging: Map<String, Value>,
) -> Result<(), Error> {
    const LEVELS: &[&str] = &["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    if let Some(format) = logging.remove("LogFormat") {
        let format = format.as_str().unwrap_or_default();
        one_of("loggingConfig.logFormat", format, &["JSON", "Text"])?;
        config.log_format = format.to_owned();
    }
    for name in ["ApplicationLogLevel", "SystemLogLevel"] {
        if let Some(level) = logging.get(name) {
            one_of(name, level.as_str().unwrap_or_default(), LEVELS)?;
        }
    }
    let entry = config.stored.entry("LoggingConfig".to_owned());
    match entry.or_insert_with(|| json!({})) {
        Value::Object(kept) => kept.extend(logging),
        other => *other = logging.into(),
    }
    Ok(())
}

pub(super) fn one_of(member: &str, value: &str, allowed: &[&str]) -> Result<(), Error> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let allowed = allowed.join(", ");
    Err(constraint(member, &format!("it must be one of {allowed}")))
}

pub(super) fn read_architecture(given: Vec<String>) -> Result<String, Error> {
    match <[String; 1]>::try_from(given) {
        Ok([one]) => {
            one_of("architectures", &one, &["x86_64", "arm64"])?;
            Ok(one)
        }
        Err(_) => Err(constraint("architectures", "it must name one architecture")),
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
