//! The README runner against a stand-in binary, and the register's own form.

use super::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_projects_own_register_is_valid() {
    let text = include_str!("../../../tests/readme/commands.toml");
    assert!(!parse(text).unwrap().is_empty());
}

#[test]
fn mistakes_are_refused() {
    let cases = [
        ("", "[[command]]"),
        ("[[command]]\nrun = \"x\"", "without its text"),
        ("[[command]]\ntext = \"x\"\nprint = []", "unknown key"),
        ("[[command]]\ntext = \"x\"\nseconds = \"1\"", "`seconds`"),
        ("[[command]]\ntext = \"x\"\nprints = [1]", "`prints`"),
    ];
    for (text, expect) in cases {
        let error = format!("{:#}", parse(text).unwrap_err());
        assert!(error.contains(expect), "{text}: {error}");
    }
}

#[test]
fn patterns_of_file_names() {
    assert!(matches("report-*.md", "report-7f.md"));
    assert!(!matches("report-*.md", "report.md"));
    assert!(!matches("aba*aba", "aba"));
    assert!(matches("plain.txt", "plain.txt"));
}

/// A stand-in for the binary: `dev` says that it is ready and stays, anything else prints its words and leaves a file.
const STAND_IN: &str = r#"#!/bin/sh
if [ "$1" = dev ]; then echo "everstep ready http://127.0.0.1:4711"; exec sleep 600; fi
read answer
echo "$@ at ${EVERSTEP_ENDPOINT:-nowhere}, answered ${answer:-nothing}"
touch report-7.md
[ "$1" != refuse ] || exit 3
"#;

fn outcome(commands: &str) -> Counts {
    let root = TemporaryFolder::new("readme-test").unwrap();
    let binary = root.path().join("everstep");
    std::fs::write(&binary, STAND_IN).unwrap();
    std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
    let commands = parse(commands).unwrap();
    let mut counts = Counts::default();
    run_group(root.path(), &binary, commands.iter(), &mut counts).unwrap();
    counts
}

#[test]
fn commands_run_in_order_beside_their_server() {
    let counts = outcome(
        r#"
[[command]]
text = "everstep dev"
background = true
[[command]]
text = 'cargo run --release -- demo research --topic "two words"'
stdin = "yes\n"
prints = ["demo research --topic two words at http://127.0.0.1:4711, answered yes"]
leaves = ["report-*.md"]
[[command]]
text = "everstep refuse"
exit = 3
"#,
    );
    assert_eq!(counts, Counts::new(3, 0, 0));
}

#[test]
fn each_expectation_can_fail() {
    let counts = outcome(
        r#"
[[command]]
text = "everstep refuse"
[[command]]
text = "everstep list"
prints = ["something else"]
[[command]]
text = "everstep list"
leaves = ["other-*.md"]
[[command]]
text = "everstep list"
exit = 1
[[command]]
text = "everstep list; sleep 600"
seconds = 0
[[command]]
text = "everstep list"
background = true
seconds = 1
"#,
    );
    assert_eq!(counts, Counts::new(0, 6, 0));
}
