//! Executions of state machines: what a name and a qualifier mean, and how every caller begins one.

use std::collections::BTreeMap;

use bytes::Bytes;
use everstep_asl::machine::{Event, Kind, LogLevel, Logging, Settings};
use everstep_core::{Definition, ExecutionId, Parent, StartKey, Timestamp};
use everstep_store::Direction;

use super::{Handle, StartExecution, Urgency};
use crate::catalogue::{
    LogLevel as Level, MachineLogging, StateMachineKind, StateMachineRevision, machine_definition,
};
use crate::{ASL, Error, HistoryEvent};

const DAY_MS: u64 = 24 * 3_600_000;
/// Names are taken for so long, and histories kept: as on AWS.
const STANDARD_KEPT_MS: u64 = 90 * DAY_MS;
/// AWS shows no history of them; our own lists show them for a while.
const EXPRESS_KEPT_MS: u64 = DAY_MS;

/// Attributes by which executions are found that were started by a version or an alias.
pub const VERSION_ATTRIBUTE: &str = "stateMachineVersion";
pub const ALIAS_ATTRIBUTE: &str = "stateMachineAlias";

/// A state machine as a qualifier found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedMachine {
    pub revision: StateMachineRevision,
    /// The version that was asked for, or that the alias led to.
    pub version: Option<u32>,
    pub alias: Option<String>,
}

/// How an execution of a state machine is begun.
#[derive(Clone, Debug)]
pub struct StartMachine {
    /// What every ARN begins with: `arn:PARTITION:states:REGION:ACCOUNT`.
    pub home: String,
    /// Unique among the executions of a Standard machine; checked already.
    pub name: String,
    /// Tells executions of an Express machine apart that have one name.
    pub id: String,
    /// JSON.
    pub input: Bytes,
    /// Whether the caller waits for the end of an Express execution.
    pub sync: bool,
    pub trace: Option<String>,
    pub parent: Option<Parent>,
    /// What it is found by, beside its name.
    pub attributes: BTreeMap<String, String>,
    /// The caller may have begun this very execution before: it is found again even if it has ended.
    pub repeated: bool,
}

/// An execution that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedMachine {
    pub id: ExecutionId,
    pub arn: String,
    pub started: Timestamp,
    /// An earlier start with the same content had the name.
    pub existing: bool,
}

/// Why no execution of a state machine was begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartMachineError {
    #[error("the state machine, or its version or alias, does not exist")]
    Unknown,
    #[error("the state machine is being deleted")]
    Deleting,
    /// It has other input, or has ended.
    #[error("an execution has the name already: {arn}")]
    NameTaken { id: ExecutionId, arn: String },
    #[error("{0}")]
    Engine(#[from] Error),
}

impl Handle {
    /// What a machine's name and a qualifier (a version's number, an alias; `None` is the latest revision) mean for a start. Starts with the
    /// same `key` go the same way as long as an alias stays what it is.
    ///
    /// # Errors
    /// [`StartMachineError::Unknown`], [`StartMachineError::Deleting`], or the store's.
    pub async fn resolve_state_machine(
        &self,
        name: &str,
        qualifier: Option<&str>,
        key: Option<&str>,
    ) -> Result<ResolvedMachine, StartMachineError> {
        let record = match self.state_machine(name).await {
            Ok(record) => record,
            Err(Error::UnknownEntry { .. }) => return Err(StartMachineError::Unknown),
            Err(error) => return Err(error.into()),
        };
        if record.deleting {
            return Err(StartMachineError::Deleting);
        }
        let (version, alias) = match qualifier {
            None => (None, None),
            Some(qualifier) => match record.aliases.get(qualifier) {
                Some(alias) => {
                    let chance = key.map_or_else(|| fastrand::u64(..), |key| chance(name, key));
                    let version = alias.route(chance).ok_or(StartMachineError::Unknown)?;
                    (Some(version), Some(qualifier.to_owned()))
                }
                None => {
                    let version = qualifier.parse().map_err(|_| StartMachineError::Unknown)?;
                    (Some(version), None)
                }
            },
        };
        let revision = match version {
            None => &record.latest,
            Some(version) => {
                let version = record.versions.get(&version);
                &version.ok_or(StartMachineError::Unknown)?.revision
            }
        };
        Ok(ResolvedMachine {
            revision: self.machine_revision(name, revision).await?,
            version,
            alias,
        })
    }

