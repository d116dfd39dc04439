//! Files that must be there, and what a manifest must say.

use super::{Finding, Subject};

const FILES: &[(&str, &str)] = &[
    (
        "ARCHITECTURE.md",
        "write what is really built: bird's eye, entry points, code map, invariants",
    ),
    ("CHANGELOG.md", "write what changes for users, newest first"),
    ("LICENSE-APACHE", "the licence is MIT OR Apache-2.0"),
    ("LICENSE-MIT", "the licence is MIT OR Apache-2.0"),
    ("README.md", "write what it is and its two commands"),
    (
        "deny.toml",
        "say which licences and crates are allowed, with reasons",
    ),
    (".ci/run", "it calls the README's test command"),
];

const ARCHITECTURE_LIMIT: usize = 400;

pub fn files(subject: &Subject) -> Vec<Finding> {
    let mut findings: Vec<Finding> = FILES
        .iter()
        .filter(|(path, _)| subject.tree.get(path).is_none())
        .map(|(path, mend)| Finding::new(path, 0, "presence", "the file is missing", *mend))
        .collect();
    let lines = subject
        .tree
        .get("ARCHITECTURE.md")
        .map_or(0, |file| file.text.lines().count());
    if lines > ARCHITECTURE_LIMIT {
        findings.push(Finding::new(
            "ARCHITECTURE.md",
            0,
            "presence",
            format!("{lines} lines, {ARCHITECTURE_LIMIT} are the limit"),
            "move detail to the crate's own documentation or to docs/",
        ));
    }
    findings
}

/// A manifest that does not inherit the workspace's lints is a room without rules.
pub fn lint_tables(subject: &Subject) -> Vec<Finding> {
    let manifests = subject
        .metadata
        .members
        .iter()
        .map(|package| &package.manifest);
    manifests
        .filter_map(|path| subject.tree.get(path))
        .filter(|file| {
            !file
                .text
                .replace(' ', "")
                .contains("[lints]\nworkspace=true")
        })
        .map(|file| {
            Finding::new(
                &file.path,
                0,
                "presence",
                "the workspace's lints are not inherited",
                "add `[lints]` with `workspace = true`",
            )
        })
        .collect()
}
