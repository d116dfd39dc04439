//! The log group of the callback service: its lines, written by a thread of their own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, OnceLock};

use everstep_logs::{GroupSettings, LogLine, LogStream, Logs};
use serde_json::{Map, Value};

/// The group's name.
const GROUP: &str = "/everstep/callbacks";
/// Lines that may wait to be written; who comes later is written on standard error alone.
const WAITING_MAX: usize = 8_192;
/// Lines that are written at a time.
const WRITTEN_MAX: usize = 512;

/// Takes lines; before there is a folder for them, and when too many wait, they are let go of.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    lines: OnceLock<SyncSender<LogLine>>,
    lost: AtomicU64,
}

impl Kept {
    /// Begins to write lines to the group.
    pub fn begin(&self, logs: Logs) {
        let (lines, waiting) = mpsc::sync_channel(WAITING_MAX);
        if self.inner.lines.set(lines).is_err() {
            return;
        }
        let kept = self.clone();
        let name = "everstep-log".to_owned();
        let thread = std::thread::Builder::new().name(name);
        if let Err(error) = thread.spawn(move || kept.write(&logs, &waiting)) {
            tracing::warn!(%error, "the log of callbacks is not kept");
        }
    }

    pub(super) fn keep(&self, members: Map<String, Value>) {
        let Some(lines) = self.inner.lines.get() else {
            return;
        };
        if let Err(TrySendError::Full(_)) = lines.try_send(line(members)) {
            self.inner.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends when nobody can send any more, which is when the process ends.
    fn write(&self, logs: &Logs, waiting: &Receiver<LogLine>) {
        while let Ok(first) = waiting.recv() {
            let more = waiting.try_iter().take(WRITTEN_MAX - 1);
            let lines: Vec<LogLine> = std::iter::once(first).chain(more).collect();
            if let Err(error) = append(logs, &lines) {
                tracing::warn!(%error, "the log of callbacks could not be written");
            }
            let lost = self.inner.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                tracing::warn!(
                    lost,
                    "lines of callbacks came faster than they could be kept"
                );
            }
        }
    }
}

fn append(logs: &Logs, lines: &[LogLine]) -> std::io::Result<()> {
    if logs.group(GROUP).is_none() {
        let now = jiff::Timestamp::now().as_millisecond();
        let made = GroupSettings {
            created_ms: u64::try_from(now).unwrap_or_default(),
            ..GroupSettings::default()
        };
        logs.create(GROUP, made)?;
    }
    if let Some(file) = logs.group(GROUP) {
        logs.append(&file, lines);
    }
    Ok(())
}

/// `{"timestamp", "level", "event_type", …}`: the seeds' shape.
fn line(mut members: Map<String, Value>) -> LogLine {
    let now = jiff::Timestamp::now();
    let time = now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let mut said = Map::new();
    said.insert("timestamp".to_owned(), time.clone().into());
    for first in ["level", "event_type"] {
        said.extend(members.remove(first).map(|value| (first.to_owned(), value)));
    }
    said.append(&mut members);
    let request_id = said.get("request_id").and_then(Value::as_str);
    LogLine {
        time,
        request_id: request_id.map(str::to_owned),
        execution: None,
        stream: LogStream::Stderr,
        log_stream: "callbacks".to_owned(),
        message: Value::Object(said).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: u64) -> Map<String, Value> {
        let mut said = Map::new();
        said.insert("number".to_owned(), number.into());
        said.insert("event_type".to_owned(), "callback_completed".into());
        said
    }

    #[test]
    fn a_line_has_the_seeds_members_first() {
        let line = line(said(7));
        let kept: Map<String, Value> = serde_json::from_str(&line.message).expect("JSON");
        let names: Vec<&str> = kept.keys().map(String::as_str).collect();
        assert_eq!(names, ["timestamp", "event_type", "number"]);
        assert_eq!(kept["timestamp"], line.time);
        assert_eq!(line.time.len(), 27);
    }

    #[test]
    fn lines_are_kept_in_their_group_and_those_before_it_are_let_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let logs = Logs::open(folder.path(), everstep_logs::Limits::default()).expect("logs");
        let kept = Kept::default();
        kept.keep(said(0));
        append(&logs, &[line(said(1)), line(said(2))]).expect("written");
        let groups = logs.groups().expect("groups");
        assert!(groups.contains(GROUP), "{groups:?}");
        let file = logs.group(GROUP).expect("the group");
        let window = everstep_logs::Window::default();
        let found = file.last(&window, 10, 1 << 20, |_| true).expect("read");
        assert_eq!(found.len(), 2);
    }
}
