//! Names of functions and executions in all the forms that AWS takes.

use everstep_core::ExecutionId;
use everstep_durable::FunctionArn;
use everstep_engine::ExecutionRow;
use everstep_engine::catalogue::NotAFunctionName;
pub(crate) use everstep_engine::catalogue::{FunctionName, is_word};

use super::errors::{Error, Exception};
use crate::Options;
use crate::errors::Code;

/// The function that a text names.
///
/// # Errors
/// The text names no function, or one of another account or region.
pub(super) fn function_name(text: &str, options: &Options) -> Result<FunctionName, Error> {
    FunctionName::parse(text, &options.region, &options.account).map_err(|why| match why {
        NotAFunctionName::Elsewhere => not_found(format!("Function not found: {text}")),
        NotAFunctionName::Malformed | NotAFunctionName::Contradicted => not_a_name(text),
    })
}

/// A name with the qualifier of the query string, which must not say something else.
pub(super) fn qualified_by(
    name: FunctionName,
    qualifier: Option<&str>,
) -> Result<FunctionName, Error> {
    name.qualified_by(qualifier).map_err(|why| match why {
        NotAFunctionName::Contradicted => Error::invalid(
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
        NotAFunctionName::Malformed | NotAFunctionName::Elsewhere => Error::invalid(format!(
            "Invalid qualifier: {}",
            qualifier.unwrap_or_default()
        )),
    })
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
