//! Published versions.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everstep_engine::FunctionRecord;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::arn::FunctionName;
use super::errors::{Error, Exception, stale};
use super::functions::{LATEST, decode_marker};
use super::route::Name;
use super::shown::ConfigurationOut;
use super::{Call, reply};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PublishIn {
    code_sha256: Option<String>,
    description: Option<String>,
    revision_id: Option<String>,
}

pub(super) async fn publish(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let mut name = call.function(name)?;
    name.qualifier = None;
    let request: PublishIn = call.json()?;
    let latest = call.resolve(&name).await?.revision;
    let shown = call.show(&latest, LATEST, None);
    if request
        .revision_id
        .is_some_and(|expected| expected != latest.revision)
    {
        return Err(Error::new(Exception::PreconditionFailed, stale("function")));
    }
    if request
        .code_sha256
        .is_some_and(|expected| expected != shown.code_sha256)
    {
        return Err(Error::invalid(format!(
            "CodeSHA256 is different from current CodeSHA256 in $LATEST: {}",
            shown.code_sha256
        )));
    }
    let description = request
        .description
        .unwrap_or_else(|| latest.config.description.clone());
    let published = call
        .app
        .handle
        .publish_version(&name.name, &description)
        .await;
    let (number, record) = published.map_err(|error| call.of_function(error, &name))?;
    let version = show(call, &record, number).await?;
    Ok(reply::json(StatusCode::CREATED, &version))
}

pub(super) async fn show(
    call: &Call<'_>,
    record: &FunctionRecord,
    number: u32,
) -> Result<ConfigurationOut, Error> {
    let published = record
        .versions
        .get(&number)
        .ok_or_else(|| Error::invalid("The version has been deleted"))?;
    let revision = call
        .app
        .handle
        .revision(&format!("{}/{}", record.name, published.revision))
        .await?;
    let number = number.to_string();
    let mut shown = call.show(&revision, &number, Some(&number));
    shown.description.clone_from(&published.description);
    Ok(shown)
}

/// Deletes a version that no alias names.
pub(super) async fn delete(
    call: &Call<'_>,
    name: &FunctionName,
    version: &str,
) -> Result<(), Error> {
    let Ok(number) = version.parse::<u32>() else {
        return Err(Error::invalid(
            "A version is deleted by its number, not by an alias.",
        ));
    };
    let record = call.record(name).await?;
    let naming: Vec<&str> = record
        .aliases
        .iter()
        .filter(|(_, alias)| alias.version == version || alias.weights.contains_key(version))
        .map(|(name, _)| &**name)
        .collect();
    if !naming.is_empty() {
        let naming = naming.join(", ");
        return Err(Error::new(
            Exception::ResourceConflict,
            format!(
                "Unable to delete version because the following aliases reference it: [{naming}]"
            ),
        ));
    }
    // A version that is not there is deleted already, as with AWS.
    let removed = call.change(name, |record| {
        record.versions.remove(&number);
        Ok(())
    });
    removed.await.map(|_| ())
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    versions: Vec<ConfigurationOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

pub(super) async fn list(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let name = call.function(name)?;
    let limit = call.max_items(50, 10_000)?;
    let record = call.record(&name).await?;
    // Numbers begin at 1: 0 stands for $LATEST.
    let first = match call.query.get("Marker") {
        None => 0,
        Some(marker) => decode_marker(marker)?
            .parse::<u32>()
            .map_err(|_| Error::invalid("Invalid marker"))?,
    };
    let mut numbers: Vec<u32> = std::iter::once(0)
        .chain(record.versions.keys().copied())
        .filter(|number| *number >= first)
        .collect();
    let next_marker = numbers
        .get(limit)
        .map(|number| STANDARD.encode(number.to_string()));
    numbers.truncate(limit);
    let mut versions = Vec::with_capacity(numbers.len());
    for number in numbers {
        versions.push(if number == 0 {
            let revision = call
                .app
                .handle
                .revision(&format!("{}/{}", record.name, record.latest))
                .await?;
            call.show(&revision, LATEST, Some(LATEST))
        } else {
            show(call, &record, number).await?
        });
    }
    Ok(reply::json(
        StatusCode::OK,
        &Listed {
            versions,
            next_marker,
        },
    ))
}
