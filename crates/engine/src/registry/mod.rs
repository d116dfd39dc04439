//! The one place that names the machines. Everything else of the engine speaks of commands, batches and tasks.

mod definitions;
mod history;

use std::collections::BTreeMap;

use bytes::Bytes;
use everstep_approval::Approval;
use everstep_asl::machine::Asl;
use everstep_core::{
    Answer, Batch, Cause, Cell, Entry, EventId, Execution, ExecutionId, Generation, Input,
    KernelEvent, Operation, Outcome, Payload, Sequence, Start, Task, Timestamp, View,
};
use everstep_durable::{Destinations, Durable, FunctionArn, Settings};
use everstep_store::JournalRow;

use crate::cancel::{Child, task_key};
use crate::catalogue::{Code, Resolved};

/// The registry's persisted number of the durable-functions machine.
pub const DURABLE: u8 = 1;
/// And that of the Amazon States Language's.
pub const ASL: u8 = 2;
/// And that of approvals.
pub const APPROVAL: u8 = 3;

/// The event that one person is told: it leads to a link of that person's own, so that only a sink that names it hears of it.
pub const PERSONAL: &str = everstep_approval::INVITED;

pub(crate) use definitions::Definitions;
pub use everstep_asl::machine::Limits as StateMachineLimits;
pub(crate) use history::{missing, public_events, quarantine_reason, resolve};

/// A command that only one machine knows.
#[derive(Debug)]
pub enum Request {
    Durable(everstep_durable::Request),
    Asl(everstep_asl::machine::Request),
    Approval(everstep_approval::Request),
}

/// What a machine answers to its own commands.
#[derive(Debug)]
pub enum Reply {
    Durable(everstep_durable::Reply),
    Asl(everstep_asl::machine::Reply),
    Approval(everstep_approval::Reply),
}

/// A payload that a machine builds at dispatch.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it travels in a box")]
pub enum Late {
    Durable(everstep_durable::Invocation),
    Asl(everstep_asl::machine::Late),
}

/// What a machine builds for a task that is dispatched.
pub(crate) enum Built {
    Late(Box<Late>),
    /// A child execution and how it begins.
    Start(ExecutionId, Box<Start>),
}

/// A public event as its machine wrote it.
#[derive(Clone, Debug)]
pub enum HistoryEvent {
    Durable(everstep_durable::Event),
    Asl(everstep_asl::machine::Event),
    Approval(everstep_approval::Event),
}

impl Resolved {
    /// What an execution of it is begun with. `at` is the function's ARN, whose version is put right here.
    #[must_use]
    pub fn settings(&self, at: FunctionArn) -> Settings {
        let config = &self.revision.config;
        let function = FunctionArn {
            name: self.revision.function.clone(),
            version: self.version.clone(),
            ..at
        };
        let durable = config
            .durable
            .map(|durable| (durable.execution_timeout_s, durable.retention_days));
        let revision = self.revision.revision.clone();
        let mut settings = match &self.revision.code {
            Code::Agent(agent) => Settings::of_agent(function, revision, agent.timeout_s),
            Code::Archive { .. } | Code::Folder { .. } | Code::Elsewhere(_) => {
                Settings::new(function, revision, config.timeout_s, durable)
            }
        };
        if durable.is_none() {
            let said = self.async_invoke.clone().unwrap_or_default();
            if let Some(retries) = said.retries_max {
                settings.retry.delayed_max = retries;
            }
            let end = Destinations {
                on_success: said.on_success,
                on_failure: said.on_failure,
                dead_letter: config.dead_letter.clone(),
                age_max_s: said.age_max_s,
            };
            settings.end = Some(end).filter(|end| *end != Destinations::default());
        }
        settings
    }
}

/// An execution in memory, whatever its machine. All are large, and a box would cost every turn.
pub(crate) enum AnyCell {
    Durable(Cell<Durable>),
    Asl(Cell<Asl>),
    Approval(Cell<Approval>),
}

impl AnyCell {
    /// The executions that it has started and waits for, as long as it runs or when it was stopped.
    pub(crate) fn children(&self) -> Vec<Child> {
        match self {
            Self::Durable(cell) => {
                let ids = everstep_durable::children(cell.state());
                ids.map(|id| Child::Execution(id.to_string())).collect()
            }
            Self::Asl(cell) => {
                let id = cell.execution().id();
                let children = everstep_asl::machine::children(cell.state());
                let named = children.into_iter().map(|child| match child {
                    everstep_asl::machine::Child::Execution { arn } => {
                        Child::StateMachine(arn.to_string())
                    }
                    everstep_asl::machine::Child::Function {
                        function,
                        operation,
                        generation,
                    } => Child::Function {
                        function: function.to_string(),
                        key: task_key(id, operation, generation),
                    },
                });
                named.collect()
            }
            // What it asks for goes with it.
            Self::Approval(_) => Vec::new(),
        }
    }
}

