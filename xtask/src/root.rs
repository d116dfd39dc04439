//! Where the workspace is, and the ignored folder `.xtask` in it.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// The path of this program, for suites that are commands of it. The first call, at the start, fixes it: `cargo nextest` may
/// put a new build in our place, after which the system calls the running one deleted.
pub fn program() -> Result<&'static Path> {
    if let Some(path) = PROGRAM.get() {
        return Ok(path);
    }
    let path = std::env::current_exe().context("finding this program")?;
    Ok(PROGRAM.get_or_init(|| path))
}

/// The workspace root. Cargo names the manifest folder when it runs us, which stays right when several checkouts share
/// one target folder; a path baked in at compile time would not.
pub fn find() -> Result<PathBuf> {
    if let Some(manifest) = std::env::var_os("CARGO_MANIFEST_DIR")
        && let Some(parent) = Path::new(&manifest).parent()
        && is_root(parent)
    {
        return Ok(parent.to_path_buf());
    }
    let here = std::env::current_dir().context("the current folder is gone")?;
    here.ancestors()
        .find(|folder| is_root(folder))
        .map(Path::to_path_buf)
        .context("no Cargo.toml with [workspace] here or above: run this inside the checkout")
}

fn is_root(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("Cargo.toml"))
        .is_ok_and(|text| text.contains("[workspace]"))
}

/// A folder below `.xtask`, made when it is missing. Everything in it can be deleted at any time.
pub fn scratch(root: &Path, name: &str) -> Result<PathBuf> {
    let folder = root.join(".xtask").join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// A new empty folder that is removed when the value is dropped.
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub fn new(label: &str) -> Result<Self> {
        let base = std::env::temp_dir();
        for n in 0..1_000 {
            let path = base.join(format!("everstep-{label}-{}-{n}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("making {}", path.display()));
                }
            }
        }
        anyhow::bail!(
            "{} holds a thousand folders of this process",
            base.display()
        )
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A server that was just killed may still hold a file on some file systems; a left-over folder in the
        // system's temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
