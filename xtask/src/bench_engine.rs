//! `cargo xtask bench engine [-- SCENARIO]`: storage operations, then the release binary from outside beside a bare handler, by
//! `tests/bench`. Scenarios: store, checkpoints, growth, callbacks, suspended.

use crate::binary::{self, Profile};
use crate::shell;
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(1_800);

pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let only = args.first().map(String::as_str);
    if only.is_none_or(|only| only == "store") {
        for clients in ["1", "64"] {
            let mut cargo = shell::cargo();
            cargo
                .current_dir(root)
                .args(["run", "--quiet", "--release", "--package"]);
            cargo.args(["everstep-store", "--example", "store_bench", "--", ""]);
            cargo.args(["5", clients]);
            finish(shell::run(&mut cargo, LIMIT)?)?;
        }
    }
    if only == Some("store") {
        return Ok(());
    }
    let binary = binary::build(root, Profile::Release)?;
    let mut cargo = shell::cargo();
    cargo.current_dir(root).env(binary::VARIABLE, binary);
    cargo.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "everstep-bench",
        "--",
        "engine",
    ]);
    cargo.args(args);
    finish(shell::run(&mut cargo, LIMIT)?)
}

fn finish(ended: shell::Ended) -> Result<()> {
    anyhow::ensure!(ended.success, "the benchmark failed");
    Ok(())
}
