//! Marks of unfinished work: the tree holds what is done.

use super::tree::has_word;
use super::{Finding, Subject};

const CODE: &[&str] = &[".rs", ".py", ".js", ".mjs", ".ts", ".sh", ".toml"];

/// Written in two halves, so that this file does not find itself.
const MARKS: &[(&str, &str)] = &[
    (
        concat!("#[", "ignore"),
        "a test that does not run proves nothing: make it fast, move it to an outside suite, or delete it",
    ),
    (
        concat!("todo", "!("),
        "write it, or leave the caller out until it can be written",
    ),
    (
        concat!("unimplemented", "!("),
        "write it, or answer with an error that has a code and a page",
    ),
];

const WORDS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

pub fn marks(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    let files = subject.tree.files.iter();
    for file in files.filter(|f| CODE.iter().any(|ending| f.path.ends_with(ending))) {
        for (line, text) in file.lines() {
            for (mark, mend) in MARKS.iter().filter(|(mark, _)| text.contains(mark)) {
                findings.push(Finding::new(
                    &file.path,
                    line,
                    "unfinished",
                    format!("`{mark}`"),
                    *mend,
                ));
            }
            for word in WORDS.iter().filter(|word| has_word(text, word)) {
                let mend = "do it, or open an issue and say here what holds today";
                findings.push(Finding::new(
                    &file.path,
                    line,
                    "unfinished",
                    format!("`{word}`"),
                    mend,
                ));
            }
        }
    }
    findings
}
