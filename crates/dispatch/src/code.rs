//! Functions' code on this machine: archives are unpacked once, by their digest.

use std::collections::HashMap;
use std::io::Cursor;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use everstep_core::Kind;
use everstep_engine::catalogue::CODE_BUCKET;
use everstep_engine::{Code, Error, Handle, Revision};
use futures_util::TryStreamExt as _;
use tokio::sync::OnceCell;

/// Bytes that an archive may unpack to: Lambda's figure.
const UNPACKED_BYTES_MAX: u64 = 250 * 1024 * 1024;

/// A folder of unpacked archives.
pub(crate) struct CodeFolder {
    folder: PathBuf,
    /// Archives that were asked for: the first caller unpacks, the others wait for it.
    unpacked: Mutex<HashMap<String, Arc<OnceCell<PathBuf>>>>,
}

impl CodeFolder {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            unpacked: Mutex::default(),
        }
    }

    /// The folder with a revision's code.
    pub(crate) async fn folder(
        &self,
        handle: &Handle,
        revision: &Revision,
    ) -> Result<PathBuf, Error> {
        let sha256 = match &revision.code {
            Code::Folder { path } => return Ok(PathBuf::from(path)),
            // There is nothing to run here.
            Code::Elsewhere(_) => return Ok(PathBuf::new()),
            Code::Archive { sha256, .. } => sha256,
        };
        let cell = {
            let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(unpacked.entry(sha256.clone()).or_default())
        };
        cell.get_or_try_init(|| self.unpack(handle, sha256))
            .await
            .cloned()
    }

    async fn unpack(&self, handle: &Handle, sha256: &str) -> Result<PathBuf, Error> {
        let to = self.folder.join(sha256);
        if to.is_dir() {
            return Ok(to);
        }
        let failed = |detail: String| Error::Store {
            detail: format!("code {sha256}: {detail}"),
            kind: Kind::Transient,
        };
        let (_, body) = handle
            .blobs()
            .artifacts()
            .get(CODE_BUCKET, sha256)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let archive: Vec<Bytes> = body
            .try_collect()
            .await
            .map_err(|error| failed(error.to_string()))?;
        let archive = archive.concat();
        let part = self.folder.join(format!("{sha256}.part"));
        let done = to.clone();
        let unpacked = tokio::task::spawn_blocking(move || {
            // What a crash left half-way is begun again.
            let _ = std::fs::remove_dir_all(&part);
            extract(archive, &part)?;
            std::fs::rename(&part, &done)
        });
        unpacked
            .await
            .map_err(|_| Error::Ended)?
            .map_err(|error| failed(error.to_string()))?;
        Ok(to)
    }
}

/// Unpacks an archive below `folder`. Names that lead out of it are refused.
fn extract(archive: Vec<u8>, folder: &Path) -> std::io::Result<()> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).map_err(std::io::Error::other)?;
    std::fs::create_dir_all(folder)?;
    let mut left = UNPACKED_BYTES_MAX;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(std::io::Error::other)?;
        let name = PathBuf::from(file.name());
        if !name
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(std::io::Error::other(format!(
                "the archive names {}, which lies outside it",
                name.display()
            )));
        }
        let to = folder.join(&name);
        if file.is_dir() {
            std::fs::create_dir_all(&to)?;
            continue;
        }
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut out = std::fs::File::create(&to)?;
        let written = std::io::copy(&mut std::io::Read::take(&mut file, left + 1), &mut out)?;
        left = left
            .checked_sub(written)
            .ok_or_else(|| std::io::Error::other("the archive unpacks to more than 250 MiB"))?;
        if let Some(mode) = file.unix_mode() {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode & 0o777 | 0o400))?;
        }
    }
    Ok(())
}
