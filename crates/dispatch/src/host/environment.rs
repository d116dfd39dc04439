//! The variables a worker sees: those of the Lambda runtimes, the function's own, and nothing else of the server's.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use everstep_core::ExecutionId;

use super::function::{FunctionSpec, LogFormat, Runtime};
use super::options::HostOptions;

/// Names that the function's own environment cannot replace: without them the process is not a worker of this host.
pub const RESERVED: [&str; 6] = [
    "AWS_LAMBDA_RUNTIME_API",
    "_HANDLER",
    "LAMBDA_TASK_ROOT",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
];

/// What of the server's environment a worker inherits.
const INHERITED: [&str; 3] = ["PATH", "LANG", "TZ"];

/// With one of these the user has chosen where credentials come from, and ours would be in the way.
const CREDENTIAL_SOURCES: [&str; 8] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// Access keys of one worker; valid as long as the worker lives.
#[derive(Clone, PartialEq, Eq)]
pub struct WorkerCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    /// The same right for plain HTTP: `ACCESS_KEY_ID.SECRET`, its secret another one than that of the signatures.
    pub token: String,
    /// Qualified ARN of the function that the worker runs.
    pub function_arn: String,
    /// Executions whose invocations the worker holds now; a plain call belongs to none. Never the same one twice at once.
    pub executions: Vec<ExecutionId>,
}

/// Secrets stay out of every log.
impl fmt::Debug for WorkerCredentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("WorkerCredentials")
            .field("access_key_id", &self.access_key_id)
            .field("function_arn", &self.function_arn)
            .field("executions", &self.executions)
            .finish_non_exhaustive()
    }
}

impl WorkerCredentials {
    pub(super) fn random(function_arn: &str) -> WorkerCredentials {
        let key = uuid::Uuid::new_v4().simple().to_string().to_uppercase();
        let access_key_id = format!("EVWK{}", key.get(..16).unwrap_or(&key));
        WorkerCredentials {
            secret_access_key: secret(),
            token: format!("{access_key_id}.{}", secret()),
            access_key_id,
            function_arn: function_arn.to_owned(),
            executions: Vec::new(),
        }
    }
}

/// 244 random bits.
fn secret() -> String {
    format!(
        "{}{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    )
}

/// What is particular to one worker.
pub(super) struct Place<'a> {
    pub runtime_api: SocketAddr,
    /// Home; `tmp` in it is the temporary folder.
    pub home: &'a Path,
    pub credentials: &'a WorkerCredentials,
    pub log_stream: &'a str,
    /// Folder of the bundled bootstraps.
    pub runtime_dir: &'a Path,
}

/// The whole environment of a worker. `server` looks a variable of the server up.
pub(super) fn variables(
    spec: &FunctionSpec,
    options: &HostOptions,
    place: &Place<'_>,
    server: impl Fn(&str) -> Option<OsString>,
) -> BTreeMap<String, OsString> {
    let mut all = BTreeMap::new();
    all.insert("LANG".to_owned(), OsString::from("C.UTF-8"));
    all.insert("TZ".to_owned(), OsString::from(":UTC"));
    for name in INHERITED {
        if let Some(value) = server(name) {
            all.insert(name.to_owned(), value);
        }
    }
    all.insert("HOME".to_owned(), place.home.into());
    all.insert("TMPDIR".to_owned(), place.home.join("tmp").into());
    for (name, value) in lambda_variables(spec, options, place) {
        all.insert(name.to_owned(), value);
    }
    let has = |name: &&str| spec.environment.contains_key(*name);
    for service in ["LAMBDA", "SFN"] {
        let endpoint = options.endpoint.clone().into();
        all.insert(format!("AWS_ENDPOINT_URL_{service}"), endpoint);
    }
    if !CREDENTIAL_SOURCES.iter().any(has) {
        let keys = place.credentials;
        all.insert(
            "AWS_ACCESS_KEY_ID".to_owned(),
            keys.access_key_id.clone().into(),
        );
        all.insert(
            "AWS_SECRET_ACCESS_KEY".to_owned(),
            keys.secret_access_key.clone().into(),
        );
    }
    all.insert(
        "EVERSTEP_WORKER_TOKEN".to_owned(),
        place.credentials.token.clone().into(),
    );
    let concurrency = spec.concurrency_per_worker();
    if concurrency > 1 {
        all.insert(
            "AWS_LAMBDA_MAX_CONCURRENCY".to_owned(),
            concurrency.to_string().into(),
        );
    }
    for (name, value) in &spec.environment {
        if !RESERVED.contains(&name.as_str()) {
            all.insert(name.clone(), value.into());
        }
    }
    if spec.runtime == Runtime::Python {
        all.insert("PYTHONPATH".to_owned(), python_path(spec, options));
    }
    if let Some(layers) = &spec.layers {
        add_layers(&mut all, layers);
    }
    all
}

