//! The files of one group: `STEM.log` grows, `STEM.NUMBER.log` are the ones before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::folder::Limits;
use crate::line::LogLine;
use crate::read::Summaries;

const FORMAT: u32 = 1;

/// The first line of every file. Its number makes the positions of its lines unique.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    number: u64,
    /// RFC 3339.
    made: String,
}

/// The files of a log group. All who write or read it share one.
pub struct LogFile {
    folder: PathBuf,
    stem: String,
    limits: Limits,
    open: Mutex<Option<Open>>,
    pub(crate) summaries: Summaries,
}

struct Open {
    file: File,
    number: u64,
    size: u64,
    made: SystemTime,
}

/// One file as it was at a moment; it stays readable when it is rotated or removed.
pub(crate) struct Part {
    pub number: u64,
    pub file: File,
    pub length: u64,
}

impl LogFile {
    pub(crate) fn new(folder: &Path, stem: &str, limits: Limits) -> LogFile {
        LogFile {
            folder: folder.to_owned(),
            stem: stem.to_owned(),
            limits,
            open: Mutex::new(None),
            summaries: Summaries::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.stem))
    }

    fn numbered(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{}.{number}.log", self.stem))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends whole lines in one write and answers how many bytes that were. A full disk must not fail invocations: the loss is reported to the
    /// server's own log.
    pub(crate) fn append(&self, lines: &[LogLine], now: SystemTime) -> u64 {
        let mut bytes = Vec::with_capacity(lines.len() * 200);
        for line in lines {
            if serde_json::to_writer(&mut bytes, line).is_ok() {
                bytes.push(b'\n');
            }
        }
        if bytes.is_empty() {
            return 0;
        }
        let mut open = self.lock();
        match self.write(&mut open, &bytes, now) {
            Ok(()) => bytes.len() as u64,
            Err(error) => {
                *open = None;
                tracing::warn!(group = %self.stem, %error, "lines of a log are lost");
                0
            }
        }
    }

    fn write(&self, slot: &mut Option<Open>, bytes: &[u8], now: SystemTime) -> io::Result<()> {
        let length = bytes.len() as u64;
        let mut open = match slot.take() {
            Some(open) => open,
            None => self.reopen(now)?,
        };
        let age = now.duration_since(open.made).unwrap_or_default();
        if open.size > 0
            && (open.size + length > self.limits.file_bytes_max || age > self.limits.file_age_max)
        {
            open = self.rotate(open, now)?;
        }
        open.file.write_all(bytes)?;
        open.size += length;
        *slot = Some(open);
        Ok(())
    }

    /// Opens the growing file, or begins one behind all that are there.
    fn reopen(&self, now: SystemTime) -> io::Result<Open> {
        let path = self.path();
        let last = self.numbers()?.last().copied().unwrap_or(0);
        let file = match OpenOptions::new().append(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.begin(last + 1, now);
            }
            Err(error) => return Err(error),
        };
        let meta = file.metadata()?;
        let header = header(&path)?;
        let made = header
            .as_ref()
            .and_then(|header| header.made.parse::<jiff::Timestamp>().ok())
            .map_or_else(|| meta.modified(), |made| Ok(SystemTime::from(made)))?;
        Ok(Open {
            file,
            number: header.map_or(last + 1, |header| header.number),
            size: meta.len(),
            made,
        })
    }

    fn begin(&self, number: u64, now: SystemTime) -> io::Result<Open> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path())?;
        let made = jiff::Timestamp::try_from(now)
            .unwrap_or_default()
            .to_string();
        let header = Header {
            format: FORMAT,
            number,
            made,
        };
        let mut bytes = serde_json::to_vec(&header)?;
        bytes.push(b'\n');
        file.write_all(&bytes)?;
        Ok(Open {
            file,
            number,
            // A file with its header alone is empty: whatever comes first is taken, however long.
            size: 0,
            made: now,
        })
    }

    fn rotate(&self, open: Open, now: SystemTime) -> io::Result<Open> {
        let number = open.number;
        drop(open);
        if self.limits.files_kept == 0 {
            fs::remove_file(self.path())?;
        } else {
            fs::rename(self.path(), self.numbered(number))?;
        }
        let numbers = self.numbers()?;
        let surplus = numbers.len().saturating_sub(self.limits.files_kept);
        for number in numbers.into_iter().take(surplus) {
            fs::remove_file(self.numbered(number))?;
            self.summaries.forget(number);
        }
        self.begin(number + 1, now)
    }

    /// Numbers of the rotated files, oldest first.
    fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            if let Some((stem, Some(number))) = name.to_str().and_then(parse_name)
                && stem == self.stem
            {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// All files, oldest first, opened; none is rotated away meanwhile.
    pub(crate) fn parts(&self) -> io::Result<Vec<Part>> {
        let open = self.lock();
        let numbers = self.numbers()?;
        let mut last = 0;
        let mut parts = Vec::with_capacity(numbers.len() + 1);
        for number in numbers {
            parts.extend(part(&self.numbered(number), number)?);
            last = number;
        }
        let number = match open.as_ref() {
            Some(open) => open.number,
            None => header(&self.path())?.map_or(last + 1, |header| header.number),
        };
        parts.extend(part(&self.path(), number)?);
        Ok(parts)
    }

    /// Removes what nobody wrote to for longer than `kept`. The growing file is replaced by an empty one, so that numbers go on.
    pub(crate) fn expire(&self, kept: Duration, now: SystemTime) -> io::Result<()> {
        let old = |path: &Path| {
            let written = fs::metadata(path).and_then(|meta| meta.modified());
            written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > kept))
        };
        let mut slot = self.lock();
        for number in self.numbers()? {
            if old(&self.numbered(number)) {
                fs::remove_file(self.numbered(number))?;
                self.summaries.forget(number);
            }
        }
        if old(&self.path()) {
            let open = match slot.take() {
                Some(open) => open,
                None => self.reopen(now)?,
            };
            let number = open.number;
            drop(open);
            fs::remove_file(self.path())?;
            self.summaries.forget(number);
            *slot = Some(self.begin(number + 1, now)?);
        }
        Ok(())
    }

    /// Removes every file.
    pub(crate) fn remove(&self) -> io::Result<()> {
        let mut slot = self.lock();
        *slot = None;
        for number in self.numbers()? {
            fs::remove_file(self.numbered(number))?;
        }
        self.summaries.clear();
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes one rotated file.
    pub(crate) fn remove_part(&self, number: u64) -> io::Result<()> {
        let _open = self.lock();
        self.summaries.forget(number);
        fs::remove_file(self.numbered(number))
    }
}

fn part(path: &Path, number: u64) -> io::Result<Option<Part>> {
    match File::open(path) {
        Ok(file) => {
            let length = file.metadata()?.len();
            Ok(Some(Part {
                number,
                file,
                length,
            }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// `None` for a file that is not there or begins with a line of output.
fn header(path: &Path) -> io::Result<Option<Header>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut line = String::new();
    // A header is short; anything else need not be read to its end.
    let read = BufReader::new(io::Read::take(file, 4096)).read_line(&mut line);
    Ok(read.ok().and_then(|_| serde_json::from_str(&line).ok()))
}

/// `STEM.log` and `STEM.NUMBER.log`.
pub(crate) fn parse_name(name: &str) -> Option<(&str, Option<u64>)> {
    let rest = name.strip_suffix(".log")?;
    match rest.split_once('.') {
        None => Some((rest, None)),
        Some((stem, number)) => Some((stem, Some(number.parse().ok()?))),
    }
}

#[cfg(test)]
mod tests;
