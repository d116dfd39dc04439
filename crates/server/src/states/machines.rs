//! Making, showing, listing and deleting state machines.

use std::collections::BTreeMap;

use axum::response::Response;
use everstep_engine::catalogue::{StateMachineKind, StateMachineRecord, StateMachineRevision};
use serde::{Deserialize, Serialize};

use super::arn::{MachineName, check_name, machine_arn, qualified_arn};
use super::configuration::{EncryptionWire, LoggingWire, TagWire, TracingWire};
use super::constraints::Constraints;
use super::errors::Error;
use super::page::{PageIn, page};
use super::shown::{self, IncludedData};
use super::{Call, Seconds, answer, definitions, deletion, nothing, tags};

/// Characters of a definition.
pub(super) const DEFINITION_MAX: usize = 1 << 20;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateIn {
    name: Option<String>,
    definition: Option<String>,
    role_arn: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    logging_configuration: Option<LoggingWire>,
    tags: Vec<TagWire>,
    tracing_configuration: Option<TracingWire>,
    publish: Option<bool>,
    version_description: Option<String>,
    encryption_configuration: Option<EncryptionWire>,
}

impl CreateIn {
    fn check(&self) -> Result<(), Error> {
        let mut constraints = Constraints::default();
        constraints
            .required("name", self.name.as_ref())
            .required("definition", self.definition.as_ref())
            .required("roleArn", self.role_arn.as_ref())
            .text("name", self.name.as_ref(), 1, 80)
            .secret("definition", self.definition.as_ref(), 1, DEFINITION_MAX)
            .text("roleArn", self.role_arn.as_ref(), 1, 256)
            .word("type", self.kind.as_ref(), &["STANDARD", "EXPRESS"])
            .secret(
                "versionDescription",
                self.version_description.as_ref(),
                0,
                256,
            );
        if let Some(logging) = &self.logging_configuration {
            logging.check(&mut constraints);
        }
        if let Some(encryption) = &self.encryption_configuration {
            encryption.check(&mut constraints);
        }
        TagWire::check(&self.tags, &mut constraints);
        constraints.done()?;
        check_description(self.publish, self.version_description.as_ref())?;
        check_name(self.name.as_deref().unwrap_or_default())?;
        check_role(self.role_arn.as_deref().unwrap_or_default())
    }
}

pub(super) fn check_description(
    publish: Option<bool>,
    description: Option<&String>,
) -> Result<(), Error> {
    if publish != Some(true) && description.is_some() {
        return Err(Error::validation(
            "Version description can only be set when publish is true",
        ));
    }
    Ok(())
}

