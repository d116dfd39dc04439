//! What a machine is: pure code between a command and the events it leads to.

use std::fmt;

use crate::codec::{Corrupt, Reader, Writer};
use crate::{
    EventId, Execution, Failure, Generation, Operation, Payload, Start, Task, TimerKind, Timestamp,
    Turn, View,
};

/// A machine: it decides in [`Machine::handle`] and changes its state in [`Machine::apply`] alone.
///
/// Neither reads a clock, chance, a file, an environment or a network. `handle` refuses before its first emit, or it emits.
pub trait Machine: Sized + 'static {
    /// What `apply` builds from the journal; `default()` is an execution of which nothing is known yet.
    type State: Default + Send;
    type Event: Event;
    /// The commands that only this machine knows.
    type Request: Send;
    /// Answers to those; refusals among them.
    type Reply: Send;
    /// What a task with a late payload carries.
    type Late: Send;
    /// What a turn may look at and no journal holds: an immutable definition, keys, limits. Set by [`crate::Cell::surround`]; the default
    /// where a machine needs none.
    type Surroundings: Default + Send;

    fn handle(turn: &mut Turn<'_, Self>, command: Command<Self::Request>) -> Reply<Self::Reply>;

    /// Total: an event that the journal holds can always be applied, and applying never evaluates anything.
    fn apply(state: &mut Self::State, event: &Self::Event, stamp: Stamp);

    /// Builds the payload of a task that asks for it at dispatch; `None` when there is nothing left to do for it.
    fn late(
        execution: &Execution,
        state: &Self::State,
        surroundings: &Self::Surroundings,
        task: &Task,
    ) -> Option<Self::Late>;

    /// What a succeeded execution gives to the one that waits for it.
    fn result(state: &Self::State) -> Option<Payload>;

    /// Why a closed execution did not succeed.
    fn failure(state: &Self::State) -> Failure;

    fn view(execution: &Execution, state: &Self::State) -> View;
}

/// A machine's own event.
pub trait Event: Clone + fmt::Debug + PartialEq + Send + 'static {
    /// Whether the protocol shows it: a public event takes an [`EventId`].
    fn is_public(&self) -> bool;
    fn encode(&self, to: &mut Writer);
    /// # Errors
    /// [`Corrupt`] when the bytes are not an event.
    fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt>;

    /// How many bytes it takes, about: what a turn's budget counts.
    fn weight(&self) -> usize {
        0
    }
}

/// When an event happened, and its number if it is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub at: Timestamp,
    pub event_id: Option<EventId>,
}

/// How something outside ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Succeeded(Option<Payload>),
    Failed(Failure),
    /// Its own time was over.
    TimedOut(Failure),
    /// Somebody stopped it.
    Stopped(Failure),
}

/// What a machine is told.
#[derive(Clone, Debug)]
pub enum Command<R> {
    /// The first of all.
    Start(Start),
    /// An open operation was settled; the kernel has recorded it and ended its task, if it had one.
    Settled {
        operation: Operation,
        generation: Generation,
        outcome: Outcome,
    },
    /// A timer fired; the kernel has removed it.
    TimerDue {
        operation: Operation,
        kind: TimerKind,
    },
    /// A task with [`crate::Recovery::Lost`] was in flight when its server ended; the kernel has ended it.
    TaskLost {
        operation: Operation,
        generation: Generation,
    },
    /// Somebody has claimed the operation's task from its queue, and the kernel has ended it: nobody else gets it.
    Claimed {
        operation: Operation,
        generation: Generation,
        by: String,
    },
    /// A turn ended at its budget, see [`Turn::go_on`]: here is the next one.
    GoOn,
    /// Close the execution as stopped.
    Stop {
        failure: Option<Failure>,
    },
    Pause {
        reason: Option<String>,
    },
    Resume {
        reason: Option<String>,
    },
    /// Reopen a closed execution from what failed.
    Redrive,
    Request(R),
}

/// What a machine answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<R> {
    /// To every command but a request.
    Done,
    /// The kernel's command does not fit the state; nothing was emitted.
    Refused(&'static str),
    /// To a request.
    Own(R),
}
