//! Where an execution stands.

use std::fmt;

use crate::codec::Corrupt;

/// An execution's status. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Running = 1,
    Succeeded = 2,
    Failed = 3,
    TimedOut = 4,
    Stopped = 5,
    Cancelled = 6,
    /// Out of the loop after repeated crashes of our own code; its history has the reason.
    Quarantined = 7,
    /// It is to pause as soon as what runs lets it.
    Pausing = 8,
    /// It goes on when somebody resumes it.
    Paused = 9,
    /// It has ended, and its rows are about to go. Only rows say so, never a journal.
    Deleting = 10,
}

impl Status {
    pub const ALL: [Self; 10] = [
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Stopped,
        Self::Cancelled,
        Self::Quarantined,
        Self::Pausing,
        Self::Paused,
        Self::Deleting,
    ];

    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// # Errors
    /// [`Corrupt`] for a number that no status has.
    pub fn from_number(number: u8) -> Result<Self, Corrupt> {
        Self::ALL
            .into_iter()
            .find(|status| status.number() == number)
            .ok_or(Corrupt::tag("status", number))
    }

    /// Whether nothing more happens unless somebody reopens the execution.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        !matches!(self, Self::Running | Self::Pausing | Self::Paused)
    }

    /// AWS's spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Stopped => "STOPPED",
            Self::Cancelled => "CANCELLED",
            Self::Quarantined => "QUARANTINED",
            Self::Pausing => "PAUSING",
            Self::Paused => "PAUSED",
            Self::Deleting => "DELETING",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
