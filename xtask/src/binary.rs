//! Building the product's binary once, for everything that starts it.

use crate::{root, shell};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Set by a caller who has built the binary already; suites receive it under the same name.
pub const VARIABLE: &str = "EVERSTEP_BIN";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Debug,
    Release,
}

/// Builds `everstep` and copies it to `.xtask/bin/<profile>/everstep`. The copy is what suites run: another checkout may
/// share the target folder and overwrite the original in the middle of a run. An `EVERSTEP_BIN` that is set already is
/// used as it is.
pub fn build(root: &Path, profile: Profile) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(VARIABLE) {
        let given = PathBuf::from(given);
        anyhow::ensure!(
            given.is_file(),
            "{VARIABLE} names {}, which is not a file",
            given.display()
        );
        println!("using {VARIABLE}={}", given.display());
        return std::path::absolute(&given).context("making EVERSTEP_BIN absolute");
    }
    compile(root, profile, "everstep-cli", "everstep")
}

/// Builds a program of the workspace and copies it to `.xtask/bin/<profile>/`.
pub fn compile(root: &Path, profile: Profile, package: &str, name: &str) -> Result<PathBuf> {
    let mut cargo = shell::cargo();
    cargo
        .current_dir(root)
        // The binary's package beside it: what both depend on is then built once, with the same features.
        .args(["build", "--package", "everstep-cli"])
        .args(["--package", package, "--bin", name])
        .arg("--message-format=json-render-diagnostics")
        .stderr(std::process::Stdio::inherit());
    let folder = match profile {
        Profile::Debug => "bin/debug",
        Profile::Release => {
            cargo.arg("--release");
            "bin/release"
        }
    };
    let messages = shell::output(&mut cargo)?;
    let built = executable(&messages, name)
        .with_context(|| format!("cargo named no executable `{name}`"))?;
    let copy = root::scratch(root, folder)?.join(name);
    // A running copy cannot be overwritten, but its name can be given to a new file.
    let fresh = copy.with_extension("new");
    std::fs::copy(&built, &fresh).with_context(|| format!("copying {}", built.display()))?;
    std::fs::rename(&fresh, &copy).with_context(|| format!("renaming to {}", copy.display()))?;
    Ok(copy)
}

/// The path of the program in cargo's JSON messages, one object a line.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message.pointer("/target/name").is_some_and(|n| n == name))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_read_from_cargos_messages() {
        let messages = r#"
{"reason":"compiler-artifact","target":{"name":"everstep_core"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"everstep"},"executable":"/t/debug/everstep"}
{"reason":"build-finished","success":true}"#;
        let found = executable(messages, "everstep");
        assert_eq!(found, Some("/t/debug/everstep".into()));
        let none = executable(r#"{"reason":"build-finished"}"#, "everstep");
        assert_eq!(none, None);
    }
}
