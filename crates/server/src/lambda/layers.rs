//! Layers: archives that functions share.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everstep_engine::catalogue::{CODE_BUCKET, LayerRecord, LayerUse, LayerVersion, Policy};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::arn::{is_word, not_found};
use super::code::SourceIn;
use super::configuration::constraint;
use super::errors::Error;
use super::policy::{self, StatementIn};
use super::route::Name;
use super::shown::{aws_time, base64_of_hex};
use super::{Call, reply};
use crate::artifacts;

const LAYERS_OF_A_FUNCTION_MAX: usize = 5;
const NAME_MAX: usize = 140;
const PAGE_MAX: usize = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PublishIn {
    description: String,
    content: SourceIn,
    compatible_architectures: Vec<String>,
    compatible_runtimes: Vec<String>,
    license_info: Option<String>,
}

impl Call<'_> {
    fn layer_arn(&self, name: &str) -> String {
        let options = &self.app.options;
        format!(
            "arn:aws:lambda:{}:{}:layer:{name}",
            options.region, options.account
        )
    }

    /// A layer's name, given as such or as its ARN.
    fn layer_name(&self, text: &str) -> Result<String, Error> {
        let prefix = self.layer_arn("");
        let name = text.strip_prefix(&prefix).unwrap_or(text);
        if is_word(name, NAME_MAX) {
            return Ok(name.to_owned());
        }
        Err(constraint(
            "layerName",
            "it is neither a layer's name nor its ARN",
        ))
    }

    async fn layer(&self, name: &str) -> Result<LayerRecord, Error> {
        match self.app.handle.layer(name).await {
            Err(everstep_engine::Error::UnknownEntry { .. }) => Err(self.no_layer(name, None)),
            other => Ok(other?),
        }
    }

    fn no_layer(&self, name: &str, number: Option<u32>) -> Error {
        let arn = self.layer_arn(name);
        not_found(match number {
            Some(number) => format!("Layer version {arn}:{number} does not exist."),
            None => format!("Layer {arn} does not exist."),
        })
    }

    async fn layer_version(&self, name: &str, number: u32) -> Result<LayerVersion, Error> {
        let found = self.layer(name).await;
        let version = found
            .ok()
            .and_then(|mut layer| layer.versions.remove(&number));
        version.ok_or_else(|| self.no_layer(name, Some(number)))
    }

    /// The layers that a function names, by the ARNs of their versions.
    pub(super) async fn layer_uses(&self, arns: Vec<String>) -> Result<Vec<LayerUse>, Error> {
        if arns.len() > LAYERS_OF_A_FUNCTION_MAX {
            return Err(Error::invalid("A function has at most 5 layers."));
        }
        let mut uses: Vec<LayerUse> = Vec::with_capacity(arns.len());
        for arn in arns {
            let (name, number) = self.version_of(&arn)?;
            let version = self.layer_version(&name, number).await;
            // AWS calls it a parameter that is not valid, not a resource that is not there.
            let version = version.map_err(|error| Error::invalid(error.message))?;
            if uses.iter().any(|used| used.arn == arn) {
                return Err(Error::invalid(format!("Layer {arn} is named twice.")));
            }
            uses.push(LayerUse {
                arn,
                sha256: version.sha256,
                size: version.size,
            });
        }
        Ok(uses)
    }

    fn version_of(&self, arn: &str) -> Result<(String, u32), Error> {
        let prefix = self.layer_arn("");
        let parsed = arn
            .strip_prefix(&prefix)
            .and_then(|rest| rest.rsplit_once(':'))
            .and_then(|(name, number)| Some((name.to_owned(), number.parse::<u32>().ok()?)));
        parsed.ok_or_else(|| {
            Error::invalid(format!(
                "{arn} is not the ARN of a layer version of this account"
            ))
        })
    }
}

/// A version with neither its content nor its layer's ARN, as lists show it.
fn summary(call: &Call<'_>, name: &str, number: u32, version: &LayerVersion) -> Value {
    let mut shown = json!({
        "LayerVersionArn": format!("{}:{number}", call.layer_arn(name)),
        "Version": number,
        "Description": version.description,
        "CreatedDate": aws_time(version.created_ms),
        "CompatibleRuntimes": version.runtimes,
        "CompatibleArchitectures": version.architectures,
    });
    if let Some(license) = &version.license {
        reply::add(&mut shown, "LicenseInfo", license.as_str());
    }
    shown
}

fn whole(call: &Call<'_>, name: &str, number: u32, version: &LayerVersion) -> Value {
    let mut shown = summary(call, name, number, version);
    reply::add(&mut shown, "LayerArn", call.layer_arn(name));
    let mut content = json!({
        "CodeSha256": base64_of_hex(&version.sha256),
        "CodeSize": version.size,
    });
    if call.sees_secrets() {
        let location = artifacts::link(call.app, CODE_BUCKET, &version.sha256, 600);
        reply::add(&mut content, "Location", location);
    }
    reply::add(&mut shown, "Content", content);
    shown
}

pub(super) async fn publish(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let name = call.layer_name(&name.first)?;
    let request: PublishIn = call.json()?;
    if request.compatible_runtimes.len() > 15 || request.compatible_architectures.len() > 2 {
        return Err(constraint("compatibleRuntimes", "there are at most 15"));
    }
    let archive = call.archive(request.content).await?;
    call.keep(&archive).await?;
    let (sha256, size) = archive.parts();
    let version = LayerVersion {
        sha256,
        size,
        description: request.description,
        license: request.license_info,
        runtimes: request.compatible_runtimes,
        architectures: request.compatible_architectures,
        created_ms: call.app.handle.clock().now().0,
        policy: Policy::default(),
    };
    let number = call
        .app
        .handle
        .publish_layer(&name, version.clone())
        .await?;
    Ok(reply::json(
        StatusCode::CREATED,
        &whole(call, &name, number, &version),
    ))
}

