//! `cargo xtask bench asl [-- SYSTEM]`: state machines on the release binary, and the same ones on aws-local-stepfunctions and on moto, by
//! `tests/bench`. Systems: everstep, local, moto. A peer that can't be installed here is skipped aloud.

use crate::binary::{self, Profile};
use crate::{setup, shell};
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(1_200);
const PEERS: &str = "tests/bench/peers";

pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let binary = binary::build(root, Profile::Release)?;
    let mut cargo = shell::cargo();
    cargo
        .current_dir(root)
        .env(binary::VARIABLE, binary)
        .env("BENCH_MOTO_SCRIPT", root.join(PEERS).join("moto_states.py"));
    if let Some(folder) = or_skipped("aws-local-stepfunctions", setup::bench_local(root)) {
        cargo.env("BENCH_LOCAL_STEPFUNCTIONS", folder);
    }
    if let Some(python) = or_skipped("moto", setup::bench_moto(root)) {
        cargo.env("BENCH_MOTO", python);
    }
    cargo
        .args(["run", "--quiet", "--release", "--package", "everstep-bench"])
        .args(["--", "asl"])
        .args(args);
    anyhow::ensure!(
        shell::run(&mut cargo, LIMIT)?.success,
        "the benchmark failed"
    );
    Ok(())
}

fn or_skipped<T>(peer: &str, installed: Result<T>) -> Option<T> {
    installed
        .inspect_err(|error| println!("SKIPPED {peer}: {error:#}"))
        .ok()
}
