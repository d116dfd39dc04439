//! The file of keys: JSON, readable by its owner alone, replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use everstep_server::{AccessKey, Key};
use serde::{Deserialize, Serialize};

use super::{RoleArgument, time, unusable};

const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
struct Content {
    version: u32,
    keys: Vec<Entry>,
}

/// One key as it is kept.
#[derive(Clone, Deserialize, Serialize)]
pub struct Entry {
    pub name: String,
    pub role: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    pub access_key_id: String,
    pub secret_access_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<String>,
    /// Hex.
    pub api_key_sha256: String,
    pub created_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// The keys for a server; none when there is no file.
///
/// # Errors
/// The file can't be read, is damaged, or others may read it.
pub fn load(path: &Path) -> Result<Vec<Key>> {
    read(path)?
        .into_iter()
        .map(|entry| {
            let name = entry.name.clone();
            known(entry).ok_or_else(|| unusable(path, format!("{name} is damaged")))
        })
        .collect()
}

fn known(entry: Entry) -> Option<Key> {
    let expires = match &entry.expires_at {
        Some(text) => Some(time(text)?),
        None => None,
    };
    Some(Key {
        role: RoleArgument::parse(&entry.role)?.role(),
        groups: entry.groups,
        access: Some(AccessKey {
            id: entry.access_key_id,
            secret_access_key: entry.secret_access_key.into(),
            session_token: entry.session_token.map(Into::into),
        }),
        api_key: digest(&entry.api_key_sha256)?,
        expires,
        name: entry.name,
    })
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// The entries; none when there is no file.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let Some(text) = read_secret(path).map_err(|why| unusable(path, why))? else {
        return Ok(Vec::new());
    };
    // The parser's own words would repeat parts of the file.
    let content: Content = serde_json::from_str(&text).map_err(|error| {
        unusable(
            path,
            format!("line {} is not as it should be", error.line()),
        )
    })?;
    if content.version != VERSION {
        return Err(unusable(
            path,
            format!("it has the format {}, not {VERSION}", content.version),
        ));
    }
    Ok(content.keys)
}

/// What a file holds that its owner alone may read; `None` when there is no file.
///
/// # Errors
/// It can't be read, or others may read it.
pub fn read_secret(path: &Path) -> Result<Option<String>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let meta = fs::metadata(path).map_err(|error| error.to_string())?;
    let mode = meta.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "its mode is {:04o}, and others may look into it; `chmod 600` it",
            mode & 0o7777
        ));
    }
    Ok(Some(text))
}

/// Changes the entries, one process at a time.
pub fn change(path: &Path, apply: impl FnOnce(&mut Vec<Entry>) -> Result<()>) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    let lock = File::create(path.with_extension("lock"))
        .with_context(|| format!("nothing can be written beside {}", path.display()))?;
    lock.lock().context("the keys can't be locked")?;
    let mut keys = read(path)?;
    apply(&mut keys)?;
    let content = Content {
        version: VERSION,
        keys,
    };
    write(path, &serde_json::to_string_pretty(&content)?)
}

/// Replaces a file whole and synced; its owner alone may read it.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let part = path.with_extension("part");
    let written = || {
        let _ = fs::remove_file(&part);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    written().with_context(|| format!("{} can't be written", path.display()))
}
