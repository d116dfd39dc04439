//! Versions of state machines.

use std::collections::BTreeMap;

use axum::response::Response;
use everstep_engine::catalogue::StateMachineRecord;
use serde::{Deserialize, Serialize};

use super::arn::{MachineName, qualified_arn};
use super::constraints::Constraints;
use super::errors::Error;
use super::page::{MachinePageIn, page};
use super::{Call, Seconds, answer, nothing};

const VERSIONS_MAX: usize = 1000;
/// What the revision is called that a machine was created with, where one has to be named.
const INITIAL: &str = "INITIAL";

/// Gives the latest revision a number, or finds the one that it has.
pub(super) fn publish_latest(
    record: &mut StateMachineRecord,
    description: Option<&str>,
    now_ms: u64,
) -> Result<u32, Error> {
    let latest = record.latest.clone();
    let published = record.publish(&latest, description, now_ms);
    if record.versions.len() > VERSIONS_MAX {
        return Err(Error::Quota {
            what: "Versions of a state machine",
            max: VERSIONS_MAX,
        });
    }
    Ok(published)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PublishIn {
    state_machine_arn: Option<String>,
    revision_id: Option<String>,
    description: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    creation_date: Seconds,
    state_machine_version_arn: String,
}

pub(super) async fn publish(call: &Call<'_>) -> Result<Response, Error> {
    let request: PublishIn = call.input()?;
    let arn = request.state_machine_arn.as_ref();
    Constraints::default()
        .required("stateMachineArn", arn)
        .text("stateMachineArn", arn, 1, 256)
        .secret("description", request.description.as_ref(), 0, 256)
        .done()?;
    let name = MachineName::unqualified(arn.map_or("", String::as_str), call.options())?;
    let now_ms = call.now_ms();
    let record = call.machine(&name).await?;
    let latest = call
        .handle()
        .machine_revision(&record.name, &record.latest)
        .await?;
    let published = call
        .handle()
        .change_state_machine(&name.name, |record| {
            if record.deleting {
                return Err(Error::StateMachineDeleting(name.arn.clone()));
            }
            if let Some(wanted) = &request.revision_id {
                let initial = latest.initial && record.latest == latest.revision;
                let now = if initial { INITIAL } else { &record.latest };
                if wanted != now {
                    return Err(Error::Conflict(format!(
                        "Failed to publish the State Machine version for revision {wanted}. The current State Machine revision is {now}."
                    )));
                }
            }
            publish_latest(record, request.description.as_deref(), now_ms)
        })
        .await;
    let (record, number) = published.map_err(|error| match error {
        Error::Engine(everstep_engine::Error::UnknownEntry { .. }) => name.unknown(),
        other => other,
    })?;
    let version = record.versions.get(&number);
    Ok(answer(&Version {
        creation_date: Seconds(version.map_or(now_ms, |version| version.created_ms)),
        state_machine_version_arn: qualified_arn(call.options(), &record.name, number),
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    state_machine_versions: Vec<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// The latest first.
pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    let request: MachinePageIn = call.input()?;
    let name = MachineName::unqualified(request.arn()?, call.options())?;
    let record = call.machine(&name).await?;
    let mut entries = BTreeMap::new();
    for (number, version) in &record.versions {
        let shown = Version {
            creation_date: Seconds(version.created_ms),
            state_machine_version_arn: qualified_arn(call.options(), &record.name, number),
        };
        entries.insert((!number).to_be_bytes().to_vec(), shown);
    }
    let list = format!("versions {}", record.name);
    let (state_machine_versions, next_token) = page(call, &list, &request.page, entries)?;
    Ok(answer(&Listed {
        state_machine_versions,
        next_token,
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DeleteIn {
    state_machine_version_arn: Option<String>,
}

/// A version that is not there is deleted already.
pub(super) async fn delete(call: &Call<'_>) -> Result<Response, Error> {
    let request: DeleteIn = call.input()?;
    let arn = request.state_machine_version_arn.as_ref();
    Constraints::default()
        .required("stateMachineVersionArn", arn)
        .text("stateMachineVersionArn", arn, 1, 2000)
        .done()?;
    let name = MachineName::parse(arn.map_or("", String::as_str), call.options())?;
    let qualifier = name.qualifier.as_deref();
    let Some(number) = qualifier.and_then(|number| number.parse::<u32>().ok()) else {
        return Err(Error::validation(format!(
            "This is not the ARN of a version: '{}'",
            name.arn
        )));
    };
    if !name.ours {
        return Ok(nothing());
    }
    let deleted = call
        .handle()
        .change_state_machine(&name.name, |record| {
            let aliases: Vec<&str> = record.aliases_of(number).collect();
            if !aliases.is_empty() {
                return Err(Error::Conflict(format!(
                    "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [{}]",
                    aliases.join(", ")
                )));
            }
            record.versions.remove(&number);
            Ok(())
        })
        .await;
    match deleted {
        Ok(_) | Err(Error::Engine(everstep_engine::Error::UnknownEntry { .. })) => Ok(nothing()),
        Err(error) => Err(error),
    }
}
