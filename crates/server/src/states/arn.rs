//! ARNs of this service: what they name, and how the ones that name nothing are told apart.

use everstep_engine::ExecutionRow;
use everstep_engine::catalogue::has_plain_characters;

use super::errors::{Error, Reason};
use crate::executions::definition;
use crate::options::Options;

/// What an ARN names. Machines go by their name without qualifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// `stateMachine:NAME[/LABEL][:VERSION_OR_ALIAS]`
    StateMachine {
        name: String,
        label: Option<String>,
        qualifier: Option<String>,
    },
    /// `execution:NAME[/LABEL]:EXECUTION`
    Execution { machine: String, name: String },
    /// `express:NAME:EXECUTION:ID`
    Express,
    /// `activity:NAME`
    Activity { name: String },
    /// `mapRun:NAME/LABEL:ID`
    MapRun {
        machine: String,
        label: String,
        id: String,
    },
}

impl Resource {
    const fn kind(&self) -> &'static str {
        match self {
            Self::StateMachine { .. } => "stateMachine",
            Self::Execution { .. } => "execution",
            Self::Express => "express",
            Self::Activity { .. } => "activity",
            Self::MapRun { .. } => "mapRun",
        }
    }
}

/// An ARN of this service, of any region and account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arn {
    region: String,
    account: String,
    pub(super) resource: Resource,
}

impl Arn {
    /// # Errors
    /// [`Error::InvalidArn`].
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |why: &str| Error::InvalidArn(format!("{why}: {text}"));
        let rest = text
            .strip_prefix("arn:")
            .ok_or_else(|| invalid("Invalid ARN prefix"))?;
        let mut parts = rest.splitn(5, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (_partition, service, region, account, resource) =
            (part(), part(), part(), part(), part());
        if service != "states" {
            return Err(invalid("Invalid ARN service"));
        }
        let (kind, name) = resource
            .split_once(':')
            .ok_or_else(|| invalid("Invalid ARN resource"))?;
        let resource = read(kind, name).ok_or_else(|| match kind {
            "stateMachine" | "execution" | "express" | "activity" | "mapRun" => {
                invalid("Invalid ARN resource")
            }
            _ => not_here(kind),
        })?;
        Ok(Self {
            region: region.to_owned(),
            account: account.to_owned(),
            resource,
        })
    }

    /// Whether what it names could be here.
    pub(super) fn is_ours(&self, options: &Options) -> bool {
        self.region == options.region && self.account == options.account
    }

    pub(super) fn not_here(&self) -> Error {
        not_here(self.resource.kind())
    }
}

fn not_here(kind: &str) -> Error {
    Error::InvalidArn(format!("Resource type not valid in this context: {kind}"))
}

fn read(kind: &str, name: &str) -> Option<Resource> {
    let full = |part: &str| (!part.is_empty()).then(|| part.to_owned());
    match kind {
        "stateMachine" => {
            let (name, qualifier) = match name.split_once(':') {
                Some((name, qualifier)) => (name, Some(full(qualifier)?)),
                None => (name, None),
            };
            let (name, label) = match name.split_once('/') {
                Some((name, label)) => (name, Some(full(label)?)),
                None => (name, None),
            };
            Some(Resource::StateMachine {
                name: full(name)?,
                label,
                qualifier,
            })
        }
        "execution" => {
            let (machine, name) = name.split_once(':')?;
            Some(Resource::Execution {
                machine: full(machine)?,
                name: full(name)?,
            })
        }
        "express" => {
            let (machine, rest) = name.split_once(':')?;
            let (execution, id) = rest.split_once(':')?;
            full(machine)?;
            full(execution)?;
            full(id)?;
            Some(Resource::Express)
        }
        "activity" => Some(Resource::Activity { name: full(name)? }),
        "mapRun" => {
            let (machine, id) = name.split_once(':')?;
            let (machine, label) = machine.split_once('/')?;
            Some(Resource::MapRun {
                machine: full(machine)?,
                label: full(label)?,
                id: full(id)?,
            })
        }
        _ => None,
    }
}

