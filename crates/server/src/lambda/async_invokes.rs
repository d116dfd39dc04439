//! How asynchronous calls of a function are tried again, and who hears of their end.

use axum::response::Response;
use everstep_core::Timestamp;
use everstep_engine::FunctionRecord;
use everstep_engine::catalogue::AsyncInvoke;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::arn::{self, FunctionName, not_found};
use super::configuration::constraint;
use super::errors::Error;
use super::functions::LATEST;
use super::reply::Seconds;
use super::route::Name;
use super::{Call, reply};

const RETRIES_MAX: i64 = 2;
const AGE_S: std::ops::RangeInclusive<i64> = 60..=21_600;
const DESTINATION_MAX: usize = 350;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ConfigIn {
    maximum_retry_attempts: Option<i64>,
    maximum_event_age_in_seconds: Option<i64>,
    destination_config: Option<DestinationsWire>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct DestinationsWire {
    on_success: DestinationWire,
    on_failure: DestinationWire,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct DestinationWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
}

impl DestinationWire {
    /// An empty text takes the destination away.
    fn read(&self, call: &Call<'_>, member: &str) -> Result<Option<String>, Error> {
        let Some(text) = self.destination.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let known = ["arn:", "http://", "https://"];
        if text.len() > DESTINATION_MAX || !known.iter().any(|prefix| text.starts_with(prefix)) {
            return Err(constraint(
                member,
                "it is an ARN or an address of at most 350 characters",
            ));
        }
        if text.contains(":lambda:") {
            arn::function_name(text, &call.app.options)?;
        }
        Ok(Some(text.to_owned()))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigOut {
    function_arn: String,
    last_modified: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<u32>,
    destination_config: DestinationsWire,
}

fn show(call: &Call<'_>, function: &str, qualifier: &str, kept: &AsyncInvoke) -> ConfigOut {
    let to = |destination: &Option<String>| DestinationWire {
        destination: destination.clone(),
    };
    ConfigOut {
        function_arn: arn::function_arn(&call.app.options, function, qualifier).qualified(),
        last_modified: Seconds(Timestamp(kept.modified_ms)),
        maximum_retry_attempts: kept.retries_max,
        maximum_event_age_in_seconds: kept.age_max_s,
        destination_config: DestinationsWire {
            on_success: to(&kept.on_success),
            on_failure: to(&kept.on_failure),
        },
    }
}

impl ConfigIn {
    /// What was kept, with what is said here in its place.
    fn change(&self, call: &Call<'_>, mut kept: AsyncInvoke) -> Result<AsyncInvoke, Error> {
        if let Some(retries) = self.maximum_retry_attempts {
            let what = "it must lie between 0 and 2";
            kept.retries_max = Some(within(
                retries,
                0..=RETRIES_MAX,
                "maximumRetryAttempts",
                what,
            )?);
        }
        if let Some(age) = self.maximum_event_age_in_seconds {
            let what = "it must lie between 60 and 21600";
            kept.age_max_s = Some(within(age, AGE_S, "maximumEventAgeInSeconds", what)?);
        }
        if let Some(destinations) = &self.destination_config {
            kept.on_success = destinations
                .on_success
                .read(call, "onSuccess.destination")?;
            kept.on_failure = destinations
                .on_failure
                .read(call, "onFailure.destination")?;
        }
        kept.modified_ms = call.app.handle.clock().now().0;
        Ok(kept)
    }
}

fn within(
    value: i64,
    range: std::ops::RangeInclusive<i64>,
    member: &str,
    what: &str,
) -> Result<u32, Error> {
    let value = Some(value).filter(|value| range.contains(value));
    let value = value.and_then(|value| u32::try_from(value).ok());
    value.ok_or_else(|| constraint(member, what))
}

fn missing(call: &Call<'_>, function: &FunctionName) -> Error {
    let arn = call.arn(function);
    not_found(format!(
        "The function {arn} doesn't have an EventInvokeConfig"
    ))
}

fn kept<'a>(
    call: &Call<'_>,
    function: &FunctionName,
    record: &'a FunctionRecord,
) -> Result<&'a AsyncInvoke, Error> {
    let qualifier = function.qualifier.as_deref().unwrap_or(LATEST);
    let kept = record.settings.async_invokes.get(qualifier);
    kept.ok_or_else(|| missing(call, function))
}

async fn store(
    call: &Call<'_>,
    function: &FunctionName,
    new: AsyncInvoke,
) -> Result<Response, Error> {
    let qualifier = function.qualifier.as_deref().unwrap_or(LATEST);
    let changed = call.change(function, |record| {
        let all = &mut record.settings.async_invokes;
        all.insert(qualifier.to_owned(), new.clone());
        Ok(())
    });
    changed.await?;
    let shown = show(call, &function.name, qualifier, &new);
    Ok(reply::json(StatusCode::OK, &shown))
}

pub(super) async fn put(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    call.resolve(&function).await?;
    let request: ConfigIn = call.json()?;
    let new = request.change(call, AsyncInvoke::default())?;
    store(call, &function, new).await
}

pub(super) async fn update(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let record = call.record(&function).await?;
    let before = kept(call, &function, &record)?.clone();
    let request: ConfigIn = call.json()?;
    let new = request.change(call, before)?;
    store(call, &function, new).await
}

pub(super) async fn get(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let record = call.record(&function).await?;
    let kept = kept(call, &function, &record)?;
    let qualifier = function.qualifier.as_deref().unwrap_or(LATEST);
    Ok(reply::json(
        StatusCode::OK,
        &show(call, &function.name, qualifier, kept),
    ))
}

pub(super) async fn list(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let limit = call.max_items(50, 50)?;
    let first = call.marker()?;
    let record = call.record(&function).await?;
    let all = record.settings.async_invokes.range(first..);
    let shown = all.filter_map(|(qualifier, kept)| {
        let shown = show(call, &record.name, qualifier, kept);
        Some((qualifier.clone(), serde_json::to_value(shown).ok()?))
    });
    let shown = shown.collect();
    Ok(super::layers::page(
        "FunctionEventInvokeConfigs",
        shown,
        limit,
    ))
}

pub(super) async fn delete(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    kept(call, &function, &call.record(&function).await?)?;
    let qualifier = function.qualifier.as_deref().unwrap_or(LATEST);
    let deleted = call.change(&function, |record| {
        record.settings.async_invokes.remove(qualifier);
        Ok(())
    });
    deleted.await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}
