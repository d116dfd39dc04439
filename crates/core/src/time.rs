//! Time as the kernel sees it: whole milliseconds, carried in by every command.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Later than anything that happens.
    pub const NEVER: Self = Self(u64::MAX);

    #[must_use]
    pub const fn after_ms(self, delay_ms: u64) -> Self {
        Self(self.0.saturating_add(delay_ms))
    }

    #[must_use]
    pub const fn after_seconds(self, seconds: u64) -> Self {
        self.after_ms(seconds.saturating_mul(1_000))
    }

    /// Milliseconds from `earlier` to this time; 0 when it lies ahead.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}