/// A state machine as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MachineName {
    /// As it was given, for answers.
    pub arn: String,
    pub name: String,
    pub qualifier: Option<String>,
    /// Whether it could be here.
    pub ours: bool,
}

impl MachineName {
    /// # Errors
    /// [`Error::InvalidArn`]; [`Error::Validation`] for the label of a map state, of which there are no machines to look at.
    pub(super) fn parse(arn: &str, options: &Options) -> Result<Self, Error> {
        let parsed = Arn::parse(arn)?;
        let ours = parsed.is_ours(options);
        match parsed.resource {
            Resource::StateMachine { label: Some(_), .. } => Err(Error::because(
                Reason::LabeledArn,
                "This operation does not support ARNs of map states' machines",
            )),
            Resource::StateMachine {
                name, qualifier, ..
            } => Ok(Self {
                arn: arn.to_owned(),
                name,
                qualifier,
                ours,
            }),
            _ => Err(parsed.not_here()),
        }
    }

    /// As [`MachineName::parse`], of the machine itself: a version or alias is none.
    ///
    /// # Errors
    /// [`Error::NoStateMachine`] too.
    pub(super) fn unqualified(arn: &str, options: &Options) -> Result<Self, Error> {
        let found = Self::parse(arn, options)?;
        if found.qualifier.is_some() {
            return Err(Error::NoStateMachine(arn.to_owned()));
        }
        Ok(found)
    }

    /// What is not here.
    pub(super) fn unknown(&self) -> Error {
        Error::NoStateMachine(self.arn.clone())
    }
}

/// The name of an activity that could be here.
///
/// # Errors
/// [`Error::InvalidArn`] or [`Error::NoActivity`].
pub(super) fn activity_name(arn: &str, options: &Options) -> Result<String, Error> {
    let parsed = Arn::parse(arn)?;
    let ours = parsed.is_ours(options);
    match parsed.resource {
        Resource::Activity { name } if ours => Ok(name),
        Resource::Activity { .. } => Err(Error::NoActivity(arn.to_owned())),
        _ => Err(parsed.not_here()),
    }
}

/// What every ARN begins with: `arn:aws:states:REGION:ACCOUNT`
pub(crate) fn home(options: &Options) -> String {
    format!("arn:aws:states:{}:{}", options.region, options.account)
}

/// `arn:aws:states:REGION:ACCOUNT:RESOURCE`
pub(super) fn arn(options: &Options, resource: &str) -> String {
    format!("{}:{resource}", home(options))
}

/// Of a Standard execution, or of an Express one, whose name here ends with a colon and the id that tells it from others of its name.
pub(crate) fn execution_arn(options: &Options, row: &ExecutionRow) -> String {
    let machine = definition(row);
    let kind = if row.name.contains(':') {
        "express"
    } else {
        "execution"
    };
    arn(options, &format!("{kind}:{machine}:{}", row.name))
}

pub(super) fn machine_arn(options: &Options, name: &str) -> String {
    arn(options, &format!("stateMachine:{name}"))
}

/// Of a version or an alias.
pub(super) fn qualified_arn(
    options: &Options,
    name: &str,
    qualifier: impl std::fmt::Display,
) -> String {
    arn(options, &format!("stateMachine:{name}:{qualifier}"))
}

pub(super) fn activity_arn(options: &Options, name: &str) -> String {
    arn(options, &format!("activity:{name}"))
}

/// The rules for the names of machines, executions and activities.
///
/// # Errors
/// [`Error::InvalidName`].
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    if !has_plain_characters(name) {
        return Err(Error::InvalidName(name.to_owned()));
    }
    Ok(())
}

/// Whether an execution can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=80).contains(&name.chars().count()) && has_plain_characters(name)
}