pub(super) fn check_role(arn: &str) -> Result<(), Error> {
    let mut parts = arn.splitn(6, ':');
    let is_role = parts.next() == Some("arn") && parts.nth(1) == Some("iam");
    if !is_role {
        return Err(Error::InvalidRole(arn.to_owned()));
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    state_machine_arn: String,
    creation_date: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
}

pub(super) async fn create(call: &Call<'_>) -> Result<Response, Error> {
    let request: CreateIn = call.input()?;
    request.check()?;
    let CreateIn {
        name,
        definition,
        role_arn,
        ..
    } = &request;
    let (Some(name), Some(definition), Some(role)) = (name, definition, role_arn) else {
        return Err(Error::validation("name, definition and roleArn are needed"));
    };
    let kind = match request.kind.as_deref() {
        Some("EXPRESS") => StateMachineKind::Express,
        _ => StateMachineKind::Standard,
    };
    let logging = request.logging_configuration.as_ref();
    let logging = logging.map(LoggingWire::read).transpose()?;
    let encryption = request.encryption_configuration.as_ref();
    let encryption = encryption.map(EncryptionWire::read).transpose()?;
    let tags = TagWire::read(&request.tags);
    tags::check(&tags, &machine_arn(call.options(), name))?;
    definitions::check(definition, kind)?;
    let now_ms = call.now_ms();
    let revision = StateMachineRevision {
        state_machine: name.clone(),
        revision: uuid::Uuid::new_v4().to_string(),
        initial: true,
        kind,
        definition: call.handle().put_definition(definition).await?,
        role: role.clone(),
        logging: logging.unwrap_or_default(),
        tracing: request.tracing_configuration.unwrap_or_default().enabled,
        encryption,
        modified_ms: now_ms,
    };
    let mut record = StateMachineRecord {
        name: name.clone(),
        kind,
        deleting: false,
        created_ms: now_ms,
        latest: revision.revision.clone(),
        versions: BTreeMap::new(),
        next_version: 1,
        aliases: BTreeMap::new(),
        tags,
    };
    let description = request.version_description.as_deref();
    let version = (request.publish == Some(true))
        .then(|| record.publish(&revision.revision, description, now_ms));
    let made = call.handle().create_state_machine(&record, &revision).await;
    match made {
        Ok(()) => Ok(created(call, &record, version)),
        Err(everstep_engine::Error::EntryExists { .. }) => {
            let version = version.map(|_| description);
            repeated(call, &revision, version).await
        }
        Err(error) => Err(error.into()),
    }
}

fn created(call: &Call<'_>, record: &StateMachineRecord, version: Option<u32>) -> Response {
    let options = call.options();
    answer(&Created {
        state_machine_arn: machine_arn(options, &record.name),
        creation_date: Seconds(record.created_ms),
        state_machine_version_arn: version
            .map(|version| qualified_arn(options, &record.name, version)),
    })
}

/// A creation whose name is taken: the same machine again, or another one. `version` is the description of the version that it asks for.
async fn repeated(
    call: &Call<'_>,
    wanted: &StateMachineRevision,
    version: Option<Option<&str>>,
) -> Result<Response, Error> {
    let arn = machine_arn(call.options(), &wanted.state_machine);
    let record = call.handle().state_machine(&wanted.state_machine).await?;
    if record.deleting {
        deletion::resume(call.handle(), &record.name).await?;
        return Err(Error::StateMachineDeleting(arn));
    }
    let latest = call
        .handle()
        .machine_revision(&record.name, &record.latest)
        .await?;
    let number = version.map(|description| {
        let mut versions = record.versions.iter().rev();
        let same = versions.find(|(_, version)| {
            version.revision == record.latest && version.description.as_deref() == description
        });
        same.map(|(number, _)| *number)
    });
    match number {
        _ if !latest.is_like(wanted) => Err(Error::StateMachineExists(arn)),
        Some(None) => Err(Error::StateMachineExists(arn)),
        Some(number) => Ok(created(call, &record, number)),
        None => Ok(created(call, &record, None)),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MachineIn {
    state_machine_arn: Option<String>,
    included_data: Option<String>,
}

impl MachineIn {
    fn name(&self, call: &Call<'_>) -> Result<MachineName, Error> {
        let arn = self.state_machine_arn.as_ref();
        let mut constraints = Constraints::default();
        constraints.required("stateMachineArn", arn);
        constraints.text("stateMachineArn", arn, 1, 256);
        IncludedData::check(self.included_data.as_ref(), &mut constraints);
        constraints.done()?;
        MachineName::parse(arn.map_or("", String::as_str), call.options())
    }
}

impl Call<'_> {
    /// The machine that a request names, with or without qualifier.
    pub(super) async fn machine(&self, name: &MachineName) -> Result<StateMachineRecord, Error> {
        if !name.ours {
            return Err(name.unknown());
        }
        match self.handle().state_machine(&name.name).await {
            Err(everstep_engine::Error::UnknownEntry { .. }) => Err(name.unknown()),
            Ok(record) => {
                if record.deleting {
                    deletion::resume(self.handle(), &record.name).await?;
                }
                Ok(record)
            }
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) async fn describe(call: &Call<'_>) -> Result<Response, Error> {
    let request: MachineIn = call.input()?;
    let name = request.name(call)?;
    let record = call.machine(&name).await?;
    let data = IncludedData::read(request.included_data.as_deref());
    let Some(qualifier) = &name.qualifier else {
        let latest = record.latest.clone();
        return shown::machine(call, &record, &latest, None, data).await;
    };
    // An alias is shown as the version that it leads to first.
    let alias = record.aliases.get(qualifier);
    let number = match alias {
        Some(alias) => alias.routes.first().map(|route| route.version),
        None => qualifier.parse().ok(),
    };
    let version = number.and_then(|number| Some((number, record.versions.get(&number)?)));
    let Some((number, version)) = version else {
        return Err(name.unknown());
    };
    shown::machine(
        call,
        &record,
        &version.revision,
        Some((number, version)),
        data,
    )
    .await
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Response, Error> {
    let request: MachineIn = call.input()?;
    let name = request.name(call)?;
    if name.qualifier.is_some() {
        return Err(Error::validation(format!(
            "A version or an alias is not deleted by this operation: '{}'",
            name.arn
        )));
    }
    if name.ours {
        deletion::delete(call.handle(), &name.name).await?;
    }
    Ok(nothing())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    state_machines: Vec<ListedMachine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedMachine {
    state_machine_arn: String,
    name: String,
    #[serde(rename = "type")]
    kind: StateMachineKind,
    creation_date: Seconds,
}

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    let asked: PageIn = call.input()?;
    let mut constraints = Constraints::default();
    asked.check(&mut constraints);
    constraints.done()?;
    let mut entries = BTreeMap::new();
    for record in call.handle().state_machines().await? {
        if record.deleting {
            deletion::resume(call.handle(), &record.name).await?;
        }
        let shown = ListedMachine {
            state_machine_arn: machine_arn(call.options(), &record.name),
            kind: record.kind,
            creation_date: Seconds(record.created_ms),
            name: record.name,
        };
        entries.insert(shown.name.clone().into_bytes(), shown);
    }
    let (state_machines, next_token) = page(call, "machines", &asked, entries)?;
    Ok(answer(&Listed {
        state_machines,
        next_token,
    }))
}
