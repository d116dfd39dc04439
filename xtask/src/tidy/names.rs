//! Names that say nothing.

use super::{Finding, Subject};

const MODULES: &[&str] = &[
    "common", "helper", "helpers", "shared", "types", "util", "utils",
];
const ENDINGS: &[&str] = &["Helper", "Manager", "Processor", "Util", "Utils", "Wrapper"];
const DECLARATIONS: &[&str] = &[
    "struct",
    "enum",
    "trait",
    "type",
    "union",
    "class",
    "interface",
];
const CODE: &[&str] = &[".rs", ".py", ".js", ".mjs", ".ts"];

/// Files, folders of code and packages.
pub fn modules(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |path: &str, line: usize, name: &str| {
        findings.push(Finding::new(
            path,
            line,
            "names",
            format!("a module or crate named {name:?}"),
            "name it after what it holds, or put the code beside its only user",
        ));
    };
    for file in subject.tree.files.iter().filter(|f| is_code(&f.path)) {
        let parts = file
            .path
            .split('/')
            .map(|part| part.split('.').next().unwrap_or(part));
        if let Some(name) = parts.into_iter().find(|part| MODULES.contains(part)) {
            report(&file.path, 0, name);
        }
        for (line, text) in file.lines() {
            let words = words(text);
            let inline = words.strip_prefix(&["pub"]).unwrap_or(&words);
            if let ["mod", name, ..] = inline
                && text.contains('{')
                && MODULES.contains(name)
            {
                report(&file.path, line, name);
            }
        }
    }
    for package in &subject.metadata.members {
        let short = package
            .name
            .strip_prefix("everstep-")
            .unwrap_or(&package.name);
        if MODULES.contains(&short) {
            report(&package.manifest, 0, short);
        }
    }
    findings
}

/// Declared types. What a protocol names itself keeps its name on the wire only.
pub fn declared(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in subject.tree.files.iter().filter(|f| is_code(&f.path)) {
        for (line, text) in file.lines() {
            let words = words(text);
            let named = words.windows(2).find_map(|pair| match pair {
                [keyword, name] if DECLARATIONS.contains(keyword) => Some(*name),
                _ => None,
            });
            let Some(name) = named.filter(|_| !is_comment(text)) else {
                continue;
            };
            if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                findings.push(Finding::new(
                    &file.path,
                    line,
                    "names",
                    format!("a type named {name}"),
                    "name what it is, not that it does something: a noun from the vocabulary, or a function",
                ));
            }
        }
    }
    findings
}

/// The words of a line up to the first thing that cannot begin a declaration.
fn words(line: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.split(|c| !is_part(c))
        .filter(|word| !word.is_empty())
        .take(6)
        .collect()
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["//", "# ", "*"].iter().any(|mark| line.starts_with(mark))
}

fn is_code(path: &str) -> bool {
    CODE.iter().any(|ending| path.ends_with(ending))
}
