//! Every error code has a page that teaches it and a test that provokes it.

use super::tree::has_word;
use super::{Finding, Subject};
use std::collections::BTreeMap;

const PAGES: &str = "docs/errors/";

pub fn pages_and_tests(subject: &Subject) -> Vec<Finding> {
    let tree = &subject.tree;
    // The first place that uses each code.
    let mut used: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for file in tree.files.iter().filter(|file| is_source(&file.path)) {
        for (line, text) in file.product_lines() {
            for code in codes(text) {
                used.entry(code).or_insert((&file.path, line));
            }
        }
    }
    let mut findings = Vec::new();
    for (code, (path, line)) in &used {
        let page = format!("{PAGES}{code}.md");
        if tree.get(&page).is_none() {
            let mend = format!("write {page}: what happened, why, how to mend it, an example");
            findings.push(Finding::new(
                path,
                *line,
                "codes",
                format!("{code} has no page"),
                mend,
            ));
        }
        if !tree.tests().any(|(_, text)| has_word(text, code)) {
            let mend = "provoke it in a test that names the code";
            findings.push(Finding::new(
                path,
                *line,
                "codes",
                format!("{code} is in no test"),
                mend,
            ));
        }
    }
    for file in &tree.files {
        let code = file
            .path
            .strip_prefix(PAGES)
            .and_then(|name| name.strip_suffix(".md"));
        let is_code = |name: &str| codes(name).any(|code| code == name);
        if let Some(code) = code.filter(|name| is_code(name) && !used.contains_key(name)) {
            let mend = "delete the page, or raise the error";
            findings.push(Finding::new(
                &file.path,
                0,
                "codes",
                format!("nothing raises {code}"),
                mend,
            ));
        }
    }
    findings
}

fn is_source(path: &str) -> bool {
    let mut parts = path.split('/');
    matches!(
        (parts.next(), parts.next(), parts.next()),
        (Some("crates" | "apps"), Some(_), Some("src"))
    )
}

/// `E0` and three digits, standing alone.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| {
            word.len() == 5
                && word.starts_with("E0")
                && word.bytes().skip(1).all(|b| b.is_ascii_digit())
        })
}
