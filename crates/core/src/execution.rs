//! What the kernel itself keeps of an execution, whatever its machine.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::codec::Corrupt;
use crate::{
    Definition, Digest, EventId, ExecutionId, Fork, Generation, KernelEvent, Note, Operation,
    Parent, Sequence, Status, TargetKind, Task, Timer, TimerKind, Timestamp, Watch,
};

/// How a settle of an operation is answered. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// This one settled it.
    Applied = 1,
    /// An earlier one with the same outcome did.
    Duplicate = 2,
    /// An earlier one with another outcome did.
    Conflict = 3,
    /// Its time was over.
    TimedOut = 4,
    /// It is not wanted any more: cancelled, or its execution has ended.
    Closed = 5,
    /// A later generation has taken its place.
    Superseded = 6,
    /// No such operation can be settled.
    Unknown = 7,
}

impl Settlement {
    const ALL: [Self; 7] = [
        Self::Applied,
        Self::Duplicate,
        Self::Conflict,
        Self::TimedOut,
        Self::Closed,
        Self::Superseded,
        Self::Unknown,
    ];

    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::TimedOut => "timed_out",
            Self::Closed => "closed",
            Self::Superseded => "superseded",
            Self::Unknown => "unknown",
        }
    }

    /// # Errors
    /// [`Corrupt`] for a number that no settlement has.
    pub fn from_number(number: u8) -> Result<Self, Corrupt> {
        Self::ALL
            .into_iter()
            .find(|settlement| settlement.number() == number)
            .ok_or(Corrupt::tag("settlement", number))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// Since then.
    Open(Timestamp),
    Settled(Digest),
    Shut(Settlement),
}

/// The kernel's state of one execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    id: ExecutionId,
    definition: Definition,
    name: String,
    parent: Option<Parent>,
    fork: Option<Fork>,
    retention_ms: u64,
    status: Status,
    started: Timestamp,
    closed: Option<Timestamp>,
    now: Timestamp,
    next_sequence: Sequence,
    next_event: EventId,
    timers: BTreeMap<(Operation, TimerKind), Timer>,
    by_due: BTreeSet<(Timestamp, Operation, TimerKind)>,
    tasks: BTreeMap<Operation, (Task, Timestamp)>,
    gates: BTreeMap<Operation, (Generation, Gate)>,
    notes: BTreeMap<Operation, Note>,
    watches: Vec<Watch>,
    /// How many watches there were.
    watched: u32,
}

impl Execution {
    pub(crate) fn empty(id: ExecutionId) -> Self {
        Self {
            id,
            definition: Definition {
                machine: 0,
                name: String::new(),
                version: String::new(),
            },
            name: String::new(),
            parent: None,
            fork: None,
            retention_ms: 0,
            status: Status::Running,
            started: Timestamp::default(),
            closed: None,
            now: Timestamp::default(),
            next_sequence: Sequence(0),
            next_event: EventId(1),
            timers: BTreeMap::new(),
            by_due: BTreeSet::new(),
            tasks: BTreeMap::new(),
            gates: BTreeMap::new(),
            notes: BTreeMap::new(),
            watches: Vec::new(),
            watched: 0,
        }
    }

    #[must_use]
    pub const fn id(&self) -> ExecutionId {
        self.id
    }

    #[must_use]
    pub const fn definition(&self) -> &Definition {
        &self.definition
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub const fn parent(&self) -> Option<&Parent> {
        self.parent.as_ref()
    }

    /// What it was forked from, if it was.
    #[must_use]
    pub const fn fork(&self) -> Option<Fork> {
        self.fork
    }

    /// How long it is kept after its end.
    #[must_use]
    pub const fn retention_ms(&self) -> u64 {
        self.retention_ms
    }

    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    #[must_use]
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    #[must_use]
    pub const fn closed(&self) -> Option<Timestamp> {
        self.closed
    }

    /// The time of the last batch.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The sequence of the next batch.
    #[must_use]
    pub const fn next_sequence(&self) -> Sequence {
        self.next_sequence
    }

    /// The number of the next public event.
    #[must_use]
    pub const fn next_event(&self) -> EventId {
        self.next_event
    }

    #[must_use]
    pub fn timer(&self, operation: Operation, kind: TimerKind) -> Option<&Timer> {
        self.timers.get(&(operation, kind))
    }

    /// Every timer, by (due, operation).
    pub fn timers(&self) -> impl Iterator<Item = &Timer> {
        self.by_due
            .iter()
            .filter_map(|(_, operation, kind)| self.timer(*operation, *kind))
    }

    #[must_use]
    pub fn task(&self, operation: Operation) -> Option<&Task> {
        self.tasks.get(&operation).map(|(task, _)| task)
    }

    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().map(|(task, _)| task)
    }

