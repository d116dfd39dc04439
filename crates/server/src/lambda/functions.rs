//! Functions as a resource.

use std::collections::BTreeMap;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everstep_engine::catalogue::CODE_BUCKET;
use everstep_engine::{Code, FunctionConfig, FunctionRecord, Revision};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::code::SourceIn;
use super::configuration::{ConfigurationIn, read_architecture};
use super::errors::{Error, Exception, stale};
use super::route::Name;
use super::shown::{ConfigurationOut, show};
use super::{Call, arn, reply};
use crate::artifacts;

pub(super) const LATEST: &str = "$LATEST";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CreateIn {
    function_name: String,
    code: SourceIn,
    publish: bool,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CodeIn {
    architectures: Option<Vec<String>>,
    publish: bool,
    dry_run: bool,
    revision_id: Option<String>,
}

impl Call<'_> {
    pub(super) fn json<'a, T: Deserialize<'a> + Default>(&'a self) -> Result<T, Error> {
        if self.body.is_empty() {
            return Ok(T::default());
        }
        // A list would be read as a structure's members in their order.
        if self.body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(Error::new(
                Exception::InvalidRequestContent,
                "Could not parse request body into json: it is no object",
            ));
        }
        serde_json::from_slice(&self.body).map_err(|error| Error::json(&error))
    }

    /// The function that the path and the query's qualifier name.
    pub(super) fn function(&self, name: &Name) -> Result<arn::FunctionName, Error> {
        let function = arn::function_name(&name.first, &self.app.options)?;
        arn::qualified_by(function, self.query.get("Qualifier"))
    }

    /// The function that is to be called: an agent goes by its address, too.
    pub(super) async fn called(&self, name: &Name) -> Result<arn::FunctionName, Error> {
        match self.app.handle.agent_at(&name.first).await? {
            Some(agent) => self.function(&Name {
                first: agent,
                ..name.clone()
            }),
            None => self.function(name),
        }
    }

    /// The function's record.
    pub(super) async fn record(&self, name: &arn::FunctionName) -> Result<FunctionRecord, Error> {
        let record = self.app.handle.function(&name.name).await;
        record.map_err(|error| self.of_function(error, name))
    }

    /// Changes the function's record.
    pub(super) async fn change(
        &self,
        name: &arn::FunctionName,
        change: impl FnMut(&mut FunctionRecord) -> Result<(), everstep_engine::Error>,
    ) -> Result<FunctionRecord, Error> {
        let changed = self.app.handle.change_function(&name.name, change).await;
        changed.map_err(|error| self.of_function(error, name))
    }

    pub(super) fn show(
        &self,
        revision: &Revision,
        version: &str,
        qualifier: Option<&str>,
    ) -> ConfigurationOut {
        let secrets = self.sees_secrets();
        show(&self.app.options, revision, version, qualifier, secrets)
    }

    /// The revision that a function's name and qualifier mean now, and its version.
    pub(super) async fn resolve(
        &self,
        name: &arn::FunctionName,
    ) -> Result<everstep_engine::catalogue::Resolved, Error> {
        let resolved = self
            .app
            .handle
            .resolve(&name.name, name.qualifier.as_deref())
            .await;
        resolved.map_err(|error| self.of_function(error, name))
    }

    /// As [`Call::resolve`], for a call: an alias with weights is followed by its shares, the same way for the same execution's name.
    pub(super) async fn route(
        &self,
        name: &arn::FunctionName,
        key: Option<&str>,
    ) -> Result<everstep_engine::catalogue::Resolved, Error> {
        let handle = &self.app.handle;
        let routed = handle
            .route(&name.name, name.qualifier.as_deref(), key)
            .await;
        routed.map_err(|error| self.of_function(error, name))
    }

    /// The function's ARN as the caller named it: with a qualifier only if one was given.
    pub(super) fn arn(&self, name: &arn::FunctionName) -> String {
        arn::named_arn(&self.app.options, &name.name, name.qualifier.as_deref())
    }

    /// AWS names the ARN of what it does not find.
    pub(super) fn of_function(
        &self,
        error: everstep_engine::Error,
        name: &arn::FunctionName,
    ) -> Error {
        match error {
            everstep_engine::Error::UnknownEntry { what, .. } if what.starts_with("function") => {
                arn::not_found(format!("Function not found: {}", self.arn(name)))
            }
            other => other.into(),
        }
    }

    /// A whole number within AWS's range of page sizes.
    pub(super) fn max_items(&self, default: usize, max: usize) -> Result<usize, Error> {
        match self.query.get("MaxItems").map(str::parse::<usize>) {
            None | Some(Ok(0)) => Ok(default),
            Some(Ok(items)) if items <= max => Ok(items),
            Some(_) => Err(Error::invalid(format!(
                "MaxItems must lie between 0 and {max}"
            ))),
        }
    }

    /// Where a list goes on; the empty text at its beginning.
    pub(super) fn marker(&self) -> Result<String, Error> {
        let marker = self.query.get("Marker").map(decode_marker).transpose()?;
        Ok(marker.unwrap_or_default())
    }
}

