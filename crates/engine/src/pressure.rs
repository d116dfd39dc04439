//! How much is waiting, and who is turned away because of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Error;

/// How urgent an input is when there is too much: see [`crate::Options::queue_max`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    Start,
    Read,
    Request,
    /// Settles, and results of work.
    Never,
}

/// Commands on their way: those that the loop has not taken, and those that wait for a commit. A slow disk fills the second, a slow loop the first.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    queued: AtomicUsize,
    gathered: AtomicUsize,
}

impl Pressure {
    pub(crate) fn queue(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn take(&self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }

    /// What the loop holds for the present and the next commit.
    pub(crate) fn gathered(&self, count: usize) {
        self.gathered.store(count, Ordering::Relaxed);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queued.load(Ordering::Relaxed) + self.gathered.load(Ordering::Relaxed)
    }

    /// # Errors
    /// [`Error::Overloaded`]: starts are turned away first, then reads, then requests; results never.
    pub(crate) fn admit(&self, urgency: Urgency, queue_max: usize) -> Result<(), Error> {
        let allowed = match urgency {
            Urgency::Start => queue_max,
            Urgency::Read => queue_max.saturating_add(queue_max / 2),
            Urgency::Request => queue_max.saturating_mul(2),
            Urgency::Never => usize::MAX,
        };
        let waiting = self.waiting();
        if waiting < allowed {
            Ok(())
        } else {
            Err(Error::Overloaded {
                waiting,
                retry_after_s: 1,
            })
        }
    }
}