    /// Since when a task of this operation is out.
    #[must_use]
    pub fn task_since(&self, operation: Operation) -> Option<Timestamp> {
        self.tasks.get(&operation).map(|(_, since)| *since)
    }

    /// What was last noted at an open operation or an outgoing task.
    #[must_use]
    pub fn note(&self, operation: Operation) -> Option<&Note> {
        self.notes.get(&operation)
    }

    pub fn notes(&self) -> impl Iterator<Item = (Operation, &Note)> {
        self.notes
            .iter()
            .map(|(operation, note)| (*operation, note))
    }

    /// Who is told when an open operation closes.
    pub fn watches(&self) -> impl Iterator<Item = &Watch> {
        self.watches.iter()
    }

    /// The number of the next task that tells a watcher: from the end of the numbers, behind the one that has a meaning of its own.
    pub(crate) const fn next_teller(&self) -> Operation {
        Operation((u32::MAX - 1).saturating_sub(self.watched))
    }

    /// How somebody is answered who has the operation's task, or is to settle it, and has something to say meanwhile.
    #[must_use]
    pub fn reached(&self, operation: Operation, generation: Generation) -> Settlement {
        match self.task(operation) {
            Some(task) if task.generation == generation => Settlement::Applied,
            _ => self.settlement(operation, generation, None),
        }
    }

    /// The generation that waits for a settle of this operation, if one does.
    #[must_use]
    pub fn open_generation(&self, operation: Operation) -> Option<Generation> {
        match self.gates.get(&operation) {
            Some((generation, Gate::Open(_))) => Some(*generation),
            _ => None,
        }
    }

    /// How a settle of `generation` by an outcome with this digest would be answered; [`Settlement::Applied`] when it would be taken.
    #[must_use]
    pub fn settlement(
        &self,
        operation: Operation,
        generation: Generation,
        digest: Option<&Digest>,
    ) -> Settlement {
        let Some((current, gate)) = self.gates.get(&operation) else {
            return Settlement::Unknown;
        };
        match generation.cmp(current) {
            std::cmp::Ordering::Less => return Settlement::Superseded,
            std::cmp::Ordering::Greater => return Settlement::Unknown,
            std::cmp::Ordering::Equal => {}
        }
        match gate {
            Gate::Open(_) => Settlement::Applied,
            Gate::Settled(first) if digest == Some(first) => Settlement::Duplicate,
            Gate::Settled(_) => Settlement::Conflict,
            Gate::Shut(settlement) => *settlement,
        }
    }

