//! Aliases: names for versions.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everstep_engine::{Alias, FunctionRecord};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::arn::{FunctionName, function_arn, is_word, not_found};
use super::errors::{Error, Exception};
use super::functions::decode_marker;
use super::route::Name;
use super::{Call, reply};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AliasIn {
    name: Option<String>,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<serde_json::Value>,
    revision_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AliasOut<'a> {
    alias_arn: String,
    name: &'a str,
    function_version: &'a str,
    description: &'a str,
    revision_id: &'a str,
}

fn show<'a>(call: &Call<'_>, function: &str, name: &'a str, alias: &'a Alias) -> AliasOut<'a> {
    AliasOut {
        alias_arn: function_arn(&call.app.options, function, name).qualified(),
        name,
        function_version: &alias.version,
        description: &alias.description,
        revision_id: &alias.revision,
    }
}

fn unknown(call: &Call<'_>, function: &str, name: &str) -> Error {
    not_found(format!(
        "Alias not found: {}",
        function_arn(&call.app.options, function, name).qualified()
    ))
}

async fn record(call: &Call<'_>, name: &FunctionName) -> Result<FunctionRecord, Error> {
    call.app
        .handle
        .function(&name.name)
        .await
        .map_err(|error| call.of_function(error, name))
}

fn check(request: &AliasIn, record: &FunctionRecord) -> Result<(), Error> {
    // Weighted aliases would have to be rolled at each invoke; nothing does that yet, and an alias that lies would be worse.
    let weights = request
        .routing_config
        .as_ref()
        .and_then(|config| config.get("AdditionalVersionWeights"));
    if weights
        .and_then(serde_json::Value::as_object)
        .is_some_and(|weights| !weights.is_empty())
    {
        return Err(Error::invalid("Aliases with weights are not served."));
    }
    match request.function_version.as_deref() {
        None | Some("$LATEST") => Ok(()),
        Some(version)
            if version
                .parse()
                .is_ok_and(|number: u32| record.versions.contains_key(&number)) =>
        {
            Ok(())
        }
        Some(version) => Err(not_found(format!(
            "Function version not found: {}:{version}",
            record.name
        ))),
    }
}

pub(super) async fn create(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let request: AliasIn = call.json()?;
    let alias_name = request.name.clone().unwrap_or_default();
    if !is_word(&alias_name, 128) || alias_name.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::invalid(format!("Invalid alias name: {alias_name}")));
    }
    let before = record(call, &function).await?;
    check(&request, &before)?;
    let version = request
        .function_version
        .ok_or_else(|| Error::invalid("FunctionVersion must be given"))?;
    let description = request.description.unwrap_or_default();
    let alias = Alias {
        version,
        description,
        revision: uuid::Uuid::new_v4().to_string(),
        weights: Default::default(),
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
    let first = call
        .query
        .get("Marker")
        .map(decode_marker)
        .transpose()?
        .unwrap_or_default();
    let version = call.query.get("FunctionVersion");
    let record = record(call, &function).await?;
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
    let record = record(call, &function).await?;
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
    check(&request, &record(call, &function).await?)?;
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
        Err(everstep_engine::Error::EntryChanged { what: "alias", .. }) => Err(Error::new(
            Exception::PreconditionFailed,
            "The RevisionId provided does not match the latest RevisionId.",
        )),
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
