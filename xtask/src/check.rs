//! `cargo xtask test`: everything that must hold before a change lands, in one command with one closing line.

use crate::counts::{self, Counts};
use crate::report::Report;
use crate::suite::{self, Suite};
use crate::{lanes, shell, tidy};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Does its work and enters what it counted. An error means that it broke before it could count.
type Step = fn(&Path, &mut Report) -> Result<()>;

/// The steps before the outside suites, in order.
const STEPS: &[(&str, Step)] = &[
    ("fmt", fmt),
    ("clippy", clippy),
    ("tidy", rules),
    ("rust", rust),
    ("doc", doc),
];

/// What no default build has is checked all the same.
const FEATURES: [&str; 2] = ["--features", "everstep-research/aws"];

/// Nextest ends a single test that hangs; this ends a build or a run that does.
const RUST_LIMIT: Duration = Duration::from_secs(3_600);

#[derive(Debug, Default, PartialEq, Eq)]
struct Choice {
    fast: bool,
    list: bool,
    only: Vec<String>,
}

pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    let choice = choose(args)?;
    let suites = suite::register(root)?;
    let names: Vec<&str> = STEPS
        .iter()
        .map(|(name, _)| *name)
        .chain(suites.iter().map(|suite| suite.name.as_str()))
        .collect();
    if choice.list {
        println!("{}", names.join("\n"));
        return Ok(ExitCode::SUCCESS);
    }
    for name in &choice.only {
        anyhow::ensure!(
            names.contains(&name.as_str()),
            "nothing is named {name:?}; known: {}",
            names.join(", ")
        );
    }
    let left_out = suites
        .iter()
        .find(|s| choice.fast && choice.only.contains(&s.name));
    if let Some(suite) = left_out {
        anyhow::bail!("--fast leaves {:?} out, and --only asks for it", suite.name);
    }
    let wanted = |name: &str| choice.only.is_empty() || choice.only.iter().any(|n| n == name);
    let began = Instant::now();
    let mut report = Report::default();
    for (name, step) in STEPS.iter().filter(|(name, _)| wanted(name)) {
        let began = Instant::now();
        println!("\n── {name}");
        if let Err(error) = step(root, &mut report) {
            report.broke(name, &error, began.elapsed());
        }
    }
    let outside: Vec<&Suite> = suites.iter().filter(|s| wanted(&s.name)).collect();
    if !choice.fast && !outside.is_empty() {
        lanes::run(root, &outside, &mut report);
    }
    let well = report.close(began.elapsed());
    Ok(ExitCode::from(u8::from(!well)))
}

fn choose(args: &[String]) -> Result<Choice> {
    let mut choice = Choice::default();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--fast" => choice.fast = true,
            "--list" => choice.list = true,
            "--only" => {
                let name = words.next().context("--only wants a name")?;
                choice.only.push(name.clone());
            }
            other => anyhow::bail!("unknown argument {other:?}"),
        }
    }
    Ok(choice)
}

fn fmt(root: &Path, report: &mut Report) -> Result<()> {
    let mut cargo = shell::cargo();
    verdict(
        "fmt",
        cargo.current_dir(root).args(["fmt", "--all", "--check"]),
        report,
    )
}

fn clippy(root: &Path, report: &mut Report) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo
        .current_dir(root)
        .args(["clippy", "--workspace", "--all-targets", "--quiet"])
        .args(FEATURES)
        .args(["--", "-D", "warnings"]);
    verdict("clippy", &mut cargo, report)
}

fn verdict(name: &str, command: &mut Command, report: &mut Report) -> Result<()> {
    let began = Instant::now();
    let passed = shell::run_plainly(command)?;
    report.check(name, passed, began.elapsed());
    Ok(())
}

fn rules(root: &Path, report: &mut Report) -> Result<()> {
    let began = Instant::now();
    let findings = tidy::inspect(root)?;
    tidy::show(&findings);
    report.check("tidy", findings.is_empty(), began.elapsed());
    Ok(())
}

fn rust(root: &Path, report: &mut Report) -> Result<()> {
    let has_nextest = shell::output(shell::cargo().args(["nextest", "--version"])).is_ok();
    let mut cargo = shell::cargo();
    cargo.current_dir(root);
    if has_nextest {
        cargo
            .args(["nextest", "run", "--workspace", "--no-fail-fast"])
            .args(FEATURES);
        counted("rust", &mut cargo, counts::nextest, report)
    } else {
        cargo
            .args([
                "test",
                "--workspace",
                "--lib",
                "--bins",
                "--tests",
                "--no-fail-fast",
            ])
            .args(FEATURES);
        counted("rust", &mut cargo, counts::cargo_test, report)
    }
}

/// The examples in doc comments, which nextest does not run. Where there is none, nothing is built for them.
fn doc(root: &Path, report: &mut Report) -> Result<()> {
    if !tidy::has_examples(root)? {
        println!("no doc comment has an example");
        report.add("doc", Counts::default(), &[], Duration::ZERO);
        return Ok(());
    }
    let mut cargo = shell::cargo();
    cargo
        .current_dir(root)
        .args(["test", "--workspace", "--doc", "--no-fail-fast"]);
    counted("doc", &mut cargo, counts::cargo_test, report)
}

fn counted(
    name: &str,
    command: &mut Command,
    read: fn(&str) -> Option<Counts>,
    report: &mut Report,
) -> Result<()> {
    let ended = shell::run(command, RUST_LIMIT)?;
    let mut counts = read(&ended.text).unwrap_or_default();
    // A build that breaks, or a runner that dies, counts no failure of its own.
    if !ended.success && counts.failed == 0 {
        counts.failed = 1;
    }
    let skips: Vec<(u64, String)> = match counts.skipped {
        0 => Vec::new(),
        n => vec![(n, "marked as ignored in the source".to_owned())],
    };
    report.add(name, counts, &skips, ended.elapsed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn arguments() {
        let choice = choose(&words("--fast --only fmt --only wire")).unwrap();
        let expect = Choice {
            fast: true,
            list: false,
            only: words("fmt wire"),
        };
        assert_eq!(choice, expect);
        assert!(choose(&words("--only")).is_err());
        assert!(choose(&words("--quick")).is_err());
    }

    #[test]
    fn what_cannot_run_is_refused_before_anything_runs() {
        let root = crate::root::TemporaryFolder::new("check").unwrap();
        std::fs::create_dir(root.path().join("tests")).unwrap();
        let rows = "suites = [{ name = \"wire\", command = \"false\" }]";
        std::fs::write(root.path().join("tests/suites.toml"), rows).unwrap();
        for line in ["--only wire --fast", "--only nothing"] {
            assert!(run(root.path(), &words(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn a_build_that_breaks_is_one_failure() {
        let mut report = Report::default();
        let mut broken = Command::new("sh");
        broken.args(["-c", "echo 'error: could not compile'; exit 101"]);
        counted("rust", &mut broken, counts::cargo_test, &mut report).unwrap();
        assert!(!report.close(Duration::ZERO));
    }
}
