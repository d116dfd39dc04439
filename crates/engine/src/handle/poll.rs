//! Claims of tasks that wait in a queue.

use std::time::Duration;

use everstep_core::{Target, TargetKind};
use tokio::sync::oneshot;

use super::Handle;
use crate::Error;
use crate::input::{Claimed, Input};
use crate::pressure::Urgency;

impl Handle {
    /// Waits at most `patience` for a task of this queue and claims it as `by`: nobody else gets it, and its settle is awaited from here on. `None`
    /// when none came.
    ///
    /// # Errors
    /// [`Error::Overloaded`], or the store's.
    pub async fn poll(
        &self,
        queue: &str,
        by: String,
        patience: Duration,
    ) -> Result<Option<Claimed>, Error> {
        self.admit(Urgency::Request)?;
        let target = Target {
            kind: TargetKind::Queue,
            address: queue.to_owned(),
        };
        let ticket = fastrand::u64(..);
        let (reply, mut answer) = oneshot::channel();
        self.send_unshed(Input::Poll {
            target: target.clone(),
            ticket,
            by,
            reply,
        });
        if let Ok(answer) = tokio::time::timeout(patience, &mut answer).await {
            return answer.map_err(|_| Error::Ended)?.map(Some);
        }
        // What has been claimed meanwhile is on its way; what has not never will be.
        self.send_unshed(Input::Withdraw { target, ticket });
        answer.await.ok().transpose()
    }
}
