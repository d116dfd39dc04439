//! What a machine can do while it handles a command. Everything takes effect at once and is recorded; nothing is undone.

use sha2::{Digest as _, Sha256};

use crate::{
    Entry, Execution, Generation, KernelEvent, Machine, Operation, Recovery, Settlement, Stamp,
    Status, Target, TargetKind, Task, TaskPayload, Timer, TimerKind, Timestamp,
};

/// A turn ends after this many events, or this many bytes of them, so that others have their turn.
const EVENTS_MAX: usize = 1_000;
const BYTES_MAX: usize = 1024 * 1024;

/// The timer of a turn that is to go on. It belongs to no operation, and at the same time all others fire before it.
pub(crate) const GO_ON: (Operation, TimerKind) = (Operation(u32::MAX), TimerKind(u8::MAX));

/// One turn of one execution.
pub struct Turn<'a, M: Machine> {
    pub(crate) execution: &'a mut Execution,
    pub(crate) state: &'a mut M::State,
    pub(crate) surroundings: &'a M::Surroundings,
    pub(crate) entries: Vec<Entry<M::Event>>,
    pub(crate) seed: u128,
    pub(crate) draws: u64,
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl<'a, M: Machine> Turn<'a, M> {
    /// What was set beside the state; it outlives the turn.
    #[must_use]
    pub const fn surroundings(&self) -> &'a M::Surroundings {
        self.surroundings
    }
}

impl<M: Machine> Turn<'_, M> {
    /// The time of this turn; it never goes back within an execution.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.execution.now()
    }

    #[must_use]
    pub const fn execution(&self) -> &Execution {
        self.execution
    }

    #[must_use]
    pub const fn state(&self) -> &M::State {
        self.state
    }

    /// 64 bits of chance, from the command's seed. What is made of them has to stand in an event.
    #[must_use]
    pub fn chance(&mut self) -> u64 {
        self.draws += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(self.draws.to_be_bytes());
        let bytes: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = bytes;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Applies an event of the machine to its state and records it.
    pub fn emit(&mut self, event: M::Event) {
        use crate::Event as _;
        self.events += 1;
        self.bytes += event.weight();
        let event_id = event.is_public().then(|| self.execution.number_event());
        M::apply(
            self.state,
            &event,
            Stamp {
                at: self.execution.now(),
                event_id,
            },
        );
        self.entries.push(Entry::Machine(event));
    }

    /// Whether the turn has used up its budget: a machine that has more to do asks for the next one.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        self.events >= EVENTS_MAX || self.bytes >= BYTES_MAX
    }

    /// Ends this turn's work for now: the machine is told [`crate::Command::GoOn`] in a turn of its own, behind the others that wait, and
    /// after a crash too.
    pub fn go_on(&mut self) {
        self.set_timer(Timer {
            operation: GO_ON.0,
            kind: GO_ON.1,
            due: self.now(),
            heartbeat_ms: None,
        });
    }

    pub(crate) fn record(&mut self, event: KernelEvent) {
        let gate = event.gate();
        self.execution.apply(&event);
        self.entries.push(Entry::Kernel(event));
        if let Some(operation) = gate {
            let closed = self.execution.closed_watches(operation);
            self.tell_watchers(closed);
        }
    }

    /// Sets a timer; one of the same operation and kind is replaced.
    pub fn set_timer(&mut self, timer: Timer) {
        self.clear_timer(timer.operation, timer.kind);
        self.record(KernelEvent::TimerSet(timer));
    }

    /// Removes a timer, if it is set.
    pub fn clear_timer(&mut self, operation: Operation, kind: TimerKind) {
        if let Some(timer) = self.execution.timer(operation, kind) {
            let due = timer.due;
            self.record(KernelEvent::TimerCleared {
                operation,
                kind,
                due,
            });
        }
    }

    /// Lets an operation be settled from outside. A new generation takes the place of the old one.
    pub fn open(&mut self, operation: Operation, generation: Generation) {
        self.record(KernelEvent::Opened {
            operation,
            generation,
        });
    }

    /// Ends an open operation's time to be settled; later settles are answered with `settlement`.
    pub fn shut(&mut self, operation: Operation, settlement: Settlement) {
        if let Some(generation) = self.execution.open_generation(operation) {
            self.record(KernelEvent::Shut {
                operation,
                generation,
                settlement,
            });
        }
    }

    /// Hands a task out once this turn is durable.
    pub fn start_task(&mut self, task: Task) {
        self.record(KernelEvent::TaskStarted(task));
    }

    /// Takes a task back, if it is out: its row goes with this turn.
    pub fn end_task(&mut self, operation: Operation) {
        if self.execution.task(operation).is_some() {
            self.record(KernelEvent::TaskEnded { operation });
        }
    }

    /// Closes the execution: its timers are cleared, its tasks ended, and what was open answers [`Settlement::Closed`].
    pub fn close(&mut self, status: Status) {
        self.release();
        self.record(KernelEvent::Closed { status });
        self.tell_parent();
    }

    /// Hands out the task that brings this execution's end to the one that waits for it, and is repeated until it has arrived.
    pub(crate) fn tell_parent(&mut self) {
        let Some(parent) = self.execution.parent() else {
            return;
        };
        let target = Target {
            kind: TargetKind::Parent,
            address: parent.execution.to_string(),
        };
        self.start_task(Task {
            operation: Operation(0),
            // No two ends of an execution that was reopened stand in one batch.
            generation: Generation(self.execution.next_sequence().0),
            target,
            payload: TaskPayload::Late,
            timeout_ms: None,
            heartbeat_ms: None,
            recovery: Recovery::Repeat,
        });
    }

    /// Gives an open execution another open status: running, pausing or paused.
    pub fn mark(&mut self, status: Status) {
        if !status.is_closed() && !self.execution.status().is_closed() {
            self.record(KernelEvent::Marked { status });
        }
    }

    /// Reopens a closed execution. Who waits for it and has not been told of its end is told of the next one.
    pub fn reopen(&mut self) {
        self.end_task(Operation(0));
        self.record(KernelEvent::Reopened);
    }

    pub(crate) fn release(&mut self) {
        let timers: Vec<Timer> = self.execution.timers().copied().collect();
        for timer in timers {
            self.clear_timer(timer.operation, timer.kind);
        }
        // Who watches a gate that has closed already is still to be told.
        let tasks = self.execution.tasks();
        let ending = tasks.filter(|task| task.target.kind != TargetKind::Watcher);
        let ending: Vec<Operation> = ending.map(|task| task.operation).collect();
        for operation in ending {
            self.end_task(operation);
        }
        for (operation, _) in self.execution.open_gates() {
            self.shut(operation, Settlement::Closed);
        }
    }
}
