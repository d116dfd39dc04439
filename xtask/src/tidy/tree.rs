//! The files of the checkout as the rules see them.

use crate::shell;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// Planted trees: their files break rules on purpose.
const FIXTURES: &str = "xtask/fixtures/";

/// All text files that are tracked or could be, sorted by path.
#[derive(Debug, Default)]
pub struct Tree {
    pub files: Vec<File>,
}

/// A text file; `path` is relative to the workspace, with forward slashes.
#[derive(Debug)]
pub struct File {
    pub path: String,
    pub text: String,
}

impl Tree {
    /// What git tracks, or would track: new files count before they are added, ignored ones never.
    pub fn read(root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.current_dir(root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let listed =
            shell::output(&mut git).context("tidy asks git which files are the project's")?;
        let mut paths: Vec<&str> = listed.split_terminator('\0').collect();
        paths.sort_unstable();
        paths.dedup();
        let files = paths
            .into_iter()
            .filter(|path| !path.starts_with(FIXTURES))
            // A deleted file is still in the index; one that is not UTF-8 has no lines to judge.
            .filter_map(|path| {
                let text = std::fs::read_to_string(root.join(path)).ok()?;
                Some(File {
                    path: path.to_owned(),
                    text,
                })
            })
            .collect();
        Ok(Self { files })
    }

    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The first line of `path` that holds `text`; 0 when there is none, which means the file as a whole.
    pub fn line_of(&self, path: &str, text: &str) -> usize {
        let file = self.get(path);
        let found = file.and_then(|f| f.lines().find(|(_, line)| has_word(line, text)));
        found.map_or(0, |(line, _)| line)
    }

    /// Every text that counts as a test of the product, as (path, text).
    pub fn tests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter(|file| !file.path.starts_with("xtask/"))
            .filter_map(|file| Some((file.path.as_str(), file.test_text()?)))
    }
}

impl File {
    /// Lines with their numbers from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(n, line)| (n + 1, line))
    }

    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether the whole file is a test: under a `tests` folder, or by its name.
    pub fn is_test(&self) -> bool {
        let name = self.name();
        let in_folder = self
            .path
            .split('/')
            .rev()
            .skip(1)
            .any(|folder| folder == "tests");
        in_folder
            || name == "tests.rs"
            || name.ends_with("_tests.rs")
            || (name.starts_with("test_") && name.ends_with(".py"))
    }

    /// Lines of product code: a whole-file test has none, and an inline test module ends them.
    pub fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = if self.is_test() {
            0
        } else {
            self.inline_tests().unwrap_or(self.text.len())
        };
        let product = self.text.get(..end).unwrap_or_default();
        product.lines().enumerate().map(|(n, line)| (n + 1, line))
    }

    fn test_text(&self) -> Option<&str> {
        if self.is_test() {
            // The register of README commands names texts without testing them.
            return (self.path != crate::readme::REGISTER).then_some(&self.text);
        }
        self.text.get(self.inline_tests()?..)
    }

    /// Where `#[cfg(test)] mod name {` begins, if the file ends in such a module.
    fn inline_tests(&self) -> Option<usize> {
        if !self.path.ends_with(".rs") {
            return None;
        }
        let start = self.text.find("\n#[cfg(test)]\n")?;
        let rest = self.text.get(start..)?.lines().nth(2)?.trim();
        (rest.starts_with("mod ") && rest.ends_with('{')).then_some(start)
    }
}

/// Whether `text` holds `word` with no letter, digit or underscore at its sides.
pub fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}
