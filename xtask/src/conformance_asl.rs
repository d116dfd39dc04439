//! What the real Step Functions service was recorded to do: `../shared/conformance/asl/run_cases.py` over its cases, against a server of
//! its own. What still differs stands in `tests/conformance/asl/differences.json`, a list that may only shrink.

mod differences;

use crate::conformance::Request;
use crate::counts::Counts;
use crate::server::Server;
use crate::{binary, conformance_crash, root, setup, shell};
use anyhow::{Context, Result};
use differences::{Case, Difference, Verdict};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Relative to the workspace; a user's checkout does not have it.
const FOLDER: &str = "../shared/conformance/asl";
const LIMIT: Duration = Duration::from_secs(900);
/// Seconds for one execution, in real time: some cases are still running when they are judged, so that time must not skip.
const PATIENCE_S: &str = "30";
const AT_ONCE: &str = "8";
/// How many findings are shown whole.
const SHOWN: usize = 100;

pub fn run(request: &Request<'_>) -> Result<bool> {
    if conformance_crash::is_asked_for(request) {
        return conformance_crash::run(request, "machines_at_boundaries.py");
    }
    let folder = request.root.join(FOLDER);
    if !folder.join("run_cases.py").exists() {
        println!("SKIPPED asl: {FOLDER} is not here");
        println!("{}", Counts::new(0, 0, 1));
        return Ok(true);
    }
    let known = differences::known(request.root)?;
    let python = setup::python(request.root)?;
    let binary = binary::build(request.root, request.profile)?;
    let results = play(request, &folder, &python, &binary)?;
    let whole = !request.args.iter().any(|word| word.starts_with('-'));
    let verdict = Verdict::of(&results, &known, whole);
    show(&results, &verdict);
    let skipped = verdict.expected.len() as u64;
    let failed = verdict.findings.len() as u64;
    println!("{}", Counts::new(verdict.passed, failed, skipped));
    Ok(failed == 0)
}

/// Runs the cases and reads what the runner wrote of each. Its own exit code says only whether all of them passed.
fn play(request: &Request<'_>, folder: &Path, python: &Path, binary: &Path) -> Result<Vec<Case>> {
    let log = root::scratch(request.root, "log")?.join("asl.log");
    let server = Server::start(binary, &["--no-demo".to_owned()], &log)?;
    let out = root::scratch(request.root, "asl")?.join("results.jsonl");
    // An older run's results must not be read as this one's.
    std::fs::write(&out, "").context("emptying the results")?;
    let mut runner = Command::new(python);
    runner
        .arg(folder.join("run_cases.py"))
        .args(["--endpoint", server.endpoint(), "--only", "none"])
        .args(["--jobs", AT_ONCE, "--timeout", PATIENCE_S])
        .arg("--out")
        .arg(&out)
        .args(request.args)
        .env("PYTHONUNBUFFERED", "1")
        .current_dir(request.root);
    let ended = shell::run(&mut runner, LIMIT)?;
    anyhow::ensure!(!ended.timed_out, "the runner was killed after {LIMIT:?}");
    let recorded = std::fs::read_to_string(folder.join("cases.jsonl")).context("the cases")?;
    let results = std::fs::read_to_string(&out).context("reading the results")?;
    let cases = differences::cases(&results, &differences::histories(&recorded)?)?;
    anyhow::ensure!(!cases.is_empty(), "the runner wrote no result");
    Ok(cases)
}

fn show(results: &[Case], verdict: &Verdict) {
    for Difference { id, grade, reason } in &verdict.expected {
        println!("skipped 1 {id}, {}: {reason}", grade.name());
    }
    for finding in verdict.findings.iter().take(SHOWN) {
        println!("FAILED {finding}");
    }
    if let Some(more) = verdict.findings.len().checked_sub(SHOWN)
        && more > 0
    {
        println!("and {more} more");
    }
    println!("{}", differences::summary(results));
}
