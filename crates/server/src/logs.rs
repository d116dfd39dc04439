//! Reading the log files of functions, as the function host writes them: one JSON line per line of output.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How many rotated files are looked for beside the current one.
const ROTATED_MAX: usize = 16;

/// One line of a function's output.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase", serialize = "snake_case"))]
pub(crate) struct LogLine {
    /// RFC 3339.
    pub time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// `stdout`, `stderr` or `platform`.
    pub stream: String,
    pub log_stream: String,
    pub message: String,
}

impl LogLine {
    /// Milliseconds since 1970; 0 for a time that can't be read.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.time
            .parse::<jiff::Timestamp>()
            .ok()
            .and_then(|time| u64::try_from(time.as_millisecond()).ok())
            .unwrap_or(0)
    }
}

/// Every line that is kept of a function, oldest first; `None` when there is no file. Blocks.
///
/// # Errors
/// The file system's.
pub(crate) fn read(folder: &Path, function: &str) -> std::io::Result<Option<Vec<LogLine>>> {
    let mut lines = Vec::new();
    let mut found = false;
    for path in files(folder, function).into_iter().rev() {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        found = true;
        for line in BufReader::new(file).split(b'\n') {
            // The last line may be half written.
            if let Ok(line) = serde_json::from_slice(&line?) {
                lines.push(line);
            }
        }
    }
    Ok(found.then_some(lines))
}

/// The current file and the rotated ones behind it, newest first.
fn files(folder: &Path, function: &str) -> Vec<PathBuf> {
    // As the host names them: nothing else of a name becomes a path.
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '_'
        }
    };
    let name: String = function.chars().map(plain).collect();
    let rotated = (1..=ROTATED_MAX).map(|age| folder.join(format!("{name}.log.{age}")));
    std::iter::once(folder.join(format!("{name}.log")))
        .chain(rotated)
        .collect()
}
