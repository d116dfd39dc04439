//! `cargo xtask bench durable [-- SYSTEM]`: ten durable steps and a callback on a raw client, on AWS's SDKs for Rust, JavaScript and Python, and on Restate, by
//! `tests/bench`. Systems: raw, rust, javascript, python, restate.

use crate::binary::{self, Profile};
use crate::{setup, shell};
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(1_200);
const WORKERS: &str = "tests/bench/workers";

pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let modules = setup::bench_workers(root)?;
    let workers = modules.parent().context("node_modules lies in a folder")?;
    for file in ["steps.mjs", "steps.py", "restate.mjs"] {
        std::fs::copy(root.join(WORKERS).join(file), workers.join(file))
            .with_context(|| format!("copying {file}"))?;
    }
    let python = setup::python(root)?;
    let binary = binary::build(root, Profile::Release)?;
    let mut cargo = shell::cargo();
    cargo
        .current_dir(root)
        .env(binary::VARIABLE, binary)
        .env("BENCH_WORKERS", workers)
        .env("BENCH_PYTHON", python)
        .args(["run", "--quiet", "--release", "--package", "everstep-bench"])
        .args(["--", "durable"])
        .args(args);
    anyhow::ensure!(
        shell::run(&mut cargo, LIMIT)?.success,
        "the benchmark failed"
    );
    Ok(())
}
