//! The habits of this workspace as commands: `cargo xtask test` is what CI runs and what a contributor runs.
//!
//! Not here: anything the product needs at run time. This program compiles in seconds and knows the product only as a
//! binary that it builds and starts.
//!
//! Read next: `check.rs` (the whole of `test`), `suite.rs` (outside suites), `tidy.rs` (the rules).
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program: printing is its work"
)]

mod bench;
mod bench_afl;
mod bench_artifacts;
mod bench_asl;
mod bench_callbacks;
mod bench_durable;
mod bench_engine;
mod bench_idle;
mod binary;
mod check;
mod conformance;
mod conformance_afl;
mod conformance_asl;
mod conformance_callbacks;
mod conformance_crash;
mod conformance_durable;
mod counts;
mod lanes;
mod readme;
mod report;
mod root;
mod server;
mod setup;
mod shell;
mod suite;
mod tidy;
mod timings;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--fast] [--only NAME]... [--list]   every check and test; --fast leaves the outside suites out
  tidy                                      the rules of the house that no other tool checks
  conformance NAME [--release] [ARGS]       hold the binary against a suite that others wrote
  bench NAME [-- ARGS]                      measure the release binary
  readme                                    run the commands that the README shows
  timings [PACKAGE]                         cold debug build: total time and the slowest units, as Markdown
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Exit code 0: all well; 1: something was found or failed; 2: the command itself could not do its work.
fn dispatch(args: &[String]) -> anyhow::Result<ExitCode> {
    let Some((command, rest)) = args.split_first() else {
        eprint!("{USAGE}");
        return Ok(ExitCode::from(2));
    };
    root::program()?;
    let root = root::find()?;
    match command.as_str() {
        "test" => check::run(&root, rest),
        "tidy" => tidy::run(&root, rest),
        "conformance" => conformance::run(&root, rest),
        "bench" => bench::run(&root, rest),
        "readme" => readme::run(&root, rest),
        "timings" => timings::run(&root, rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => anyhow::bail!("unknown command {other:?}\n{USAGE}"),
    }
}
