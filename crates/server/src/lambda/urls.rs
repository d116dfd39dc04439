//! A function's own address: as a resource. How it is served: `crate::function_urls`.

use axum::response::Response;
use everstep_engine::catalogue::FunctionUrl;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::arn::{self, FunctionName, not_found};
use super::configuration::{constraint, one_of};
use super::errors::{Error, Exception};
use super::functions::LATEST;
use super::route::Name;
use super::shown::aws_time;
use super::{Call, reply};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct UrlIn {
    auth_type: Option<String>,
    invoke_mode: Option<String>,
    cors: Option<Value>,
}

impl UrlIn {
    fn change(self, url: &mut FunctionUrl) -> Result<(), Error> {
        if let Some(kind) = self.auth_type {
            one_of("authType", &kind, &["NONE", "AWS_IAM"])?;
            url.signed = kind == "AWS_IAM";
        }
        if let Some(mode) = self.invoke_mode {
            one_of("invokeMode", &mode, &["BUFFERED", "RESPONSE_STREAM"])?;
            url.streamed = mode == "RESPONSE_STREAM";
        }
        match self.cors {
            Some(Value::Object(cors)) => {
                url.cors = Some(Value::from(cors)).filter(|cors| *cors != json!({}));
            }
            Some(_) => return Err(constraint("cors", "it is an object")),
            None => {}
        }
        Ok(())
    }
}

fn show(call: &Call<'_>, function: &str, qualifier: &str, url: &FunctionUrl) -> Value {
    let qualifier = Some(qualifier).filter(|qualifier| *qualifier != LATEST);
    let mut shown = json!({
        "FunctionUrl": crate::function_urls::address(call.app, &url.id),
        "FunctionArn": arn::named_arn(&call.app.options, function, qualifier),
        "AuthType": if url.signed { "AWS_IAM" } else { "NONE" },
        "InvokeMode": if url.streamed { "RESPONSE_STREAM" } else { "BUFFERED" },
        "CreationTime": aws_time(url.created_ms),
        "LastModifiedTime": aws_time(url.modified_ms),
    });
    if let Some(cors) = &url.cors {
        reply::add(&mut shown, "Cors", cors.clone());
    }
    shown
}

/// The function or alias that has the address; a version has none.
fn owner(call: &Call<'_>, name: &Name) -> Result<(FunctionName, String), Error> {
    let function = call.function(name)?;
    let qualifier = function.qualifier.clone();
    let is_version = |it: &String| it.bytes().all(|b| b.is_ascii_digit());
    if qualifier.as_ref().is_some_and(is_version) {
        return Err(constraint(
            "qualifier",
            "an alias has an address, a version has none",
        ));
    }
    Ok((function, qualifier.unwrap_or_else(|| LATEST.to_owned())))
}

fn missing() -> Error {
    not_found("The resource you requested does not exist.".to_owned())
}

pub(super) async fn create(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let (function, qualifier) = owner(call, name)?;
    let resolved = call.resolve(&function).await?;
    if resolved.revision.config.durable.is_some() {
        return Err(Error::invalid(
            "A durable function is started, not called: put a plain function before it.",
        ));
    }
    let request: UrlIn = call.json()?;
    if request.auth_type.is_none() {
        return Err(constraint("authType", "it must be given"));
    }
    let now = call.app.handle.clock().now().0;
    let mut url = FunctionUrl {
        id: uuid::Uuid::new_v4().simple().to_string(),
        signed: true,
        streamed: false,
        cors: None,
        created_ms: now,
        modified_ms: now,
    };
    request.change(&mut url)?;
    let handle = &call.app.handle;
    handle.put_url(&url.id, &function.name, &qualifier).await?;
    let created = call.change(&function, |record| {
        let urls = &mut record.settings.urls;
        if urls.contains_key(&qualifier) {
            return Err(everstep_engine::Error::EntryExists {
                what: "function URL",
                name: record.name.clone(),
            });
        }
        urls.insert(qualifier.clone(), url.clone());
        Ok(())
    });
    if let Err(error) = created.await {
        handle.drop_url(&url.id).await?;
        return Err(match error.exception {
            Exception::ResourceConflict => {
                let text = "FunctionUrlConfig exists for this Lambda function";
                Error::new(Exception::ResourceConflict, text)
            }
            _ => error,
        });
    }
    let shown = show(call, &function.name, &qualifier, &url);
    Ok(reply::json(StatusCode::CREATED, &shown))
}

pub(super) async fn get(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let (function, qualifier) = owner(call, name)?;
    let record = call.record(&function).await?;
    let url = record.settings.urls.get(&qualifier).ok_or_else(missing)?;
    let shown = show(call, &record.name, &qualifier, url);
    Ok(reply::json(StatusCode::OK, &shown))
}

pub(super) async fn update(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let (function, qualifier) = owner(call, name)?;
    let record = call.record(&function).await?;
    let url = record.settings.urls.get(&qualifier).ok_or_else(missing)?;
    let mut url = url.clone();
    call.json::<UrlIn>()?.change(&mut url)?;
    url.modified_ms = call.app.handle.clock().now().0;
    let changed = call.change(&function, |record| {
        record.settings.urls.insert(qualifier.clone(), url.clone());
        Ok(())
    });
    changed.await?;
    let shown = show(call, &function.name, &qualifier, &url);
    Ok(reply::json(StatusCode::OK, &shown))
}

pub(super) async fn list(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.function(name)?;
    let limit = call.max_items(50, 50)?;
    let first = call.marker()?;
    let record = call.record(&function).await?;
    let all = record.settings.urls.range(first..);
    let shown = all.map(|(qualifier, url)| {
        let shown = show(call, &record.name, qualifier, url);
        (qualifier.clone(), shown)
    });
    let shown = shown.collect();
    Ok(super::layers::page("FunctionUrlConfigs", shown, limit))
}

pub(super) async fn delete(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let (function, qualifier) = owner(call, name)?;
    let record = call.record(&function).await?;
    let url = record.settings.urls.get(&qualifier).ok_or_else(missing)?;
    let deleted = call.change(&function, |record| {
        record.settings.urls.remove(&qualifier);
        Ok(())
    });
    deleted.await?;
    call.app.handle.drop_url(&url.id).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}
