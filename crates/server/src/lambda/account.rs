//! The account as a whole, and small settings that tools ask for.

use axum::response::Response;
use everstep_engine::Code;
use everstep_engine::catalogue::RuntimeUpdates;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::configuration::{constraint, one_of};
use super::errors::Error;
use super::functions::LATEST;
use super::route::Name;
use super::{Call, reply};

/// AWS's figure; nothing here enforces it.
const CONCURRENT_EXECUTIONS: u32 = 1_000;
const CODE_UNZIPPED_BYTES: u64 = 250 << 20;
const CODE_TOTAL_BYTES: u64 = 75 << 30;

/// Limits of the account, and what is used of them.
pub(super) async fn settings(call: &Call<'_>) -> Result<Response, Error> {
    let (mut bytes, mut reserved, mut count) = (0, 0_u32, 0_u64);
    for record in call.app.handle.functions().await? {
        count += 1;
        reserved =
            reserved.saturating_add(record.settings.reserved_concurrency.unwrap_or_default());
        let published = record.versions.values().map(|version| &version.revision);
        for revision in published.chain([&record.latest]) {
            let address = format!("{}/{revision}", record.name);
            if let Code::Archive { size, .. } = call.app.handle.revision(&address).await?.code {
                bytes += size;
            }
        }
    }
    Ok(reply::json(
        StatusCode::OK,
        &json!({
            "AccountLimit": {
                "TotalCodeSize": CODE_TOTAL_BYTES,
                "CodeSizeUnzipped": CODE_UNZIPPED_BYTES,
                "CodeSizeZipped": call.app.options.limits.code_bytes_max,
                "ConcurrentExecutions": CONCURRENT_EXECUTIONS,
                "UnreservedConcurrentExecutions": CONCURRENT_EXECUTIONS.saturating_sub(reserved),
            },
            "AccountUsage": { "TotalCodeSize": bytes, "FunctionCount": count },
        }),
    ))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RecursionIn {
    recursive_loop: String,
}

pub(super) async fn put_recursion(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let request: RecursionIn = call.json()?;
    let wanted = request.recursive_loop;
    one_of("recursiveLoop", &wanted, &["Allow", "Terminate"])?;
    let changed = call.change(&function, |record| {
        record.settings.recursive_loop = Some(wanted.clone());
        Ok(())
    });
    changed.await?;
    Ok(reply::json(
        StatusCode::OK,
        &json!({ "RecursiveLoop": wanted }),
    ))
}

pub(super) async fn get_recursion(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let record = call.record(&call.function(name)?).await?;
    let kept = record.settings.recursive_loop;
    let shown = kept.as_deref().unwrap_or("Terminate");
    Ok(reply::json(
        StatusCode::OK,
        &json!({ "RecursiveLoop": shown }),
    ))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RuntimeUpdatesIn {
    update_runtime_on: String,
    runtime_version_arn: Option<String>,
}

pub(super) async fn put_runtime_updates(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let request: RuntimeUpdatesIn = call.json()?;
    let update_on = request.update_runtime_on;
    one_of(
        "updateRuntimeOn",
        &update_on,
        &["Auto", "Manual", "FunctionUpdate"],
    )?;
    if (update_on == "Manual") != request.runtime_version_arn.is_some() {
        return Err(constraint(
            "runtimeVersionArn",
            "it is given for Manual, and only then",
        ));
    }
    call.resolve(&function).await?;
    let updates = RuntimeUpdates {
        update_on,
        version_arn: request.runtime_version_arn,
    };
    let qualifier = function.qualifier.as_deref().unwrap_or(LATEST);
    let changed = call.change(&function, |record| {
        let all = &mut record.settings.runtime_updates;
        all.insert(qualifier.to_owned(), updates.clone());
        Ok(())
    });
    changed.await?;
    let shown = runtime_updates(&updates, &call.arn(&function));
    Ok(reply::json(StatusCode::OK, &shown))
}

pub(super) async fn get_runtime_updates(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let mut record = call.record(&function).await?;
    let qualifier = function.qualifier.as_deref().unwrap_or(LATEST);
    let kept = record.settings.runtime_updates.remove(qualifier);
    let updates = kept.unwrap_or(RuntimeUpdates {
        update_on: "Auto".to_owned(),
        version_arn: None,
    });
    let shown = runtime_updates(&updates, &call.arn(&function));
    Ok(reply::json(StatusCode::OK, &shown))
}

fn runtime_updates(updates: &RuntimeUpdates, arn: &str) -> Value {
    let mut shown = json!({ "UpdateRuntimeOn": updates.update_on, "FunctionArn": arn });
    if let Some(version) = &updates.version_arn {
        reply::add(&mut shown, "RuntimeVersionArn", version.as_str());
    }
    shown
}

/// No function has any.
pub(super) async fn code_signing(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let record = call.record(&call.function(name)?).await?;
    Ok(reply::json(
        StatusCode::OK,
        &json!({ "FunctionName": record.name, "CodeSigningConfigArn": "" }),
    ))
}

/// There are none, which is all that a tool wants to know before it goes on.
pub(super) fn no_event_sources() -> Response {
    reply::json(StatusCode::OK, &json!({ "EventSourceMappings": [] }))
}
