//! The AFL reference's own verdicts and JSON: `../shared/conformance/afl/run.py` over its cases, against `everstep afl compile`.

use crate::conformance::Request;
use crate::counts::Counts;
use crate::suite::{self, Outcome, Suite};
use crate::{binary, root};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Relative to the workspace; a user's checkout does not have it.
const FOLDER: &str = "../shared/conformance/afl";
const LIMIT: Duration = Duration::from_secs(600);

pub fn run(request: &Request<'_>) -> Result<bool> {
    let folder = request.root.join(FOLDER);
    if !folder.join("run.py").exists() {
        println!("SKIPPED afl: {FOLDER} is not here");
        println!("{}", Counts::new(0, 0, 1));
        return Ok(true);
    }
    let text = std::fs::read_to_string(folder.join("cases.jsonl")).context("reading the cases")?;
    let (usable, unusable) = sift(&text)?;
    let cases = root::scratch(request.root, "afl")?.join("cases.jsonl");
    std::fs::write(&cases, usable).context("writing the usable cases")?;
    let binary = binary::build(request.root, request.profile)?;
    let suite = suite(&folder, &binary, &cases);
    let Outcome::Ran { mut counts, .. } = suite::run(request.root, &suite, &binary, request.args)?
    else {
        anyhow::bail!("the suite was skipped although it needs nothing");
    };
    for id in &unusable {
        println!("SKIPPED {id}: the case holds no source text, so that no compiler can be asked");
    }
    counts += Counts::new(0, 0, unusable.len() as u64);
    println!("{counts}");
    Ok(counts.failed == 0)
}

fn suite(folder: &Path, binary: &Path, cases: &Path) -> Suite {
    let program = folder.join("run.py");
    let words: [PathBuf; 6] = [
        "python3".into(),
        program,
        "--bin".into(),
        binary.into(),
        "--cases".into(),
        cases.into(),
    ];
    Suite::new(
        "afl",
        words.map(|word| word.to_string_lossy().into_owned()),
        LIMIT,
    )
}

/// The cases that have a source, and the ids of those that have none: `run.py` cannot write such a source into a file.
fn sift(text: &str) -> Result<(String, Vec<String>)> {
    let mut usable = String::with_capacity(text.len());
    let mut unusable = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: serde_json::Value = serde_json::from_str(line).context("a case is JSON")?;
        let field = |name: &str| case.get(name).and_then(serde_json::Value::as_str);
        if field("source").is_some() {
            usable.push_str(line);
            usable.push('\n');
        } else {
            unusable.push(field("id").unwrap_or("a case without id").to_owned());
        }
    }
    Ok((usable, unusable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_without_source_are_named_not_dropped() {
        let text = "{\"id\":\"a\",\"source\":\"\"}\n{\"id\":\"b\",\"source\":null}\n";
        let (usable, unusable) = sift(text).unwrap();
        assert_eq!(usable, "{\"id\":\"a\",\"source\":\"\"}\n");
        assert_eq!(unusable, ["b"]);
    }
}
