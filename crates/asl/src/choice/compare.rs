//! Comparisons of values of one type.

use std::cmp::Ordering;
use std::sync::Arc;

use everstep_expr::expression::{Expression, Scope};
use everstep_expr::json::{Number, Value};

use super::{Error, found};
use crate::timestamp::Instant;

/// A relation and the value on its other side.
#[derive(Debug)]
pub struct Comparison {
    /// How the two must stand to each other.
    pub relation: Relation,
    /// The other value.
    pub operand: Operand,
}

/// How two values stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They are equal.
    Equals,
    /// The first is less.
    LessThan,
    /// The first is greater.
    GreaterThan,
    /// The first is less, or they are equal.
    LessThanEquals,
    /// The first is greater, or they are equal.
    GreaterThanEquals,
}

/// The types that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text, in the order of its UTF-16 code units.
    String,
    /// Numbers by value.
    Numeric,
    /// Strings that are times, by the time they mean.
    Timestamp,
    /// `true` and `false`: only equality.
    Boolean,
}

/// The other value of a comparison.
#[derive(Debug)]
pub enum Operand {
    /// Text.
    String(Arc<str>),
    /// A number.
    Numeric(Number),
    /// A time.
    Timestamp(Instant),
    /// `true` or `false`.
    Boolean(bool),
    /// Found when the rule is asked.
    Path {
        /// The type it must have.
        of: Type,
        /// Where it is.
        path: Expression,
    },
}

impl Relation {
    fn allows(self, ordering: Ordering) -> bool {
        match self {
            Relation::Equals => ordering.is_eq(),
            Relation::LessThan => ordering.is_lt(),
            Relation::GreaterThan => ordering.is_gt(),
            Relation::LessThanEquals => ordering.is_le(),
            Relation::GreaterThanEquals => ordering.is_ge(),
        }
    }
}

impl Comparison {
    pub(super) fn holds(&self, value: &Value, scope: &mut dyn Scope) -> Result<bool, Error> {
        let ordering = match &self.operand {
            Operand::String(text) => strings(value, text),
            Operand::Numeric(number) => numbers(value, number),
            Operand::Timestamp(instant) => instants(value, *instant),
            Operand::Boolean(truth) => booleans(value, *truth),
            Operand::Path { of, path } => of.compare(value, &found(path, scope)?),
        };
        Ok(ordering.is_some_and(|ordering| self.relation.allows(ordering)))
    }
}

impl Type {
    /// How two values of this type stand to each other. `None` if one of them is of another type.
    fn compare(self, value: &Value, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Type::String, Value::String(text)) => strings(value, text),
            (Type::Numeric, Value::Number(number)) => numbers(value, number),
            (Type::Timestamp, Value::String(text)) => instants(value, Instant::parse(text)?),
            (Type::Boolean, Value::Bool(truth)) => booleans(value, *truth),
            _ => None,
        }
    }
}

fn strings(value: &Value, other: &str) -> Option<Ordering> {
    let Value::String(text) = value else {
        return None;
    };
    // Bytes are in the order of code points, which differs from that of UTF-16 only beyond ASCII.
    if text.is_ascii() && other.is_ascii() {
        Some((**text).cmp(other))
    } else {
        Some(text.encode_utf16().cmp(other.encode_utf16()))
    }
}

fn numbers(value: &Value, other: &Number) -> Option<Ordering> {
    let Value::Number(number) = value else {
        return None;
    };
    match (number.as_i64(), other.as_i64()) {
        (Some(number), Some(other)) => Some(number.cmp(&other)),
        _ => number.as_f64().partial_cmp(&other.as_f64()),
    }
}

fn instants(value: &Value, other: Instant) -> Option<Ordering> {
    let Value::String(text) = value else {
        return None;
    };
    Some(Instant::parse(text)?.cmp(&other))
}

fn booleans(value: &Value, other: bool) -> Option<Ordering> {
    let Value::Bool(truth) = value else {
        return None;
    };
    Some(truth.cmp(&other))
}
