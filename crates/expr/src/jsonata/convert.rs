//! Between our values and the library's.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use jsonata_core::value::JValue;

use super::error::EvaluationError;
use super::references::Wanted;
use crate::json::{DEPTH_MAX, Map, Number, Value};

/// What one evaluation reads, and how to find it again in the result: parts that a program only passes on are shared, not copied, so that
/// their numbers keep all digits.
#[derive(Default)]
pub(super) struct Input {
    /// Where the library's copy of an array or object is in memory. `held` keeps it there.
    origins: BTreeMap<usize, Value>,
    held: Vec<JValue>,
}

impl Input {
    pub(super) fn read(&mut self, value: &Value, wanted: &Wanted) -> JValue {
        match (value, wanted) {
            (Value::Object(map), Wanted::Members(members)) => {
                let read = members.iter().filter_map(|(key, wanted)| {
                    let member = self.read(map.get(key)?, wanted);
                    Some((key.to_string(), member))
                });
                JValue::object(read.collect())
            }
            _ => {
                let copy = self.copy(value);
                self.held.push(copy.clone());
                copy
            }
        }
    }

    fn copy(&mut self, value: &Value) -> JValue {
        let copy = match value {
            Value::Array(items) => {
                JValue::array(items.iter().map(|item| self.copy(item)).collect())
            }
            Value::Object(map) => {
                let members = map
                    .iter()
                    .map(|(key, value)| (key.to_string(), self.copy(value)));
                JValue::object(members.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return to_library(value);
            }
        };
        self.origins
            .extend(address(&copy).map(|address| (address, value.clone())));
        copy
    }

    fn origin(&self, copy: &JValue) -> Option<&Value> {
        self.origins.get(&address(copy)?)
    }
}

fn address(value: &JValue) -> Option<usize> {
    match value {
        JValue::Array(items) => Some(std::ptr::from_ref::<Vec<JValue>>(items).addr()),
        JValue::Object(members) => {
            Some(std::ptr::from_ref::<IndexMap<String, JValue>>(members).addr())
        }
        _ => None,
    }
}

pub(super) fn to_library(value: &Value) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(value) => JValue::Bool(*value),
        Value::Number(number) => JValue::Number(number.as_f64()),
        Value::String(text) => JValue::string(&**text),
        Value::Array(items) => JValue::array(items.iter().map(to_library).collect()),
        Value::Object(map) => {
            let members = map
                .iter()
                .map(|(key, value)| (key.to_string(), to_library(value)));
            JValue::object(members.collect())
        }
    }
}

pub(super) fn object(members: impl IntoIterator<Item = (String, JValue)>) -> JValue {
    JValue::object(IndexMap::from_iter(members))
}

/// The program's result. A value built of shared parts can be far larger than the memory it takes, so `bytes` limits its text.
pub(super) fn from_library(
    value: &JValue,
    input: &Input,
    bytes: usize,
) -> Result<Value, EvaluationError> {
    let mut output = Output {
        input,
        bytes_left: bytes,
    };
    output.value(value, 0)
}

struct Output<'a> {
    input: &'a Input,
    bytes_left: usize,
}

impl Output<'_> {
    fn value(&mut self, value: &JValue, depth: usize) -> Result<Value, EvaluationError> {
        let origin = self.input.origin(value);
        if depth + origin.map_or(0, Value::depth) > DEPTH_MAX {
            return Err(EvaluationError::thrown(format!(
                "The result is nested deeper than {DEPTH_MAX} levels"
            )));
        }
        self.spend(1)?;
        if let Some(origin) = origin {
            self.spend(origin.len_utf8())?;
            return Ok(origin.clone());
        }
        Ok(match value {
            JValue::Null => Value::Null,
            JValue::Bool(value) => Value::Bool(*value),
            JValue::Number(number) => Number::from_f64(*number)
                .ok_or(EvaluationError::UnsupportedResult)?
                .into(),
            JValue::String(text) => {
                self.spend(text.len())?;
                Value::String(Arc::from(&**text))
            }
            JValue::Array(items) => {
                let items: Result<Vec<_>, _> = items
                    .iter()
                    .map(|item| self.value(item, depth + 1))
                    .collect();
                items?.into()
            }
            JValue::Object(members) => {
                let mut map = Map::with_capacity(members.len());
                for (key, member) in members.iter().filter(|(_, member)| !member.is_undefined()) {
                    self.spend(key.len())?;
                    map.insert(key.as_str(), self.value(member, depth + 1)?);
                }
                map.into()
            }
            JValue::Undefined => return Err(EvaluationError::Undefined),
            JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => {
                return Err(EvaluationError::UnsupportedResult);
            }
        })
    }

    fn spend(&mut self, bytes: usize) -> Result<(), EvaluationError> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or_else(|| EvaluationError::thrown("The result is too large"))?;
        Ok(())
    }
}
