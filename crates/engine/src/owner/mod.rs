//! The owner of shards: a synchronous function from an input to writes and releases. It has no thread, no socket and no timer of its own; the
//! loop feeds it, and so can a simulator.

mod attempts;
mod cancel;
mod crash;
mod events;
mod fork;
mod letters;
mod load;
mod offers;
mod outbox;
mod queue;
mod recovery;
mod retention;
mod starts;
mod waits;
mod wake;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use everstep_core::token::Keyring;
use everstep_core::{
    Answer, Epoch, ExecutionId, Generation, Operation, Settlement, Shard, Timestamp,
};
use everstep_store::{ExecutionRow, Store};

use crate::figures::{Figures, Latencies, Tally};
use crate::group::{Group, Release};
use crate::input::{Input, ReplyTo, Snapshot};
use crate::registry::{AnyCell, Definitions, Recorded};
use crate::trace::{self, Span, SpanKind, Trace};
use crate::{Error, Options, Reply, Request};
use attempts::Tails;
use crash::Crashes;
use offers::{Offers, Poller};
use outbox::Letters;
use queue::Queues;
use starts::Starts;
use wake::Wheel;

static NO_BEATS: BTreeMap<Operation, Timestamp> = BTreeMap::new();

type Ran = (Answer<Reply>, Option<Recorded>);

/// An execution in memory.
struct Slot {
    cell: AnyCell,
    row: ExecutionRow,
    /// The group that holds its last writes: it can't leave memory before that group is durable.
    group: u64,
    touched: u64,
    /// The last attempts from outside.
    tails: Tails,
}

pub(crate) struct Owner {
    store: Arc<dyn Store>,
    options: Options,
    epochs: BTreeMap<Shard, Epoch>,
    cells: HashMap<ExecutionId, Slot>,
    wheel: Wheel,
    queues: Queues,
    offers: Offers,
    letters: Letters,
    starts: Starts,
    watchers: HashMap<ExecutionId, Vec<ReplyTo<ExecutionRow>>>,
    beats: HashMap<ExecutionId, BTreeMap<Operation, Timestamp>>,
    crashes: Crashes,
    tally: Tally,
    definitions: Definitions,
    /// Heartbeats are counted from here at the earliest: what was seen of them before died with the former owner.
    recovered: Timestamp,
    random: fastrand::Rng,
    tick: u64,
    durable_group: u64,
    group: Group,
    purge_due: Timestamp,
    /// The group with the latest deletion that no purge has followed.
    deleted: Option<u64>,
    /// Makes a turn panic, before or after the machine ran: the machines give no way to do so.
    #[cfg(test)]
    poison: Option<Box<dyn FnMut(ExecutionId) -> bool + Send>>,
}

impl Owner {
    /// Takes the shards over and loads what was out when they were last owned.
    pub(crate) fn open(
        store: Arc<dyn Store>,
        options: Options,
        keyring: Keyring,
        shards: &[Shard],
        now: Timestamp,
        seed: u64,
    ) -> Result<Self, Error> {
        let epochs = store.acquire(shards)?.into_iter().collect();
        let limits = options.state_machines.clone();
        let definitions = Definitions::new(Arc::clone(&store), keyring, limits);
        let mut owner = Self {
            queues: Queues::new(&options),
            offers: Offers::default(),
            letters: Letters::new(options.letters),
            store,
            options,
            epochs,
            cells: HashMap::new(),
            wheel: Wheel::new(),
            starts: Starts::default(),
            watchers: HashMap::new(),
            beats: HashMap::new(),
            crashes: Crashes::default(),
            tally: Tally::default(),
            definitions,
            recovered: now,
            random: fastrand::Rng::with_seed(seed),
            tick: 0,
            durable_group: 0,
            group: Group::new(1),
            purge_due: now,
            deleted: None,
            #[cfg(test)]
            poison: None,
        };
        owner.recover(now)?;
        Ok(owner)
    }

    /// Hands over what has gathered; later inputs gather for the next group.
    pub(crate) fn take_group(&mut self) -> Group {
        let next = Group::new(self.group.number + 1);
        std::mem::replace(&mut self.group, next)
    }

    /// How many wait for the group that gathers.
    pub(crate) const fn gathered(&self) -> usize {
        self.group.waiting()
    }

    pub(crate) fn has_group(&self) -> bool {
        !self.group.is_empty()
    }

    /// What is counted at this moment; how long commits take is counted where they are waited for.
    pub(crate) fn figures(&self, commits: Latencies) -> Figures {
        Figures {
            executions: self.tally.all(),
            targets: self.queues.targets().into_all(),
            resident: self.cells.len(),
            attempts: self.tally.attempts(),
            commits,
        }
    }

