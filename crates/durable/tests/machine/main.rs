//! The machine as its callers meet it: scripts (`cases/*.case`, one for each rule or trap) and properties.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on says where"
)]

mod properties;
mod run;
mod scale;
mod script;

use std::path::Path;

#[test]
#[expect(clippy::disallowed_methods, reason = "the scripts are files")]
fn every_case_goes_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machine/cases");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "case")
    });
    names.sort();
    assert!(names.len() >= 10, "the cases are missing");
    for path in names {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        insta::with_settings!({ snapshot_path => "cases", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, script::play(&text));
        });
    }
}
