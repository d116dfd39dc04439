//! Redrive: a closed execution runs again.

use everstep_core::{Answer, ExecutionId, Operation};

use super::Handle;
use crate::pressure::Urgency;
use crate::{Error, Reply};

impl Handle {
    /// Reopens a failed, timed out or stopped execution: what failed is undone, what succeeded keeps its result, and its code is run again.
    /// Status, lists and retention move in the commit that says so. Returns what runs again, in the order of starts.
    ///
    /// # Errors
    /// [`Error::NotRedrivable`] when it runs or has succeeded, [`Error::UnknownExecution`], [`Error::Overloaded`], or the store's.
    pub async fn redrive(&self, id: ExecutionId) -> Result<Vec<Operation>, Error> {
        let input = everstep_core::Input::Redrive;
        match self.turn(Urgency::Request, id, input).await? {
            Answer::Own(Reply::Durable(everstep_durable::Reply::Redriven { operations })) => {
                Ok(operations)
            }
            Answer::Refused(why) => Err(Error::NotRedrivable { id, why }),
            Answer::Done | Answer::Settled(_) | Answer::AlreadyClosed | Answer::Own(_) => {
                Err(Error::NotRedrivable {
                    id,
                    why: "its machine has no redrive",
                })
            }
        }
    }
}
