//! The rules of JSONPath Choice states: comparisons, and what they say about a state's data.

mod compare;
mod pattern;

pub use compare::{Comparison, Operand, Relation, Type};
pub use pattern::Pattern;

use everstep_expr::expression::{Expression, Scope};
use everstep_expr::json::Value;
use thiserror::Error;

use crate::timestamp::Instant;

/// What a rule asks of the data.
#[derive(Debug)]
pub enum Condition {
    /// All hold.
    And(Vec<Condition>),
    /// At least one holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// One value is tested.
    Test {
        /// Where the value is.
        variable: Expression,
        /// What is asked of it.
        test: Test,
    },
}

/// What is asked of one value.
#[derive(Debug)]
pub enum Test {
    /// It is of that kind, or it is not.
    Is {
        /// The kind.
        class: Class,
        /// Whether it shall be of that kind.
        wanted: bool,
    },
    /// It compares so with another value. Values of other types do not.
    Compares(Comparison),
    /// It is a string that matches.
    Matches(Pattern),
}

/// Kinds of values that rules ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// There is a value.
    Present,
    /// `null`.
    Null,
    /// A number.
    Numeric,
    /// A string.
    String,
    /// `true` or `false`.
    Boolean,
    /// A string that is a time.
    Timestamp,
}

/// A path of a rule finds nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Invalid path '{path}': The choice state's condition path references an invalid value.")]
pub struct Error {
    /// The path, as written.
    pub path: String,
}

impl Condition {
    /// Whether the condition holds. What need not be asked is not asked: a path behind a decided `And` or `Or` may find nothing.
    pub fn holds(&self, scope: &mut dyn Scope) -> Result<bool, Error> {
        match self {
            Condition::And(all) => {
                for condition in all {
                    if !condition.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Or(any) => {
                for condition in any {
                    if condition.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Not(condition) => Ok(!condition.holds(scope)?),
            Condition::Test { variable, test } => test.holds(variable, scope),
        }
    }

    /// Gives the name of every variable that the condition reads to `visit`.
    pub(crate) fn expressions<'c>(&'c self, visit: &mut dyn FnMut(&'c Expression)) {
        match self {
            Condition::And(conditions) | Condition::Or(conditions) => {
                for condition in conditions {
                    condition.expressions(visit);
                }
            }
            Condition::Not(condition) => condition.expressions(visit),
            Condition::Test { variable, test } => {
                visit(variable);
                if let Test::Compares(Comparison {
                    operand: Operand::Path { path, .. },
                    ..
                }) = test
                {
                    visit(path);
                }
            }
        }
    }
}

impl Test {
    fn holds(&self, variable: &Expression, scope: &mut dyn Scope) -> Result<bool, Error> {
        if let Test::Is {
            class: Class::Present,
            wanted,
        } = self
        {
            return Ok(variable.evaluate(scope).is_ok() == *wanted);
        }
        let value = found(variable, scope)?;
        match self {
            Test::Is { class, wanted } => Ok(class.has(&value) == *wanted),
            Test::Compares(comparison) => comparison.holds(&value, scope),
            Test::Matches(pattern) => Ok(match &value {
                Value::String(text) => pattern.matches(text),
                _ => false,
            }),
        }
    }
}

impl Class {
    fn has(self, value: &Value) -> bool {
        match self {
            Class::Present => true,
            Class::Null => matches!(value, Value::Null),
            Class::Numeric => matches!(value, Value::Number(_)),
            Class::String => matches!(value, Value::String(_)),
            Class::Boolean => matches!(value, Value::Bool(_)),
            Class::Timestamp => match value {
                Value::String(text) => Instant::parse(text).is_some(),
                _ => false,
            },
        }
    }
}

/// The value that an expression finds.
fn found(path: &Expression, scope: &mut dyn Scope) -> Result<Value, Error> {
    path.evaluate(scope).map_err(|_| Error {
        path: path.to_string(),
    })
}
