//! Tasks on disk: one JSON file each, replaced atomically and synced before anyone is told.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::tasks::Record;

/// The format of the files; a higher one is refused rather than misread.
const FORMAT: u32 = 1;

#[derive(serde::Serialize, serde::Deserialize)]
struct Row {
    format: u32,
    record: Record,
}

/// An agent that was asked to end drains for a few seconds; whoever follows it waits for that long.
const LOCK_PATIENCE: Duration = Duration::from_secs(8);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Why the folder cannot be used.
pub(super) enum OpenError {
    InUse,
    Io(io::Error),
}

/// The folder, locked for this process.
pub(super) struct Journal {
    folder: PathBuf,
    /// Held for the lock on it.
    _lock: File,
}

impl Journal {
    /// Creates the folder if need be and locks it. Blocks while the one before is still ending.
    pub(super) fn open(folder: &Path) -> Result<Self, OpenError> {
        let tasks = folder.join("tasks");
        fs::create_dir_all(&tasks).map_err(OpenError::Io)?;
        let lock = File::create(folder.join("lock")).map_err(OpenError::Io)?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        folder: tasks,
                        _lock: lock,
                    });
                }
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(OpenError::InUse),
                Err(TryLockError::Error(reason)) => return Err(OpenError::Io(reason)),
            }
        }
    }

    /// Every readable task. A file that cannot be read stays where it is and is named in the log: it may be one of a newer
    /// version, and a caller may still ask for it.
    pub(super) fn load(&self) -> io::Result<Vec<Record>> {
        let mut records = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            match read(&path) {
                Ok(record) => records.push(record),
                Err(reason) => {
                    tracing::error!(path = %path.display(), %reason, "task_file_unreadable");
                }
            }
        }
        Ok(records)
    }

    /// Writes the task and returns once it is on disk.
    pub(super) fn write(&self, record: &Record) -> io::Result<()> {
        let row = serde_json::to_vec(&Row {
            format: FORMAT,
            record: record.clone(),
        })?;
        let path = self.path(&record.task.id);
        let draft = path.with_extension("draft");
        let mut file = create_private(&draft)?;
        file.write_all(&row)?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        // The rename itself is durable only once the folder is.
        File::open(&self.folder)?.sync_all()
    }

    /// Forgets a task.
    pub(super) fn remove(&self, id: &str) -> io::Result<()> {
        fs::remove_file(self.path(id))
    }

    /// Ids are made by this crate (UUIDs), never by a caller, so they are safe as file names.
    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

fn read(path: &Path) -> Result<Record, String> {
    let bytes = fs::read(path).map_err(|reason| reason.to_string())?;
    let row: Row = serde_json::from_slice(&bytes).map_err(|reason| reason.to_string())?;
    if row.format != FORMAT {
        return Err(format!("format {} is not {FORMAT}", row.format));
    }
    Ok(row.record)
}

/// The file holds the caller's tokens, so only its owner may read it.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