/// What AWS's runtimes find below `/opt`.
fn add_layers(all: &mut BTreeMap<String, OsString>, layers: &Path) {
    all.insert("EVERSTEP_LAYERS".to_owned(), layers.into());
    for (name, folder) in [
        ("PATH", "bin"),
        ("LD_LIBRARY_PATH", "lib"),
        ("NODE_PATH", "nodejs/node_modules"),
    ] {
        let folder = layers.join(folder);
        if !folder.is_dir() {
            continue;
        }
        let before = all.get(name).cloned().unwrap_or_default();
        let before = std::env::split_paths(&before).filter(|path| !path.as_os_str().is_empty());
        let joined = std::env::join_paths(std::iter::once(folder).chain(before));
        if let Ok(joined) = joined {
            all.insert(name.to_owned(), joined);
        }
    }
}

/// The folders of a layer that Python looks into.
fn python_folders(layers: &Path) -> Vec<PathBuf> {
    let python = layers.join("python");
    let versions = std::fs::read_dir(python.join("lib")).into_iter().flatten();
    let mut found: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("site-packages")))
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found.insert(0, python);
    found.retain(|path| path.is_dir());
    found
}

fn lambda_variables(
    spec: &FunctionSpec,
    options: &HostOptions,
    place: &Place<'_>,
) -> Vec<(&'static str, OsString)> {
    let mut all: Vec<(&'static str, OsString)> = vec![
        (
            "AWS_LAMBDA_RUNTIME_API",
            place.runtime_api.to_string().into(),
        ),
        ("_HANDLER", spec.handler.clone().into()),
        ("LAMBDA_TASK_ROOT", spec.code.clone().into()),
        ("LAMBDA_RUNTIME_DIR", place.runtime_dir.into()),
        ("AWS_LAMBDA_FUNCTION_NAME", spec.name.clone().into()),
        ("AWS_LAMBDA_FUNCTION_VERSION", spec.version.clone().into()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            spec.memory_mb.to_string().into(),
        ),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{}", spec.name).into(),
        ),
        ("AWS_LAMBDA_LOG_STREAM_NAME", place.log_stream.into()),
        ("AWS_LAMBDA_LOG_FORMAT", spec.log_format.as_str().into()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".into()),
        ("AWS_REGION", options.region.clone().into()),
        ("AWS_DEFAULT_REGION", options.region.clone().into()),
    ];
    if spec.log_format == LogFormat::Json {
        all.push(("AWS_LAMBDA_LOG_LEVEL", "INFO".into()));
    }
    all
}

/// Code directory, its `python` folder (the layout of layers), the user's own value, the host's extra folders.
fn python_path(spec: &FunctionSpec, options: &HostOptions) -> OsString {
    let mut folders: Vec<PathBuf> = vec![spec.code.clone()];
    let layer = spec.code.join("python");
    if layer.is_dir() {
        folders.push(layer);
    }
    if let Some(layers) = &spec.layers {
        folders.extend(python_folders(layers));
    }
    if let Some(own) = spec.environment.get("PYTHONPATH") {
        folders.extend(std::env::split_paths(own));
    }
    folders.extend(options.python_path.iter().cloned());
    // A folder with ':' in its name cannot be expressed; the code directory alone then has to do, it is the working directory anyway.
    std::env::join_paths(folders).unwrap_or_default()
}

#[cfg(test)]
#[path = "environment/tests.rs"]
mod tests;
