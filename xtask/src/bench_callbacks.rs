//! `cargo xtask bench callbacks [-- SCENARIO]`: callbacks under load on the release binary, beside a bare handler, by `tests/bench`. Scenarios: cycles,
//! acknowledged, parked, approvals.

use crate::binary::{self, Profile};
use crate::shell;
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(1_200);

pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let binary = binary::build(root, Profile::Release)?;
    let mut cargo = shell::cargo();
    cargo
        .current_dir(root)
        .env(binary::VARIABLE, binary)
        .args(["run", "--quiet", "--release", "--package", "everstep-bench"])
        .args(["--", "callbacks"])
        .args(args);
    anyhow::ensure!(
        shell::run(&mut cargo, LIMIT)?.success,
        "the benchmark failed"
    );
    Ok(())
}
