//! What executions say to each other: a start that one asks for, an end that it is told of, a settle by a token, and that nobody waits for it
//! any more. Nothing is written across shards: each is a
//! task, taken by nobody outside, and repeated until it has arrived. The receiver knows a repetition: a start by the child's id, an end by
//! the operation's generation.

use std::time::Duration;

use everstep_core::token::{Purpose, Token};
use everstep_core::{
    ExecutionId, Failure, Generation, Kind, Operation, Outcome, Parent, Payload, Recovery,
    Settlement, Start,
};

use crate::registry::{is_not_yet, is_started};
use crate::{Error, Handle, SettleWith, Source, Via};

const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// Between two looks at whether a start has been acknowledged, which it is within the time of a commit.
const LOOK_FIRST: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How often a child whose start crashes our own code is tried: as often as an execution may crash before it is quarantined.
const CRASHES_MAX: u32 = 3;

/// One task between executions, durable and due.
#[derive(Debug)]
pub(crate) struct Message {
    /// The execution and the task that it is for.
    pub from: ExecutionId,
    pub operation: Operation,
    pub generation: Generation,
    pub recovery: Recovery,
    /// It may have been sent before.
    pub repeated: bool,
    pub content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// Start this child.
    Start(ExecutionId, Box<Start>),
    /// Tell the parent how its child has ended.
    Ended {
        parent: Parent,
        outcome: Outcome,
        /// Somebody else has started the child for the parent, which hears of that first.
        after_start: bool,
    },
    /// Settle an operation of another execution.
    Settle { address: String, outcome: Outcome },
    /// Ask the execution of this operation to tell of its closing.
    Watch { address: String },
    /// Tell a watcher that what it watches has closed, and how.
    Told {
        watcher: Parent,
        settlement: Settlement,
    },
}

impl Message {
    /// The operation that it comes from.
    const fn sender(&self) -> Parent {
        Parent {
            execution: self.from,
            operation: self.operation,
            generation: self.generation,
        }
    }
}

/// Sends a message on its way; returns at once.
pub(crate) fn send(handle: &Handle, message: Message) {
    let owned = handle.clone();
    handle
        .runtime()
        .spawn(async move { carry(&owned, &message).await });
}

