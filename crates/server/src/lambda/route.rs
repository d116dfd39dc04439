//! Which operation a method and a raw path name.

mod table;

use hyper::Method;
use hyper::header::HeaderMap;

use super::errors::{Error, Exception};
use crate::errors::Code;
use crate::{Limits, query};

/// The operations that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    CheckpointDurableExecution,
    GetDurableExecutionState,
    GetDurableExecution,
    GetDurableExecutionHistory,
    StopDurableExecution,
    PauseDurableExecution,
    ResumeDurableExecution,
    DeleteDurableExecution,
    ListDurableExecutionsByFunction,
    SendDurableExecutionCallbackSuccess,
    SendDurableExecutionCallbackFailure,
    SendDurableExecutionCallbackHeartbeat,
    Invoke,
    InvokeWithResponseStream,
    InvokeAsync,
    CreateFunction,
    ListFunctions,
    GetFunction,
    DeleteFunction,
    GetFunctionConfiguration,
    UpdateFunctionConfiguration,
    UpdateFunctionCode,
    PublishVersion,
    ListVersionsByFunction,
    CreateAlias,
    ListAliases,
    GetAlias,
    UpdateAlias,
    DeleteAlias,
    AddPermission,
    GetPolicy,
    RemovePermission,
    PutFunctionConcurrency,
    GetFunctionConcurrency,
    DeleteFunctionConcurrency,
    PutProvisionedConcurrencyConfig,
    GetProvisionedConcurrencyConfig,
    DeleteProvisionedConcurrencyConfig,
    PutFunctionEventInvokeConfig,
    UpdateFunctionEventInvokeConfig,
    GetFunctionEventInvokeConfig,
    DeleteFunctionEventInvokeConfig,
    ListFunctionEventInvokeConfigs,
    CreateFunctionUrlConfig,
    GetFunctionUrlConfig,
    UpdateFunctionUrlConfig,
    DeleteFunctionUrlConfig,
    ListFunctionUrlConfigs,
    TagResource,
    UntagResource,
    ListTags,
    PublishLayerVersion,
    ListLayers,
    ListLayerVersions,
    GetLayerVersion,
    DeleteLayerVersion,
    AddLayerVersionPermission,
    GetLayerVersionPolicy,
    RemoveLayerVersionPermission,
    GetAccountSettings,
    PutFunctionRecursionConfig,
    GetFunctionRecursionConfig,
    PutRuntimeManagementConfig,
    GetRuntimeManagementConfig,
    GetFunctionCodeSigningConfig,
    ListEventSourceMappings,
    /// Known by this name, and refused.
    Unserved(&'static str),
}

impl Operation {
    /// AWS's name of it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Unserved(name) => name.to_owned(),
            other => format!("{other:?}"),
        }
    }

    pub(super) fn body_bytes_max(self, limits: &Limits, headers: &HeaderMap) -> usize {
        match self {
            Self::Invoke if super::invoke::is_event(headers) => limits.event_bytes_max,
            Self::InvokeAsync => limits.event_bytes_max,
            Self::Invoke | Self::InvokeWithResponseStream => limits.invoke_bytes_max,
            Self::CreateFunction | Self::UpdateFunctionCode | Self::PublishLayerVersion => {
                limits.code_bytes_max
            }
            Self::SendDurableExecutionCallbackSuccess => limits.callback_bytes_max,
            _ => limits.body_bytes_max,
        }
    }
}

/// What the path names: a function, an execution's ARN, a callback, a layer, decoded; and behind it an alias, a version, a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    pub first: String,
    pub second: String,
    pub third: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub operation: Operation,
    pub name: Name,
}

const EXECUTIONS: &str = "/2025-12-01/durable-executions/";
const CALLBACKS: &str = "/2025-12-01/durable-execution-callbacks/";

pub(super) fn find(method: &Method, path: &str) -> Result<Target, Error> {
    let found = if let Some(rest) = path.strip_prefix(EXECUTIONS) {
        execution(method, rest)
    } else if let Some(rest) = path.strip_prefix(CALLBACKS) {
        callback(method, rest)
    } else {
        table::find(method.as_str(), path)
    };
    let (operation, [first, second, third]) = found.ok_or_else(|| unknown(method, path))?;
    let decoded = |part: &str| {
        query::decode(part)
            .ok_or_else(|| Error::new(Exception::InvalidParameterValue, "The path is not UTF-8"))
    };
    Ok(Target {
        operation,
        name: Name {
            first: decoded(first)?,
            second: decoded(second)?,
            third: decoded(third)?,
        },
    })
}

type Found<'a> = Option<(Operation, [&'a str; 3])>;

/// `ARN` or `ARN/VERB`; the ARN's own slashes may be plain.
fn execution<'a>(method: &Method, rest: &'a str) -> Found<'a> {
    let (arn, verb) = rest.rsplit_once('/').unwrap_or((rest, ""));
    let operation = match (method.as_str(), verb) {
        ("POST", "checkpoint") => Operation::CheckpointDurableExecution,
        ("GET", "state") => Operation::GetDurableExecutionState,
        ("GET", "history") => Operation::GetDurableExecutionHistory,
        ("POST", "stop") => Operation::StopDurableExecution,
        ("POST", "pause") => Operation::PauseDurableExecution,
        ("POST", "resume") => Operation::ResumeDurableExecution,
        ("GET" | "DELETE", _) if !rest.is_empty() => {
            let operation = if method == Method::GET {
                Operation::GetDurableExecution
            } else {
                Operation::DeleteDurableExecution
            };
            return Some((operation, [rest.trim_end_matches('/'), "", ""]));
        }
        _ => return None,
    };
    Some((operation, [arn, "", ""]))
}

/// `ID/VERB`; the id is base64, whose slashes may be plain.
fn callback<'a>(method: &Method, rest: &'a str) -> Found<'a> {
    let (id, verb) = rest.rsplit_once('/')?;
    let operation = match verb {
        _ if method != Method::POST => return None,
        "succeed" => Operation::SendDurableExecutionCallbackSuccess,
        "fail" => Operation::SendDurableExecutionCallbackFailure,
        "heartbeat" => Operation::SendDurableExecutionCallbackHeartbeat,
        _ => return None,
    };
    Some((operation, [id, "", ""]))
}

/// Never a 5xx: SDKs would try it again.
fn unknown(method: &Method, path: &str) -> Error {
    // What stands behind the fixed part of a path may be a secret.
    let shown: String = path.split('/').take(3).collect::<Vec<_>>().join("/");
    let mut error = Error::new(
        Exception::UnknownOperation,
        format!("Everstep has no operation {method} {shown}/…"),
    );
    error.code = Code::UnknownRoute;
    error
}

#[cfg(test)]
mod tests;
