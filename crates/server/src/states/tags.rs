//! Tags of state machines and activities.

use std::collections::BTreeMap;

use axum::response::Response;
use everstep_engine::Error as EngineError;
use serde::{Deserialize, Serialize};

use super::arn::{Arn, Resource};
use super::configuration::TagWire;
use super::constraints::Constraints;
use super::errors::Error;
use super::{Call, answer, nothing};

const TAGS_MAX: usize = 50;

/// AWS's bounds for the tags that a resource has.
///
/// # Errors
/// [`Error::TooManyTags`] or [`Error::Validation`].
pub(super) fn check(tags: &BTreeMap<String, String>, arn: &str) -> Result<(), Error> {
    if tags.len() > TAGS_MAX {
        return Err(Error::TooManyTags {
            arn: arn.to_owned(),
            max: TAGS_MAX,
        });
    }
    if tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(Error::validation(
            "aws: prefixed tag key names are not allowed for external use.",
        ));
    }
    Ok(())
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TagsIn {
    resource_arn: Option<String>,
    tags: Option<Vec<TagWire>>,
    tag_keys: Option<Vec<String>>,
}

/// What can have tags.
enum Tagged {
    Machine(String),
    Activity(String),
}

impl TagsIn {
    fn resource(&self, call: &Call<'_>, constraints: &mut Constraints) -> Result<Tagged, Error> {
        let arn = self.resource_arn.as_ref();
        constraints
            .required("resourceArn", arn)
            .text("resourceArn", arn, 1, 256)
            .done()?;
        let arn = arn.map_or("", String::as_str);
        let parsed = Arn::parse(arn)?;
        let ours = parsed.is_ours(call.options());
        match parsed.resource {
            Resource::StateMachine {
                name,
                label: None,
                qualifier: None,
            } if ours => Ok(Tagged::Machine(name)),
            Resource::Activity { name } if ours => Ok(Tagged::Activity(name)),
            Resource::StateMachine { .. } | Resource::Activity { .. } => {
                Err(Error::NoResource(arn.to_owned()))
            }
            Resource::Execution { .. } | Resource::Express | Resource::MapRun { .. } => {
                Err(parsed.not_here())
            }
        }
    }

    async fn change(
        &self,
        call: &Call<'_>,
        resource: Tagged,
        mut change: impl FnMut(&mut BTreeMap<String, String>) -> Result<(), Error>,
    ) -> Result<Response, Error> {
        let handle = call.handle();
        let changed = match resource {
            Tagged::Machine(name) => handle
                .change_state_machine(&name, |record| change(&mut record.tags))
                .await
                .map(|_| ()),
            Tagged::Activity(name) => handle.tag_activity(&name, change).await,
        };
        changed.map_err(|error| self.unknown(error))?;
        Ok(nothing())
    }

    fn unknown(&self, error: Error) -> Error {
        match error {
            Error::Engine(EngineError::UnknownEntry { .. }) => {
                Error::NoResource(self.resource_arn.clone().unwrap_or_default())
            }
            other => other,
        }
    }
}

pub(super) async fn tag(call: &Call<'_>) -> Result<Response, Error> {
    let request: TagsIn = call.input()?;
    let mut constraints = Constraints::default();
    constraints.required("tags", request.tags.as_ref());
    let given = request.tags.as_deref().unwrap_or_default();
    TagWire::check(given, &mut constraints);
    let resource = request.resource(call, &mut constraints)?;
    let (added, arn) = (TagWire::read(given), request.resource_arn.as_deref());
    let change = |tags: &mut BTreeMap<String, String>| {
        tags.extend(added.clone());
        check(tags, arn.unwrap_or_default())
    };
    request.change(call, resource, change).await
}

pub(super) async fn untag(call: &Call<'_>) -> Result<Response, Error> {
    let request: TagsIn = call.input()?;
    let mut constraints = Constraints::default();
    constraints.required("tagKeys", request.tag_keys.as_ref());
    for (at, key) in request.tag_keys.iter().flatten().enumerate() {
        let name = format!("tagKeys.{}.member", at + 1);
        constraints.text(&name, Some(key), 1, 128);
    }
    let resource = request.resource(call, &mut constraints)?;
    let change = |tags: &mut BTreeMap<String, String>| {
        for key in request.tag_keys.iter().flatten() {
            tags.remove(key);
        }
        Ok(())
    };
    request.change(call, resource, change).await
}

#[derive(Serialize)]
struct Listed {
    tags: Vec<TagWire>,
}

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    let request: TagsIn = call.input()?;
    let resource = request.resource(call, &mut Constraints::default())?;
    let tags = match resource {
        Tagged::Machine(name) => call.handle().state_machine(&name).await.map(|it| it.tags),
        Tagged::Activity(name) => call.handle().activity(&name).await.map(|it| it.tags),
    };
    let tags = tags.map_err(|error| request.unknown(error.into()))?;
    Ok(answer(&Listed {
        tags: TagWire::of(&tags),
    }))
}
