//! The one clock of a server: the wall's time when it was opened, and from there on the time that has passed.
//!
//! The wall is set now and then, by an hour or by a year; what is to last ten seconds lasts ten seconds all the same. A server that starts
//! again takes the wall's time again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

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
    /// The wall's time less the passed time, when the clock was made.
    began_ms: u64,
    ahead_ms: Arc<AtomicU64>,
}

impl Clock {
    #[must_use]
    pub fn new(mode: ClockMode) -> Self {
        Self {
            mode,
            began_ms: wall_ms().saturating_sub(passed_ms()),
            ahead_ms: Arc::default(),
        }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = self.began_ms.saturating_add(passed_ms());
        Timestamp(now.saturating_add(self.ahead_ms.load(Ordering::Relaxed)))
    }

    /// How far the wall has been set since the clock was made, on or back, milliseconds.
    #[must_use]
    pub fn set_ms(&self) -> u64 {
        wall_ms().abs_diff(self.began_ms.saturating_add(passed_ms()))
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

fn wall_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

/// Milliseconds since some moment in the past. Sleep of the machine counts, or a laptop that was closed for a night would be a night late.
fn passed_ms() -> u64 {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    let passed = clock_gettime(clock);
    let seconds = u64::try_from(passed.tv_sec).unwrap_or_default();
    let milliseconds = u64::try_from(passed.tv_nsec / 1_000_000).unwrap_or_default();
    seconds.saturating_mul(1_000).saturating_add(milliseconds)
}
