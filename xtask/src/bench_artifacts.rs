//! `cargo xtask bench artifacts [-- PLACE…]`: what artifacts of 1 GiB (`ARTIFACT_MIB`) cost the release binary in memory, for each way in and out, by
//! `tests/artifacts/measure.py`. Places: folder, s3, gcs, azure; the first two unless told.

use crate::binary::{self, Profile};
use crate::{setup, shell};
use anyhow::Result;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(1_800);

pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let python = setup::python(root)?;
    let binary = binary::build(root, Profile::Release)?;
    let mut measure = Command::new(python);
    measure
        .current_dir(root)
        .env(binary::VARIABLE, binary)
        .arg("tests/artifacts/measure.py")
        .args(args);
    anyhow::ensure!(
        shell::run(&mut measure, LIMIT)?.success,
        "the benchmark failed"
    );
    Ok(())
}
