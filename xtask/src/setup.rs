//! What outside suites need, in ignored folders: a Python virtual environment, npm packages, Debian packages.
//!
//! Each part is made once and again when the file that describes it has changed.

use crate::{root, shell};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PYTHON: &str = "tests/requirements.txt";
const NODE: &str = "tests";
const DURABLE_JS: &str = "tests/conformance/durable-js";
const BENCH: &str = "tests/bench/workers";
const PEERS: &str = "tests/bench/peers";
const MOTO: &str = "tests/bench/peers/requirements.txt";
const DEBIAN: &str = "tests/debian.txt";

const INSTALL_LIMIT: Duration = Duration::from_secs(900);

/// The virtual environment's interpreter, with everything in `tests/requirements.txt` installed.
pub fn python(root: &Path) -> Result<PathBuf> {
    venv(root, PYTHON, "venv")
}

/// An interpreter with moto, for `bench asl`: in an environment of its own, for it asks for what others do not.
pub fn bench_moto(root: &Path) -> Result<PathBuf> {
    venv(root, MOTO, "bench-moto")
}

/// Installs the requirements in the file `described` into the virtual environment `.xtask/NAME`; its interpreter.
fn venv(root: &Path, described: &str, name: &str) -> Result<PathBuf> {
    let wanted = std::fs::read_to_string(root.join(described))
        .with_context(|| format!("{described} says what is needed"))?;
    let venv = root.join(".xtask").join(name);
    let interpreter = venv.join("bin/python");
    // A virtual environment holds absolute paths: in a checkout that was moved it no longer runs.
    let runs = shell::output(Command::new(&interpreter).arg("-c").arg("")).is_ok();
    if runs && is_fresh(&venv, &wanted) {
        return Ok(interpreter);
    }
    println!("setting up .xtask/{name} from {described}");
    root::scratch(root, "")?;
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&venv);
    install(
        &mut create,
        "python3 -m venv (on Debian: apt-get install python3-venv)",
    )?;
    let mut pip = Command::new(&interpreter);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .arg("--requirement")
    .arg(root.join(described));
    install(&mut pip, "pip install")?;
    stamp(&venv, &wanted)?;
    Ok(interpreter)
}

/// The `node_modules` folder with what `tests/package.json` names; `None` when there is no such file.
pub fn node(root: &Path) -> Result<Option<PathBuf>> {
    npm(root, NODE, "node")
}

/// The `node_modules` folder of the JavaScript conformance handlers: a Node that they run on, the SDK, a bundler.
pub fn durable_js(root: &Path) -> Result<PathBuf> {
    npm(root, DURABLE_JS, "durable-js")?.with_context(|| format!("no package.json in {DURABLE_JS}"))
}

/// The `node_modules` folder of `bench durable`: the JavaScript SDK, Restate, a Node for both.
pub fn bench_workers(root: &Path) -> Result<PathBuf> {
    npm(root, BENCH, "bench")?.with_context(|| format!("no package.json in {BENCH}"))
}

/// The folder of aws-local-stepfunctions with the script that runs it.
pub fn bench_local(root: &Path) -> Result<PathBuf> {
    let modules =
        npm(root, PEERS, "bench-peers")?.with_context(|| format!("no package.json in {PEERS}"))?;
    let folder = modules.parent().context("node_modules lies in a folder")?;
    let script = "local_stepfunctions.mjs";
    std::fs::copy(root.join(PEERS).join(script), folder.join(script))
        .with_context(|| format!("copying {script}"))?;
    Ok(folder.to_path_buf())
}