/// What a fork takes over of its source's journal.
pub(crate) enum Taken {
    Durable(Vec<everstep_durable::Event>),
}

impl Taken {
    /// The payloads that it names.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = &Payload> {
        let Self::Durable(events) = self;
        events.iter().filter_map(everstep_durable::Event::payload)
    }
}

/// A turn's batch in its persisted form, with the kernel's part readable.
pub(crate) struct Recorded {
    pub sequence: Sequence,
    pub batch: Bytes,
    pub kernel: Vec<KernelEvent>,
}

/// A batch can't be read; the text says why.
pub(crate) type Unreadable = everstep_core::codec::Corrupt;

impl AnyCell {
    pub(crate) fn new(machine: u8, id: ExecutionId) -> Option<Self> {
        match machine {
            DURABLE => Some(Self::Durable(Cell::new(id))),
            ASL => Some(Self::Asl(Cell::new(id))),
            APPROVAL => Some(Self::Approval(Cell::new(id))),
            _ => None,
        }
    }

    /// A cell that begins with what it takes over, and the batch that says so.
    pub(crate) fn fork(
        now: Timestamp,
        id: ExecutionId,
        start: Start,
        taken: Taken,
    ) -> Result<(Self, Recorded), Unreadable> {
        let Taken::Durable(events) = taken;
        let settings = everstep_durable::Settings::decode(&start.settings)?;
        let beginning =
            everstep_durable::fork::beginning(id, &start.name, start.input.clone(), settings);
        let machine = beginning.into_iter().chain(events).map(Entry::Machine);
        let started = Entry::Kernel(KernelEvent::Started(Box::new(start)));
        let batch = Batch {
            sequence: Sequence(0),
            cause: Cause::Start,
            at: now,
            first_event: EventId(1),
            entries: std::iter::once(started).chain(machine).collect(),
        };
        let mut cell = Cell::<Durable>::new(id);
        cell.replay(&batch);
        Ok((Self::Durable(cell), recorded(batch)))
    }

    pub(crate) fn execution(&self) -> &Execution {
        match self {
            Self::Durable(cell) => cell.execution(),
            Self::Asl(cell) => cell.execution(),
            Self::Approval(cell) => cell.execution(),
        }
    }

    pub(crate) fn view(&self) -> View {
        match self {
            Self::Durable(cell) => cell.view(),
            Self::Asl(cell) => cell.view(),
            Self::Approval(cell) => cell.view(),
        }
    }

    pub(crate) fn late(&self, task: &Task) -> Option<Built> {
        use everstep_durable::Late as Own;
        match self {
            Self::Durable(cell) => Some(match cell.late(task)? {
                Own::Invocation(invocation) => Built::Late(Box::new(Late::Durable(*invocation))),
                Own::Start(id, start) => Built::Start(id, start),
            }),
            Self::Asl(cell) => Some(Built::Late(Box::new(Late::Asl(cell.late(task)?)))),
            Self::Approval(cell) => match cell.late(task)? {},
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Durable(cell) => cell.outcome(),
            Self::Asl(cell) => cell.outcome(),
            Self::Approval(cell) => cell.outcome(),
        }
    }

    /// Whether executions are started by the work of a task of their parent, not by the engine for it.
    pub(crate) const fn is_started_outside(&self) -> bool {
        matches!(self, Self::Asl(_))
    }

    /// What the execution is found by now, beside its name; `None` where that never changes.
    pub(crate) fn attributes(&self) -> Option<BTreeMap<String, String>> {
        match self {
            Self::Approval(cell) => Some(cell.state().attributes()),
            Self::Durable(_) | Self::Asl(_) => None,
        }
    }

    pub(crate) fn next_due(&self, beats: &BTreeMap<Operation, Timestamp>) -> Option<Timestamp> {
        match self {
            Self::Durable(cell) => cell.next_due(beats),
            Self::Asl(cell) => cell.next_due(beats),
            Self::Approval(cell) => cell.next_due(beats),
        }
    }

