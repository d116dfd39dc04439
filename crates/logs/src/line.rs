//! One line of a log, as it is kept.

use serde::{Deserialize, Serialize};

/// One line of a log file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// When the host read it: RFC 3339, UTC, microseconds. The first member, and of one width: readers look at it before they parse the rest.
    pub time: String,
    /// The invocation that ran, if exactly one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Id of the durable execution that the invocation belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    pub stream: LogStream,
    /// Lambda's log stream name: date, version, worker.
    pub log_stream: String,
    /// Without its line end.
    pub message: String,
}

impl LogLine {
    /// Milliseconds since 1970; 0 for a time that can't be read.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.time
            .parse::<jiff::Timestamp>()
            .ok()
            .and_then(|time| u64::try_from(time.as_millisecond()).ok())
            .unwrap_or(0)
    }
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

/// Milliseconds since 1970 as lines carry their time, cut to milliseconds: `2026-11-21T13:00:00.123`. What lies beyond any calendar is
/// its last moment.
#[must_use]
pub fn time_text(unix_ms: u64) -> String {
    let at = i64::try_from(unix_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string()
}
