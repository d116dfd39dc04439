//! What is wrong with a definition, in the service's words.

use std::fmt;

/// One finding. `code`, `message` and `location` are what `ValidateStateMachineDefinition` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Errors forbid the state machine, warnings do not.
    pub severity: Severity,
    /// The kind of finding.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// Where: `/States/Name/Field`, or the place in the text if that is no JSON. Some findings have no place.
    pub location: Option<String>,
    /// The byte of the text at which the value in question begins.
    pub offset: usize,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The definition works, but hardly as it was meant.
    Warning,
    /// The definition is refused.
    Error,
}

impl Severity {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "WARNING",
            Severity::Error => "ERROR",
        }
    }
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The text is no JSON.
    InvalidJsonDescription,
    /// A field is missing, unknown, or has a value that it cannot have.
    SchemaValidationFailed,
    /// A transition leads nowhere, or no transition leads to a state.
    MissingTransitionTarget,
    /// No state of a machine ends it.
    MissingEndState,
    /// Two states of the definition have one name.
    DuplicateStateName,
    /// Two Map states of the definition have one label.
    DuplicateLabelName,
    /// The label of a Map state has a character that it may not have, none at all, or too many.
    InvalidLabelName,
    /// A state's name is too long or empty.
    InvalidStateName,
    /// Machines inside machines inside machines.
    TooDeeplyNested,
    /// A JSONata expression does not parse.
    InvalidJsonataExpression,
    /// A JSONata expression uses what the service does not offer.
    UnsupportedJsonataExpression,
    /// Warning: the value looks like a path or an intrinsic function, but its field does not end in `.$`.
    NoDollar,
    /// Warning: the value looks like a path, but its field does not end in `Path`.
    NoPath,
    /// Warning: a path in a Pass state's `Result` stays what it is.
    PassResultIsStatic,
}

impl Code {
    /// Whether what is found forbids the state machine.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Code::NoDollar | Code::NoPath | Code::PassResultIsStatic => Severity::Warning,
            Code::InvalidJsonDescription
            | Code::SchemaValidationFailed
            | Code::MissingTransitionTarget
            | Code::MissingEndState
            | Code::DuplicateStateName
            | Code::DuplicateLabelName
            | Code::InvalidLabelName
            | Code::InvalidStateName
            | Code::TooDeeplyNested
            | Code::InvalidJsonataExpression
            | Code::UnsupportedJsonataExpression => Severity::Error,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Code::InvalidJsonDescription => "INVALID_JSON_DESCRIPTION",
            Code::SchemaValidationFailed => "SCHEMA_VALIDATION_FAILED",
            Code::MissingTransitionTarget => "MISSING_TRANSITION_TARGET",
            Code::MissingEndState => "MISSING_END_STATE",
            Code::DuplicateStateName => "DUPLICATE_STATE_NAME",
            Code::DuplicateLabelName => "DUPLICATE_LABEL_NAME",
            Code::InvalidLabelName => "INVALID_LABEL_NAME",
            Code::InvalidStateName => "INVALID_STATE_NAME",
            Code::TooDeeplyNested => "TOO_DEEPLY_NESTED",
            Code::InvalidJsonataExpression => "INVALID_JSONATA_EXPRESSION",
            Code::UnsupportedJsonataExpression => "UNSUPPORTED_JSONATA_EXPRESSION",
            Code::NoDollar => "NO_DOLLAR",
            Code::NoPath => "NO_PATH",
            Code::PassResultIsStatic => "PASS_RESULT_IS_STATIC",
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A finding without a place is shown with the place `null`, as the service does.
        let location = self.location.as_deref().unwrap_or("null");
        write!(f, "{}: {} at {location}", self.code.as_str(), self.message)
    }
}

/// The text of the `InvalidDefinition` error for a definition that has these findings.
#[must_use]
pub fn message_for_create(definition: &str, diagnostics: &[Diagnostic]) -> String {
    if let Some(label) = diagnostics
        .iter()
        .find(|found| found.code == Code::InvalidLabelName)
    {
        return refused_label(definition, &label.message);
    }
    let mut message = String::from("Invalid State Machine Definition: '");
    let errors = diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error);
    for (index, error) in errors.enumerate() {
        if index > 0 {
            message.push_str(", ");
        }
        message.push_str(&error.to_string());
    }
    message.push('\'');
    message
}

/// Labels are refused in a form of their own: the recordings show the finding as a quoted list and the whole definition behind it.
fn refused_label(definition: &str, finding: &str) -> String {
    format!(
        "Error=ValueError Args=[{}] in definition '{definition}'.",
        quoted(finding)
    )
}

/// In single quotes, or in double quotes if there are single quotes inside and no double ones.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for character in text.chars() {
        if character == quote || character == '\\' {
            out.push('\\');
        }
        out.push(character);
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Code, message: &str, location: Option<&str>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            location: location.map(str::to_owned),
            offset: 0,
        }
    }

    #[test]
    fn several_errors_are_joined_and_warnings_left_out() {
        let mut warning = error(Code::NoDollar, "w", Some("/w"));
        warning.severity = Severity::Warning;
        let found = [
            error(
                Code::MissingTransitionTarget,
                "Missing 'Next' target: b",
                Some("/States/a/Next"),
            ),
            warning,
            error(
                Code::MissingEndState,
                "Workflow has no terminal state",
                None,
            ),
        ];
        assert_eq!(
            message_for_create("{}", &found),
            "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: b at /States/a/Next, \
             MISSING_END_STATE: Workflow has no terminal state at null'"
        );
    }

    #[test]
    fn a_label_is_quoted_so_that_it_can_be_read() {
        assert_eq!(quoted("plain"), "'plain'");
        assert_eq!(quoted("a ' b"), "\"a ' b\"");
        assert_eq!(quoted("a '\"' b"), "'a \\'\"\\' b'");
        assert_eq!(quoted("'\\x9c'"), "\"'\\\\x9c'\"");
    }
}
