//! What holds for any text, tested by properties and fuzzed.

use everstep_asl::{Definition, Severity, message_for_create};

/// Reads a text in both ways. A refusal has a reason, a definition has none.
pub fn read(text: &str) {
    for result in [Definition::parse(text), Definition::parse_state(text)] {
        let found = match &result {
            Ok(definition) => {
                for (_, state) in definition.states() {
                    assert!(definition.find(&state.name).is_some());
                }
                let _ = definition.variable_references();
                let _ = definition.express_findings();
                &definition.warnings
            }
            Err(found) => found,
        };
        let has_error = found.iter().any(|found| found.severity == Severity::Error);
        assert_eq!(has_error, result.is_err());
        assert!(found.iter().all(|found| found.offset <= text.len()));
        assert!(!message_for_create(text, found).is_empty());
    }
}
