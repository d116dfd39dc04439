//! A promise that `ARCHITECTURE.md` makes is named by a test.

use super::tree::has_word;
use super::{Finding, Subject};

const DOCUMENT: &str = "ARCHITECTURE.md";
const PROMISES: std::ops::RangeInclusive<u8> = 1..=12;

pub fn tested(subject: &Subject) -> Vec<Finding> {
    let Some(document) = subject.tree.get(DOCUMENT) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for promise in PROMISES.map(|n| format!("P{n}")) {
        let Some((line, _)) = document.lines().find(|(_, text)| has_word(text, &promise)) else {
            continue;
        };
        if !subject
            .tree
            .tests()
            .any(|(_, text)| has_word(text, &promise))
        {
            findings.push(Finding::new(
                DOCUMENT,
                line,
                "promises",
                format!("{promise} is claimed and no test names it"),
                "name the promise in the test that guards it, or take the claim back",
            ));
        }
    }
    findings
}
