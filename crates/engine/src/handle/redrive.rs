//! Redrive: a closed execution runs again.

use everstep_core::{Answer, ExecutionId, Operation};

use super::Handle;
use crate::Error;
use crate::pressure::Urgency;
use crate::registry::redriven;

const NO_REDRIVE: &str = "its machine has no redrive";

impl Handle {
    /// Reopens a failed, timed out or stopped execution: what failed is undone, what succeeded keeps its result, and its code is run again.
    /// Status, lists and retention move in the commit that says so. Returns what runs again, in the order of starts.
    ///
    /// # Errors
    /// [`Error::NotRedrivable`] when it runs or has succeeded, [`Error::UnknownExecution`], [`Error::Overloaded`], or the store's.
    pub async fn redrive(&self, id: ExecutionId) -> Result<Vec<Operation>, Error> {
        let input = everstep_core::Input::Redrive;
        let why = match self.turn(Urgency::Request, id, input).await? {
            Answer::Own(reply) => match redriven(reply) {
                Some(operations) => return Ok(operations),
                None => NO_REDRIVE,
            },
            // A state machine goes on from where its states stand: its history names them.
            Answer::Done => return Ok(Vec::new()),
            Answer::Refused(why) => why,
            Answer::Settled(_) | Answer::AlreadyClosed => NO_REDRIVE,
        };
        Err(Error::NotRedrivable { id, why })
    }
}