    /// Starts an execution, or finds the running one of a Standard machine that has the name and the same content.
    ///
    /// # Errors
    /// [`StartMachineError::NameTaken`], [`Error::Overloaded`], or the store's.
    pub async fn start_state_machine(
        &self,
        machine: &ResolvedMachine,
        start: StartMachine,
    ) -> Result<StartedMachine, StartMachineError> {
        let revision = &machine.revision;
        let definition = Definition {
            machine: ASL,
            name: machine_definition(&revision.state_machine),
            version: revision.revision.clone(),
        };
        let (name, arn) = names(revision, &start);
        let settings = settings(machine, &start, &arn);
        let started = self.start(StartExecution {
            definition,
            name: Some(name),
            input: Some(start.input.clone()),
            settings: settings.encode(),
            retention_ms: match revision.kind {
                StateMachineKind::Standard => STANDARD_KEPT_MS,
                StateMachineKind::Express => EXPRESS_KEPT_MS,
            },
            parent: start.parent.clone(),
            attributes: attributes(machine, start.attributes.clone()),
        });
        let (id, existing) = match started.await {
            Ok(started) => (started.id, started.existing),
            // Another revision of the machine is no other start: the name and the input count.
            Err(Error::NameTaken { id }) if self.began_with(id, &start.input).await? => (id, true),
            Err(Error::NameTaken { id }) => return Err(StartMachineError::NameTaken { id, arn }),
            Err(error) => return Err(error.into()),
        };
        // What has been begun is not unsaid because reads are shed.
        let row = self.gated_row(Urgency::Never, id).await?;
        // The name is free again when the execution is gone, not when it has ended.
        if existing && row.status.is_closed() && !start.repeated {
            return Err(StartMachineError::NameTaken { id, arn });
        }
        Ok(StartedMachine {
            id,
            arn,
            started: row.started,
            existing,
        })
    }

    async fn began_with(&self, id: ExecutionId, given: &[u8]) -> Result<bool, Error> {
        let page = self.history(id, None, Direction::Forward, 1).await?;
        Ok(page.items.iter().any(|item| match &item.event {
            HistoryEvent::Asl(Event::ExecutionStarted { input, .. }) => {
                input.text().as_bytes() == given
            }
            HistoryEvent::Asl(_) | HistoryEvent::Durable(_) | HistoryEvent::Approval(_) => false,
        }))
    }

    /// The execution that an ARN names, of a Standard machine (`execution:MACHINE:NAME`) or an Express one (`express:MACHINE:NAME:ID`).
    ///
    /// # Errors
    /// The store's.
    pub async fn find_machine_execution(&self, arn: &str) -> Result<Option<ExecutionId>, Error> {
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        let named = resource
            .strip_prefix("execution:")
            .or_else(|| resource.strip_prefix("express:"))
            .and_then(|named| named.split_once(':'));
        match named {
            Some((machine, name)) => self.find(&machine_definition(machine), name).await,
            None => Ok(None),
        }
    }
}

/// What the engine calls an execution, and its ARN. Of an Express machine many have one name.
fn names(revision: &StateMachineRevision, start: &StartMachine) -> (String, String) {
    let (kind, name) = match revision.kind {
        StateMachineKind::Standard => ("execution", start.name.clone()),
        StateMachineKind::Express => ("express", format!("{}:{}", start.name, start.id)),
    };
    let arn = format!("{}:{kind}:{}:{name}", start.home, revision.state_machine);
    (name, arn)
}

/// The caller's, and what the lists of a version and an alias look for.
fn attributes(
    machine: &ResolvedMachine,
    mut attributes: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let version = machine.version.map(|version| version.to_string());
    let own = [
        (VERSION_ATTRIBUTE, version),
        (ALIAS_ATTRIBUTE, machine.alias.clone()),
    ];
    let own = own
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    attributes.extend(own);
    attributes
}

fn settings(machine: &ResolvedMachine, start: &StartMachine, arn: &str) -> Settings {
    let revision = &machine.revision;
    let state_machine_arn = format!("{}:stateMachine:{}", start.home, revision.state_machine);
    let qualified = |qualifier: &dyn std::fmt::Display| format!("{state_machine_arn}:{qualifier}");
    Settings {
        definition: revision.definition,
        version_arn: machine.version.as_ref().map(|version| qualified(version)),
        alias_arn: machine.alias.as_ref().map(|alias| qualified(alias)),
        execution_arn: arn.to_owned(),
        role_arn: revision.role.clone(),
        kind: match revision.kind {
            StateMachineKind::Standard => Kind::Standard,
            StateMachineKind::Express => Kind::Express,
        },
        sync: start.sync,
        logging: logging(&revision.logging),
        trace: start.trace.clone(),
        state_machine_arn,
    }
}

fn logging(said: &MachineLogging) -> Option<Logging> {
    let level = match said.level {
        Level::All => LogLevel::All,
        Level::Error => LogLevel::Error,
        Level::Fatal => LogLevel::Fatal,
        Level::Off => return None,
    };
    Some(Logging {
        level,
        include_execution_data: said.include_execution_data,
        groups: said.destinations.clone().unwrap_or_default(),
    })
}

fn chance(name: &str, key: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = StartKey::new(name, key).0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
