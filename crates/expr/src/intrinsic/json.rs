//! JSON as text, and objects put together.

use super::call::Arguments;
use super::{Failure, Reason, TEXT_BYTES_MAX};
use crate::expression::Scope;
use crate::json::Value;
use crate::work::Work;

/// Nothing but white space is null.
pub(super) fn of_string(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    work: &mut Work,
) -> Result<Value, Failure> {
    let [text] = arguments.take("1")?;
    let text = arguments.text(1, text)?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    arguments.charge_text(text.len(), work)?;
    Value::parse(text).map_err(|error| arguments.failure(Reason::Json(error)))
}

pub(super) fn to_string(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    work: &mut Work,
) -> Result<Value, Failure> {
    let [value] = arguments.take("1")?;
    check_text(arguments, value, work)?;
    Ok(value.to_text().into())
}

/// Only `true` asks for a deep merge, which the service does not have.
pub(super) fn merge(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    work: &mut Work,
) -> Result<Value, Failure> {
    let [first, second, deep] = arguments.take("3")?;
    if *deep == Value::Bool(true) {
        return Err(arguments.failure(Reason::DeepMerge));
    }
    let (first, second) = (arguments.object(1, first)?, arguments.object(2, second)?);
    let members = first.len() + second.len();
    work.charge(members)
        .map_err(|used_up| arguments.used_up(used_up))?;
    let mut merged = first.clone();
    for (key, value) in second.iter() {
        merged.insert(key.clone(), value.clone());
    }
    Ok(merged.into())
}

/// Refuses values whose text would be too long before it is built, and pays for it.
pub(super) fn check_text(
    arguments: &Arguments<'_>,
    value: &Value,
    work: &mut Work,
) -> Result<(), Failure> {
    match value.len_within(TEXT_BYTES_MAX) {
        Some(bytes) => arguments.charge_text(bytes, work),
        None => Err(arguments.failure(Reason::Bytes(TEXT_BYTES_MAX))),
    }
}
