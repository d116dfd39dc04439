//! The folder of all logs: one handle for who writes, reads and tidies up.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::file::{LogFile, parse_name};
use crate::line::LogLine;
use crate::name;
use crate::settings::{GroupSettings, Settings};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a folder that is written to is looked through for what is too old.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// What logs may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A file is rotated at this size, bytes.
    pub file_bytes_max: u64,
    /// Or when it was begun so long ago.
    pub file_age_max: Duration,
    /// Rotated files of a group beside the growing one.
    pub files_kept: usize,
    /// How long lines are kept where a group has no retention of its own; `None` is for ever.
    pub retention: Option<Duration>,
    /// All groups together, bytes; the files that were written least recently go first.
    pub total_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            file_bytes_max: 16 << 20,
            file_age_max: DAY,
            files_kept: 4,
            retention: Some(30 * DAY),
            total_bytes_max: 4 << 30,
        }
    }
}

/// Cloneable handle of a log folder. A process opens a folder once.
#[derive(Clone)]
pub struct Logs {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logs")
            .field("folder", &self.inner.folder)
            .finish_non_exhaustive()
    }
}

struct Inner {
    folder: PathBuf,
    limits: Limits,
    files: Mutex<HashMap<String, Arc<LogFile>>>,
    settings: Mutex<Settings>,
    /// Bytes in all files, about.
    used: AtomicU64,
    swept: Mutex<SystemTime>,
}