/// Whether a version suits what the query asks for.
fn suits(call: &Call<'_>, version: &LayerVersion) -> bool {
    let has = |all: &[String], wanted: Option<&str>| {
        wanted.is_none_or(|wanted| all.iter().any(|one| one == wanted))
    };
    has(&version.runtimes, call.query.get("CompatibleRuntime"))
        && has(
            &version.architectures,
            call.query.get("CompatibleArchitecture"),
        )
}

/// Every layer with the latest version that suits; or with `find=LayerVersion` the version of an ARN.
pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    if call.query.get("find") == Some("LayerVersion") {
        let (name, number) = call.version_of(call.query.get("Arn").unwrap_or_default())?;
        let version = call.layer_version(&name, number).await?;
        return Ok(reply::json(
            StatusCode::OK,
            &whole(call, &name, number, &version),
        ));
    }
    let limit = call.max_items(PAGE_MAX, PAGE_MAX)?;
    let first = call.marker()?;
    let mut shown = Vec::new();
    for layer in call.app.handle.layers().await? {
        let latest = layer
            .versions
            .iter()
            .rev()
            .find(|(_, version)| suits(call, version));
        let Some((number, version)) = latest.filter(|_| layer.name >= first) else {
            continue;
        };
        shown.push((
            layer.name.clone(),
            json!({
                "LayerName": layer.name,
                "LayerArn": call.layer_arn(&layer.name),
                "LatestMatchingVersion": summary(call, &layer.name, *number, version),
            }),
        ));
    }
    Ok(page("Layers", shown, limit))
}

/// The versions that suit, latest first.
pub(super) async fn list_versions(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let name = call.layer_name(&name.first)?;
    let limit = call.max_items(PAGE_MAX, PAGE_MAX)?;
    let marker = call.marker()?;
    let from = if marker.is_empty() {
        u32::MAX
    } else {
        marker
            .parse()
            .map_err(|_| Error::invalid("Invalid marker"))?
    };
    let layer = call.layer(&name).await?;
    let versions = layer.versions.range(..=from).rev();
    let shown = versions
        .filter(|(_, version)| suits(call, version))
        .map(|(number, version)| (number.to_string(), summary(call, &name, *number, version)));
    Ok(page("LayerVersions", shown.collect(), limit))
}

/// A page of what is left, and where the next one begins.
pub(super) fn page(member: &str, all: Vec<(String, Value)>, limit: usize) -> Response {
    let next = all.get(limit).map(|(key, _)| STANDARD.encode(key));
    let shown: Vec<Value> = all
        .into_iter()
        .take(limit)
        .map(|(_, shown)| shown)
        .collect();
    let mut answer = json!({ member: shown });
    if let Some(next) = next {
        reply::add(&mut answer, "NextMarker", next);
    }
    reply::json(StatusCode::OK, &answer)
}

fn number(name: &Name) -> Result<u32, Error> {
    let number = name.second.parse().ok();
    number.ok_or_else(|| constraint("versionNumber", "it is a whole number from 1"))
}

pub(super) async fn get_version(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let (layer, number) = (call.layer_name(&name.first)?, number(name)?);
    let version = call.layer_version(&layer, number).await?;
    Ok(reply::json(
        StatusCode::OK,
        &whole(call, &layer, number, &version),
    ))
}

/// Functions that use it go on using it. What is not there is deleted already, as with AWS.
pub(super) async fn delete_version(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let (layer, number) = (call.layer_name(&name.first)?, number(name)?);
    let deleted = call.app.handle.change_layer(&layer, |layer| {
        layer.versions.remove(&number);
        Ok(())
    });
    match deleted.await {
        Ok(_) | Err(everstep_engine::Error::UnknownEntry { .. }) => {
            Ok(reply::empty(StatusCode::NO_CONTENT))
        }
        Err(error) => Err(error.into()),
    }
}

/// Changes the policy of a version that is there.
async fn change_policy(
    call: &Call<'_>,
    name: &Name,
    mut change: impl FnMut(&mut Policy) -> Result<(), everstep_engine::Error>,
) -> Result<Policy, Error> {
    let (layer, number) = (call.layer_name(&name.first)?, number(name)?);
    call.layer_version(&layer, number).await?;
    let changed = call.app.handle.change_layer(&layer, |layer| {
        let version = layer.versions.get_mut(&number);
        version.map_or(Ok(()), |version| change(&mut version.policy))
    });
    let version = changed.await?.versions.remove(&number);
    let version = version.ok_or_else(|| call.no_layer(&layer, Some(number)))?;
    Ok(version.policy)
}

pub(super) async fn add_permission(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let request: StatementIn = call.json()?;
    let id = &request.statement_id;
    let layer = call.layer_name(&name.first)?;
    let resource = format!("{}:{}", call.layer_arn(&layer), number(name)?);
    let statement = request.read(&call.app.options.account, &resource)?;
    let expected = call.query.get("RevisionId");
    let added = change_policy(call, name, |policy| {
        policy::add(policy, id, &statement, expected)
    });
    let policy = added.await.map_err(|error| policy::refused(error, id))?;
    Ok(reply::json(
        StatusCode::CREATED,
        &json!({ "Statement": statement.to_string(), "RevisionId": policy.revision }),
    ))
}

pub(super) async fn remove_permission(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let expected = call.query.get("RevisionId");
    change_policy(call, name, |policy| {
        policy::remove(policy, &name.third, expected)
    })
    .await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn get_policy(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let (layer, number) = (call.layer_name(&name.first)?, number(name)?);
    let version = call.layer_version(&layer, number).await?;
    policy::shown(Some(&version.policy))
}
