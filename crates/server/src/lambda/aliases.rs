//! Aliases: names for versions.

use std::collections::BTreeMap;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everstep_engine::{Alias, FunctionRecord};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::arn::{function_arn, is_word, not_found};
use super::errors::{Error, Exception};
use super::functions::LATEST;
use super::route::Name;
use super::{Call, reply};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AliasIn {
    name: Option<String>,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<RoutingWire>,
    revision_id: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct RoutingWire {
    additional_version_weights: BTreeMap<String, Number>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AliasOut<'a> {
    alias_arn: String,
    name: &'a str,
    function_version: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing_config: Option<RoutingWire>,
    revision_id: &'a str,
}

fn show<'a>(call: &Call<'_>, function: &str, name: &'a str, alias: &'a Alias) -> AliasOut<'a> {
    AliasOut {
        alias_arn: function_arn(&call.app.options, function, name).qualified(),
        name,
        function_version: &alias.version,
        description: &alias.description,
        routing_config: (!alias.weights.is_empty()).then(|| RoutingWire {
            additional_version_weights: alias.weights.clone(),
        }),
        revision_id: &alias.revision,
    }
}

fn unknown(call: &Call<'_>, function: &str, name: &str) -> Error {
    not_found(format!(
        "Alias not found: {}",
        function_arn(&call.app.options, function, name).qualified()
    ))
}

/// Whether the alias can point where the request says; `version` is its own.
fn check(request: &AliasIn, version: &str, record: &FunctionRecord) -> Result<(), Error> {
    published(record, version)?;
    let Some(routing) = &request.routing_config else {
        return Ok(());
    };
    let weights = &routing.additional_version_weights;
    if !weights.is_empty() && version == LATEST {
        return Err(Error::invalid(
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ));
    }
    let mut sum = 0.0;
    for (other, weight) in weights {
        if other == version || other == LATEST {
            return Err(Error::invalid(format!(
                "Invalid function version {other}. An alias's versions are published ones, and differ."
            )));
        }
        published(record, other)?;
        let weight = weight.as_f64().unwrap_or(-1.0);
        if !(0.0..=1.0).contains(&weight) {
            return Err(Error::invalid("A weight must lie between 0.0 and 1.0."));
        }
        sum += weight;
    }
    if sum > 1.0 {
        return Err(Error::invalid("The weights are together more than 1.0."));
    }
    Ok(())
}

fn published(record: &FunctionRecord, version: &str) -> Result<(), Error> {
    let is_published = version
        .parse()
        .is_ok_and(|number: u32| record.versions.contains_key(&number));
    if version == LATEST || is_published {
        return Ok(());
    }
    Err(not_found(format!(
        "Function version not found: {}:{version}",
        record.name
    )))
}

pub(super) async fn create(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let request: AliasIn = call.json()?;
    let alias_name = request.name.clone().unwrap_or_default();
    if !is_word(&alias_name, 128) || alias_name.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::invalid(format!("Invalid alias name: {alias_name}")));
    }
    let version = request
        .function_version
        .clone()
        .ok_or_else(|| Error::invalid("FunctionVersion must be given"))?;
    check(&request, &version, &call.record(&function).await?)?;
    let description = request.description.unwrap_or_default();
    let alias = Alias {
        version,
        description,
        revision: uuid::Uuid::new_v4().to_string(),
        weights: request
            .routing_config
            .unwrap_or_default()
            .additional_version_weights,
    };
    let created = call.app.handle.change_function(&function.name, |record| {
        if record.aliases.contains_key(&alias_name) {
            return Err(everstep_engine::Error::EntryExists {
                what: "alias",
                name: alias_name.clone(),
            });
        }
        record.aliases.insert(alias_name.clone(), alias.clone());
        Ok(())
    });
    match created.await {
        Ok(_) => Ok(reply::json(
            StatusCode::CREATED,
            &show(call, &function.name, &alias_name, &alias),
        )),
        Err(everstep_engine::Error::EntryExists { .. }) => {
            let arn = function_arn(&call.app.options, &function.name, &alias_name).qualified();
            Err(Error::new(
                Exception::ResourceConflict,
                format!("Alias already exists: {arn}"),
            ))
        }
        Err(error) => Err(call.of_function(error, &function)),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed<'a> {
    aliases: Vec<AliasOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

pub(super) async fn list(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let limit = call.max_items(50, 10_000)?;
    let first = call.marker()?;
    let version = call.query.get("FunctionVersion");
    let record = call.record(&function).await?;
    let wanted = |alias: &Alias| version.is_none_or(|version| alias.version == version);
    let found: Vec<_> = record
        .aliases
        .range(first..)
        .filter(|(_, alias)| wanted(alias))
        .take(limit + 1)
        .collect();
    let next_marker = found.get(limit).map(|(name, _)| STANDARD.encode(name));
    let aliases = found
        .into_iter()
        .take(limit)
        .map(|(name, alias)| show(call, &record.name, name, alias))
        .collect();
    Ok(reply::json(
        StatusCode::OK,
        &Listed {
            aliases,
            next_marker,
        },
    ))
}

pub(super) async fn get(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let record = call.record(&function).await?;
    let alias = record
        .aliases
        .get(&name.second)
        .ok_or_else(|| unknown(call, &function.name, &name.second))?;
    Ok(reply::json(
        StatusCode::OK,
        &show(call, &function.name, &name.second, alias),
    ))
}

pub(super) async fn update(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let request: AliasIn = call.json()?;
    let before = call.record(&function).await?;
    let alias = before
        .aliases
        .get(&name.second)
        .ok_or_else(|| unknown(call, &function.name, &name.second))?;
    let version = request.function_version.as_deref();
    check(&request, version.unwrap_or(&alias.version), &before)?;
    let revision = uuid::Uuid::new_v4().to_string();
    let changed = call.app.handle.change_function(&function.name, |record| {
        let missing = || everstep_engine::Error::UnknownEntry {
            what: "alias",
            name: name.second.clone(),
        };
        let alias = record.aliases.get_mut(&name.second).ok_or_else(missing)?;
        if request
            .revision_id
            .as_ref()
            .is_some_and(|expected| *expected != alias.revision)
        {
            return Err(everstep_engine::Error::EntryChanged {
                what: "alias",
                name: name.second.clone(),
            });
        }
        alias.version = request
            .function_version
            .clone()
            .unwrap_or_else(|| alias.version.clone());
        alias.description = request
            .description
            .clone()
            .unwrap_or_else(|| alias.description.clone());
        if let Some(routing) = &request.routing_config {
            alias
                .weights
                .clone_from(&routing.additional_version_weights);
        }
        alias.revision.clone_from(&revision);
        Ok(())
    });
    match changed.await {
        Ok(record) => {
            let alias = record
                .aliases
                .get(&name.second)
                .ok_or_else(|| unknown(call, &function.name, &name.second))?;
            Ok(reply::json(
                StatusCode::OK,
                &show(call, &function.name, &name.second, alias),
            ))
        }
        Err(everstep_engine::Error::UnknownEntry { what: "alias", .. }) => {
            Err(unknown(call, &function.name, &name.second))
        }
        Err(error) => Err(call.of_function(error, &function)),
    }
}

/// Deleting what is not there is no error, as with AWS.
pub(super) async fn delete(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let deleted = call.app.handle.change_function(&function.name, |record| {
        record.aliases.remove(&name.second);
        Ok(())
    });
    deleted
        .await
        .map_err(|error| call.of_function(error, &function))?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}
