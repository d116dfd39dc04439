//! Definitions: whether they are right, and what is shown of them.

use std::collections::BTreeMap;

use axum::response::Response;
use everstep_asl::{Definition, Diagnostic, Severity, message_for_create};
use everstep_engine::catalogue::StateMachineKind;
use serde::{Deserialize, Serialize};

use super::constraints::Constraints;
use super::errors::Error;
use super::machines::DEFINITION_MAX;
use super::{Call, answer};

const DIAGNOSTICS_MAX: i64 = 100;

/// Everything that is to be said of a definition, warnings too.
fn diagnose(text: &str, kind: StateMachineKind) -> Vec<Diagnostic> {
    match Definition::parse(text) {
        Err(found) => found,
        Ok(definition) => {
            let mut found = match kind {
                StateMachineKind::Standard => Vec::new(),
                StateMachineKind::Express => definition.express_findings(),
            };
            found.extend(definition.warnings);
            found
        }
    }
}

/// # Errors
/// [`Error::InvalidDefinition`], with everything that is wrong.
pub(super) fn check(text: &str, kind: StateMachineKind) -> Result<(), Error> {
    let found = diagnose(text, kind);
    if found.iter().any(|one| one.severity == Severity::Error) {
        return Err(Error::InvalidDefinition(message_for_create(text, &found)));
    }
    Ok(())
}

/// Which state reads which variables.
pub(super) fn references(text: &str) -> BTreeMap<String, Vec<String>> {
    let Ok(definition) = Definition::parse(text) else {
        return BTreeMap::new();
    };
    let references = definition.variable_references();
    let shown = references.into_iter().map(|(state, names)| {
        let names = names.iter().map(|name| name.as_ref().to_owned());
        (state.as_ref().to_owned(), names.collect())
    });
    shown.collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ValidateIn {
    definition: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    severity: Option<String>,
    max_results: Option<i64>,
}

#[derive(Serialize)]
struct Validated {
    result: &'static str,
    diagnostics: Vec<DiagnosticWire>,
    truncated: bool,
}

#[derive(Serialize)]
struct DiagnosticWire {
    severity: &'static str,
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

/// Errors, and warnings where they are asked for.
pub(super) fn validate(call: &Call<'_>) -> Result<Response, Error> {
    let request: ValidateIn = call.input()?;
    let definition = request.definition.as_ref();
    Constraints::default()
        .required("definition", definition)
        .secret("definition", definition, 1, DEFINITION_MAX)
        .word("type", request.kind.as_ref(), &["STANDARD", "EXPRESS"])
        .word("severity", request.severity.as_ref(), &["ERROR", "WARNING"])
        .number("maxResults", request.max_results, 0, DIAGNOSTICS_MAX)
        .done()?;
    let kind = match request.kind.as_deref() {
        Some("EXPRESS") => StateMachineKind::Express,
        _ => StateMachineKind::Standard,
    };
    let least = match request.severity.as_deref() {
        Some("WARNING") => Severity::Warning,
        _ => Severity::Error,
    };
    let mut found = diagnose(definition.map_or("", String::as_str), kind);
    let failed = found.iter().any(|one| one.severity == Severity::Error);
    found.retain(|one| one.severity >= least);
    let asked = request.max_results.filter(|max| *max > 0);
    let max = usize::try_from(asked.unwrap_or(DIAGNOSTICS_MAX)).unwrap_or(usize::MAX);
    let truncated = found.len() > max;
    found.truncate(max);
    let shown = found.into_iter().map(|one| DiagnosticWire {
        severity: one.severity.as_str(),
        code: one.code.as_str(),
        message: one.message,
        location: one.location,
    });
    Ok(answer(&Validated {
        result: if failed { "FAIL" } else { "OK" },
        diagnostics: shown.collect(),
        truncated,
    }))
}
