//! The loop: takes what is queued, steps, hands the group over, and goes on gathering while it is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::Duration;

use crate::group::Group;
use crate::input::Input;
use crate::owner::Owner;
use crate::{Clock, Error};

/// Inputs taken in a row before timers and the group have their turn.
const INPUTS: usize = 4_096;
/// A skipping clock waits this long for somebody outside to act before it jumps.
const SKIP_AFTER: Duration = Duration::from_millis(20);

pub(crate) struct Loop {
    pub owner: Owner,
    pub clock: Clock,
    pub inputs: Receiver<Input>,
    pub waiting: Arc<AtomicUsize>,
    pub groups: SyncSender<Group>,
    pub ended: Sender<Result<(), Error>>,
}

impl Loop {
    /// Runs until everybody who could wake it has gone, it is told to end, or the store fails.
    pub(crate) fn run(mut self) {
        let outcome = self.run_until_done();
        if let Err(error) = &outcome {
            tracing::error!(%error, "the engine ends: recovery will read the truth from the store");
        }
        let _ = self.ended.send(outcome);
    }

    fn run_until_done(&mut self) -> Result<(), Error> {
        let mut committing = false;
        let mut ending = false;
        loop {
            self.owner.wake_due(self.clock.now())?;
            if !committing && self.owner.has_group() {
                if self.groups.send(self.owner.take_group()).is_err() {
                    return Err(Error::Ended);
                }
                committing = true;
            }
            if ending && !committing {
                return Ok(());
            }
            let mut next = self.next()?;
            let mut taken = 0;
            while let Some(input) = next {
                match input {
                    Input::Shutdown => ending = true,
                    Input::Committed {
                        outcome: Err(error),
                        ..
                    } => return Err(error),
                    input => {
                        committing &= !matches!(input, Input::Committed { .. });
                        self.owner.step(self.clock.now(), input);
                    }
                }
                taken += 1;
                next = if taken < INPUTS { self.queued() } else { None };
            }
        }
    }

    fn queued(&self) -> Option<Input> {
        self.inputs.try_recv().ok().inspect(|_| self.took())
    }

    fn took(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// The next input; `None` when it is time to look at the timers instead.
    fn next(&mut self) -> Result<Option<Input>, Error> {
        let patience = if self.clock.skips() && self.owner.is_waiting() {
            SKIP_AFTER
        } else {
            Duration::from_millis(
                self.owner
                    .next_wake()
                    .since_ms(self.clock.now())
                    .min(3_600_000),
            )
        };
        match self.inputs.recv_timeout(patience) {
            Ok(input) => {
                self.took();
                Ok(Some(input))
            }
            Err(RecvTimeoutError::Disconnected) => Err(Error::Ended),
            Err(RecvTimeoutError::Timeout) => {
                self.skip()?;
                Ok(None)
            }
        }
    }

    fn skip(&self) -> Result<(), Error> {
        if self.clock.skips()
            && self.owner.is_waiting()
            && let Some(due) = self.owner.next_timer_anywhere()?
        {
            self.clock.advance_ms(due.since_ms(self.clock.now()));
        }
        Ok(())
    }
}
