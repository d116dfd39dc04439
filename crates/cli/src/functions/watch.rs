//! Changes of files, gathered until they have been quiet for a moment.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::snapshot;

/// Editors write a file in several steps, and builds many files.
const QUIET: Duration = Duration::from_millis(300);

pub struct Changes {
    /// It watches as long as it lives.
    _watcher: RecommendedWatcher,
    changed: mpsc::Receiver<()>,
}

impl Changes {
    /// Watches everything below the folder but what is no code and the server's own data.
    pub fn of(folder: &Path, data: &Path) -> Result<Self> {
        // One place is enough: a second change while the first waits says nothing new.
        let (sender, changed) = mpsc::channel(1);
        let (root, data) = (folder.to_owned(), data.to_owned());
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                let counts = match event {
                    Ok(event) => {
                        !matches!(event.kind, EventKind::Access(_))
                            && event.paths.iter().any(|path| matters(&root, &data, path))
                    }
                    // Something was missed, perhaps a change.
                    Err(_) => true,
                };
                if counts {
                    let _ = sender.try_send(());
                }
            })?;
        watcher
            .watch(folder, RecursiveMode::Recursive)
            .with_context(|| format!("{} can't be watched for changes", folder.display()))?;
        Ok(Self {
            _watcher: watcher,
            changed,
        })
    }

    /// Returns after a change and the quiet that follows it; false when nothing is watched any longer.
    pub async fn next(&mut self) -> bool {
        if self.changed.recv().await.is_none() {
            return false;
        }
        while let Ok(more) = tokio::time::timeout(QUIET, self.changed.recv()).await {
            if more.is_none() {
                return false;
            }
        }
        true
    }
}

fn matters(root: &Path, data: &Path, path: &Path) -> bool {
    let Ok(below) = path.strip_prefix(root) else {
        return true;
    };
    !path.starts_with(data)
        && below
            .components()
            .all(|part| snapshot::matters(&part.as_os_str().to_string_lossy()))
}