/// Installs what `package.json` in the folder `described` names into `.xtask/NAME/node_modules`.
fn npm(root: &Path, described: &str, name: &str) -> Result<Option<PathBuf>> {
    let manifest = root.join(described).join("package.json");
    let lockfile = root.join(described).join("package-lock.json");
    let Ok(mut wanted) = std::fs::read_to_string(&manifest) else {
        return Ok(None);
    };
    let lock = std::fs::read_to_string(&lockfile).ok();
    let folder = root::scratch(root, name)?;
    let modules = folder.join("node_modules");
    wanted.push_str(lock.as_deref().unwrap_or_default());
    if modules.is_dir() && is_fresh(&folder, &wanted) {
        return Ok(Some(modules));
    }
    println!("setting up .xtask/{name} from {described}/package.json");
    std::fs::copy(&manifest, folder.join("package.json")).context("copying package.json")?;
    let verb = if lock.is_some() {
        std::fs::copy(&lockfile, folder.join("package-lock.json"))
            .context("copying package-lock.json")?;
        "ci"
    } else {
        "install"
    };
    let mut npm = Command::new("npm");
    npm.current_dir(&folder)
        .args([verb, "--no-audit", "--no-fund", "--loglevel=error"]);
    install(&mut npm, "npm")?;
    std::fs::create_dir_all(&modules).context("making node_modules")?;
    stamp(&folder, &wanted)?;
    Ok(Some(modules))
}

/// How the Debian packages of `tests/debian.txt` stand.
#[derive(Debug, PartialEq, Eq)]
pub enum Debian {
    Ready,
    /// Not a Debian, or not root: the reason, for the skip.
    Unavailable(String),
}

/// Installs what `tests/debian.txt` names (one package a line, `#` begins a comment) and is missing.
pub fn debian(root: &Path) -> Result<Debian> {
    let Ok(list) = std::fs::read_to_string(root.join(DEBIAN)) else {
        return Ok(Debian::Ready);
    };
    if !Path::new("/etc/debian_version").exists() {
        return Ok(Debian::Unavailable("this is not a Debian system".into()));
    }
    let missing: Vec<&str> = packages(&list).filter(|name| !is_installed(name)).collect();
    if missing.is_empty() {
        return Ok(Debian::Ready);
    }
    let user = shell::output(Command::new("id").arg("-u"))?;
    if user.trim() != "0" {
        let names = missing.join(" ");
        return Ok(Debian::Unavailable(format!(
            "not root: apt-get install {names}"
        )));
    }
    println!("installing Debian packages: {}", missing.join(" "));
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive")
            .arg("--quiet=2");
        apt
    };
    install(apt().arg("update"), "apt-get update")?;
    let mut command = apt();
    command
        .args(["install", "--yes", "--no-install-recommends"])
        .args(missing);
    install(&mut command, "apt-get install")?;
    Ok(Debian::Ready)
}

fn packages(list: &str) -> impl Iterator<Item = &str> {
    list.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|name| !name.is_empty())
}

fn is_installed(package: &str) -> bool {
    shell::output(Command::new("dpkg-query").args(["-W", "-f=${db:Status-Status}", package]))
        .is_ok_and(|status| status == "installed")
}

fn install(command: &mut Command, what: &str) -> Result<()> {
    let ended = shell::run(command, INSTALL_LIMIT).with_context(|| what.to_owned())?;
    anyhow::ensure!(!ended.timed_out, "{what} took more than {INSTALL_LIMIT:?}");
    anyhow::ensure!(ended.success, "{what} failed");
    Ok(())
}

/// The stamp is the description itself and not a digest: it can be read and compared by eye.
fn is_fresh(folder: &Path, wanted: &str) -> bool {
    std::fs::read_to_string(folder.join("made-from.txt")).is_ok_and(|made| made == wanted)
}

fn stamp(folder: &Path, wanted: &str) -> Result<()> {
    std::fs::write(folder.join("made-from.txt"), wanted).context("writing the stamp")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::TemporaryFolder;

    #[test]
    fn package_lists_carry_comments() {
        let list = "# for the proxy tests\nsocat\n\n  libfaketime # clock jumps\n";
        assert_eq!(packages(list).collect::<Vec<_>>(), ["socat", "libfaketime"]);
    }

    #[test]
    fn a_changed_description_is_not_fresh() {
        let folder = TemporaryFolder::new("stamp").unwrap();
        assert!(!is_fresh(folder.path(), "a"));
        stamp(folder.path(), "a").unwrap();
        assert!(is_fresh(folder.path(), "a"));
        assert!(!is_fresh(folder.path(), "b"));
    }

    #[test]
    fn nothing_described_needs_nothing() {
        let folder = TemporaryFolder::new("setup").unwrap();
        assert_eq!(node(folder.path()).unwrap(), None);
        assert_eq!(debian(folder.path()).unwrap(), Debian::Ready);
        assert!(python(folder.path()).is_err());
    }
}
