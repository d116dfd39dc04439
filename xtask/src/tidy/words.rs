//! Words that tie the tree to one machine.

use super::{Finding, Subject};

/// First folders of absolute paths that exist on somebody's machine only.
const FOLDERS: &[&str] = &["work", "root", "home", "Users"];

/// Where the world finds packages. Any other host in a lock file or a package manager's setting is somebody's mirror.
const PUBLIC: &[&str] = &[
    "crates.io",
    "deb.debian.org",
    "files.pythonhosted.org",
    "github.com",
    "index.crates.io",
    "pypi.org",
    "registry.npmjs.org",
    "static.crates.io",
];

/// Words on a line that say where packages come from.
const SETTINGS: &[&str] = &[
    "source",
    "resolved",
    "index-url",
    "index_url",
    "registry",
    "replace-with",
    "tarball",
];

pub fn machine_paths(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &subject.tree.files {
        for (line, text) in file.lines() {
            for folder in FOLDERS {
                let path = format!("/{folder}/");
                let begins = |at: usize| {
                    let before = text.get(..at).and_then(|t| t.chars().next_back());
                    // Behind a letter, a dot or a brace it is the middle of a relative path or of a URL.
                    !before.is_some_and(|c| c.is_alphanumeric() || "._-/~}>)".contains(c))
                };
                if text.match_indices(&path).any(|(at, _)| begins(at)) {
                    findings.push(Finding::new(
                        &file.path,
                        line,
                        "words",
                        format!("an absolute path below {path} of one machine"),
                        "say it relative to the workspace, or let it arrive as an argument",
                    ));
                }
            }
        }
    }
    findings
}

pub fn registry_hosts(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    let files = subject
        .tree
        .files
        .iter()
        .filter(|file| sets_packages(file.name()));
    for file in files {
        for (line, text) in file.lines() {
            if !SETTINGS.iter().any(|setting| text.contains(setting)) {
                continue;
            }
            for host in hosts(text).filter(|host| !PUBLIC.contains(host)) {
                findings.push(Finding::new(
                    &file.path,
                    line,
                    "words",
                    format!("packages from {host}, which is not a public registry"),
                    "make the lock file against the public registry; a mirror belongs in the user's own settings",
                ));
            }
        }
    }
    findings
}

/// Lock files and the files in which package managers are told where to look.
fn sets_packages(name: &str) -> bool {
    name.ends_with(".lock")
        || name.ends_with("-lock.json")
        || name.starts_with("requirements")
        || [
            "config.toml",
            "Cargo.toml",
            "pyproject.toml",
            "package.json",
            ".npmrc",
            ".yarnrc",
            "pip.conf",
        ]
        .contains(&name)
}

/// The hosts of all URLs on the line, without user and port.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.split("://").skip(1).filter_map(|rest| {
        let authority = rest.split(['/', '"', '\'', ' ', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?;
        host.split(':').next()
    })
}
