//! An execution in memory, and the turn that changes it.

use std::collections::BTreeMap;

use crate::codec::Writer;
use crate::turn::GO_ON;
use crate::{
    Answer, Batch, Command, Digest, Entry, Event as _, Execution, ExecutionId, Failure, Generation,
    Input, KernelEvent, Machine, Operation, Outcome, Reply, Settlement, Stamp, Status, Task,
    TimerKind, Timestamp, Turn, View,
};

/// An execution's state: the kernel's part and the machine's. Built by a start or from a journal; changed by turns alone.
#[derive(Debug)]
pub struct Cell<M: Machine> {
    execution: Execution,
    state: M::State,
    surroundings: M::Surroundings,
}

impl<M: Machine> Cell<M> {
    /// A cell of which nothing is known: for a start, or for [`Cell::replay`].
    #[must_use]
    pub fn new(id: ExecutionId) -> Self {
        Self {
            execution: Execution::empty(id),
            state: M::State::default(),
            surroundings: M::Surroundings::default(),
        }
    }

    /// Sets what its turns may look at beside its state.
    pub fn surround(&mut self, surroundings: M::Surroundings) {
        self.surroundings = surroundings;
    }

    #[must_use]
    pub const fn execution(&self) -> &Execution {
        &self.execution
    }

    #[must_use]
    pub const fn state(&self) -> &M::State {
        &self.state
    }

    #[must_use]
    pub fn view(&self) -> View {
        M::view(&self.execution, &self.state)
    }

    /// How the execution ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.execution.status() {
            Status::Succeeded => Outcome::Succeeded(M::result(&self.state)),
            Status::TimedOut => Outcome::TimedOut(M::failure(&self.state)),
            Status::Stopped => Outcome::Stopped(M::failure(&self.state)),
            Status::Quarantined => Outcome::Failed(Failure::new(
                "Everstep.Quarantined",
                "The execution was taken out of the loop after repeated crashes.",
            )),
            Status::Failed
            | Status::Cancelled
            | Status::Running
            | Status::Pausing
            | Status::Paused
            | Status::Deleting => Outcome::Failed(M::failure(&self.state)),
        }
    }

    /// The payload of a task that is built late; `None` when the task has nothing left to do.
    #[must_use]
    pub fn late(&self, task: &Task) -> Option<M::Late> {
        M::late(&self.execution, &self.state, &self.surroundings, task)
    }

    /// Applies a batch that an earlier turn returned.
    pub fn replay(&mut self, batch: &Batch<M::Event>) {
        self.execution.begin_batch(batch.at);
        for entry in &batch.entries {
            match entry {
                Entry::Kernel(event) => self.execution.apply(event),
                Entry::Machine(event) => {
                    let event_id = event.is_public().then(|| self.execution.number_event());
                    M::apply(
                        &mut self.state,
                        event,
                        Stamp {
                            at: self.execution.now(),
                            event_id,
                        },
                    );
                }
            }
        }
        self.execution.end_batch();
    }

    /// When the next timer fires, given the last signs of life; `None` without a timer.
    #[must_use]
    pub fn next_due(&self, beats: &BTreeMap<Operation, Timestamp>) -> Option<Timestamp> {
        self.execution
            .timers()
            .map(|timer| timer.effective_due(beats.get(&timer.operation).copied()))
            .min()
    }

    /// Fires the due timers, then handles the input. Returns what to answer and, if anything was emitted, what to journal. `seed` is 128
    /// fresh bits of chance; `beats` are the last signs of life of operations with a heartbeat.
    pub fn turn(
        &mut self,
        now: Timestamp,
        seed: u128,
        beats: &BTreeMap<Operation, Timestamp>,
        input: Input<M::Request>,
    ) -> (Answer<M::Reply>, Option<Batch<M::Event>>) {
        let cause = input.cause();
        let first_event = self.execution.next_event();
        let before = self.execution.now();
        self.execution.begin_batch(now);
        let at = self.execution.now();
        let mut turn: Turn<'_, M> = Turn {
            execution: &mut self.execution,
            state: &mut self.state,
            surroundings: &self.surroundings,
            entries: Vec::new(),
            seed,
            draws: 0,
            events: 0,
            bytes: 0,
        };
        // Quarantine must not run the machine: a due timer may be what makes it panic.
        if !matches!(input, Input::Quarantine { .. }) {
            turn.fire_due(beats);
        }
        let answer = turn.take(input);
        let entries = turn.entries;
        if entries.is_empty() {
            // A turn that records nothing leaves nothing behind, not even its time: the journal alone makes the state.
            self.execution.rewind(before);
            return (answer, None);
        }
        let sequence = self.execution.end_batch();
        (
            answer,
            Some(Batch {
                sequence,
                cause,
                at,
                first_event,
                entries,
            }),
        )
    }
}

