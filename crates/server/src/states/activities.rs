//! Making, showing, listing and deleting activities.

use std::collections::BTreeMap;

use axum::response::Response;
use everstep_engine::Error as EngineError;
use everstep_engine::catalogue::ActivityRecord;
use serde::{Deserialize, Serialize};

use super::arn::{activity_arn, activity_name, check_name};
use super::configuration::{EncryptionWire, TagWire};
use super::constraints::Constraints;
use super::errors::Error;
use super::page::{PageIn, page};
use super::{Call, Seconds, answer, nothing, tags};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CreateIn {
    name: Option<String>,
    tags: Vec<TagWire>,
    encryption_configuration: Option<EncryptionWire>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    activity_arn: String,
    creation_date: Seconds,
}

/// The same name again is the same activity, whatever its tags.
pub(super) async fn create(call: &Call<'_>) -> Result<Response, Error> {
    let request: CreateIn = call.input()?;
    let mut constraints = Constraints::default();
    constraints
        .required("name", request.name.as_ref())
        .text("name", request.name.as_ref(), 1, 80);
    TagWire::check(&request.tags, &mut constraints);
    if let Some(encryption) = &request.encryption_configuration {
        encryption.check(&mut constraints);
    }
    constraints.done()?;
    let name = request.name.unwrap_or_default();
    check_name(&name)?;
    let encryption = request.encryption_configuration.as_ref();
    let arn = activity_arn(call.options(), &name);
    let record = ActivityRecord {
        created_ms: call.now_ms(),
        tags: TagWire::read(&request.tags),
        encryption: encryption.map(EncryptionWire::read).transpose()?,
        name,
    };
    tags::check(&record.tags, &arn)?;
    let created_ms = match call.handle().create_activity(&record).await {
        Ok(()) => record.created_ms,
        Err(EngineError::EntryExists { .. }) => {
            let existing = call.handle().activity(&record.name).await?;
            if existing.encryption != record.encryption {
                return Err(Error::ActivityExists(arn));
            }
            existing.created_ms
        }
        Err(error) => return Err(error.into()),
    };
    Ok(answer(&Created {
        activity_arn: arn,
        creation_date: Seconds(created_ms),
    }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ActivityIn {
    activity_arn: Option<String>,
}

impl ActivityIn {
    fn arn(&self) -> Result<&str, Error> {
        let arn = self.activity_arn.as_ref();
        Constraints::default()
            .required("activityArn", arn)
            .text("activityArn", arn, 1, 256)
            .done()?;
        Ok(arn.map_or("", String::as_str))
    }
}

/// The activity that an ARN names.
///
/// # Errors
/// [`Error::InvalidArn`], [`Error::NoActivity`], or the engine's.
pub(super) async fn find(call: &Call<'_>, arn: &str) -> Result<ActivityRecord, Error> {
    let name = activity_name(arn, call.options())?;
    match call.handle().activity(&name).await {
        Err(EngineError::UnknownEntry { .. }) => Err(Error::NoActivity(arn.to_owned())),
        found => Ok(found?),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    activity_arn: String,
    name: String,
    creation_date: Seconds,
    encryption_configuration: EncryptionWire,
}

pub(super) async fn describe(call: &Call<'_>) -> Result<Response, Error> {
    let request: ActivityIn = call.input()?;
    let record = find(call, request.arn()?).await?;
    let encryption = record.encryption.as_ref();
    Ok(answer(&Described {
        activity_arn: activity_arn(call.options(), &record.name),
        creation_date: Seconds(record.created_ms),
        encryption_configuration: encryption.map_or_else(EncryptionWire::owned, EncryptionWire::of),
        name: record.name,
    }))
}

/// An activity that is not there is deleted already.
pub(super) async fn delete(call: &Call<'_>) -> Result<Response, Error> {
    let request: ActivityIn = call.input()?;
    match activity_name(request.arn()?, call.options()) {
        Ok(name) => call.handle().delete_activity(&name).await?,
        Err(Error::NoActivity(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(nothing())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    activities: Vec<ListedActivity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedActivity {
    activity_arn: String,
    name: String,
    creation_date: Seconds,
}

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    let asked: PageIn = call.input()?;
    let mut constraints = Constraints::default();
    asked.check(&mut constraints);
    constraints.done()?;
    let mut entries = BTreeMap::new();
    for record in call.handle().activities().await? {
        let shown = ListedActivity {
            activity_arn: activity_arn(call.options(), &record.name),
            creation_date: Seconds(record.created_ms),
            name: record.name,
        };
        entries.insert(shown.name.clone().into_bytes(), shown);
    }
    let (activities, next_token) = page(call, "activities", &asked, entries)?;
    Ok(answer(&Listed {
        activities,
        next_token,
    }))
}
