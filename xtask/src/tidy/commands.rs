//! Every command that a README shows is run by a test.

use super::tree::{File, Tree};
use super::{Finding, Subject};
use crate::readme::{self, REGISTER, Shown};

const FENCES: &[&str] = &["sh", "bash", "shell", "console"];

pub fn listed(subject: &Subject) -> Vec<Finding> {
    let tree = &subject.tree;
    let readmes: Vec<&File> = tree
        .files
        .iter()
        .filter(|file| is_readme(&file.path))
        .collect();
    let mut findings = Vec::new();
    let register = match tree.get(REGISTER).map(|file| readme::parse(&file.text)) {
        Some(Ok(register)) => register,
        Some(Err(error)) => {
            let mend = "its own head says what a command looks like";
            findings.push(Finding::new(
                REGISTER,
                0,
                "commands",
                format!("{error:#}"),
                mend,
            ));
            return findings;
        }
        None => Vec::new(),
    };
    let mut shown_texts = Vec::new();
    for file in &readmes {
        for (line, text) in commands(file) {
            if !register.iter().any(|c| c.text == text) && !is_in_a_test(tree, &text) {
                findings.push(Finding::new(
                    &file.path,
                    line,
                    "commands",
                    format!("no test runs `{text}`"),
                    format!("add it to {REGISTER}, word for word"),
                ));
            }
            shown_texts.push(text);
        }
    }
    findings.extend(
        register
            .iter()
            .flat_map(|command| stale(tree, &shown_texts, command)),
    );
    findings
}

/// A row that no README shows, or whose proof does not hold it.
fn stale(tree: &Tree, shown: &[String], command: &Shown) -> Vec<Finding> {
    let line = tree.line_of(REGISTER, &command.text);
    let mut findings = Vec::new();
    if !shown.contains(&command.text) {
        let what = format!("no README shows `{}`", command.text);
        let mend = "delete the row, or write it as the README does";
        findings.push(Finding::new(REGISTER, line, "commands", what, mend));
    }
    if let Some(proof) = &command.proven_by
        && !tree
            .get(proof)
            .is_some_and(|file| file.text.contains(&command.text))
    {
        let what = format!("{proof} does not run `{}`", command.text);
        let mend = "name the file that does, or let `cargo xtask readme` run it";
        findings.push(Finding::new(REGISTER, line, "commands", what, mend));
    }
    findings
}

fn is_in_a_test(tree: &Tree, text: &str) -> bool {
    tree.tests().any(|(_, test)| test.contains(text))
}

fn is_readme(path: &str) -> bool {
    path == "README.md" || (path.starts_with("examples/") && path.ends_with("/README.md"))
}

/// The commands in fenced shell blocks with the line they begin on. In a `console` block, and wherever a block uses prompts,
/// only the lines behind `$ ` are commands.
fn commands(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fence: Option<bool> = None;
    let mut open: Option<(usize, String)> = None;
    for (number, line) in file.lines() {
        let line = line.trim();
        if let Some(language) = line.strip_prefix("```") {
            let language = language.split([' ', ',']).next().unwrap_or_default();
            fence = match fence {
                Some(_) => None,
                None => Some(FENCES.contains(&language)),
            };
            continue;
        }
        if fence != Some(true) {
            continue;
        }
        let (start, head) = open.take().unwrap_or((number, String::new()));
        let is_first = head.is_empty();
        if is_first && (line.is_empty() || line.starts_with('#')) {
            continue;
        }
        let part = line.strip_suffix('\\').unwrap_or(line).trim();
        let part = part.strip_prefix("$ ").unwrap_or(part);
        let joined = if is_first {
            part.to_owned()
        } else {
            format!("{head} {part}")
        };
        if line.ends_with('\\') {
            open = Some((start, joined));
        } else {
            found.push((start, joined));
        }
    }
    found
}