    pub(crate) fn replay(&mut self, sequence: Sequence, bytes: &[u8]) -> Result<(), Unreadable> {
        match self {
            Self::Durable(cell) => cell.replay(&Batch::decode(sequence, bytes)?),
            Self::Asl(cell) => cell.replay(&Batch::decode(sequence, bytes)?),
            Self::Approval(cell) => cell.replay(&Batch::decode(sequence, bytes)?),
        }
        Ok(())
    }

    pub(crate) fn turn(
        &mut self,
        now: Timestamp,
        seed: u128,
        beats: &BTreeMap<Operation, Timestamp>,
        input: Input<Request>,
    ) -> (Answer<Reply>, Option<Recorded>) {
        match self {
            Self::Durable(cell) => {
                let input = input.try_map(|request| match request {
                    Request::Durable(request) => Some(request),
                    Request::Asl(_) | Request::Approval(_) => None,
                });
                let Some(input) = input else {
                    return foreign();
                };
                let (answer, batch) = cell.turn(now, seed, beats, input);
                (answer.map(Reply::Durable), batch.map(recorded))
            }
            Self::Asl(cell) => {
                let input = input.try_map(|request| match request {
                    Request::Asl(request) => Some(request),
                    Request::Durable(_) | Request::Approval(_) => None,
                });
                let Some(input) = input else {
                    return foreign();
                };
                let (answer, batch) = cell.turn(now, seed, beats, input);
                (answer.map(Reply::Asl), batch.map(recorded))
            }
            Self::Approval(cell) => {
                let input = input.try_map(|request| match request {
                    Request::Approval(request) => Some(request),
                    Request::Durable(_) | Request::Asl(_) => None,
                });
                let Some(input) = input else {
                    return foreign();
                };
                let (answer, batch) = cell.turn(now, seed, beats, input);
                (answer.map(Reply::Approval), batch.map(recorded))
            }
        }
    }
}

/// A request that is another machine's.
const fn foreign() -> (Answer<Reply>, Option<Recorded>) {
    (
        Answer::Refused("its machine does not know the request"),
        None,
    )
}

/// Whether a machine looks into payloads: then they stay in the journal, however large.
pub(crate) const fn reads_payloads(machine: u8) -> bool {
    machine == ASL
}

fn recorded<E: everstep_core::Event>(batch: Batch<E>) -> Recorded {
    let bytes = batch.encode();
    let kernel = batch.entries.into_iter().filter_map(|entry| match entry {
        Entry::Kernel(event) => Some(event),
        Entry::Machine(_) => None,
    });
    Recorded {
        sequence: batch.sequence,
        batch: bytes,
        kernel: kernel.collect(),
    }
}

/// Whether executions of a machine can be forked.
pub(crate) const fn forks(machine: u8) -> bool {
    machine == DURABLE
}

/// How an execution began, and what a fork of it at this operation takes over; `None` when it has no such operation.
pub(crate) fn forked(
    machine: u8,
    rows: Vec<JournalRow>,
    at: Operation,
) -> Result<Option<(Start, Taken)>, Unreadable> {
    if !forks(machine) {
        return Err(Unreadable::tag("machine", machine));
    }
    let mut start = None;
    let mut events = Vec::new();
    for row in rows {
        let batch = Batch::<everstep_durable::Event>::decode(row.sequence, &row.batch)?;
        for entry in batch.entries {
            match entry {
                Entry::Kernel(KernelEvent::Started(started)) => start = Some(*started),
                Entry::Kernel(_) => {}
                Entry::Machine(event) => events.push(event),
            }
        }
    }
    let start = start.ok_or(Unreadable::Short { what: "journal" })?;
    let taken = everstep_durable::fork::before(events, at);
    Ok(taken.map(|events| (start, Taken::Durable(events))))
}

/// The request that a fork's first turn answers.
pub(crate) const fn go_on() -> Request {
    Request::Durable(everstep_durable::Request::GoOn)
}

/// Asks a parent whether it knows that its child was started.
pub(crate) const fn is_started(operation: Operation, generation: Generation) -> Request {
    Request::Asl(everstep_asl::machine::Request::IsSubmitted {
        operation,
        generation,
    })
}

/// Whether it does not know it yet.
pub(crate) const fn is_not_yet(reply: &Reply) -> bool {
    matches!(reply, Reply::Asl(everstep_asl::machine::Reply::NotYet))
}

/// What runs again, when a machine's reply says so.
pub(crate) fn redriven(reply: Reply) -> Option<Vec<Operation>> {
    match reply {
        Reply::Durable(everstep_durable::Reply::Redriven { operations }) => Some(operations),
        Reply::Durable(_) | Reply::Asl(_) | Reply::Approval(_) => None,
    }
}
