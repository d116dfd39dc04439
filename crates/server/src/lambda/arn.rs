//! Names of functions and executions in all the forms that AWS takes.

use everstep_core::ExecutionId;
use everstep_durable::FunctionArn;
use everstep_engine::ExecutionRow;

use super::errors::{Error, Exception};
use crate::Options;
use crate::errors::Code;

/// A function as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionName {
    pub name: String,
    /// `$LATEST`, a number or an alias.
    pub qualifier: Option<String>,
}

const FUNCTION_NAME_MAX: usize = 64;

impl FunctionName {
    /// Parses a name, a partial ARN (`ACCOUNT:function:NAME`, `function:NAME`) or an ARN, each with or without `:QUALIFIER`.
    ///
    /// # Errors
    /// The text names no function, or one of another account or region.
    pub(super) fn parse(text: &str, options: &Options) -> Result<Self, Error> {
        let mut parts: Vec<&str> = text.split(':').collect();
        if parts.first() == Some(&"arn") {
            let [_, _, service, region, account, ..] = parts[..] else {
                return Err(not_a_name(text));
            };
            if service != "lambda" {
                return Err(not_a_name(text));
            }
            if region != options.region || account != options.account {
                return Err(not_found(format!("Function not found: {text}")));
            }
            parts.drain(..5);
        } else if parts.len() > 2
            && parts
                .first()
                .is_some_and(|first| first.len() == 12 && first.bytes().all(|b| b.is_ascii_digit()))
        {
            if parts.first() != Some(&options.account.as_str()) {
                return Err(not_found(format!("Function not found: {text}")));
            }
            parts.drain(..1);
        }
        if parts.first() == Some(&"function") && parts.len() > 1 {
            parts.drain(..1);
        }
        let (name, qualifier) = match parts[..] {
            [name] => (name, None),
            [name, qualifier] => (name, Some(qualifier)),
            _ => return Err(not_a_name(text)),
        };
        if !is_word(name, FUNCTION_NAME_MAX)
            || qualifier.is_some_and(|qualifier| !is_qualifier(qualifier))
        {
            return Err(not_a_name(text));
        }
        Ok(Self {
            name: name.to_owned(),
            qualifier: qualifier.map(str::to_owned),
        })
    }

    /// With the qualifier of the query string, which must not say something else.
    pub(super) fn qualified_by(mut self, qualifier: Option<&str>) -> Result<Self, Error> {
        let Some(qualifier) = qualifier.filter(|qualifier| !qualifier.is_empty()) else {
            return Ok(self);
        };
        if !is_qualifier(qualifier) {
            return Err(Error::invalid(format!("Invalid qualifier: {qualifier}")));
        }
        if self
            .qualifier
            .as_deref()
            .is_some_and(|found| found != qualifier)
        {
            return Err(Error::invalid(
                "The derived qualifier from the function name does not match the specified qualifier.",
            ));
        }
        self.qualifier = Some(qualifier.to_owned());
        Ok(self)
    }
}

/// 1 to `max` characters of `[a-zA-Z0-9-_]`.
pub(crate) fn is_word(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_qualifier(text: &str) -> bool {
    text == "$LATEST" || is_word(text, 128)
}

fn not_a_name(text: &str) -> Error {
    Error::invalid(format!(
        "Value '{text}' at 'functionName' failed to satisfy constraint: it is neither a function's name nor an ARN"
    ))
}

pub(super) fn not_found(message: String) -> Error {
    Error::coded(Exception::ResourceNotFound, Code::UnknownFunction, message)
}

/// The ARN of a function's version.
pub(crate) fn function_arn(options: &Options, name: &str, version: &str) -> FunctionArn {
    FunctionArn {
        partition: "aws".to_owned(),
        region: options.region.clone(),
        account: options.account.clone(),
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

/// The ARN of a function as it was named: with a qualifier only if one was given.
pub(crate) fn named_arn(options: &Options, name: &str, qualifier: Option<&str>) -> String {
    let arn = function_arn(options, name, qualifier.unwrap_or_default());
    match qualifier {
        Some(_) => arn.qualified(),
        None => arn.unqualified(),
    }
}

pub(crate) fn execution_arn(options: &Options, row: &ExecutionRow) -> String {
    function_arn(options, &row.definition, &row.version).execution(&row.name, row.id)
}

/// The execution that an ARN names. Its last segment alone leads to it; the rest only has to look like an ARN.
pub(super) fn execution_id(arn: &str) -> Result<ExecutionId, Error> {
    let looks_right =
        arn.starts_with("arn:") && arn.contains(":lambda:") && arn.contains("/durable-execution/");
    let id = arn.rsplit_once('/').map_or("", |(_, id)| id);
    match id.parse() {
        Ok(id) if looks_right => Ok(id),
        Ok(_) | Err(_) => Err(unknown_execution(arn)),
    }
}

pub(super) fn unknown_execution(arn: &str) -> Error {
    Error::coded(
        Exception::ResourceNotFound,
        Code::UnknownExecution,
        format!("Durable execution not found: {arn}"),
    )
}

#[cfg(test)]
mod tests;
