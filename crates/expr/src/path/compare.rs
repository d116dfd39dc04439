//! The operators of filters.

use crate::json::Value;
use crate::work::{UsedUp, Work};
use std::cmp::Ordering;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    Contains,
    Size,
    Empty,
}

/// Longer ones first where one begins like another.
pub(super) const SYMBOLS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

pub(super) const WORDS: [(&str, Operator); 8] = [
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("subsetof", Operator::SubsetOf),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
    ("contains", Operator::Contains),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
];

impl Operator {
    /// Whether it holds. A path that leads nowhere gives `None`, which is equal to nothing and in no list.
    pub fn holds(
        self,
        left: Option<&Value>,
        right: Option<&Value>,
        work: &mut Work,
    ) -> Result<bool, UsedUp> {
        let (left, right) = match (self, left, right) {
            (_, Some(left), Some(right)) => (left, right),
            (Self::NotEqual | Self::NotIn | Self::NoneOf, _, _) => return Ok(true),
            _ => return Ok(false),
        };
        match self {
            Self::Equal => equal(left, right, work),
            Self::NotEqual => Ok(!equal(left, right, work)?),
            Self::Less => Ok(order(left, right, work)?.is_some_and(Ordering::is_lt)),
            Self::LessOrEqual => Ok(order(left, right, work)?.is_some_and(Ordering::is_le)),
            Self::Greater => Ok(order(left, right, work)?.is_some_and(Ordering::is_gt)),
            Self::GreaterOrEqual => Ok(order(left, right, work)?.is_some_and(Ordering::is_ge)),
            Self::In => has(right, left, work),
            Self::NotIn => Ok(!has(right, left, work)?),
            Self::SubsetOf => subset(left, right, work),
            Self::AnyOf => any(left, right, work),
            Self::NoneOf => Ok(!any(left, right, work)?),
            Self::Contains => contains(left, right, work),
            Self::Size => Ok(size(left, work)?.is_some_and(|size| right.as_i64() == Some(size))),
            Self::Empty => {
                Ok(size(left, work)?.is_some_and(|size| right.as_bool() == Some(size == 0)))
            }
        }
    }
}

/// Equality by value that pays for what it looks at.
fn equal(left: &Value, right: &Value, work: &mut Work) -> Result<bool, UsedUp> {
    work.charge(1)?;
    match (left, right) {
        (Value::String(a), Value::String(b)) => {
            work.charge(a.len().min(b.len()) / 64)?;
            Ok(a == b)
        }
        (Value::Number(a), Value::Number(b)) => {
            work.charge(a.len_utf8().min(b.len_utf8()) / 64)?;
            Ok(a == b)
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !equal(a, b, work)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(a), Value::Object(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (key, a) in a.iter() {
                let Some(b) = b.get(key) else {
                    return Ok(false);
                };
                if !equal(a, b, work)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(left == right),
    }
}

/// Numbers and strings have an order, each among themselves.
fn order(left: &Value, right: &Value, work: &mut Work) -> Result<Option<Ordering>, UsedUp> {
    Ok(match (left, right) {
        (Value::Number(a), Value::Number(b)) => {
            work.charge(a.len_utf8().min(b.len_utf8()) / 64)?;
            Some(a.cmp(b))
        }
        (Value::String(a), Value::String(b)) => {
            work.charge(a.len().min(b.len()) / 64)?;
            Some(a.cmp(b))
        }
        _ => None,
    })
}

pub(crate) fn has(list: &Value, wanted: &Value, work: &mut Work) -> Result<bool, UsedUp> {
    for item in list.as_array().into_iter().flatten() {
        if equal(item, wanted, work)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn subset(left: &Value, right: &Value, work: &mut Work) -> Result<bool, UsedUp> {
    let (Value::Array(items), Value::Array(_)) = (left, right) else {
        return Ok(false);
    };
    for item in items.iter() {
        if !has(right, item, work)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any(left: &Value, right: &Value, work: &mut Work) -> Result<bool, UsedUp> {
    for item in left.as_array().into_iter().flatten() {
        if has(right, item, work)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn contains(left: &Value, right: &Value, work: &mut Work) -> Result<bool, UsedUp> {
    match (left, right) {
        (Value::String(text), Value::String(part)) => {
            work.charge(text.len() / 16)?;
            Ok(text.contains(&**part))
        }
        _ => has(left, right, work),
    }
}

fn size(value: &Value, work: &mut Work) -> Result<Option<i64>, UsedUp> {
    let size = match value {
        Value::String(text) => {
            work.charge(text.len() / 64)?;
            text.chars().count()
        }
        Value::Array(items) => items.len(),
        Value::Object(map) => map.len(),
        _ => return Ok(None),
    };
    Ok(i64::try_from(size).ok())
}
