//! AWS's conformance suite for Lambda durable functions: `tests/conformance/durable/run.py` against a server of its own, with our
//! handlers on the Python, JavaScript or Rust SDK, or (`--handlers DIR`) with those of an SDK's own conformance package.

use crate::conformance::Request;
use crate::counts::Counts;
use crate::suite::{self, Need, Suite};
use crate::{binary, conformance_crash, setup, shell};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// All suites take about two minutes on two quiet cores; a busy machine gets its share of patience.
const LIMIT: Duration = Duration::from_secs(1_200);
/// A package of somebody else's is built first: hundreds of programs, perhaps.
const PACKAGE_LIMIT: Duration = Duration::from_secs(2 * 3_600);
/// Words of the suite's program that are followed by a path.
const PATHS: &[&str] = &[
    "--handlers",
    "--requirements",
    "--table",
    "--program",
    "--node-modules",
    "--history",
    "--junit",
    "--logs",
];

pub fn run(request: &Request<'_>) -> Result<bool> {
    if conformance_crash::is_asked_for(request) {
        return conformance_crash::run(request, "crash_at_boundaries.py");
    }
    let mut words = absolute(request.args)?;
    let package = after(&words, "--handlers").map(PathBuf::from);
    let given = after(&words, "--node-modules").is_some();
    if package.as_deref().is_some_and(asks_for_node) && !given && has_npm() {
        words.extend(node_modules(request.root)?);
    }
    let limit = package.map_or(LIMIT, |_| PACKAGE_LIMIT);
    hold(request, "durable", limit, &words)
}

/// The suites that the Rust SDK can express, by one program that chooses its handler by name.
pub fn rust(request: &Request<'_>) -> Result<bool> {
    let package = "everstep-conformance-durable-rust";
    let program = binary::compile(request.root, request.profile, package, package)?;
    let mut words = table("durable-rust");
    words.extend(["--program".to_owned(), text(&program)?]);
    words.extend(absolute(request.args)?);
    hold(request, "durable-rust", LIMIT, &words)
}

/// The same suites on the JavaScript SDK, under a Node that npm brings.
pub fn javascript(request: &Request<'_>) -> Result<bool> {
    if !has_npm() {
        println!("SKIPPED durable-js: npm is not on this machine");
        println!("{}", Counts::new(0, 0, 1));
        return Ok(true);
    }
    let mut words = table("durable-js");
    words.extend(node_modules(request.root)?);
    words.extend(absolute(request.args)?);
    hold(request, "durable-js", LIMIT, &words)
}

fn hold(request: &Request<'_>, name: &str, limit: Duration, words: &[String]) -> Result<bool> {
    let mut needs = vec![Need::Python];
    if after(words, "--endpoint").is_none() {
        needs.push(Need::Server);
    }
    let suite = Suite {
        needs,
        ..Suite::new(name, ["python", "tests/conformance/durable/run.py"], limit)
    };
    suite::run_alone(request.root, &suite, request.profile, words)
}

fn table(name: &str) -> Vec<String> {
    vec![
        "--table".to_owned(),
        format!("tests/conformance/{name}/functions.toml"),
    ]
}

fn node_modules(root: &Path) -> Result<[String; 2]> {
    let modules = setup::durable_js(root)?;
    Ok(["--node-modules".to_owned(), text(&modules)?])
}

fn has_npm() -> bool {
    shell::output(Command::new("npm").arg("--version")).is_ok()
}

/// The suite runs in the workspace, its caller may not: paths are made absolute first. `--word=path` becomes two words.
fn absolute(args: &[String]) -> Result<Vec<String>> {
    let mut words: Vec<String> = Vec::with_capacity(args.len());
    for word in args {
        match word.split_once('=') {
            Some((name, value)) if PATHS.contains(&name) => {
                words.extend([name.to_owned(), value.to_owned()]);
            }
            _ => words.push(word.clone()),
        }
        let is_path = words
            .len()
            .checked_sub(2)
            .and_then(|n| words.get(n))
            .is_some_and(|name| PATHS.contains(&name.as_str()));
        if let (true, Some(last)) = (is_path, words.last_mut()) {
            *last = text(&std::path::absolute(&*last).context("making a path absolute")?)?;
        }
    }
    Ok(words)
}

fn after<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word == name)?;
    words.get(at + 1).map(String::as_str)
}

/// Whether a template of the package names a Node runtime.
fn asks_for_node(package: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(package) else {
        return false;
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("template"))
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
        .any(|template| template.contains("nodejs"))
}

fn text(path: &Path) -> Result<String> {
    Ok(path.to_str().context("a path that is no text")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::TemporaryFolder;

    #[test]
    fn paths_are_made_absolute_and_other_words_kept() {
        let words = [
            "--handlers=x",
            "--suite",
            "step",
            "--requirements",
            "/y",
            "-v",
        ];
        let words = absolute(&words.map(String::from)).unwrap();
        let here = std::path::absolute("x").unwrap();
        assert_eq!(
            words,
            [
                "--handlers",
                here.to_str().unwrap(),
                "--suite",
                "step",
                "--requirements",
                "/y",
                "-v"
            ]
        );
        assert_eq!(after(&words, "--requirements"), Some("/y"));
        assert_eq!(after(&words, "-v"), None);
    }

    #[test]
    fn only_templates_ask_for_node() {
        let folder = TemporaryFolder::new("package").unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        write("README.md", "Runtime: nodejs22.x");
        write("template_step.yaml", "Runtime: python3.13");
        assert!(!asks_for_node(folder.path()));
        write("template_wait.yaml", "Runtime: nodejs22.x");
        assert!(asks_for_node(folder.path()));
    }
}
