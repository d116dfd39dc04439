//! What may stand at the end of a path: `length()` and its like.

use crate::json::{Number, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Length,
    Min,
    Max,
    Avg,
    Sum,
    Keys,
}

impl Function {
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "length" => Self::Length,
            "min" => Self::Min,
            "max" => Self::Max,
            "avg" => Self::Avg,
            "sum" => Self::Sum,
            "keys" => Self::Keys,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Keys => "keys",
        }
    }

    /// `None` if there are no numbers to aggregate.
    pub fn apply(self, value: &Value) -> Option<Value> {
        match self {
            Self::Length => Some(length(value)),
            Self::Keys => Some(keys(value)),
            Self::Min => numbers(value).min().cloned().map(Value::Number),
            Self::Max => numbers(value).max().cloned().map(Value::Number),
            Self::Sum => {
                numbers(value).next()?;
                float(numbers(value).map(Number::as_f64).sum())
            }
            Self::Avg => {
                let count = numbers(value).count();
                let sum: f64 = numbers(value).map(Number::as_f64).sum();
                // No array in memory has so many items that the count is not exact.
                float(sum / count as f64)
            }
        }
    }
}

fn numbers(value: &Value) -> impl Iterator<Item = &Number> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_number)
}

fn float(value: f64) -> Option<Value> {
    Number::from_f64(value).map(Value::Number)
}

/// Only what has parts has a length.
fn length(value: &Value) -> Value {
    let length = match value {
        Value::Array(items) => items.len(),
        Value::Object(map) => map.len(),
        _ => return Value::Null,
    };
    i64::try_from(length).map_or(Value::Null, Value::from)
}

fn keys(value: &Value) -> Value {
    match value {
        Value::Object(map) => Vec::from_iter(map.keys().cloned().map(Value::from)).into(),
        _ => Value::Null,
    }
}
