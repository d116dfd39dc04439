//! `cargo xtask bench NAME [-- ARGS]`: measurements of the release binary.

use crate::conformance;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::ExitCode;

/// A member lives in a file of its own, `bench_NAME.rs`: it builds the release binary, drives it, and prints a Markdown
/// table for `docs/measurements.md`.
type Member = fn(&Path, &[String]) -> Result<()>;

const MEMBERS: &[(&str, Member)] = &[
    ("afl", crate::bench_afl::run),
    ("artifacts", crate::bench_artifacts::run),
    ("asl", crate::bench_asl::run),
    ("callbacks", crate::bench_callbacks::run),
    ("durable", crate::bench_durable::run),
    ("engine", crate::bench_engine::run),
    ("idle", crate::bench_idle::run),
];

pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    let (own, passed_on) = conformance::split(args);
    let names: Vec<&str> = MEMBERS.iter().map(|(name, _)| *name).collect();
    let member = match own {
        [name] => MEMBERS.iter().find(|(known, _)| known == name),
        _ => None,
    };
    let (_, member) =
        member.with_context(|| format!("which benchmark? one of: {}", names.join(", ")))?;
    member(root, passed_on)?;
    Ok(ExitCode::SUCCESS)
}
