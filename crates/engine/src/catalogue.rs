//! What can be run: functions and state machines with their revisions, versions and aliases, activities and agents. Revisions are immutable;
//! everything else changes by compare-and-set.

mod activities;
mod agent_records;
mod agents;
mod entries;
mod function_name;
mod functions;
mod layers;
mod reserved;
mod running;
mod settings;
mod state_machines;
mod urls;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

pub use activities::ActivityRecord;
pub(crate) use activities::has_activity;
pub use agents::{AgentConfig, Completion, Dialect, NotAnAgent, OnLost, OnUnknown};
pub use function_name::{FunctionName, NotAFunctionName, is_word};
pub use layers::{LayerRecord, LayerUse, LayerVersion};
pub use reserved::Reserved;
pub use running::{Remote, Scaling};
pub use settings::{
    AsyncInvoke, FunctionSettings, FunctionUrl, Policy, Provisioned, RuntimeUpdates,
};
pub use state_machines::{
    Encryption, LogLevel, MachineAlias, MachineLogging, MachineRoute, MachineVersion,
    StateMachineKind, StateMachineRecord, StateMachineRevision, definition_text,
    has_plain_characters, machine_definition, machine_name,
};
pub use urls::UrlOwner;

/// How a function's code is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    Python,
    Node,
    /// An executable named `bootstrap`.
    Provided,
}

/// Where a function's code lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Code {
    /// A zip archive in the artifact bucket [`CODE_BUCKET`], named by its SHA-256 in hexadecimal.
    Archive { sha256: String, size: u64 },
    /// A folder of this machine: for development.
    Folder { path: String },
    /// None: the function runs elsewhere.
    Elsewhere(Remote),
    /// None: it is an agent.
    Agent(Box<AgentConfig>),
}

/// The artifact bucket of code archives.
pub const CODE_BUCKET: &str = "everstep-code";

/// What a user says of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionConfig {
    pub runtime: Runtime,
    /// AWS's name of the runtime, as it was given: `python3.12`.
    pub runtime_name: String,
    pub handler: String,
    pub role: String,
    pub description: String,
    pub timeout_s: u32,
    pub memory_mb: u32,
    pub environment: BTreeMap<String, String>,
    pub durable: Option<DurableConfig>,
    /// `Text` or `JSON`.
    pub log_format: String,
    pub architecture: String,
    /// In the order in which they are laid over each other.
    #[serde(default)]
    pub layers: Vec<LayerUse>,
    /// Where asynchronous calls go that have failed for good.
    #[serde(default)]
    pub dead_letter: Option<String>,
    /// Members of AWS's configuration that change nothing here, as they were given.
    #[serde(default)]
    pub stored: BTreeMap<String, Value>,
    #[serde(default)]
    pub scaling: Scaling,
}

/// AWS's DurableConfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurableConfig {
    pub execution_timeout_s: Option<u32>,
    pub retention_days: u16,
}

/// One state of a function's code and configuration. Immutable: executions keep the revision they began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    pub function: String,
    /// A UUID.
    pub revision: String,
    pub config: FunctionConfig,
    pub code: Code,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
}

impl Revision {
    /// What a task or call names: `FUNCTION/REVISION`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}/{}", self.function, self.revision)
    }
}

/// A function: its latest revision, and its published versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionRecord {
    pub name: String,
    pub latest: String,
    /// Version number to revision, in order; numbers are never used twice.
    pub versions: BTreeMap<u32, Published>,
    pub next_version: u32,
    pub aliases: BTreeMap<String, Alias>,
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub settings: FunctionSettings,
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub revision: String,
    pub description: String,
}

/// A name for a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// A number, or `$LATEST`.
    pub version: String,
    pub description: String,
    pub revision: String,
    /// Other versions, and the share of the calls that each gets, between 0 and 1, as it was given.
    #[serde(default)]
    pub weights: BTreeMap<String, Number>,
}

impl Alias {
    /// The version that a call of this chance goes to; the shares are laid out from 0 upwards, what is left is the alias's own.
    #[must_use]
    pub fn route(&self, chance: u64) -> &str {
        // 53 bits are what a double holds exactly.
        let mut left = (chance >> 11) as f64 / (1_u64 << 53) as f64;
        for (version, share) in &self.weights {
            left -= share.as_f64().unwrap_or_default();
            if left < 0.0 {
                return version;
            }
        }
        &self.version
    }
}

/// An agent: a function of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub name: String,
    pub config: AgentConfig,
}

/// A function as a qualifier found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What is executed: `$LATEST` or a number.
    pub version: String,
    pub revision: Revision,
    /// How asynchronous calls by this qualifier are made.
    pub async_invoke: Option<AsyncInvoke>,
}
