//! Copies of functions' code. An execution keeps the code it began with, so what is registered must not change under it: each state of a
//! folder is copied once, to a folder named by its digest.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Folders that are no part of the code, or that any tool makes again.
const LEFT_OUT: [&str; 9] = [
    ".git",
    ".hg",
    ".everstep",
    ".aws-sam",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    "target",
];
/// Virtual environments name their own place, so they are linked: packages that change there change for everybody.
const LINKED: [&str; 2] = [".venv", "venv"];

/// Whether a change of this name may change a function.
pub fn matters(name: &str) -> bool {
    !(LEFT_OUT.contains(&name) || LINKED.contains(&name) || name.ends_with(".pyc"))
}

/// Copies the code below `to` unless that state is there already, and says where it lies. `except` is the server's own data folder.
pub fn take(code: &Path, to: &Path, except: &Path) -> io::Result<PathBuf> {
    let mut files = Vec::new();
    if code.is_dir() {
        gather(code, Path::new(""), except, &mut files)?;
    } else {
        files.push(Entry {
            from: code.to_owned(),
            name: PathBuf::from("bootstrap"),
            link: false,
        });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let digest = digest(&files)?;
    let done = to.join(&digest);
    if done.is_dir() {
        return Ok(done);
    }
    let part = to.join(format!("{digest}.part"));
    // What a crash left half-way is begun again.
    let _ = fs::remove_dir_all(&part);
    fs::create_dir_all(&part)?;
    for file in &files {
        let target = part.join(&file.name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        if file.link {
            std::os::unix::fs::symlink(&file.from, target)?;
        } else {
            fs::copy(&file.from, target)?;
        }
    }
    fs::rename(&part, &done)?;
    Ok(done)
}

struct Entry {
    from: PathBuf,
    name: PathBuf,
    link: bool,
}

fn gather(folder: &Path, below: &Path, except: &Path, files: &mut Vec<Entry>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), below.join(entry.file_name()));
        let text = entry.file_name().to_string_lossy().into_owned();
        let kind = match fs::metadata(&path) {
            Ok(meta) => meta.file_type(),
            // A link to nowhere, or a file that an editor has just taken away.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if kind.is_dir() {
            let linked = LINKED.contains(&text.as_str()) || entry.file_type()?.is_symlink();
            if LEFT_OUT.contains(&text.as_str()) || path == except {
                continue;
            }
            if linked {
                files.push(Entry {
                    from: path.canonicalize()?,
                    name,
                    link: true,
                });
            } else {
                gather(&path, &name, except, files)?;
            }
        } else if kind.is_file() && matters(&text) {
            files.push(Entry {
                from: path,
                name,
                link: false,
            });
        }
    }
    Ok(())
}

/// SHA-256 over names, kinds and contents; hexadecimal.
fn digest(files: &[Entry]) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for file in files {
        part(file.name.as_os_str().as_encoded_bytes());
        if file.link {
            part(b"link");
            part(file.from.as_os_str().as_encoded_bytes());
        } else {
            let executable = fs::metadata(&file.from)?.permissions().mode() & 0o111 != 0;
            part(if executable { b"executable" } else { b"file" });
            part(&fs::read(&file.from)?);
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
#[path = "snapshot/tests.rs"]
mod tests;