pub(super) async fn create(call: &Call<'_>) -> Result<Response, Error> {
    let request: CreateIn = call.json()?;
    let name = arn::function_name(&request.function_name, &call.app.options)?;
    if name.qualifier.is_some() {
        return Err(Error::invalid("A function is created without a qualifier."));
    }
    // Read apart: flattened into one structure, serde would copy the archive once more.
    let mut configuration: ConfigurationIn = call.json()?;
    let layers = configuration.layers.take().unwrap_or_default();
    let mut config = configuration.create()?;
    config.layers = call.layer_uses(layers).await?;
    super::tags::check(&request.tags)?;
    // Nothing is stored for a name that is taken.
    match call.app.handle.function(&name.name).await {
        Err(everstep_engine::Error::UnknownEntry { .. }) => {}
        Err(error) => return Err(error.into()),
        Ok(_) => {
            return Err(Error::new(
                Exception::ResourceConflict,
                format!("Function already exist: {}", name.name),
            ));
        }
    }
    let archive = call.archive(request.code).await?;
    call.keep(&archive).await?;
    let revision = new_revision(call, name.name.clone(), config, archive.code());
    call.app
        .handle
        .create_function(revision.clone(), request.tags)
        .await?;
    let version = published(call, request.publish, &revision).await?;
    Ok(reply::json(
        StatusCode::CREATED,
        &call.show(
            &revision,
            version.as_deref().unwrap_or(LATEST),
            version.as_deref(),
        ),
    ))
}

async fn published(
    call: &Call<'_>,
    publish: bool,
    revision: &Revision,
) -> Result<Option<String>, Error> {
    if !publish {
        return Ok(None);
    }
    let (number, _) = call
        .app
        .handle
        .publish_version(&revision.function, &revision.config.description)
        .await?;
    Ok(Some(number.to_string()))
}

fn new_revision(call: &Call<'_>, function: String, config: FunctionConfig, code: Code) -> Revision {
    let revision = uuid::Uuid::new_v4().to_string();
    Revision {
        function,
        revision,
        config,
        code,
        modified_ms: call.app.handle.clock().now().0,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    functions: Vec<ConfigurationOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// By name, then by version: `$LATEST` is number 0.
pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    let limit = call.max_items(50, 10_000)?;
    let marker = call.marker()?;
    let after = marker
        .split_once(':')
        .map_or((&*marker, 0), |(name, number)| {
            (name, number.parse::<u32>().unwrap_or_default())
        });
    let every_version = call.query.get("FunctionVersion") == Some("ALL");
    let mut functions = Vec::new();
    let mut last = String::new();
    for record in call.app.handle.functions().await? {
        let published = record.versions.keys().copied();
        let numbers =
            std::iter::once(0).chain(published.take(if every_version { usize::MAX } else { 0 }));
        for number in numbers {
            if !marker.is_empty() && (record.name.as_str(), number) <= after {
                continue;
            }
            if functions.len() == limit {
                return Ok(page(functions, Some(STANDARD.encode(last))));
            }
            functions.push(shown(call, &record, number, every_version).await?);
            last = format!("{}:{number}", record.name);
        }
    }
    Ok(page(functions, None))
}

async fn shown(
    call: &Call<'_>,
    record: &FunctionRecord,
    number: u32,
    qualified: bool,
) -> Result<ConfigurationOut, Error> {
    if number > 0 {
        return super::versions::show(call, record, number).await;
    }
    let address = format!("{}/{}", record.name, record.latest);
    let revision = call.app.handle.revision(&address).await?;
    Ok(call.show(&revision, LATEST, qualified.then_some(LATEST)))
}

fn page(functions: Vec<ConfigurationOut>, next_marker: Option<String>) -> Response {
    reply::json(
        StatusCode::OK,
        &Listed {
            functions,
            next_marker,
        },
    )
}

pub(super) fn decode_marker(marker: &str) -> Result<String, Error> {
    let text = STANDARD
        .decode(marker)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Error::invalid("Invalid marker"))
}

