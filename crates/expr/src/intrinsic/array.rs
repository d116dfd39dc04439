//! Functions of arrays.

use super::call::Arguments;
use super::{Failure, RANGE_ITEMS_MAX, Reason, json};
use crate::expression::Scope;
use crate::json::Value;
use crate::path::has;
use crate::work::Work;
use std::collections::BTreeSet;

pub(super) fn array(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    _: &mut Work,
) -> Result<Value, Failure> {
    Ok(arguments.values().to_vec().into())
}

pub(super) fn contains(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    work: &mut Work,
) -> Result<Value, Failure> {
    let [array, wanted] = arguments.take("2")?;
    arguments.array(1, array)?;
    let found = has(array, wanted, work);
    found
        .map(Value::from)
        .map_err(|used_up| arguments.used_up(used_up))
}

/// The index loses its fraction. An empty array gives null for every index, as the service does.
pub(super) fn get_item(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    _: &mut Work,
) -> Result<Value, Failure> {
    let [array, index] = arguments.take("2")?;
    let array = arguments.array(1, array)?;
    let index = arguments.truncated(2, index)?;
    if array.is_empty() {
        return Ok(Value::Null);
    }
    let item = usize::try_from(index)
        .ok()
        .and_then(|index| array.get(index));
    item.cloned().ok_or_else(|| {
        arguments.failure(Reason::Index {
            index,
            length: array.len(),
        })
    })
}

pub(super) fn length(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    _: &mut Work,
) -> Result<Value, Failure> {
    let [array] = arguments.take("1")?;
    let length = arguments.array(1, array)?.len();
    i64::try_from(length)
        .map(Value::from)
        .map_err(|_| arguments.failure(Reason::Range(length.to_string())))
}

pub(super) fn partition(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    _: &mut Work,
) -> Result<Value, Failure> {
    let [array, size] = arguments.take("2")?;
    let array = arguments.array(1, array)?;
    let size = arguments.truncated(2, size)?;
    match usize::try_from(size) {
        Ok(size) if size > 0 => {
            let chunks = array.chunks(size).map(|chunk| Value::from(chunk.to_vec()));
            Ok(Vec::from_iter(chunks).into())
        }
        _ => Err(arguments.failure(Reason::Range(size.to_string()))),
    }
}

/// From the first number to the second, both included, in steps of the third.
pub(super) fn range(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    _: &mut Work,
) -> Result<Value, Failure> {
    let [first, last, step] = arguments.take("3")?;
    let first = i128::from(arguments.truncated(1, first)?);
    let last = i128::from(arguments.truncated(2, last)?);
    let step = i128::from(arguments.truncated(3, step)?);
    if step == 0 {
        return Err(arguments.failure(Reason::Range(step.to_string())));
    }
    let steps = (last - first) / step;
    if (last - first) * step.signum() < 0 {
        return Ok(Vec::new().into());
    }
    match usize::try_from(steps) {
        Ok(steps) if steps < RANGE_ITEMS_MAX => {}
        _ => return Err(arguments.failure(Reason::Items(RANGE_ITEMS_MAX))),
    }
    let items = (0..=steps).filter_map(|n| i64::try_from(first + n * step).ok());
    Ok(Vec::from_iter(items.map(Value::from)).into())
}

/// The first of every group of equal items.
pub(super) fn unique(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    work: &mut Work,
) -> Result<Value, Failure> {
    let [value] = arguments.take("1")?;
    let array = arguments.array(1, value)?;
    json::check_text(arguments, value, work)?;
    let mut seen = BTreeSet::new();
    let first = array.iter().filter(|item| seen.insert(identity(item)));
    Ok(Vec::from_iter(first.cloned()).into())
}

/// One text for all values that are equal.
fn identity(value: &Value) -> String {
    let mut out = String::new();
    write_identity(value, &mut out);
    out
}

fn write_identity(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => out.push_str(&number.canonical()),
        Value::Array(items) => {
            out.push('[');
            for item in items.iter() {
                write_identity(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (key, member) in members {
                Value::from(key.clone()).write(out);
                out.push(':');
                write_identity(member, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.write(out),
    }
}
