//! Values that the definition holds, or tells where to find.

use std::sync::Arc;

use everstep_expr::expression::Expression;
use everstep_expr::json::Value;
use everstep_expr::jsonata::{Expected, Program};

use super::environment::{Environment, Paths, Queries};
use super::fault::Fault;
use crate::definition::Setting;

/// `TimeoutSeconds` or `HeartbeatSeconds`, with their `Path` forms.
///
/// # Errors
/// A path or program without a value, or one that is no positive integer.
pub fn seconds(
    setting: &Setting<u64>,
    field: &str,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<u64, Fault> {
    match setting {
        Setting::Fixed(seconds) => Ok(*seconds),
        Setting::Path(path) => {
            let value = find(path, input, environment)?;
            let number = whole(&value).ok_or_else(|| not_a_long(field, path, &value))?;
            match u64::try_from(number) {
                Ok(seconds) if seconds > 0 => Ok(seconds),
                _ => Err(Fault::runtime(format!(
                    "The {field}Path parameter references a value that is not positive: {path} == {value}"
                ))),
            }
        }
        Setting::Jsonata(program) => {
            let value = ask(program, field, Expected::Number, input, environment)?;
            let seconds = value.as_i64().and_then(|number| u64::try_from(number).ok());
            seconds
                .filter(|seconds| *seconds > 0)
                .ok_or_else(|| Fault::Query {
                    detail: format!(
                        "The {field} field must be a positive integer but was: {value}"
                    ),
                    location: Some(field.to_owned()),
                })
        }
    }
}

/// `Error` or `Cause` of a Fail state, with their `Path` forms.
///
/// # Errors
/// A path or program without a value, or one that is no string.
pub fn text(
    setting: &Setting<Arc<str>>,
    field: &str,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Arc<str>, Fault> {
    match setting {
        Setting::Fixed(text) => Ok(text.clone()),
        Setting::Path(path) => {
            let field = format!("{field}Path");
            let mut scope = Paths { input, environment };
            match path.evaluate(&mut scope) {
                Ok(Value::String(text)) => Ok(text),
                Ok(value) => Err(Fault::runtime(format!(
                    "The {field} parameter does not reference a string: {path} == {value}"
                ))),
                Err(error) => Err(Fault::of_field(&error, &field, &scope)),
            }
        }
        Setting::Jsonata(program) => {
            match ask(program, field, Expected::String, input, environment)? {
                Value::String(text) => Ok(text),
                value => Ok(value.to_text().into()),
            }
        }
    }
}

/// What a path of a field finds.
pub(super) fn find(
    path: &Expression,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Value, Fault> {
    let mut scope = Paths { input, environment };
    path.evaluate(&mut scope)
        .map_err(|error| Fault::runtime(error.to_string()))
}

/// What a program of a field says, which must be of that type.
pub(super) fn ask(
    program: &Program,
    field: &str,
    expected: Expected,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Value, Fault> {
    let limits = *environment.limits();
    let mut scope = Queries {
        input,
        result: None,
        error_output: None,
        environment,
    };
    program
        .evaluate(&mut scope, &limits)
        .and_then(|value| expected.check(value))
        .map_err(|error| Fault::Query {
            detail: error.cause(program.text(), field),
            location: Some(field.to_owned()),
        })
}

/// An integer, written as one.
pub(super) fn whole(value: &Value) -> Option<i64> {
    value
        .as_number()
        .filter(|number| number.is_integer())
        .and_then(|number| number.as_i64())
}

pub(super) fn not_a_long(field: &str, path: &Expression, value: &Value) -> Fault {
    Fault::runtime(format!(
        "The {field}Path parameter cannot be parsed as a long value: {path} == {value}"
    ))
}
