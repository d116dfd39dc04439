//! What goes wrong, and how Step Functions says it.

use std::sync::Arc;

use jsonata_core::evaluator::{EvaluatorError, error_code_prefix};
use jsonata_core::parser::ParserError;

use super::wording;
use crate::json::Value;

/// Why a text is no program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    #[error("{}", coded(code.as_deref(), message))]
    Program {
        code: Option<Arc<str>>,
        message: String,
    },
    /// JSONata 2.1 has it, Step Functions does not.
    #[error("S0211: The symbol \"{operator}\" cannot be used as a unary operator")]
    Operator { operator: &'static str },
    #[error("a JSONata expression begins with '{{%' and ends with '%}}'")]
    Delimiter,
}

impl SyntaxError {
    pub(super) fn from_library(error: &ParserError) -> Self {
        if matches!(error, ParserError::UnclosedComment) {
            return Self::Program {
                code: Some("S0106".into()),
                message: "Comment has no closing tag".to_owned(),
            };
        }
        let (code, message) = split_code(&error.to_string());
        Self::Program { code, message }
    }
}

/// Why a program has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvaluationError {
    #[error("returned nothing (undefined).")]
    Undefined,
    /// A function, a regular expression, not-a-number or infinity.
    #[error("returned an unsupported result type.")]
    UnsupportedResult,
    #[error("returned an unexpected result type. Expected '{expected}', but was '{}' for value: {value}", value.type_name())]
    UnexpectedType { expected: Expected, value: Value },
    /// By the program (`$error`), by an operator or function it uses, or by a limit.
    #[error("threw an error during evaluation. {}", coded(code.as_deref(), message))]
    Thrown {
        code: Option<Arc<str>>,
        message: String,
    },
}

/// The type that a field of a state asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Array,
    Boolean,
    Number,
    Object,
    String,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        })
    }
}

impl Expected {
    /// The value, if it is of this type.
    pub fn check(self, value: Value) -> Result<Value, EvaluationError> {
        let matches = match self {
            Self::Array => value.as_array().is_some(),
            Self::Boolean => value.as_bool().is_some(),
            Self::Number => value.as_number().is_some(),
            Self::Object => value.as_object().is_some(),
            Self::String => value.as_str().is_some(),
        };
        if matches {
            Ok(value)
        } else {
            Err(EvaluationError::UnexpectedType {
                expected: self,
                value,
            })
        }
    }
}

impl EvaluationError {
    /// The sentence of a States.QueryEvaluationError's cause. `field` is the place in the state, such as `Output/result`.
    pub fn cause(&self, expression: &str, field: &str) -> String {
        format!("The JSONata expression '{expression}' specified for the field '{field}' {self}")
    }

    pub(super) fn thrown(message: impl Into<String>) -> Self {
        Self::Thrown {
            code: None,
            message: message.into(),
        }
    }
}

fn coded(code: Option<&str>, message: &str) -> String {
    match code {
        Some(code) => format!("{code}: {message}"),
        None => message.to_owned(),
    }
}

impl EvaluationError {
    /// `function` is the one built-in function that the program calls: the library does not always say which.
    pub(super) fn from_library(error: &EvaluatorError, function: Option<&str>) -> Self {
        let (code, message) = split_code(error.message());
        let reworded = code
            .as_deref()
            .and_then(|code| wording::of(code, &message, function));
        let message = reworded.unwrap_or(message);
        Self::Thrown { code, message }
    }
}

/// The library writes the language's code into its text, at times behind words of its own.
fn split_code(text: &str) -> (Option<Arc<str>>, String) {
    let own_words = [
        "Invalid syntax: ",
        "Invalid number: ",
        "Signature validation failed: ",
    ];
    let text = own_words
        .iter()
        .find_map(|words| text.strip_prefix(words))
        .unwrap_or(text);
    let split = error_code_prefix(text)
        .and_then(|code| Some((code, text.strip_prefix(code)?.strip_prefix(':')?)));
    match split {
        Some((code, message)) => (Some(code.into()), message.trim_start().to_owned()),
        None => (None, text.to_owned()),
    }
}
