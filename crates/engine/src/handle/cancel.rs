//! Cancelling an execution with what it has started.

use everstep_core::{Answer, ExecutionId, Failure};
use everstep_store::ExecutionRow;

use super::Handle;
use crate::input::{Cancelling, Input};
use crate::pressure::Urgency;
use crate::{Error, cancel};

impl Handle {
    /// Closes an execution as stopped, for this reason, and with it what it has started and waits for: executions of chained invokes, of nested
    /// state machines and of functions that a state machine calls, down to the last. They are told by letters, so that a crash between the
    /// two ends holds none of them up. The answer is its row, stopped now or closed before.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`] or the store's.
    pub async fn cancel(
        &self,
        id: ExecutionId,
        reason: Option<String>,
        cascades: bool,
    ) -> Result<ExecutionRow, Error> {
        let failure = cancel::failure(reason.as_deref());
        self.cancel_with(id, failure, reason, cascades).await
    }

    pub(crate) async fn cancel_with(
        &self,
        id: ExecutionId,
        failure: Failure,
        reason: Option<String>,
        cascades: bool,
    ) -> Result<ExecutionRow, Error> {
        let asked = Box::new(Cancelling {
            failure,
            reason,
            cascades,
        });
        let answer = self.ask(Urgency::Never, |reply| Input::Cancel {
            execution: id,
            asked,
            reply,
        });
        match answer.await? {
            Answer::Refused(why) => Err(Error::Refused { id, why }),
            Answer::Done | Answer::AlreadyClosed | Answer::Settled(_) | Answer::Own(_) => {
                self.gated_row(Urgency::Never, id).await
            }
        }
    }
}
