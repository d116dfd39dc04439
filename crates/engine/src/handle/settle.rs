//! Settles and heartbeats of whoever is not asked where they come from.

use bytes::Bytes;
use everstep_core::token::{Purpose, Token};
use everstep_core::{Answer, ExecutionId, Failure, Generation, Operation, Outcome, Settlement};

use super::Handle;
use crate::Error;
use crate::input::Input;
use crate::pressure::Urgency;

/// How something outside ended, with its bytes in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettleWith {
    Succeeded(Option<Bytes>),
    Failed(Failure),
    /// Its own time was over.
    TimedOut(Failure),
    /// Somebody stopped it.
    Stopped(Failure),
}

impl Handle {
    /// Settles an operation by its token. The first one wins; the answer says what this one was. Never shed.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::UnknownExecution`] once retention has ended, or the store's.
    pub async fn settle(
        &self,
        purpose: Purpose,
        token: &str,
        outcome: SettleWith,
    ) -> Result<Settlement, Error> {
        let token = self.verify(purpose, token)?;
        self.settle_operation(token.execution, token.operation, token.generation, outcome)
            .await
    }

    /// Settles an operation that is known by its place. Never shed.
    ///
    /// # Errors
    /// As [`Handle::settle`].
    pub async fn settle_operation(
        &self,
        execution: ExecutionId,
        operation: Operation,
        generation: Generation,
        outcome: SettleWith,
    ) -> Result<Settlement, Error> {
        let outcome = self.outcome(execution, outcome).await?;
        let input = everstep_core::Input::Settle {
            operation,
            generation,
            outcome,
        };
        match self.turn(Urgency::Never, execution, input).await? {
            Answer::Settled(settlement) => Ok(settlement),
            Answer::Done | Answer::AlreadyClosed | Answer::Refused(_) | Answer::Own(_) => {
                Ok(Settlement::Unknown)
            }
        }
    }

    /// What a settle brings, its bytes where the execution has them.
    pub(super) async fn outcome(
        &self,
        execution: ExecutionId,
        with: SettleWith,
    ) -> Result<Outcome, Error> {
        Ok(match with {
            SettleWith::Failed(failure) => Outcome::Failed(failure),
            SettleWith::TimedOut(failure) => Outcome::TimedOut(failure),
            SettleWith::Stopped(failure) => Outcome::Stopped(failure),
            SettleWith::Succeeded(None) => Outcome::Succeeded(None),
            SettleWith::Succeeded(Some(bytes)) => {
                Outcome::Succeeded(Some(self.result_payload(execution, bytes).await?))
            }
        })
    }

    /// Notes a sign of life of an operation with a heartbeat; [`Settlement::Applied`] when it was still waited for.
    ///
    /// # Errors
    /// As [`Handle::settle`].
    pub async fn heartbeat(&self, purpose: Purpose, token: &str) -> Result<Settlement, Error> {
        let Token {
            execution,
            operation,
            generation,
            ..
        } = self.verify(purpose, token)?;
        self.ask(Urgency::Never, |reply| Input::Beat {
            execution,
            operation,
            generation,
            reply,
        })
        .await
    }
}
