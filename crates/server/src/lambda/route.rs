//! Which operation a method and a raw path name.

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
    CreateFunction,
    ListFunctions,
    GetFunction,
    GetFunctionConfiguration,
    UpdateFunctionCode,
    UpdateFunctionConfiguration,
    DeleteFunction,
    PublishVersion,
    ListVersionsByFunction,
    CreateAlias,
    ListAliases,
    GetAlias,
    UpdateAlias,
    DeleteAlias,
}

impl Operation {
    pub(super) fn body_bytes_max(self, limits: &Limits, headers: &HeaderMap) -> usize {
        match self {
            Self::Invoke if super::invoke::is_event(headers) => limits.event_bytes_max,
            Self::Invoke => limits.invoke_bytes_max,
            Self::CreateFunction | Self::UpdateFunctionCode => limits.code_bytes_max,
            Self::SendDurableExecutionCallbackSuccess => limits.callback_bytes_max,
            _ => limits.body_bytes_max,
        }
    }
}

/// What the path names: a function, an execution's ARN or a callback, decoded, and behind a function perhaps an alias.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    pub first: String,
    pub second: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub operation: Operation,
    pub name: Name,
}

const EXECUTIONS: &str = "/2025-12-01/durable-executions/";
const CALLBACKS: &str = "/2025-12-01/durable-execution-callbacks/";
const FUNCTIONS: &str = "/2015-03-31/functions";
const FUNCTION_EXECUTIONS: &str = "/2025-12-01/functions/";

pub(super) fn find(method: &Method, path: &str) -> Result<Target, Error> {
    let found = if let Some(rest) = path.strip_prefix(EXECUTIONS) {
        execution(method, rest)
    } else if let Some(rest) = path.strip_prefix(CALLBACKS) {
        callback(method, rest)
    } else if let Some(rest) = path.strip_prefix(FUNCTIONS) {
        function(method, rest)
    } else if let Some(rest) = path.strip_prefix(FUNCTION_EXECUTIONS) {
        function_executions(method, rest)
    } else {
        None
    };
    let (operation, first, second) = found.ok_or_else(|| unknown(method, path))?;
    let decoded = |part: &str| {
        query::decode(part)
            .ok_or_else(|| Error::new(Exception::InvalidParameterValue, "The path is not UTF-8"))
    };
    Ok(Target {
        operation,
        name: Name {
            first: decoded(first)?,
            second: decoded(second)?,
        },
    })
}

type Found<'a> = Option<(Operation, &'a str, &'a str)>;

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
            return Some((operation, rest.trim_end_matches('/'), ""));
        }
        _ => return None,
    };
    Some((operation, arn, ""))
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
    Some((operation, id, ""))
}

fn function<'a>(method: &Method, rest: &'a str) -> Found<'a> {
    let rest = match rest.strip_prefix('/') {
        Some(rest) => rest.trim_end_matches('/'),
        None if rest.is_empty() => rest,
        None => return None,
    };
    let mut parts = rest.split('/');
    let name = parts.next().unwrap_or_default();
    let (part, last, more) = (parts.next(), parts.next(), parts.next());
    if more.is_some() {
        return None;
    }
    let operation = match (method.as_str(), name, part, last) {
        ("POST", "", None, None) => Operation::CreateFunction,
        ("GET", "", None, None) => Operation::ListFunctions,
        (_, "", _, _) => return None,
        ("GET", _, None, None) => Operation::GetFunction,
        ("DELETE", _, None, None) => Operation::DeleteFunction,
        ("POST", _, Some("invocations"), None) => Operation::Invoke,
        ("GET", _, Some("configuration"), None) => Operation::GetFunctionConfiguration,
        ("PUT", _, Some("configuration"), None) => Operation::UpdateFunctionConfiguration,
        ("PUT", _, Some("code"), None) => Operation::UpdateFunctionCode,
        ("POST", _, Some("versions"), None) => Operation::PublishVersion,
        ("GET", _, Some("versions"), None) => Operation::ListVersionsByFunction,
        ("POST", _, Some("aliases"), None) => Operation::CreateAlias,
        ("GET", _, Some("aliases"), None) => Operation::ListAliases,
        ("GET", _, Some("aliases"), Some(_)) => Operation::GetAlias,
        ("PUT", _, Some("aliases"), Some(_)) => Operation::UpdateAlias,
        ("DELETE", _, Some("aliases"), Some(_)) => Operation::DeleteAlias,
        _ => return None,
    };
    Some((operation, name, last.unwrap_or_default()))
}

fn function_executions<'a>(method: &Method, rest: &'a str) -> Found<'a> {
    let (name, verb) = rest.split_once('/')?;
    let matches = method == Method::GET && verb == "durable-executions";
    matches.then_some((Operation::ListDurableExecutionsByFunction, name, ""))
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
