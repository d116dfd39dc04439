//! `cargo xtask tidy`: the rules of the house that no other tool checks. A rule that is not checked is a wish.
//!
//! Every rule is a function over the tree's files (and, for dependencies, `cargo metadata`), so that a rule is tested by a
//! small tree written down in `xtask/fixtures/tidy`. A finding says where, which rule, and how to mend it.

mod codes;
mod commands;
mod dependencies;
mod layers;
mod metadata;
mod names;
mod presence;
mod promises;
mod sizes;
mod tree;
mod unfinished;
mod words;

use anyhow::Result;
use metadata::Metadata;
use std::path::Path;
use std::process::ExitCode;
use tree::Tree;

/// Something that breaks a rule. `line` counts from 1; 0 means the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub rule: &'static str,
    pub what: String,
    pub mend: String,
}

impl Finding {
    fn new(
        path: &str,
        line: usize,
        rule: &'static str,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            line,
            rule,
            what: what.into(),
            mend: mend.into(),
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(
            f,
            ": [{}] {}\n    mend: {}",
            self.rule, self.what, self.mend
        )
    }
}

/// What a rule may look at.
struct Subject {
    tree: Tree,
    metadata: Metadata,
}

const RULES: &[fn(&Subject) -> Vec<Finding>] = &[
    layers::arrows,
    layers::purity,
    dependencies::forbidden,
    dependencies::majors,
    sizes::files,
    names::modules,
    names::declared,
    words::machine_paths,
    words::registry_hosts,
    unfinished::marks,
    codes::pages_and_tests,
    commands::listed,
    promises::tested,
    presence::files,
    presence::lint_tables,
];

pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    anyhow::ensure!(args.is_empty(), "tidy takes no arguments");
    let findings = inspect(root)?;
    show(&findings);
    Ok(ExitCode::from(u8::from(!findings.is_empty())))
}

/// Whether any doc comment has a code block: there would be something for `cargo test --doc`.
pub fn has_examples(root: &Path) -> Result<bool> {
    let tree = Tree::read(root)?;
    let mut sources = tree.files.iter().filter(|file| file.path.ends_with(".rs"));
    Ok(sources.any(|file| file.text.lines().any(begins_example)))
}

fn begins_example(line: &str) -> bool {
    let line = line.trim_start();
    let comment = line
        .strip_prefix("///")
        .or_else(|| line.strip_prefix("//!"));
    comment.is_some_and(|text| text.trim_start().starts_with("```"))
}

/// All findings in the checkout, sorted by place.
pub fn inspect(root: &Path) -> Result<Vec<Finding>> {
    let subject = Subject {
        tree: Tree::read(root)?,
        metadata: Metadata::read(root)?,
    };
    if let Some(note) = sizes::note(&subject.tree) {
        println!("{note}");
    }
    Ok(subject.findings())
}

pub fn show(findings: &[Finding]) {
    for finding in findings {
        println!("{finding}");
    }
    println!("tidy: {} findings", findings.len());
}

impl Subject {
    fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(self)).collect();
        findings.sort();
        findings
    }
}

#[cfg(test)]
mod tests;
