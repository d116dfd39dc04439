//! Programs that need no evaluator: constants and plain paths into a variable. They are most programs there are.

use std::sync::Arc;

use jsonata_core::ast::{AstNode, PathStep};

use super::error::EvaluationError;
use super::references::STATES;
use super::scope::{Scope, StatesField};
use crate::json::{Number, Value};

#[derive(Debug)]
pub(super) enum Shape {
    Constant(Value),
    /// `$states.field.a.b`
    States {
        field: StatesField,
        names: Vec<Arc<str>>,
    },
    /// `$variable.a.b`
    Variable {
        variable: Arc<str>,
        names: Vec<Arc<str>>,
    },
    General,
}

impl Shape {
    pub(super) fn of(ast: &AstNode) -> Self {
        match ast {
            AstNode::Null => Self::Constant(Value::Null),
            AstNode::Boolean(value) => Self::Constant(Value::Bool(*value)),
            AstNode::String(text) => Self::Constant(text.as_str().into()),
            AstNode::Number(number) => match Number::from_f64(*number) {
                Some(number) => Self::Constant(number.into()),
                None => Self::General,
            },
            AstNode::Variable(name) => Self::path(name, Vec::new()),
            AstNode::Path { steps } => Self::of_path(steps),
            _ => Self::General,
        }
    }

    fn of_path(steps: &[PathStep]) -> Self {
        let Some((first, rest)) = steps.split_first() else {
            return Self::General;
        };
        let names: Option<Vec<Arc<str>>> = rest
            .iter()
            .map(|step| match &step.node {
                AstNode::Name(name) if is_plain(step) => Some(name.as_str().into()),
                _ => None,
            })
            .collect();
        match (&first.node, names) {
            (AstNode::Variable(variable), Some(names)) if is_plain(first) => {
                Self::path(variable, names)
            }
            _ => Self::General,
        }
    }

    fn path(variable: &str, mut names: Vec<Arc<str>>) -> Self {
        // A bare `$` is the context.
        if variable.is_empty() {
            return Self::General;
        }
        if variable != STATES {
            return Self::Variable {
                variable: variable.into(),
                names,
            };
        }
        match names.first().and_then(|name| StatesField::from_name(name)) {
            Some(field) => {
                names.remove(0);
                Self::States { field, names }
            }
            None => Self::General,
        }
    }

    /// The program's value, or nothing if only the evaluator can tell.
    pub(super) fn evaluate(&self, scope: &dyn Scope) -> Option<Result<Value, EvaluationError>> {
        let (root, names) = match self {
            Self::Constant(value) => return Some(Ok(value.clone())),
            Self::States { field, names } => (scope.states(*field), names),
            // A name that nothing is bound to may be a function's.
            Self::Variable { variable, names } => (Some(scope.variable(variable)?), names),
            Self::General => return None,
        };
        let Some(root) = root else {
            return Some(Err(EvaluationError::Undefined));
        };
        let mut value = &root;
        for name in names {
            match value {
                Value::Object(members) => match members.get(name) {
                    Some(member) => value = member,
                    None => return Some(Err(EvaluationError::Undefined)),
                },
                // A step into an array gathers from its items.
                Value::Array(_) => return None,
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    return Some(Err(EvaluationError::Undefined));
                }
            }
        }
        Some(Ok(value.clone()))
    }
}

/// Whether the step has no predicate and binds nothing.
pub(super) fn is_plain(step: &PathStep) -> bool {
    step.stages.is_empty()
        && step.focus.is_none()
        && step.index_var.is_none()
        && step.ancestor_label.is_none()
        && !step.is_tuple
}
