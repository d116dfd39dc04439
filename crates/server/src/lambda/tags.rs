//! Tags of functions.

use std::collections::BTreeMap;

use axum::response::Response;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::arn::{FunctionName, function_name};
use super::configuration::constraint;
use super::errors::Error;
use super::route::Name;
use super::{Call, reply};

const TAGS_MAX: usize = 50;
const KEY_MAX: usize = 128;
const VALUE_MAX: usize = 256;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TagsIn {
    tags: BTreeMap<String, String>,
}

/// AWS's bounds.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    let too_long = |(key, value): (&String, &String)| {
        key.is_empty() || key.chars().count() > KEY_MAX || value.chars().count() > VALUE_MAX
    };
    if tags.iter().any(too_long) {
        return Err(constraint(
            "tags",
            "a key has 1 to 128 characters, a value at most 256",
        ));
    }
    if tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(constraint("tags", "aws: is reserved"));
    }
    if tags.len() > TAGS_MAX {
        return Err(constraint("tags", "a function has at most 50 tags"));
    }
    Ok(())
}

fn function(call: &Call<'_>, name: &Name) -> Result<FunctionName, Error> {
    let resource = &name.first;
    if !resource.starts_with("arn:") || !resource.contains(":function:") {
        return Err(constraint("resource", "only functions have tags here"));
    }
    let function = function_name(resource, &call.app.options)?;
    if function.qualifier.is_some() {
        return Err(constraint(
            "resource",
            "tags belong to the function, not to a version or alias",
        ));
    }
    Ok(function)
}

pub(super) async fn tag(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = function(call, name)?;
    let request: TagsIn = call.json()?;
    check(&request.tags)?;
    let mut all = call.record(&function).await?.tags;
    all.extend(request.tags.clone());
    check(&all)?;
    let tagged = call.change(&function, |record| {
        record.tags.extend(request.tags.clone());
        Ok(())
    });
    tagged.await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn untag(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = function(call, name)?;
    let untagged = call.change(&function, |record| {
        for key in call.query.all("tagKeys") {
            record.tags.remove(key);
        }
        Ok(())
    });
    untagged.await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn list(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let record = call.record(&function(call, name)?).await?;
    Ok(reply::json(StatusCode::OK, &json!({ "Tags": record.tags })))
}
