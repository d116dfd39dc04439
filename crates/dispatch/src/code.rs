//! Functions' code on this machine: archives are unpacked once, by their digest.

use std::collections::HashMap;
use std::io::Cursor;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use everstep_core::{Digest, Kind};
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
            Code::Elsewhere(_) | Code::Agent(_) => return Ok(PathBuf::new()),
            Code::Archive { sha256, .. } => sha256,
        };
        let archives = [&**sha256];
        self.cell(sha256)
            .get_or_try_init(|| self.unpack(handle, sha256, &archives))
            .await
            .cloned()
    }

    /// The folder in which a revision's layers lie over each other; `None` without layers.
    pub(crate) async fn layers(
        &self,
        handle: &Handle,
        revision: &Revision,
    ) -> Result<Option<PathBuf>, Error> {
        let layers = &revision.config.layers;
        if layers.is_empty() {
            return Ok(None);
        }
        let digests: Vec<&str> = layers.iter().map(|layer| &*layer.sha256).collect();
        let name = format!("layers-{}", Digest::of(digests.concat().as_bytes()).hex());
        let cell = self.cell(&name);
        let folder = cell.get_or_try_init(|| self.unpack(handle, &name, &digests));
        Ok(Some(folder.await?.clone()))
    }

    fn cell(&self, name: &str) -> Arc<OnceCell<PathBuf>> {
        let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(unpacked.entry(name.to_owned()).or_default())
    }

    /// Unpacks archives into one folder; of files that have the same name, the last stays.
    async fn unpack(
        &self,
        handle: &Handle,
        name: &str,
        archives: &[&str],
    ) -> Result<PathBuf, Error> {
        let to = self.folder.join(name);
        if to.is_dir() {
            return Ok(to);
        }
        let mut read = Vec::with_capacity(archives.len());
        for sha256 in archives {
            read.push(self.read(handle, sha256).await?);
        }
        let part = self.folder.join(format!("{name}.part"));
        let done = to.clone();
        let unpacked = tokio::task::spawn_blocking(move || {
            // What a crash left half-way is begun again.
            let _ = std::fs::remove_dir_all(&part);
            let mut left = UNPACKED_BYTES_MAX;
            for archive in read {
                extract(archive, &part, &mut left)?;
            }
            std::fs::rename(&part, &done)
        });
        unpacked
            .await
            .map_err(|_| Error::Ended)?
            .map_err(|error| failed(name, &error))?;
        Ok(to)
    }

    async fn read(&self, handle: &Handle, sha256: &str) -> Result<Vec<u8>, Error> {
        let (_, body) = handle
            .blobs()
            .artifacts()
            .get(CODE_BUCKET, sha256)
            .await
            .map_err(|error| failed(sha256, &error))?;
        let archive: Vec<Bytes> = body
            .try_collect()
            .await
            .map_err(|error| failed(sha256, &error))?;
        Ok(archive.concat())
    }
}

fn failed(name: &str, detail: &dyn std::fmt::Display) -> Error {
    Error::Store {
        detail: format!("code {name}: {detail}"),
        kind: Kind::Transient,
    }
}

/// Unpacks an archive below `folder`, to at most `left` bytes. Names that lead out of it are refused.
fn extract(archive: Vec<u8>, folder: &Path, left: &mut u64) -> std::io::Result<()> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).map_err(std::io::Error::other)?;
    std::fs::create_dir_all(folder)?;
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
        let written = std::io::copy(&mut std::io::Read::take(&mut file, *left + 1), &mut out)?;
        *left = left
            .checked_sub(written)
            .ok_or_else(|| std::io::Error::other("the archive unpacks to more than 250 MiB"))?;
        if let Some(mode) = file.unix_mode() {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode & 0o777 | 0o400))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// Archives with one file of zeros each: few bytes that become many.
    fn archive(name: &str, bytes: usize) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated);
        archive.start_file(name, options).expect("a file");
        archive.write_all(&vec![0; bytes]).expect("its content");
        archive.finish().expect("an archive").into_inner()
    }

    #[test]
    fn a_zip_bomb_is_stopped_at_the_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let bomb = archive("zeros", 8 << 20);
        assert!(bomb.len() < 16 << 10, "{}", bomb.len());
        let mut left = 1 << 20;
        let error = extract(bomb, folder.path(), &mut left).expect_err("too much");
        assert!(error.to_string().contains("250 MiB"), "{error}");
        let written = std::fs::metadata(folder.path().join("zeros")).expect("begun");
        assert_eq!(written.len(), (1 << 20) + 1, "no more reaches the disk");
    }

    /// The limit is one for a function's code and its layers together.
    #[test]
    fn what_fits_alone_may_be_too_much_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut left = 1_500;
        let first = extract(archive("a", 1_000), folder.path(), &mut left);
        assert_eq!((first.is_ok(), left), (true, 500));
        assert!(extract(archive("b", 1_000), folder.path(), &mut left).is_err());
        let outside = extract(archive("../b", 1), folder.path(), &mut 10);
        assert!(outside.is_err_and(|error| error.to_string().contains("outside")));
    }
}
