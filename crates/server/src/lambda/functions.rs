//! Functions as a resource.

use std::collections::BTreeMap;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everstep_core::Digest;
use everstep_engine::catalogue::CODE_BUCKET;
use everstep_engine::{Code, FunctionConfig, Revision};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::configuration::{ConfigurationIn, ConfigurationOut, show};
use super::errors::{Error, Exception};
use super::route::Name;
use super::{Call, arn, reply};
use crate::artifacts;

const LATEST: &str = "$LATEST";

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CreateIn {
    function_name: String,
    code: CodeIn,
    publish: bool,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CodeIn {
    zip_file: Option<String>,
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
        arn::FunctionName::parse(&name.first, &self.app.options)?
            .qualified_by(self.query.get("Qualifier"))
    }

    pub(super) fn show(
        &self,
        revision: &Revision,
        version: &str,
        qualifier: Option<&str>,
    ) -> ConfigurationOut {
        show(&self.app.options, revision, version, qualifier)
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

    /// AWS names the ARN of what it does not find.
    pub(super) fn of_function(
        &self,
        error: everstep_engine::Error,
        name: &arn::FunctionName,
    ) -> Error {
        match error {
            everstep_engine::Error::UnknownEntry { .. } => {
                let arn = arn::function_arn(
                    &self.app.options,
                    &name.name,
                    name.qualifier.as_deref().unwrap_or_default(),
                );
                let arn = if name.qualifier.is_some() {
                    arn.qualified()
                } else {
                    arn.unqualified()
                };
                arn::not_found(format!("Function not found: {arn}"))
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
}

pub(super) async fn create(call: &Call<'_>) -> Result<Response, Error> {
    let request: CreateIn = call.json()?;
    let name = arn::FunctionName::parse(&request.function_name, &call.app.options)?;
    if name.qualifier.is_some() {
        return Err(Error::invalid("A function is created without a qualifier."));
    }
    // Read apart: flattened into one structure, serde would copy the archive once more.
    let config = call.json::<ConfigurationIn>()?.create()?;
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
    let code = store_code(call, request.code.zip_file).await?;
    let revision = new_revision(call, name.name.clone(), config, code);
    call.app
        .handle
        .create_function(revision.clone(), request.tags)
        .await?;
    let version = published(call, request.publish, &revision, "").await?;
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
    description: &str,
) -> Result<Option<String>, Error> {
    if !publish {
        return Ok(None);
    }
    let (number, _) = call
        .app
        .handle
        .publish_version(&revision.function, description)
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

async fn store_code(call: &Call<'_>, zip: Option<String>) -> Result<Code, Error> {
    let zip = zip.ok_or_else(|| {
        Error::invalid("Please provide a source for function code: Everstep takes ZipFile.")
    })?;
    let bytes = STANDARD
        .decode(zip)
        .map_err(|_| Error::invalid("Code.ZipFile is not base64"))?;
    if !is_zip(&bytes) {
        return Err(Error::invalid(
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ));
    }
    let size = bytes.len() as u64;
    let sha256 = Digest::of(&bytes).hex();
    artifacts::put(&call.app.handle, CODE_BUCKET, &sha256, Bytes::from(bytes)).await?;
    Ok(Code::Archive { sha256, size })
}

/// Whether the end of a zip's directory is where it has to be: at the end, before a comment of at most 64 KiB.
fn is_zip(bytes: &[u8]) -> bool {
    const END: &[u8] = b"PK\x05\x06";
    const TAIL: usize = 22 + (1 << 16);
    let tail = bytes
        .get(bytes.len().saturating_sub(TAIL)..)
        .unwrap_or_default();
    tail.windows(END.len()).any(|window| window == END)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    functions: Vec<ConfigurationOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Error> {
    let limit = call.max_items(50, 10_000)?;
    let after = call.query.get("Marker").map(decode_marker).transpose()?;
    let every_version = call.query.get("FunctionVersion") == Some("ALL");
    let mut functions = Vec::new();
    let mut next_marker = None;
    let mut taken = 0;
    let mut last = String::new();
    for record in call.app.handle.functions().await? {
        if after.as_ref().is_some_and(|after| record.name <= *after) {
            continue;
        }
        if taken == limit {
            next_marker = Some(STANDARD.encode(&last));
            break;
        }
        taken += 1;
        let revision = call
            .app
            .handle
            .revision(&format!("{}/{}", record.name, record.latest))
            .await?;
        functions.push(call.show(&revision, LATEST, every_version.then_some(LATEST)));
        if every_version {
            functions.extend(super::versions::of(call, &record).await?);
        }
        last = record.name;
    }
    Ok(reply::json(
        StatusCode::OK,
        &Listed {
            functions,
            next_marker,
        },
    ))
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
    let record = call.app.handle.function(&name.name).await?;
    let location = match &resolved.revision.code {
        Code::Archive { sha256, .. } => artifacts::link(call.app, CODE_BUCKET, sha256, 600),
        Code::Folder { path } => format!("file://{path}"),
        Code::Elsewhere(remote) => remote.url.clone(),
    };
    let answer = json!({
        "Configuration": call.show(&resolved.revision, &resolved.version, name.qualifier.as_deref()),
        "Code": { "RepositoryType": "S3", "Location": location },
        "Tags": record.tags,
    });
    Ok(reply::json(StatusCode::OK, &answer))
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
    if name
        .qualifier
        .as_deref()
        .is_some_and(|qualifier| qualifier != LATEST)
    {
        return Err(Error::invalid(
            "Only the latest version of a function can be changed.",
        ));
    }
    let revision = call
        .resolve(&arn::FunctionName {
            name: name.name.clone(),
            qualifier: None,
        })
        .await?
        .revision;
    if expected.is_some_and(|expected| expected != revision.revision) {
        let text = "The RevisionId provided does not match the latest RevisionId. Call the GetFunction API to retrieve the latest RevisionId";
        return Err(Error::new(Exception::PreconditionFailed, text));
    }
    Ok(revision)
}

pub(super) async fn update_code(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let name = call.function(name)?;
    let request: CodeIn = call.json()?;
    let before = latest(call, &name, request.revision_id.as_deref()).await?;
    let code = store_code(call, request.zip_file).await?;
    let revision = new_revision(call, before.function, before.config, code);
    if !request.dry_run {
        call.app.handle.add_revision(revision.clone(), None).await?;
    }
    let version = published(call, request.publish && !request.dry_run, &revision, "").await?;
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
    let request: ConfigurationIn = call.json()?;
    let before = latest(call, &name, request.revision_id.as_deref()).await?;
    let revision = new_revision(
        call,
        before.function,
        request.change(before.config)?,
        before.code,
    );
    call.app.handle.add_revision(revision.clone(), None).await?;
    Ok(reply::json(
        StatusCode::OK,
        &call.show(&revision, LATEST, None),
    ))
}

pub(super) async fn delete(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let name = call.function(name)?;
    let handle = &call.app.handle;
    match name.qualifier.as_deref() {
        None => handle
            .delete_function(&name.name)
            .await
            .map_err(|error| call.of_function(error, &name))?,
        Some(LATEST) => {
            return Err(Error::invalid(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        Some(version) => {
            call.resolve(&name).await?;
            let Ok(version) = version.parse::<u32>() else {
                return Err(Error::invalid(
                    "A version is deleted by its number, not by an alias.",
                ));
            };
            let removed = handle.change_function(&name.name, |record| {
                record.versions.remove(&version);
                Ok(())
            });
            removed
                .await
                .map_err(|error| call.of_function(error, &name))?;
        }
    }
    Ok(reply::empty(StatusCode::NO_CONTENT))
}