pub(super) async fn get(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let name = call.function(name)?;
    let resolved = call.resolve(&name).await?;
    let record = call.record(&name).await?;
    let mut answer = json!({
        "Configuration": call.show(&resolved.revision, &resolved.version, name.qualifier.as_deref()),
        "Code": code(call, &resolved.revision.code),
    });
    if !record.tags.is_empty() {
        reply::add(&mut answer, "Tags", json!(record.tags));
    }
    if let Some(limit) = record.settings.reserved_concurrency {
        reply::add(
            &mut answer,
            "Concurrency",
            json!({ "ReservedConcurrentExecutions": limit }),
        );
    }
    Ok(reply::json(StatusCode::OK, &answer))
}

/// Where the code is, for those who may see it.
fn code(call: &Call<'_>, code: &Code) -> Value {
    let mut shown = json!({ "RepositoryType": "S3" });
    if call.sees_secrets() {
        let location = match code {
            Code::Archive { sha256, .. } => artifacts::link(call.app, CODE_BUCKET, sha256, 600),
            Code::Folder { path } => format!("file://{path}"),
            Code::Elsewhere(remote) => remote.url.clone(),
            Code::Agent(agent) => agent.address().unwrap_or_default().to_owned(),
        };
        reply::add(&mut shown, "Location", location);
    }
    shown
}

pub(super) async fn get_configuration(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let name = call.function(name)?;
    let resolved = call.resolve(&name).await?;
    Ok(reply::json(
        StatusCode::OK,
        &call.show(
            &resolved.revision,
            &resolved.version,
            name.qualifier.as_deref(),
        ),
    ))
}

/// The latest revision, if it is the one that the caller wants to change.
async fn latest(
    call: &Call<'_>,
    name: &arn::FunctionName,
    expected: Option<&str>,
) -> Result<Revision, Error> {
    if name.qualifier.as_deref().is_some_and(|it| it != LATEST) {
        return Err(Error::invalid("A published version can't be changed."));
    }
    let unqualified = arn::FunctionName {
        name: name.name.clone(),
        qualifier: None,
    };
    let revision = call.resolve(&unqualified).await?.revision;
    if expected.is_some_and(|expected| expected != revision.revision) {
        return Err(Error::new(Exception::PreconditionFailed, stale("function")));
    }
    Ok(revision)
}

/// Puts a revision in the place of the one it was made from.
async fn replace(
    call: &Call<'_>,
    revision: &Revision,
    before: &str,
    conditional: bool,
) -> Result<(), Error> {
    let added = call
        .app
        .handle
        .add_revision(revision.clone(), Some(before))
        .await;
    match added {
        Err(everstep_engine::Error::EntryChanged { .. }) if !conditional => Err(Error::new(
            Exception::ResourceConflict,
            "The operation cannot be performed at this time. An update is in progress for the function.",
        )),
        other => Ok(other.map(|_| ())?),
    }
}

pub(super) async fn update_code(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let name = call.function(name)?;
    let request: CodeIn = call.json()?;
    let before = latest(call, &name, request.revision_id.as_deref()).await?;
    let archive = call.archive(call.json()?).await?;
    let mut config = before.config;
    if let Some(architectures) = request.architectures {
        config.architecture = read_architecture(architectures)?;
    }
    let revision = new_revision(call, before.function, config, archive.code());
    if request.dry_run {
        return Ok(reply::json(
            StatusCode::OK,
            &call.show(&revision, LATEST, None),
        ));
    }
    call.keep(&archive).await?;
    let conditional = request.revision_id.is_some();
    replace(call, &revision, &before.revision, conditional).await?;
    let version = published(call, request.publish, &revision).await?;
    Ok(reply::json(
        StatusCode::OK,
        &call.show(
            &revision,
            version.as_deref().unwrap_or(LATEST),
            version.as_deref(),
        ),
    ))
}

pub(super) async fn update_configuration(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let name = call.function(name)?;
    let mut request: ConfigurationIn = call.json()?;
    let conditional = request.revision_id.is_some();
    let before = latest(call, &name, request.revision_id.as_deref()).await?;
    let layers = request.layers.take();
    let mut config = request.change(before.config)?;
    if let Some(layers) = layers {
        config.layers = call.layer_uses(layers).await?;
    }
    let revision = new_revision(call, before.function, config, before.code);
    replace(call, &revision, &before.revision, conditional).await?;
    Ok(reply::json(
        StatusCode::OK,
        &call.show(&revision, LATEST, None),
    ))
}

pub(super) async fn delete(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let name = call.function(name)?;
    match name.qualifier.as_deref() {
        None => call
            .app
            .handle
            .delete_function(&name.name)
            .await
            .map_err(|error| call.of_function(error, &name))?,
        Some(LATEST) => {
            return Err(Error::invalid(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        Some(version) => super::versions::delete(call, &name, version).await?,
    }
    Ok(reply::empty(StatusCode::NO_CONTENT))
}