    /// Nothing is out, nothing gathers and nobody was woken: all there is to do is to wait for a time.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.has_group()
            && self.queues.is_idle()
            && self.letters.is_idle()
            && self.durable_group + 1 == self.group.number
    }

    /// Handles one input completely, but for its durability: writes and releases gather in the group.
    pub(crate) fn step(&mut self, now: Timestamp, input: Input) {
        self.tick += 1;
        let input = match input.execution() {
            Some(id) if self.crashes.must_wait(id) => return self.crashes.park(id, input),
            _ => input,
        };
        match input {
            Input::Start {
                id,
                key,
                digest,
                start,
                reply,
            } => self.start(now, id, key, digest, start, reply),
            Input::Fork { wanted, reply } => {
                let answer = self.fork(now, *wanted);
                self.reply(reply, answer);
            }
            Input::Turn {
                execution,
                input,
                reply,
            } => {
                let answer = self.turn(now, execution, input);
                self.reply(reply, answer);
            }
            Input::Beat {
                execution,
                operation,
                generation,
                reply,
            } => {
                let answer = self.beat(now, execution, operation, generation);
                self.reply(reply, answer);
            }
            Input::Park {
                execution,
                operation,
                generation,
                is_away,
            } => self.park(now, execution, (operation, generation), is_away),
            Input::Delete { execution, reply } => {
                let answer = self.delete(now, execution);
                self.reply(reply, answer);
            }
            Input::Poll {
                target,
                ticket,
                by,
                reply,
            } => self.poll(now, target, Poller { ticket, by, reply }),
            Input::Withdraw { target, ticket } => self.offers.withdraw(&target, ticket),
            Input::Committed {
                group,
                outcome: Ok(()),
            } => self.committed(now, group),
            Input::Figures { .. } | Input::Committed { .. } | Input::Shutdown => {}
            input @ (Input::Snapshot { .. }
            | Input::Row { .. }
            | Input::Watch { .. }
            | Input::Find { .. }) => self.step_read(now, input),
            input @ (Input::Cancel { .. }
            | Input::Outside { .. }
            | Input::Attempts { .. }
            | Input::Post { .. }
            | Input::Delivered { .. }
            | Input::ChangeLetter { .. }) => self.step_outside(now, input),
        }
    }

    /// What only looks.
    fn step_read(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Snapshot { execution, reply } => {
                let answer = self.snapshot(now, execution);
                self.reply(reply, answer);
            }
            Input::Row { execution, reply } => {
                let answer = self.row(execution);
                self.reply(reply, answer);
            }
            Input::Watch { execution, reply } => self.watch(execution, reply),
            Input::Find { key, reply } => {
                let answer = self.find(key);
                self.reply(reply, answer);
            }
            _ => {}
        }
    }

    /// What comes from the outside with its source, and what is told by letter.
    fn step_outside(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Cancel {
                execution,
                asked,
                reply,
            } => {
                let answer = self.cancel(now, execution, *asked);
                self.reply(reply, answer);
            }
            Input::Outside {
                execution,
                asked,
                reply,
            } => {
                let answer = self.outside(now, execution, *asked);
                self.reply(reply, answer);
            }
            Input::Attempts { execution, reply } => {
                let answer = self.write_attempts(now, execution);
                self.reply(reply, answer);
            }
            Input::Post { letter, reply } => {
                self.post(&letter);
                self.reply(reply, Ok(()));
            }
            Input::Delivered { letter, outcome } => self.delivered(now, letter, outcome),
            Input::ChangeLetter {
                letter,
                change,
                reply,
            } => {
                let answer = self.change_letter(now, letter, change);
                self.reply(reply, answer);
            }
            _ => {}
        }
    }

    fn committed(&mut self, now: Timestamp, group: u64) {
        self.durable_group = group;
        self.purge_deleted(now);
        self.starts.durable(group);
        self.rebuild(now);
        self.evict();
    }

    fn reply<T: Send + 'static>(&mut self, to: ReplyTo<T>, answer: Result<T, Error>) {
        self.group
            .releases
            .push(Release::Reply(Box::new(move |durable| {
                // A caller that has gone away does not want its answer any more.
                let _ = to.send(durable.and(answer));
            })));
    }

    /// One turn of an execution: loads it, runs the machine, turns the batch into writes.
    fn turn(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        input: everstep_core::Input<Request>,
    ) -> Result<Answer<Reply>, Error> {
        self.load(id)?;
        let noted = self.cells.get(&id).map(|slot| events::noted(&slot.cell));
        let answered = events::answers(&input);
        let span = self.span(id);
        let (answer, recorded) = self.run(now, id, input)?;
        if let Some(recorded) = recorded {
            self.record(now, id, recorded, (noted.unwrap_or_default(), answered));
            self.end_span(id, span);
        }
        Ok(answer)
    }

    /// Runs the machine of an execution in memory.
    fn run(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        input: everstep_core::Input<Request>,
    ) -> Result<Ran, Error> {
        let (tick, group, seed) = (self.tick, self.group.number, self.seed());
        #[cfg(test)]
        let quarantines = matches!(input, everstep_core::Input::Quarantine { .. });
        let beats = self.beats.get(&id).unwrap_or(&NO_BEATS);
        let slot = self
            .cells
            .get_mut(&id)
            .ok_or(Error::UnknownExecution { id })?;
        slot.touched = tick;
        #[cfg(test)]
        let poison = &mut self.poison;
        let turn = AssertUnwindSafe(|| {
            let ran = slot.cell.turn(now, seed, beats, input);
            #[cfg(test)]
            if !quarantines && poison.as_mut().is_some_and(|poison| poison(id)) {
                std::panic::panic_any("poisoned".to_owned());
            }
            ran
        });
        match catch_unwind(turn) {
            Ok((answer, recorded)) => {
                if recorded.is_some() {
                    slot.group = group;
                }
                Ok((answer, recorded))
            }
            Err(panic) => Err(self.crashed(now, id, &crate::panics::describe(panic.as_ref()))),
        }
    }

    /// The span of a turn, where somebody listens.
    fn span(&self, id: ExecutionId) -> Option<Span> {
        let slot = self.cells.get(&id).filter(|_| trace::is_on())?;
        Some(Span::begin(Trace::of(&slot.row)))
    }

    fn end_span(&self, id: ExecutionId, span: Option<Span>) {
        let (Some(span), Some(slot)) = (span, self.cells.get(&id)) else {
            return;
        };
        let attributes = [
            ("everstep.execution", &*id.to_string()),
            ("everstep.definition", &*slot.row.definition),
            ("everstep.status", slot.row.status.as_str()),
        ];
        span.end("turn", SpanKind::Internal, false, &attributes);
    }

    /// When the next timer of an execution in memory fires.
    fn next_due(&self, id: ExecutionId) -> Option<Timestamp> {
        let beats = self.beats.get(&id).unwrap_or(&NO_BEATS);
        self.cells
            .get(&id)
            .and_then(|slot| slot.cell.next_due(beats))
    }

    fn seed(&mut self) -> u128 {
        (u128::from(self.random.u64(..)) << 64) | u128::from(self.random.u64(..))
    }

    fn beat(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        operation: Operation,
        generation: Generation,
    ) -> Result<Settlement, Error> {
        self.load(id)?;
        if self.next_due(id).is_some_and(|due| due <= now) {
            // A sign of life that comes too late saves nothing, whether or not the loop has come to fire the timer.
            self.turn(now, id, everstep_core::Input::Wake)?;
        }
        let slot = self.cells.get(&id).ok_or(Error::UnknownExecution { id })?;
        let execution = slot.cell.execution();
        let settlement = execution.reached(operation, generation);
        if settlement == Settlement::Applied {
            self.alive(now, id, operation);
        }
        Ok(settlement)
    }

    /// Notes a sign of life.
    fn alive(&mut self, now: Timestamp, id: ExecutionId, operation: Operation) {
        self.beats.entry(id).or_default().insert(operation, now);
        self.queues.renew(now, id, operation);
    }

    fn snapshot(&mut self, now: Timestamp, id: ExecutionId) -> Result<Snapshot, Error> {
        self.load(id)?;
        let slot = self.cells.get(&id).ok_or(Error::UnknownExecution { id })?;
        let view = match catch_unwind(AssertUnwindSafe(|| slot.cell.view())) {
            Ok(view) => view,
            Err(panic) => {
                return Err(self.crashed(now, id, &crate::panics::describe(panic.as_ref())));
            }
        };
        let slot = self.cells.get(&id).ok_or(Error::UnknownExecution { id })?;
        let beats = self
            .beats
            .get(&id)
            .into_iter()
            .flatten()
            .map(|(operation, at)| (*operation, at.0))
            .collect();
        Ok(Snapshot {
            row: slot.row.clone(),
            fork: slot.cell.execution().fork(),
            view,
            beats,
            waits: self.waits(id),
        })
    }

    fn row(&mut self, id: ExecutionId) -> Result<ExecutionRow, Error> {
        self.load(id)?;
        self.cells
            .get(&id)
            .map(|slot| slot.row.clone())
            .ok_or(Error::UnknownExecution { id })
    }

    fn watch(&mut self, id: ExecutionId, reply: ReplyTo<ExecutionRow>) {
        match self.row(id) {
            Ok(row) if !row.status.is_closed() => {
                let waiting = self.watchers.entry(id).or_default();
                waiting.retain(|watcher| !watcher.is_closed());
                waiting.push(reply);
            }
            answer => self.reply(reply, answer),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
