//! Log files: one per function name, JSON lines, bounded by rotation.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// One line of a log file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// When the host read it: RFC 3339, UTC, microseconds.
    pub time: String,
    /// The invocation that ran, if exactly one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    pub stream: LogStream,
    /// Lambda's log stream name: date, version, worker.
    pub log_stream: String,
    /// Without its line end.
    pub message: String,
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    Stdout,
    Stderr,
    /// START, END, REPORT and INIT_REPORT, written by the host.
    Platform,
}

/// The log files of a host.
pub(super) struct Logs {
    folder: PathBuf,
    bytes_max: u64,
    kept: usize,
    files: Mutex<HashMap<String, Arc<LogFile>>>,
}

impl Logs {
    pub(super) fn new(folder: PathBuf, bytes_max: u64, kept: usize) -> Logs {
        Logs {
            folder,
            bytes_max: bytes_max.max(1),
            kept,
            files: Mutex::new(HashMap::new()),
        }
    }

    /// The file of a function; workers of all its versions share it.
    pub(super) fn of(&self, function: &str) -> Arc<LogFile> {
        let stem = file_stem(function);
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(files.entry(stem).or_insert_with_key(|stem| {
            Arc::new(LogFile {
                path: self.folder.join(format!("{stem}.log")),
                bytes_max: self.bytes_max,
                kept: self.kept,
                open: Mutex::new(None),
            })
        }))
    }
}

/// Function names are letters, digits, `-` and `_`; anything else must not become a path.
fn file_stem(function: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '_'
        }
    };
    function.chars().map(plain).collect()
}

/// One growing file.
pub(super) struct LogFile {
    path: PathBuf,
    bytes_max: u64,
    kept: usize,
    open: Mutex<Option<Open>>,
}

struct Open {
    file: File,
    size: u64,
}

impl LogFile {
    /// Appends whole lines in one write. A full disk must not fail invocations: the loss is reported to the server's own log.
    pub(super) fn append(&self, lines: &[LogLine]) {
        let mut bytes = Vec::with_capacity(lines.len() * 160);
        for line in lines {
            if serde_json::to_writer(&mut bytes, line).is_ok() {
                bytes.push(b'\n');
            }
        }
        if bytes.is_empty() {
            return;
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.write(&mut open, &bytes) {
            *open = None;
            tracing::warn!(path = %self.path.display(), %error, "lines of a function's log are lost");
        }
    }

    fn write(&self, slot: &mut Option<Open>, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len() as u64;
        let full = |open: &Open| open.size > 0 && open.size + length > self.bytes_max;
        if slot.as_ref().is_some_and(full) {
            *slot = None;
            self.rotate()?;
        }
        let open = match slot {
            Some(open) => open,
            None => {
                let file = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&self.path)?;
                let size = file.metadata()?.len();
                slot.insert(Open { file, size })
            }
        };
        open.file.write_all(bytes)?;
        open.size += length;
        Ok(())
    }

    fn rotate(&self) -> io::Result<()> {
        if self.kept == 0 {
            return fs::remove_file(&self.path);
        }
        for age in (1..self.kept).rev() {
            let older = numbered(&self.path, age);
            if older.exists() {
                fs::rename(older, numbered(&self.path, age + 1))?;
            }
        }
        fs::rename(&self.path, numbered(&self.path, 1))
    }
}

fn numbered(path: &Path, age: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{age}"));
    PathBuf::from(name)
}

/// The last bytes of a log, cut at a line where possible.
#[derive(Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    /// Lambda's `LogType=Tail`.
    pub(super) const BYTES_MAX: usize = 4 * 1024;

    pub(super) fn push(&mut self, message: &str) {
        self.bytes.extend_from_slice(message.as_bytes());
        self.bytes.push(b'\n');
        if self.bytes.len() > 4 * Tail::BYTES_MAX {
            self.bytes = self.last().to_vec();
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(super) fn last(&self) -> &[u8] {
        let all = self.bytes.as_slice();
        let Some(window) = all.get(all.len().saturating_sub(Tail::BYTES_MAX)..) else {
            return all;
        };
        if window.len() == all.len() {
            return all;
        }
        // A window of one endless line has no break to cut at; then a character boundary has to do.
        let at = match window.iter().position(|byte| *byte == b'\n') {
            Some(at) if at + 1 < window.len() => at + 1,
            _ => window
                .iter()
                .position(|byte| byte & 0xC0 != 0x80)
                .unwrap_or(0),
        };
        window.get(at..).unwrap_or(window)
    }
}

#[cfg(test)]
#[path = "logs/tests.rs"]
mod tests;
