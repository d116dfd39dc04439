//! Sinks of this machine: a file, one event a line, and the server's own log.

use std::path::PathBuf;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::{Event, Undelivered, not_yet};

/// Appends events to a file, for development.
#[derive(Clone, Debug)]
pub struct File {
    pub path: PathBuf,
}

impl File {
    pub(super) async fn write(&self, event: &Event) -> Result<(), Undelivered> {
        let told = json!({ "id": event.id, "type": event.name, "timestamp": event.at, "data": event.data });
        let wrong = |error: std::io::Error| {
            not_yet(format!("{} can't be written: {error}", self.path.display()))
        };
        let mut options = tokio::fs::OpenOptions::new();
        let opened = options.create(true).append(true).open(&self.path).await;
        let mut file = opened.map_err(wrong)?;
        // In one write, so that lines of several events do not mix.
        file.write_all(format!("{told}\n").as_bytes())
            .await
            .map_err(wrong)?;
        file.flush().await.map_err(wrong)
    }
}

/// Tells an event as a line of the log.
pub(super) fn log(sink: &str, event: &Event) {
    tracing::info!(
        event_type = "notification",
        sink,
        id = event.id,
        event = event.name,
        workflow_id = event.workflow_id(),
        at = event.at,
        "{}",
        super::words::headline(event)
    );
}
