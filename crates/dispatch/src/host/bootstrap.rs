//! The files that every host puts into its scratch folder: a guard for all workers, a runtime for Python and one for Node.

use std::fs;
use std::io;
use std::path::Path;

use super::command::{GUARD, NODE_BOOTSTRAP, PYTHON_BOOTSTRAP};

/// Writes the bundled files; an older version of them is replaced.
pub(super) fn write(runtime_dir: &Path) -> io::Result<()> {
    fs::create_dir_all(runtime_dir)?;
    for (name, text) in [
        (GUARD, include_str!("bootstrap/guard.sh")),
        (PYTHON_BOOTSTRAP, include_str!("bootstrap/bootstrap.py")),
        (NODE_BOOTSTRAP, include_str!("bootstrap/bootstrap.mjs")),
    ] {
        fs::write(runtime_dir.join(name), text)?;
    }
    Ok(())
}
