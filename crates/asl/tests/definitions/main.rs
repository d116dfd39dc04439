//! Definitions as their authors write them: one file for each rule, with what is wrong, and properties of all texts.
//!
//! A file holds `definition` (or `text`, where the text is no JSON; or `state`, a state on its own) and `diagnostics` as code, location
//! and message. It may hold `create`, the text of the refusal, `variable_references`, and `express`: what keeps it from being Express.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on says where"
)]

mod choice;
mod invariants;
mod model;
mod properties;

use std::collections::BTreeMap;
use std::path::Path;

use everstep_asl::{Definition, Diagnostic, message_for_create};
use serde_json::{Value, json};

#[test]
fn every_file_is_judged_as_it_says() {
    let files = files("tests/definitions");
    assert!(files.len() > 25, "the files are missing");
    let mut wrong = Vec::new();
    for (name, file) in files {
        let cases = match file {
            Value::Array(cases) => cases,
            case => vec![case],
        };
        for (index, case) in cases.iter().enumerate() {
            let (text, judged) = judge(case);
            for (field, value) in judged {
                if case.get(field).is_some_and(|expected| *expected != value) {
                    wrong.push(format!(
                        "{name}[{index}]: {text}\n  {field} is {value}\n  and not {}",
                        case[field]
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The text of a case, and what is to be said of it.
fn judge(case: &Value) -> (String, Vec<(&'static str, Value)>) {
    let (text, result) = if let Some(text) = case["text"].as_str() {
        (text.to_owned(), Definition::parse(text))
    } else if case["state"].is_object() {
        let text = case["state"].to_string();
        let result = Definition::parse_state(&text);
        (text, result)
    } else {
        let text = case["definition"].to_string();
        let result = Definition::parse(&text);
        (text, result)
    };
    let found = match &result {
        Ok(definition) => definition.warnings.clone(),
        Err(diagnostics) => diagnostics.clone(),
    };
    let references: BTreeMap<String, Vec<String>> = result
        .iter()
        .flat_map(Definition::variable_references)
        .map(|(state, names)| {
            let names = names.iter().map(ToString::to_string).collect();
            (state.to_string(), names)
        })
        .collect();
    let judged = vec![
        ("diagnostics", found.iter().map(shown).collect()),
        ("create", json!(message_for_create(&text, &found))),
        ("variable_references", json!(references)),
        (
            "express",
            result
                .iter()
                .flat_map(Definition::express_findings)
                .map(|found| shown(&found))
                .collect(),
        ),
    ];
    (text, judged)
}

fn shown(found: &Diagnostic) -> Value {
    let mut fields = vec![found.code.as_str().to_owned()];
    fields.push(found.location.clone().unwrap_or_else(|| "-".to_owned()));
    fields.push(found.message.clone());
    json!(fields)
}

/// The JSON files of a folder of this crate, by name.
#[expect(clippy::disallowed_methods, reason = "the cases are files")]
fn files(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let value = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (name, value)
        })
        .collect()
}