impl Logs {
    /// Makes the folder where it is missing and removes what is too old in it.
    ///
    /// # Errors
    /// The file system's.
    pub fn open(folder: impl Into<PathBuf>, limits: Limits) -> io::Result<Logs> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        let settings = Settings::open(&folder)?;
        let logs = Logs {
            inner: Arc::new(Inner {
                folder,
                limits: Limits {
                    file_bytes_max: limits.file_bytes_max.max(1),
                    ..limits
                },
                files: Mutex::default(),
                settings: Mutex::new(settings),
                used: AtomicU64::new(0),
                swept: Mutex::new(SystemTime::UNIX_EPOCH),
            }),
        };
        logs.sweep(SystemTime::now())?;
        Ok(logs)
    }

    /// The files of a function. Its name is of letters, digits, `-` and `_`; nothing else of it becomes a path.
    #[must_use]
    pub fn of_function(&self, function: &str) -> Arc<LogFile> {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        };
        let stem: String = function.chars().take(64).map(plain).collect();
        self.inner.file(&stem)
    }

    /// The files of a group; `None` when nothing was written to it and nobody made it.
    #[must_use]
    pub fn group(&self, group: &str) -> Option<Arc<LogFile>> {
        let stem = name::stem(group)?;
        let known = self.inner.settings().groups.contains_key(group)
            || fs::exists(self.inner.folder.join(format!("{stem}.log"))).unwrap_or(false);
        known.then(|| self.inner.file(&stem))
    }

    /// Names of all groups, sorted.
    ///
    /// # Errors
    /// The file system's.
    pub fn groups(&self) -> io::Result<BTreeSet<String>> {
        let mut groups: BTreeSet<String> = self.inner.settings().groups.keys().cloned().collect();
        for found in self.inner.list()? {
            groups.extend(name::group(&found.stem));
        }
        Ok(groups)
    }

    /// What was said about a group; the default for one of which nothing was.
    #[must_use]
    pub fn settings(&self, group: &str) -> GroupSettings {
        self.inner
            .settings()
            .groups
            .get(group)
            .cloned()
            .unwrap_or_default()
    }

    /// How long lines of a group are kept.
    #[must_use]
    pub fn retention(&self, group: &str) -> Option<Duration> {
        let own = self.settings(group).retention_days;
        own.map(|days| DAY * days).or(self.inner.limits.retention)
    }

    /// Changes what is said about a group, durably.
    ///
    /// # Errors
    /// The file system's; then nothing has changed.
    pub fn change(&self, group: &str, change: impl FnOnce(&mut GroupSettings)) -> io::Result<()> {
        let mut settings = self.inner.settings();
        settings.change(|groups| change(groups.entry(group.to_owned()).or_default()))
    }

    /// Makes a group without lines; false when it is there already, or can't be the name of one.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(&self, group: &str, made: GroupSettings) -> io::Result<bool> {
        if name::stem(group).is_none() || self.group(group).is_some() {
            return Ok(false);
        }
        self.change(group, |settings| *settings = made)?;
        Ok(true)
    }

    /// Removes a group with its lines; false when there is none. The next line makes it anew.
    ///
    /// # Errors
    /// The file system's.
    pub fn delete(&self, group: &str) -> io::Result<bool> {
        let Some(file) = self.group(group) else {
            return Ok(false);
        };
        file.remove()?;
        let mut settings = self.inner.settings();
        if settings.groups.contains_key(group) {
            settings.change(|groups| drop(groups.remove(group)))?;
        }
        Ok(true)
    }

    /// Writes lines to a group's files, and now and then looks whether there is too much.
    pub fn append(&self, file: &LogFile, lines: &[LogLine]) {
        let now = SystemTime::now();
        let written = file.append(lines, now);
        let used = self.inner.used.fetch_add(written, Ordering::Relaxed) + written;
        let swept = *self.inner.swept();
        let due = now
            .duration_since(swept)
            .is_ok_and(|since| since > SWEEP_INTERVAL);
        if (due || used > self.inner.limits.total_bytes_max)
            && let Err(error) = self.sweep(now)
        {
            tracing::warn!(%error, "old logs could not be removed");
        }
    }

    /// Removes files that are older than their group's retention, and the oldest of all when there are too many bytes.
    ///
    /// # Errors
    /// The file system's.
    pub fn sweep(&self, now: SystemTime) -> io::Result<()> {
        *self.inner.swept() = now;
        let stems: BTreeSet<String> = self
            .inner
            .list()?
            .into_iter()
            .map(|found| found.stem)
            .collect();
        for stem in stems {
            let retention = match name::group(&stem) {
                Some(group) => self.retention(&group),
                None => self.inner.limits.retention,
            };
            if let Some(kept) = retention {
                self.inner.file(&stem).expire(kept, now)?;
            }
        }
        let mut all = self.inner.list()?;
        all.sort_by_key(|found| found.written);
        let mut used: u64 = all.iter().map(|found| found.bytes).sum();
        // Growing files last: those of functions that run now are small, and hold what people look for.
        let (rotated, growing): (Vec<Found>, Vec<Found>) =
            all.into_iter().partition(|found| found.number.is_some());
        for found in rotated.iter().chain(&growing) {
            if used <= self.inner.limits.total_bytes_max {
                break;
            }
            let file = self.inner.file(&found.stem);
            match found.number {
                Some(number) => file.remove_part(number)?,
                None => file.remove()?,
            }
            used -= found.bytes;
        }
        self.inner.used.store(used, Ordering::Relaxed);
        Ok(())
    }

    /// Bytes of each group that has files.
    ///
    /// # Errors
    /// The file system's.
    pub fn stored_bytes(&self) -> io::Result<BTreeMap<String, u64>> {
        let mut stored = BTreeMap::new();
        for found in self.inner.list()? {
            if let Some(group) = name::group(&found.stem) {
                *stored.entry(group).or_default() += found.bytes;
            }
        }
        Ok(stored)
    }
}

/// A file of the folder.
struct Found {
    stem: String,
    number: Option<u64>,
    bytes: u64,
    written: SystemTime,
}

impl Inner {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn swept(&self) -> MutexGuard<'_, SystemTime> {
        self.swept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, stem: &str) -> Arc<LogFile> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(stem) {
            return Arc::clone(file);
        }
        let file = Arc::new(LogFile::new(&self.folder, stem, self.limits));
        files.insert(stem.to_owned(), Arc::clone(&file));
        file
    }

    fn list(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some((stem, number)) = name.to_str().and_then(parse_name) else {
                continue;
            };
            // It may be rotated or removed meanwhile.
            let Ok(meta) = entry.metadata() else { continue };
            found.push(Found {
                stem: stem.to_owned(),
                number,
                bytes: meta.len(),
                written: meta.modified()?,
            });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
