//! Every recorded test of a state that needs no other service.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{compare, wire};

#[test]
fn every_recorded_test_ends_as_it_did() {
    let Some(cases) = cases() else {
        eprintln!("SKIPPED: the recorded cases are not here");
        return;
    };
    let (mut wrong, mut count) = (Vec::new(), 0);
    for line in cases.lines() {
        // The calls were noted in one account, the answers recorded in another.
        let line = line.replace("000000000000", "111111111111");
        let case: Value = serde_json::from_str(&line).unwrap();
        let is_refusal = case["kind"] == "api_error" && case["op"] == "TestState";
        let needs_none = case["needs"].as_array().is_none_or(Vec::is_empty);
        if !(is_refusal || case["kind"] == "test_state") || !needs_none {
            continue;
        }
        count += 1;
        let given = wire::run(&case["params"], None);
        let expected = &case["expect"];
        let is_right = if is_refusal {
            let refused = given["refused"].as_str();
            refused.is_some_and(|text| expected.to_string().contains(&quoted(text)))
        } else {
            let mut expected = expected.clone();
            expected.as_object_mut().unwrap().remove("ResponseMetadata");
            compare::matches(&scrubbed(&compare::norm(&expected)), &compare::norm(&given))
        };
        if !is_right {
            wrong.push(format!(
                "{}\n  gave {given}\n  and not {expected}",
                case["id"]
            ));
        }
    }
    assert!(count > 60, "only {count} cases");
    assert!(
        wrong.is_empty(),
        "{} of {count}\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// As it stands inside a JSON text.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().trim_matches('"').to_owned()
}

/// The recordings have some more words in the place of what changes.
fn scrubbed(value: &Value) -> Value {
    match value {
        Value::String(text) if text == "date" || text == "start-date" => "<date>".into(),
        Value::Array(items) => items.iter().map(scrubbed).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), scrubbed(value)))
            .collect(),
        other => other.clone(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the recordings are a file")]
fn cases() -> Option<String> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("EVERSTEP_SHARED").map_or_else(beside, PathBuf::from);
    std::fs::read_to_string(shared.join("conformance/asl/cases.jsonl")).ok()
}
