//! UpdateStateMachine: a new revision, and a version of it where that is asked for.

use axum::response::Response;
use everstep_engine::catalogue::{StateMachineRecord, StateMachineRevision};
use serde::{Deserialize, Serialize};

use super::arn::{MachineName, qualified_arn};
use super::configuration::{EncryptionWire, LoggingWire, TracingWire};
use super::constraints::Constraints;
use super::errors::Error;
use super::machines::{DEFINITION_MAX, check_description, check_role};
use super::{Call, Seconds, answer, definitions, versions};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UpdateIn {
    state_machine_arn: Option<String>,
    definition: Option<String>,
    role_arn: Option<String>,
    logging_configuration: Option<LoggingWire>,
    tracing_configuration: Option<TracingWire>,
    publish: Option<bool>,
    version_description: Option<String>,
    encryption_configuration: Option<EncryptionWire>,
}

impl UpdateIn {
    fn check(&self) -> Result<(), Error> {
        let mut constraints = Constraints::default();
        let arn = self.state_machine_arn.as_ref();
        constraints
            .required("stateMachineArn", arn)
            .text("stateMachineArn", arn, 1, 256)
            .secret("definition", self.definition.as_ref(), 1, DEFINITION_MAX)
            .text("roleArn", self.role_arn.as_ref(), 1, 256)
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
        constraints.done()?;
        check_description(self.publish, self.version_description.as_ref())?;
        if self.changes_nothing() {
            return Err(Error::NothingToUpdate);
        }
        self.role_arn.as_deref().map_or(Ok(()), check_role)
    }

    const fn changes_nothing(&self) -> bool {
        self.definition.is_none()
            && self.role_arn.is_none()
            && self.logging_configuration.is_none()
            && self.tracing_configuration.is_none()
            && self.encryption_configuration.is_none()
    }

    /// What a revision becomes; the text of its definition is put into the catalogue.
    async fn changed(
        &self,
        call: &Call<'_>,
        before: &StateMachineRevision,
    ) -> Result<StateMachineRevision, Error> {
        let mut revision = before.clone();
        if let Some(definition) = &self.definition {
            definitions::check(definition, before.kind)?;
            revision.definition = call.handle().put_definition(definition).await?;
        }
        if let Some(role) = &self.role_arn {
            revision.role.clone_from(role);
        }
        if let Some(logging) = &self.logging_configuration {
            revision.logging = logging.read()?;
        }
        if let Some(tracing) = self.tracing_configuration {
            revision.tracing = tracing.enabled;
        }
        if let Some(encryption) = &self.encryption_configuration {
            revision.encryption = Some(encryption.read()?);
        }
        Ok(revision)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Updated {
    update_date: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
}

pub(super) async fn update(call: &Call<'_>) -> Result<Response, Error> {
    let request: UpdateIn = call.input()?;
    request.check()?;
    let arn = request.state_machine_arn.as_deref().unwrap_or_default();
    let name = MachineName::unqualified(arn, call.options())?;
    loop {
        let record = call.machine(&name).await?;
        if record.deleting {
            return Err(Error::StateMachineDeleting(name.arn));
        }
        let latest = &record.latest;
        let before = call.handle().machine_revision(&record.name, latest).await?;
        let mut revision = request.changed(call, &before).await?;
        let now_ms = call.now_ms();
        let publish = |record: &mut StateMachineRecord| -> Result<Option<u32>, Error> {
            if record.deleting {
                return Err(Error::StateMachineDeleting(name.arn.clone()));
            }
            let wanted = request.publish == Some(true);
            let description = request.version_description.as_deref();
            wanted
                .then(|| versions::publish_latest(record, description, now_ms))
                .transpose()
        };
        let updated = if revision == before {
            call.handle()
                .change_state_machine(&name.name, publish)
                .await
        } else {
            revision.revision = uuid::Uuid::new_v4().to_string();
            revision.initial = false;
            revision.modified_ms = now_ms;
            call.handle()
                .add_machine_revision(&revision, latest, publish)
                .await
        };
        match updated {
            Ok((record, version)) => {
                return Ok(answer(&Updated {
                    update_date: Seconds(now_ms),
                    revision_id: (!revision.initial).then_some(revision.revision),
                    state_machine_version_arn: version
                        .map(|version| qualified_arn(call.options(), &record.name, version)),
                }));
            }
            // Somebody else updated it meanwhile: this update comes behind theirs.
            Err(Error::Engine(everstep_engine::Error::EntryChanged { .. })) => {}
            Err(Error::Engine(everstep_engine::Error::UnknownEntry { .. })) => {
                return Err(name.unknown());
            }
            Err(error) => return Err(error),
        }
    }
}
