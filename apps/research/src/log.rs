//! JSON lines with the seed's event names. No token and no signed link ever gets in: callers pass a hash prefix or an artifact key.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// Severity, written as the seed's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Normal course.
    Info,
    /// Works, but somebody should look.
    Warning,
    /// Something failed.
    Error,
}

/// A cloneable writer of log lines.
#[derive(Debug, Clone, Default)]
pub struct Log {
    kept: Option<Arc<Mutex<Vec<Value>>>>,
}

impl Log {
    /// Keeps the lines in memory instead of writing them to standard error.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            kept: Some(Arc::default()),
        }
    }

    /// The lines that [`Log::in_memory`] kept.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        self.kept
            .as_ref()
            .map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .unwrap_or_default()
    }

    /// Writes one line: the fields of `fields`, an object, after timestamp, level, logger, event and workflow_id.
    pub fn write(&self, level: Level, event: &str, workflow_id: &str, fields: Value) {
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), crate::record::now().into());
        let level = match level {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        line.insert("level".to_owned(), level.into());
        line.insert("logger".to_owned(), "everstep_research".into());
        line.insert("event".to_owned(), event.into());
        line.insert("workflow_id".to_owned(), workflow_id.into());
        if let Value::Object(extra) = fields {
            line.extend(extra);
        }
        self.line(Value::Object(line));
    }

    /// One line of the callback handler, whose lines have the seed's other shape: timestamp, event_type, then `fields`, an object.
    pub fn event_type(&self, event_type: &str, fields: Value) {
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), crate::record::now().into());
        line.insert("event_type".to_owned(), event_type.into());
        if let Value::Object(extra) = fields {
            line.extend(extra);
        }
        self.line(Value::Object(line));
    }

    /// A line as it is.
    pub fn line(&self, line: Value) {
        match &self.kept {
            Some(kept) => kept
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line),
            None => {
                // Standard error is what the function host keeps as the function's log; a closed pipe must not stop the workflow.
                let mut text = line.to_string();
                text.push('\n');
                let _ = std::io::stderr().lock().write_all(text.as_bytes());
            }
        }
    }

    /// [`Level::Info`] line.
    pub fn info(&self, event: &str, workflow_id: &str, fields: Value) {
        self.write(Level::Info, event, workflow_id, fields);
    }

    /// [`Level::Error`] line.
    pub fn error(&self, event: &str, workflow_id: &str, fields: Value) {
        self.write(Level::Error, event, workflow_id, fields);
    }
}

/// What a log may say of a token: eight hexadecimal digits of its SHA-256.
#[must_use]
pub fn token_hash(token: &str) -> String {
    crate::message::hex_digest(Sha256::digest(token.as_bytes()).as_slice())
        .chars()
        .take(8)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_carry_the_seeds_fields_and_only_a_hash_of_a_token() {
        let log = Log::in_memory();
        log.info(
            "callback_registered",
            "w-1",
            json!({ "token": token_hash("secret-token"), "timeout_hours": 4 }),
        );
        let lines = log.lines();
        let line = lines.first().expect("one line");
        for key in [
            "timestamp",
            "level",
            "logger",
            "event",
            "workflow_id",
            "timeout_hours",
        ] {
            assert!(line.get(key).is_some(), "{key} in {line}");
        }
        assert!(!line.to_string().contains("secret-token"));
        assert_eq!(line["token"].as_str().map(str::len), Some(8));
    }
}