/// Until it has arrived, or the engine has ended: then the next one reads its row.
async fn carry(handle: &Handle, message: &Message) {
    let execution = message.from;
    let (mut pause, mut crashes) = (PAUSE_FIRST, 0);
    loop {
        let error = match deliver(handle, message).await {
            Ok(()) => break,
            Err(Error::Ended) => return,
            Err(error) => error,
        };
        crashes += u32::from(error.kind() == Kind::Bug);
        let passes = match error.kind() {
            Kind::Throttled | Kind::Transient => true,
            Kind::Bug => crashes < CRASHES_MAX,
            Kind::Invalid | Kind::NotFound | Kind::Conflict | Kind::Corrupt => false,
        };
        tracing::warn!(%execution, operation = %message.operation, %error, "a message between executions did not arrive");
        if !passes {
            match give_up(handle, message, &error).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(%execution, operation = %message.operation, %error, "nor can its failure be told");
                    return;
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
        if matches!(message.content, Content::Start(..)) && has_ended(handle, execution).await {
            break;
        }
    }
    let accepted = handle
        .accepted(execution, message.operation, message.generation)
        .await;
    if let Err(error) = accepted {
        tracing::warn!(%execution, operation = %message.operation, %error, "a message that has arrived will be sent again");
    }
}

/// Whether nobody would wait for a child that is begun now.
async fn has_ended(handle: &Handle, parent: ExecutionId) -> bool {
    match handle.is_closed(parent).await {
        Ok(closed) => closed,
        Err(error) => matches!(error, Error::UnknownExecution { .. }),
    }
}

async fn deliver(handle: &Handle, message: &Message) -> Result<(), Error> {
    match &message.content {
        Content::Start(child, start) => {
            let looks = message.repeated && message.recovery == Recovery::LookUp;
            if looks && handle.exists(*child).await? {
                return Ok(());
            }
            handle
                .start_child(message.from, *child, (**start).clone())
                .await
        }
        Content::Ended {
            parent,
            outcome,
            after_start,
        } => {
            if *after_start {
                until_started(handle, parent).await?;
            }
            let with = match outcome {
                Outcome::Succeeded(None) => SettleWith::Succeeded(None),
                Outcome::Succeeded(Some(payload)) => {
                    SettleWith::Succeeded(Some(handle.payload(message.from, payload).await?))
                }
                Outcome::Failed(failure) => SettleWith::Failed(failure.clone()),
                Outcome::TimedOut(failure) => SettleWith::TimedOut(failure.clone()),
                Outcome::Stopped(failure) => SettleWith::Stopped(failure.clone()),
            };
            tell(handle, parent, with).await
        }
        Content::Settle { address, outcome } => settle(handle, address, outcome).await,
        Content::Watch { address } => {
            let settlement = watch(handle, address, &message.sender()).await?;
            if settlement == Settlement::Applied {
                return Ok(());
            }
            // It has closed already.
            tell(handle, &message.sender(), closed(settlement)).await
        }
        Content::Told {
            watcher,
            settlement,
        } => tell(handle, watcher, closed(*settlement)).await,
    }
}

/// What a watcher's operation is settled with.
fn closed(settlement: Settlement) -> SettleWith {
    let name = format!("\"{}\"", settlement.as_str());
    SettleWith::Succeeded(Some(name.into()))
}

/// The operation at an address. What was written before there were addresses has a token in their place.
fn read(handle: &Handle, address: &str) -> Result<Token, Error> {
    if let Some(named) = Token::from_address(address) {
        return Ok(named);
    }
    let callback = handle.verify(Purpose::Callback, address);
    callback.or_else(|_| handle.verify(Purpose::Task, address))
}

/// However it is answered, it has arrived: what is not wanted any more lies among the dead letters, and an execution that is gone waits for nothing.
async fn settle(handle: &Handle, address: &str, outcome: &Outcome) -> Result<(), Error> {
    let Token {
        purpose,
        execution,
        operation,
        generation,
        position,
    } = read(handle, address)?;
    let token = handle.token(purpose, execution, operation, generation, position);
    let source = Source::new(Via::Approval);
    let with = match outcome {
        Outcome::Succeeded(Some(Payload::Inline(bytes))) => {
            SettleWith::Succeeded(Some(bytes.clone()))
        }
        // A machine that settles others has its result in hand.
        Outcome::Succeeded(_) => SettleWith::Succeeded(None),
        Outcome::Failed(failure) => SettleWith::Failed(failure.clone()),
        Outcome::TimedOut(failure) => SettleWith::TimedOut(failure.clone()),
        Outcome::Stopped(failure) => SettleWith::Stopped(failure.clone()),
    };
    match handle.settle_from(purpose, &token, with, source).await {
        Ok(_) | Err(Error::UnknownExecution { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// How the operation stands that is to be watched: [`Settlement::Applied`] when its closing will be told.
async fn watch(handle: &Handle, address: &str, watcher: &Parent) -> Result<Settlement, Error> {
    let token = read(handle, address)?;
    match handle.watch(&token, watcher.clone()).await {
        Err(Error::UnknownExecution { .. }) => Ok(Settlement::Closed),
        settlement => settlement,
    }
}

/// Until the parent has recorded that its child was started. Who has started it says so next, or is asked again after a crash.
async fn until_started(handle: &Handle, parent: &Parent) -> Result<(), Error> {
    let mut pause = LOOK_FIRST;
    loop {
        let ask = is_started(parent.operation, parent.generation);
        match handle.report(parent.execution, ask).await {
            Ok(reply) if is_not_yet(&reply) => {}
            Ok(_) | Err(Error::UnknownExecution { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// A parent that is gone waits for nothing.
async fn tell(handle: &Handle, parent: &Parent, with: SettleWith) -> Result<(), Error> {
    let Parent {
        execution,
        operation,
        generation,
    } = *parent;
    match handle
        .settle_operation(execution, operation, generation, with)
        .await
    {
        Ok(_) | Err(Error::UnknownExecution { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What can't be delivered fails the operation that waits for it: nobody waits for ever.
async fn give_up(handle: &Handle, message: &Message, error: &Error) -> Result<(), Error> {
    match &message.content {
        Content::Start(..) => {
            let failure = Failure::new("Everstep.NotStarted", error.to_string());
            tell(handle, &message.sender(), SettleWith::Failed(failure)).await
        }
        Content::Watch { .. } => {
            let failure = Failure::new("Everstep.NotWatched", error.to_string());
            tell(handle, &message.sender(), SettleWith::Failed(failure)).await
        }
        // Nobody waits for these; the log says what has become of them.
        Content::Settle { .. } | Content::Told { .. } => Ok(()),
        Content::Ended { parent, .. } => {
            let failure = Failure::new("Everstep.ResultLost", error.to_string());
            tell(handle, parent, SettleWith::Failed(failure)).await
        }
    }
}

#[cfg(test)]
mod tests;
