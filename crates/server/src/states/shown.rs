//! A state machine as the describing operations show it.

use std::collections::BTreeMap;

use axum::response::Response;
use everstep_engine::catalogue::{
    MachineVersion, StateMachineKind, StateMachineRecord, StateMachineRevision,
};
use serde::Serialize;

use super::arn::{machine_arn, qualified_arn};
use super::configuration::{EncryptionWire, LoggingWire, TracingWire};
use super::constraints::Constraints;
use super::errors::Error;
use super::{Call, Seconds, answer, definitions};

/// Whether payloads and definitions are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IncludedData {
    All,
    MetadataOnly,
}

impl IncludedData {
    pub(super) fn check(value: Option<&String>, constraints: &mut Constraints) {
        constraints.word("includedData", value, &["ALL_DATA", "METADATA_ONLY"]);
    }

    pub(super) fn read(value: Option<&str>) -> Self {
        match value {
            Some("METADATA_ONLY") => Self::MetadataOnly,
            _ => Self::All,
        }
    }
}

/// What is shown of a revision, of whichever machine, version or execution.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Revision {
    definition: String,
    role_arn: String,
    logging_configuration: LoggingWire,
    tracing_configuration: TracingWire,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_configuration: Option<EncryptionWire>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    variable_references: BTreeMap<String, Vec<String>>,
}

impl Revision {
    pub(super) async fn of(
        call: &Call<'_>,
        revision: &StateMachineRevision,
        data: IncludedData,
    ) -> Result<Self, Error> {
        let (definition, variable_references) = match data {
            IncludedData::MetadataOnly => (String::new(), BTreeMap::new()),
            IncludedData::All => {
                let text = call.handle().definition(&revision.definition).await?;
                let references = definitions::references(&text);
                (text, references)
            }
        };
        Ok(Self {
            definition,
            role_arn: revision.role.clone(),
            logging_configuration: LoggingWire::of(&revision.logging),
            tracing_configuration: TracingWire {
                enabled: revision.tracing,
            },
            revision_id: (!revision.initial).then(|| revision.revision.clone()),
            encryption_configuration: revision.encryption.as_ref().map(EncryptionWire::of),
            variable_references,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Machine {
    state_machine_arn: String,
    name: String,
    status: &'static str,
    #[serde(rename = "type")]
    kind: StateMachineKind,
    creation_date: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(flatten)]
    revision: Revision,
}

/// A machine as one of its revisions has it; with a version, as that.
pub(super) async fn machine(
    call: &Call<'_>,
    record: &StateMachineRecord,
    revision: &str,
    version: Option<(u32, &MachineVersion)>,
    data: IncludedData,
) -> Result<Response, Error> {
    let revision = call
        .handle()
        .machine_revision(&record.name, revision)
        .await?;
    let options = call.options();
    Ok(answer(&Machine {
        state_machine_arn: match version {
            Some((number, _)) => qualified_arn(options, &record.name, number),
            None => machine_arn(options, &record.name),
        },
        name: record.name.clone(),
        status: if record.deleting {
            "DELETING"
        } else {
            "ACTIVE"
        },
        kind: record.kind,
        creation_date: Seconds(match version {
            Some((_, version)) => version.created_ms,
            None => record.created_ms,
        }),
        description: version.and_then(|(_, version)| version.description.clone()),
        revision: Revision::of(call, &revision, data).await?,
    }))
}