    pub(crate) fn apply(&mut self, event: &KernelEvent) {
        match event {
            KernelEvent::Started(start) => {
                self.definition = start.definition.clone();
                self.name.clone_from(&start.name);
                self.parent.clone_from(&start.parent);
                self.fork = start.fork;
                self.retention_ms = start.retention_ms;
                self.started = self.now;
            }
            KernelEvent::TimerSet(timer) => {
                self.clear_timer(timer.operation, timer.kind);
                self.by_due.insert((timer.due, timer.operation, timer.kind));
                self.timers.insert((timer.operation, timer.kind), *timer);
            }
            KernelEvent::TimerCleared {
                operation, kind, ..
            } => self.clear_timer(*operation, *kind),
            KernelEvent::Opened {
                operation,
                generation,
            } => self.set_gate(*operation, *generation, Gate::Open(self.now)),
            KernelEvent::Settled {
                operation,
                generation,
                digest,
            } => self.set_gate(*operation, *generation, Gate::Settled(*digest)),
            KernelEvent::Shut {
                operation,
                generation,
                settlement,
            } => self.set_gate(*operation, *generation, Gate::Shut(*settlement)),
            KernelEvent::TaskStarted(task) => {
                self.tasks.insert(task.operation, (task.clone(), self.now));
                self.prune_note(task.operation);
                // Whom it tells need not be remembered any more.
                let told = task.target.kind == TargetKind::Watcher;
                self.watches
                    .retain(|watch| !told || watch.teller != task.operation);
            }
            KernelEvent::TaskEnded { operation } => {
                self.tasks.remove(operation);
                self.prune_note(*operation);
            }
            KernelEvent::Closed { status } => {
                self.status = *status;
                self.closed = Some(self.now);
            }
            KernelEvent::Marked { status } => self.status = *status,
            KernelEvent::Reopened => {
                self.status = Status::Running;
                self.closed = None;
            }
            KernelEvent::Quarantined { .. } => {
                self.status = Status::Quarantined;
                self.closed = Some(self.now);
            }
            KernelEvent::Noted {
                operation,
                generation,
                note,
            } => self.set_note(*operation, *generation, note.clone()),
            KernelEvent::Posted { .. } => {}
            KernelEvent::Watched(watch) => {
                self.watched = self.watched.saturating_add(1);
                self.watches.push(watch.clone());
            }
        }
    }

    fn clear_timer(&mut self, operation: Operation, kind: TimerKind) {
        if let Some(timer) = self.timers.remove(&(operation, kind)) {
            self.by_due.remove(&(timer.due, operation, kind));
        }
    }

    fn set_gate(&mut self, operation: Operation, generation: Generation, gate: Gate) {
        self.gates.insert(operation, (generation, gate));
        self.prune_note(operation);
    }

    fn set_note(&mut self, operation: Operation, generation: Generation, bytes: Bytes) {
        let note = Note {
            generation,
            at: self.now,
            bytes,
        };
        self.notes.insert(operation, note);
    }

    /// A note stands as long as the gate or the task that it was left at.
    fn prune_note(&mut self, operation: Operation) {
        let Some(note) = self.notes.get(&operation) else {
            return;
        };
        let open = self.open_generation(operation);
        let out = self.task(operation).map(|task| task.generation);
        if open != Some(note.generation) && out != Some(note.generation) {
            self.notes.remove(&operation);
        }
    }

    /// The watches of an operation whose gate is not open any more.
    pub(crate) fn closed_watches(&self, operation: Operation) -> Vec<Watch> {
        let open = self.open_generation(operation);
        let closed = self
            .watches
            .iter()
            .filter(|watch| watch.operation == operation && Some(watch.generation) != open);
        closed.cloned().collect()
    }

    /// Since when an operation waits to be settled.
    #[must_use]
    pub fn open_since(&self, operation: Operation) -> Option<Timestamp> {
        match self.gates.get(&operation) {
            Some((_, Gate::Open(since))) => Some(*since),
            _ => None,
        }
    }

    /// The operations that wait to be settled.
    #[must_use]
    pub fn open_gates(&self) -> Vec<(Operation, Generation)> {
        let open = self
            .gates
            .iter()
            .filter(|(_, (_, gate))| matches!(gate, Gate::Open(_)));
        open.map(|(operation, (generation, _))| (*operation, *generation))
            .collect()
    }

    pub(crate) fn begin_batch(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
    }

    pub(crate) fn rewind(&mut self, to: Timestamp) {
        self.now = to;
    }

    pub(crate) fn number_event(&mut self) -> EventId {
        let id = self.next_event;
        self.next_event = EventId(id.0.saturating_add(1));
        id
    }

    pub(crate) fn end_batch(&mut self) -> Sequence {
        let sequence = self.next_sequence;
        self.next_sequence = Sequence(sequence.0.saturating_add(1));
        sequence
    }
}