impl<M: Machine> Turn<'_, M> {
    fn fire_due(&mut self, beats: &BTreeMap<Operation, Timestamp>) {
        // What is due behind a spent budget fires in the next turn.
        while !self.is_spent()
            && let Some((operation, kind)) = self.first_due(beats)
        {
            self.clear_timer(operation, kind);
            let command = if (operation, kind) == GO_ON {
                Command::GoOn
            } else {
                Command::TimerDue { operation, kind }
            };
            let _: Reply<M::Reply> = M::handle(self, command);
        }
    }

    fn first_due(&self, beats: &BTreeMap<Operation, Timestamp>) -> Option<(Operation, TimerKind)> {
        let now = self.now();
        let mut timers = self
            .execution()
            .timers()
            .take_while(|timer| timer.due <= now);
        let due = timers
            .find(|timer| timer.effective_due(beats.get(&timer.operation).copied()) <= now)?;
        Some((due.operation, due.kind))
    }

    fn take(&mut self, input: Input<M::Request>) -> Answer<M::Reply> {
        let command = match input {
            Input::Wake => return Answer::Done,
            Input::Settle {
                operation,
                generation,
                outcome,
            } => return self.settle(operation, generation, outcome),
            Input::TaskLost {
                operation,
                generation,
            } => return self.lost(operation, generation),
            Input::Claim {
                operation,
                generation,
                by,
            } => return self.claimed(operation, generation, by),
            Input::Accepted {
                operation,
                generation,
            } => {
                return Answer::Settled(if self.take_back(operation, generation) {
                    Settlement::Applied
                } else {
                    Settlement::Superseded
                });
            }
            Input::Note {
                operation,
                generation,
                note,
            } => return Answer::Settled(self.note(operation, generation, note)),
            Input::Watch {
                operation,
                generation,
                watcher,
            } => return Answer::Settled(self.watched(operation, generation, watcher)),
            Input::Quarantine { reason } => {
                if self.execution().status().is_closed() {
                    return Answer::AlreadyClosed;
                }
                self.release();
                self.record(KernelEvent::Quarantined { reason });
                self.tell_parent();
                return Answer::Done;
            }
            Input::Start(start) => {
                self.record(KernelEvent::Started(Box::new(start.clone())));
                Command::Start(start)
            }
            Input::Request(request) => Command::Request(request),
            Input::Redrive => Command::Redrive,
            Input::Stop { .. } | Input::Pause { .. } | Input::Resume { .. }
                if self.execution().status().is_closed() =>
            {
                return Answer::AlreadyClosed;
            }
            Input::Stop { failure } => Command::Stop { failure },
            Input::Pause { reason } => Command::Pause { reason },
            Input::Resume { reason } => Command::Resume { reason },
        };
        self.ask(command)
    }

    fn ask(&mut self, command: Command<M::Request>) -> Answer<M::Reply> {
        match M::handle(self, command) {
            Reply::Done => Answer::Done,
            Reply::Refused(why) => Answer::Refused(why),
            Reply::Own(reply) => Answer::Own(reply),
        }
    }

    fn lost(&mut self, operation: Operation, generation: Generation) -> Answer<M::Reply> {
        let lost = Command::TaskLost {
            operation,
            generation,
        };
        self.without_task(operation, generation, lost)
    }

    fn claimed(
        &mut self,
        operation: Operation,
        generation: Generation,
        by: String,
    ) -> Answer<M::Reply> {
        let claimed = Command::Claimed {
            operation,
            generation,
            by,
        };
        self.without_task(operation, generation, claimed)
    }

    /// Tells the machine what became of a task that is out, and ends it.
    fn without_task(
        &mut self,
        operation: Operation,
        generation: Generation,
        command: Command<M::Request>,
    ) -> Answer<M::Reply> {
        if self.take_back(operation, generation) {
            self.ask(command)
        } else {
            Answer::Settled(Settlement::Superseded)
        }
    }

    /// Ends a task of this generation; false when it is not out.
    fn take_back(&mut self, operation: Operation, generation: Generation) -> bool {
        let task = self.execution().task(operation);
        let out = task.is_some_and(|task| task.generation == generation);
        if out {
            self.end_task(operation);
        }
        out
    }

    fn settle(
        &mut self,
        operation: Operation,
        generation: Generation,
        outcome: Outcome,
    ) -> Answer<M::Reply> {
        let digest = outcome.digest();
        let settlement = self
            .execution()
            .settlement(operation, generation, Some(&digest));
        if settlement == Settlement::Applied {
            self.record(KernelEvent::Settled {
                operation,
                generation,
                digest,
            });
            self.end_task(operation);
            let _: Reply<M::Reply> = M::handle(
                self,
                Command::Settled {
                    operation,
                    generation,
                    outcome,
                },
            );
        }
        Answer::Settled(settlement)
    }
}

impl Outcome {
    /// Tells a repetition from a different outcome.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut to = Writer::new();
        match self {
            Self::Succeeded(None) => to.u8(0),
            Self::Succeeded(Some(payload)) => {
                to.u8(1);
                to.raw(&payload.digest().0);
            }
            Self::Failed(failure) => {
                to.u8(2);
                failure.encode(&mut to);
            }
            Self::TimedOut(failure) => {
                to.u8(3);
                failure.encode(&mut to);
            }
            Self::Stopped(failure) => {
                to.u8(4);
                failure.encode(&mut to);
            }
        }
        Digest::of(&to.finish())
    }
}

#[cfg(test)]
mod tests;
