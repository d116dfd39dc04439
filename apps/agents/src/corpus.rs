//! The folder of sources that the researcher reads, or the corpus that is shipped inside the binary.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::document::{Document, Format};

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/corpus");

/// The topic that the shipped corpus is about.
pub const TOPIC: &str = "Long-duration energy storage for a renewable grid";

/// Largest file that is read; a longer one is left out and named in [`Corpus::skipped`].
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Most files that are read from one folder.
pub const FILES_MAX: usize = 5_000;
/// Deepest nesting of folders that is followed.
const DEPTH_MAX: usize = 16;

/// A folder of sources could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read sources at {path}: {reason}")]
pub struct Error {
    pub path: PathBuf,
    pub reason: std::io::Error,
}

/// Readable documents in the order of their paths.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Corpus {
    pub documents: Vec<Document>,
    /// Files with a readable ending that were left out, each with the reason.
    pub skipped: Vec<String>,
}

impl Corpus {
    /// The shipped corpus.
    pub fn shipped() -> Self {
        let mut corpus = Self::default();
        for file in SHIPPED.files() {
            let path = file.path().to_string_lossy().into_owned();
            if let (Some(format), Some(raw)) = (Format::of(&path), file.contents_utf8()) {
                corpus.add(&path, format, raw.to_owned());
            }
        }
        corpus.sort();
        corpus
    }

    /// Reads every `.txt`, `.md` and `.html` file below `folder`. Symbolic links are not followed, because a link
    /// could lead out of the folder that the user named.
    ///
    /// # Errors
    /// When the folder itself cannot be listed. A file that cannot be read is only skipped.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut corpus = Self::default();
        let mut open = vec![(folder.to_owned(), 0)];
        while let Some((directory, depth)) = open.pop() {
            let entries =
                std::fs::read_dir(&directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let entries = entries.map_err(|reason| Error {
                path: directory.clone(),
                reason,
            })?;
            for entry in entries {
                let path = entry.path();
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                if kind.is_dir() && depth < DEPTH_MAX {
                    open.push((path, depth + 1));
                } else if kind.is_file() {
                    corpus.read_file(folder, &path);
                }
            }
        }
        corpus.sort();
        Ok(corpus)
    }

    /// Adds one document.
    pub fn add(&mut self, path: &str, format: Format, raw: String) {
        self.documents.push(Document::parse(path, format, raw));
    }

    fn read_file(&mut self, folder: &Path, path: &Path) {
        let name = path
            .strip_prefix(folder)
            .unwrap_or(path)
            .to_string_lossy()
            .replace('\\', "/");
        let Some(format) = Format::of(&name) else {
            return;
        };
        let length = std::fs::metadata(path).map_or(0, |data| data.len());
        if length > FILE_BYTES_MAX {
            self.skipped
                .push(format!("{name}: longer than {FILE_BYTES_MAX} bytes"));
        } else if self.documents.len() >= FILES_MAX {
            self.skipped
                .push(format!("{name}: more than {FILES_MAX} files"));
        } else {
            match std::fs::read_to_string(path) {
                Ok(raw) => self.add(&name, format, raw),
                Err(reason) => self.skipped.push(format!("{name}: {reason}")),
            }
        }
    }

    fn sort(&mut self) {
        self.documents.sort_by(|a, b| a.path.cmp(&b.path));
        self.skipped.sort();
    }
}
