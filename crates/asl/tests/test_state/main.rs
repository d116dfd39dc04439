//! States on their own, as callers of `TestState` meet them: what was recorded of the service, and files with a case for each rule.
//!
//! A case holds `request`, whose members are named as in the service's API and may be JSON instead of text, and `expect`: the answer, or
//! `refused`. A Task state without a mock takes what `called` says: a `result`, or an `error` and its `cause`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on says where"
)]

#[path = "../machine/compare.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod compare;
mod properties;
mod recorded;
mod wire;

use std::path::Path;

use serde_json::Value;

#[test]
fn every_case_ends_as_it_says() {
    let files = files();
    assert!(files.len() > 5, "the files are missing");
    let mut wrong = Vec::new();
    for (name, file) in files {
        for (index, case) in file.as_array().unwrap().iter().enumerate() {
            let given = wire::run(&case["request"], case.get("called"));
            let expected = compare::norm(&case["expect"]);
            if !compare::matches(&expected, &compare::norm(&given)) {
                wrong.push(format!(
                    "{name}[{index}]\n  gave {given}\n  and not {expected}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The JSON files beside this one, by name.
#[expect(clippy::disallowed_methods, reason = "the cases are files")]
fn files() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/test_state");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    paths.sort();
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (name, value)
    };
    paths.into_iter().map(read).collect()
}
