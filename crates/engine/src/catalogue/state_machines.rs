//! State machines with their revisions, versions and aliases. A revision is one state of a machine's definition and configuration and never
//! changes: an execution keeps the one that it began with, even when the machine is gone.

mod changes;
mod definitions;
mod digest;

use std::collections::BTreeMap;

use everstep_core::Digest;
use serde::{Deserialize, Serialize};

pub use definitions::definition_text;

const MACHINE: &str = "stateMachine:";

/// What a definition of the engine is called that stands for a state machine.
#[must_use]
pub fn machine_definition(name: &str) -> String {
    format!("{MACHINE}{name}")
}

/// The state machine that a definition of the engine stands for, if it stands for one.
#[must_use]
pub fn machine_name(definition: &str) -> Option<&str> {
    definition.strip_prefix(MACHINE)
}

/// Whether a text has only characters that AWS allows in the names of machines, executions and activities.
#[must_use]
pub fn has_plain_characters(name: &str) -> bool {
    const FORBIDDEN: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";
    !name.chars().any(|c| {
        c.is_whitespace()
            || c.is_control()
            || FORBIDDEN.contains(c)
            || matches!(c, '\u{FFFE}' | '\u{FFFF}')
    })
}

/// How a machine's executions are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StateMachineKind {
    Standard,
    Express,
}

/// Which events of an execution go to its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    All,
    Error,
    Fatal,
    #[default]
    Off,
}

/// AWS's loggingConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineLogging {
    pub level: LogLevel,
    pub include_execution_data: bool,
    /// ARNs of log groups, as they were given; none given is not the same as an empty list.
    pub destinations: Option<Vec<String>>,
}

/// AWS's encryptionConfiguration: kept and shown, nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    pub kind: String,
    pub key: Option<String>,
    pub reuse_s: Option<u32>,
}

/// One state of a machine's definition and configuration. Immutable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateMachineRevision {
    pub state_machine: String,
    /// A UUID.
    pub revision: String,
    /// The one that the machine was created with: AWS's API shows no id of it.
    pub initial: bool,
    pub kind: StateMachineKind,
    /// Of the definition's text, see [`crate::Handle::definition`].
    #[serde(with = "digest")]
    pub definition: Digest,
    pub role: String,
    pub logging: MachineLogging,
    pub tracing: bool,
    pub encryption: Option<Encryption>,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
}

impl StateMachineRevision {
    /// Whether a machine made of the one would do what one made of the other does; roles apart.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.definition == other.definition
            && self.logging == other.logging
            && self.tracing == other.tracing
            && self.encryption == other.encryption
    }
}

/// A state machine: its latest revision, its published versions, its aliases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateMachineRecord {
    pub name: String,
    pub kind: StateMachineKind,
    /// It goes as soon as its executions have ended.
    pub deleting: bool,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    pub latest: String,
    /// Version number to revision; numbers are never used twice.
    pub versions: BTreeMap<u32, MachineVersion>,
    pub next_version: u32,
    pub aliases: BTreeMap<String, MachineAlias>,
    pub tags: BTreeMap<String, String>,
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineVersion {
    pub revision: String,
    pub description: Option<String>,
    /// Milliseconds since 1970.
    pub created_ms: u64,
}

/// A name for one version, or for two between which executions are divided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineAlias {
    pub description: Option<String>,
    pub routes: Vec<MachineRoute>,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    pub updated_ms: u64,
}

/// A version and its share in per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineRoute {
    pub version: u32,
    pub weight: u8,
}

impl MachineAlias {
    /// The version that a start of this chance goes to; shares are laid out in their order.
    #[must_use]
    pub fn route(&self, chance: u64) -> Option<u32> {
        let mut left = chance % 100;
        for route in &self.routes {
            match left.checked_sub(u64::from(route.weight)) {
                Some(rest) => left = rest,
                None => return Some(route.version),
            }
        }
        self.routes.last().map(|route| route.version)
    }
}

impl StateMachineRecord {
    /// Gives a revision a number. One that is the last version's keeps that number.
    pub fn publish(&mut self, revision: &str, description: Option<&str>, now_ms: u64) -> u32 {
        let last = self.versions.iter().next_back();
        if let Some((number, version)) = last
            && version.revision == revision
        {
            return *number;
        }
        let number = self.next_version;
        self.next_version = number.saturating_add(1);
        let version = MachineVersion {
            revision: revision.to_owned(),
            description: description.map(str::to_owned),
            created_ms: now_ms,
        };
        self.versions.insert(number, version);
        number
    }

    /// The names of the aliases that lead to a version.
    pub fn aliases_of(&self, version: u32) -> impl Iterator<Item = &str> {
        let leads = move |alias: &MachineAlias| {
            let mut routes = alias.routes.iter();
            routes.any(|route| route.version == version)
        };
        let aliases = self.aliases.iter();
        aliases.filter_map(move |(name, alias)| leads(alias).then_some(name.as_str()))
    }
}
