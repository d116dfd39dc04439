//! The one clock of a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use everstep_core::Timestamp;

/// How time passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockMode {
    /// As on the wall.
    #[default]
    Real,
    /// As on the wall, and whenever nothing is left to do but wait, at once to the next timer. For development and tests.
    Skip,
}

/// Tells the time; cheap to clone, every clone shows the same.
#[derive(Clone, Debug)]
pub struct Clock {
    mode: ClockMode,
    ahead_ms: Arc<AtomicU64>,
}

impl Clock {
    #[must_use]
    pub fn new(mode: ClockMode) -> Self {
        Self {
            mode,
            ahead_ms: Arc::default(),
        }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64);
        Timestamp(wall.saturating_add(self.ahead_ms.load(Ordering::Relaxed)))
    }

    #[must_use]
    pub const fn skips(&self) -> bool {
        matches!(self.mode, ClockMode::Skip)
    }

    /// Moves time on by this much for everybody who holds the clock.
    pub fn advance_ms(&self, by_ms: u64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}
