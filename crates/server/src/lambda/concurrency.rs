//! Reserved concurrency, which is enforced, and provisioned concurrency, which is kept and shown.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everstep_engine::catalogue::Provisioned;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::arn::FunctionName;
use super::configuration::constraint;
use super::errors::{Error, Exception};
use super::functions::LATEST;
use super::route::Name;
use super::shown::aws_time;
use super::{Call, arn, reply};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ConcurrencyIn {
    reserved_concurrent_executions: Option<i64>,
    provisioned_concurrent_executions: Option<i64>,
}

fn at_least(value: Option<i64>, min: i64, member: &str) -> Result<u32, Error> {
    let value = value
        .filter(|value| *value >= min)
        .and_then(|value| u32::try_from(value).ok());
    value.ok_or_else(|| constraint(member, &format!("it must be at least {min}")))
}

async fn reserve(call: &Call<'_>, name: &Name, limit: Option<u32>) -> Result<(), Error> {
    let function = call.function(name)?;
    if function.qualifier.is_some() {
        return Err(Error::invalid(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation.",
        ));
    }
    let changed = call.change(&function, |record| {
        record.settings.reserved_concurrency = limit;
        Ok(())
    });
    changed.await.map(|_| ())
}

pub(super) async fn put(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let request: ConcurrencyIn = call.json()?;
    let given = request.reserved_concurrent_executions;
    let limit = at_least(given, 0, "reservedConcurrentExecutions")?;
    reserve(call, name, Some(limit)).await?;
    Ok(shown(Some(limit)))
}

pub(super) async fn get(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let record = call.record(&call.function(name)?).await?;
    Ok(shown(record.settings.reserved_concurrency))
}

pub(super) async fn delete(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    reserve(call, name, None).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

fn shown(limit: Option<u32>) -> Response {
    match limit {
        Some(limit) => reply::json(
            StatusCode::OK,
            &json!({ "ReservedConcurrentExecutions": limit }),
        ),
        None => reply::nothing(),
    }
}

/// The function and the version or alias that is provisioned for.
async fn provisionable(call: &Call<'_>, name: &Name) -> Result<(FunctionName, String), Error> {
    let function = call.function(name)?;
    let Some(qualifier) = function.qualifier.clone().filter(|it| it != LATEST) else {
        return Err(Error::invalid(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        ));
    };
    call.resolve(&function).await?;
    Ok((function, qualifier))
}

fn provisioned(found: &Provisioned) -> Value {
    json!({
        "RequestedProvisionedConcurrentExecutions": found.requested,
        "AvailableProvisionedConcurrentExecutions": found.requested,
        "AllocatedProvisionedConcurrentExecutions": found.requested,
        "Status": "READY",
        "LastModified": aws_time(found.modified_ms),
    })
}

pub(super) async fn provision(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let (function, qualifier) = provisionable(call, name).await?;
    let request: ConcurrencyIn = call.json()?;
    let given = request.provisioned_concurrent_executions;
    let found = Provisioned {
        requested: at_least(given, 1, "provisionedConcurrentExecutions")?,
        modified_ms: call.app.handle.clock().now().0,
    };
    let changed = call.change(&function, |record| {
        record.settings.provisioned.insert(qualifier.clone(), found);
        Ok(())
    });
    changed.await?;
    Ok(reply::json(StatusCode::ACCEPTED, &provisioned(&found)))
}

/// One, or with `List=ALL` every one.
pub(super) async fn get_provisioned(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    if call.query.get("List").is_some() {
        return list_provisioned(name, call).await;
    }
    let (function, qualifier) = provisionable(call, name).await?;
    let record = call.record(&function).await?;
    match record.settings.provisioned.get(&qualifier) {
        Some(found) => Ok(reply::json(StatusCode::OK, &provisioned(found))),
        None => Err(Error::new(
            Exception::ProvisionedConcurrencyConfigNotFound,
            "No Provisioned Concurrency Config found for this function",
        )),
    }
}

async fn list_provisioned(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let limit = call.max_items(50, 50)?;
    let first = call.marker()?;
    let record = call.record(&function).await?;
    let found: Vec<_> = record
        .settings
        .provisioned
        .range(first..)
        .take(limit + 1)
        .collect();
    let next = found.get(limit).map(|(name, _)| STANDARD.encode(name));
    let shown: Vec<Value> = found
        .into_iter()
        .take(limit)
        .map(|(qualifier, found)| {
            let arn = arn::function_arn(&call.app.options, &record.name, qualifier);
            let mut shown = provisioned(found);
            reply::add(&mut shown, "FunctionArn", arn.qualified());
            shown
        })
        .collect();
    let mut answer = json!({ "ProvisionedConcurrencyConfigs": shown });
    if let Some(next) = next {
        reply::add(&mut answer, "NextMarker", next);
    }
    Ok(reply::json(StatusCode::OK, &answer))
}

pub(super) async fn unprovision(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let (function, qualifier) = provisionable(call, name).await?;
    let changed = call.change(&function, |record| {
        record.settings.provisioned.remove(&qualifier);
        Ok(())
    });
    changed.await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}
