//! `cargo xtask timings`: what a cold debug build of the binary costs, for `docs/measurements.md`.

use crate::report::seconds;
use crate::root::TemporaryFolder;
use crate::shell;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SLOWEST: usize = 15;

/// One compiled unit: a crate, or its build script.
#[derive(Debug, PartialEq)]
struct Unit {
    name: String,
    seconds: f64,
}

pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    let package = match args {
        [] => "everstep-cli",
        [package] => package,
        _ => anyhow::bail!("timings takes one package at most"),
    };
    let target = TemporaryFolder::new("timings")?;
    let mut cargo = shell::cargo();
    cargo
        .current_dir(root)
        .args(["build", "--timings", "--package", package, "--target-dir"])
        .arg(target.path())
        .env_remove("RUSTC_WRAPPER")
        .env_remove("CARGO_TARGET_DIR");
    let began = Instant::now();
    anyhow::ensure!(shell::run_plainly(&mut cargo)?, "the build failed");
    let elapsed = began.elapsed();
    let report = target.path().join("cargo-timings/cargo-timing.html");
    let html = std::fs::read_to_string(&report).context("reading cargo's report")?;
    let units = units(&html)?;
    print!("{}", table(package, &units, elapsed));
    Ok(ExitCode::SUCCESS)
}

/// The units in cargo's HTML report, slowest first. The report carries its data as `const UNIT_DATA = [...];`; Cargo's JSON form
/// of it is not stable.
fn units(html: &str) -> Result<Vec<Unit>> {
    let (_, data) = html
        .split_once("UNIT_DATA = ")
        .context("cargo's report has no UNIT_DATA")?;
    let mut values = serde_json::Deserializer::from_str(data).into_iter::<Vec<serde_json::Value>>();
    let list = values
        .next()
        .context("UNIT_DATA is empty")?
        .context("reading UNIT_DATA")?;
    let mut units = list.iter().map(unit).collect::<Result<Vec<_>>>()?;
    units.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    Ok(units)
}

fn unit(value: &serde_json::Value) -> Result<Unit> {
    let text = |key: &str| {
        value
            .get(key)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    };
    let seconds = value.get("duration").and_then(serde_json::Value::as_f64);
    Ok(Unit {
        name: format!("{} {}{}", text("name"), text("version"), text("target"))
            .trim_end()
            .to_owned(),
        seconds: seconds.context("a unit without its duration")?,
    })
}

fn table(package: &str, units: &[Unit], elapsed: Duration) -> String {
    use std::fmt::Write;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let work: f64 = units.iter().map(|unit| unit.seconds).sum();
    let mut out = format!(
        "Cold debug build of `{package}`: {} on {cores} cores, {} units, {work:.0} s of work.\n\n| unit | s |\n|---|---|\n",
        seconds(elapsed),
        units.len(),
    );
    for unit in units.iter().take(SLOWEST) {
        writeln!(out, "| {} | {:.1} |", unit.name, unit.seconds).expect("a String takes any text");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_from_the_report_and_sorted() {
        let html = r#"<script>
const UNIT_DATA = [
  {"i": 0, "name": "serde", "version": "1.0.0", "mode": "todo", "target": "", "start": 0.0, "duration": 1.25},
  {"i": 1, "name": "ring", "version": "0.17.0", "mode": "run-custom-build", "target": " build script (run)", "start": 0.1, "duration": 9.5}
];
const CONCURRENCY_DATA = [];"#;
        let units = units(html).unwrap();
        let text = table("everstep-cli", &units, Duration::from_millis(11_200));
        assert!(text.starts_with("Cold debug build of `everstep-cli`: 11.2 s on "));
        assert!(
            text.ends_with("| ring 0.17.0 build script (run) | 9.5 |\n| serde 1.0.0 | 1.2 |\n")
        );
        assert!(super::units("<html></html>").is_err());
    }
}
