//! How long a file may be. Functions are clippy's (`too_many_lines`).

use super::tree::{File, Tree};
use super::{Finding, Subject};

/// Lines, all of them: what one has to scroll through.
const LIMIT: usize = 1_000;
const REVIEW: usize = 500;

const CODE: &[&str] = &[".rs", ".py", ".js", ".mjs", ".ts", ".css", ".html", ".sh"];

pub fn files(subject: &Subject) -> Vec<Finding> {
    code(&subject.tree)
        .filter(|(_, lines)| *lines > LIMIT)
        .map(|(file, lines)| {
            Finding::new(
                &file.path,
                0,
                "size",
                format!("{lines} lines, {LIMIT} are the limit"),
                "split it along what changes together; aim at 100 to 250 lines a file",
            )
        })
        .collect()
}

/// A word on files that deserve a second look; no finding.
pub fn note(tree: &Tree) -> Option<String> {
    let long: Vec<String> = code(tree)
        .filter(|(_, lines)| *lines > REVIEW)
        .map(|(file, lines)| format!("{} ({lines})", file.path))
        .collect();
    let number = long.len();
    (number > 0).then(|| format!("{number} files above {REVIEW} lines: {}", long.join(", ")))
}

/// Code files with their lengths; tests and tables are exempt by name.
fn code(tree: &Tree) -> impl Iterator<Item = (&File, usize)> {
    tree.files
        .iter()
        .filter(|file| CODE.iter().any(|ending| file.path.ends_with(ending)))
        .filter(|file| !file.is_test() && !is_table(file.name()))
        .map(|file| (file, file.text.lines().count()))
}

fn is_table(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    ["table", "tables"].contains(&stem) || stem.ends_with("_table") || stem.ends_with("_tables")
}
